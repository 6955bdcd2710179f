"""Reading: benchmarks, boards, models, runs, scores, records."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse
from ninja import Field, Query, Router, Schema
from ninja.pagination import paginate

from gyral.errors import UnknownName
from gyral_portal.api.auth import reader
from gyral_portal.api.errors import NotFound
from gyral_portal.api.pages import Page
from gyral_portal.api.schemas import (
    BenchmarkOut,
    BoardOut,
    BoardQuery,
    ErrorOut,
    ExposureOut,
    ModelOut,
    RunOut,
    ScoreOut,
)
from gyral_portal.leaderboard.find import find_benchmark
from gyral_portal.leaderboard.kept import answer
from gyral_portal.leaderboard.look import MEAN, NAME, Look
from gyral_portal.leaderboard.payload import board_payload, dumped
from gyral_portal.leaderboard.scope import find_scope
from gyral_portal.leaderboard.table import arrange
from gyral_portal.leaderboard.views.board import key_of
from gyral_submissions import conf, rules
from gyral_submissions.domain.exposure import Exposed, exposure_of
from gyral_submissions.domain.queries.grid import read_grid
from gyral_submissions.domain.queries.profile import queue_place
from gyral_submissions.domain.queries.trusted import of_tier, runs_of_tier, with_scored
from gyral_submissions.domain.queries.visible import own_runs, visible_runs, visible_submissions
from gyral_submissions.enums import State, Tier
from gyral_submissions.models import Benchmark, Run, Score, Submission

router = Router(auth=reader, tags=["read"])
FAULTS = {404: ErrorOut, 401: ErrorOut}


class RunFilter(Schema):
    """Which runs."""

    model: str = ""
    benchmark: str = ""
    state: str = ""
    tier: str = ""
    mine: bool = Field(False, description="only yours; needs a token")


@router.get("/benchmarks", response=list[BenchmarkOut], operation_id="list_benchmarks")
@paginate(Page)
def benchmarks(request: HttpRequest, modality: str = "") -> QuerySet[Benchmark]:
    """All benchmarks, every version."""
    found = Benchmark.objects.all()
    return found.filter(modality=modality) if modality else found


@router.get("/benchmarks/{reference}", response={200: BenchmarkOut, **FAULTS}, operation_id="get_benchmark")
def benchmark(request: HttpRequest, reference: str) -> Benchmark:
    """One benchmark, `NAME` (its newest version) or `NAME@VERSION`."""
    return find_benchmark(reference)


@router.get("/benchmarks/{reference}/exposure", response={200: ExposureOut, **FAULTS}, operation_id="get_exposure")
def exposure(request: HttpRequest, reference: str) -> Exposed:
    """How often a benchmark has answered, and you."""
    return exposure_of(find_benchmark(reference), request.user)


@router.get(
    "/boards/{reference}", response={200: BoardOut, 304: None, 422: ErrorOut, **FAULTS}, operation_id="get_board"
)
def board(request: HttpRequest, reference: str, query: Query[BoardQuery]) -> HttpResponse:
    """A page of a board as the site shows it: of one benchmark, of several (`A@0+B@1`), of `vision`, `language` or `all`.

    Answers 304 where `If-None-Match` names the current content.
    """
    scope = find_scope(reference)
    columns = scope.keys()
    given = {k: str(v) for k, v in query.dict().items() if v}
    for name in ("sort", "columns", "weights"):
        require_columns(name, given.get(name, ""), columns)
    look = Look.read(given, columns)

    def make() -> bytes:
        table = arrange(read_grid(scope.benchmarks(), request.user, on=look.on), look)
        return dumped(board_payload(scope, table, table.lines(request.user)))

    key = key_of("api", request, scope, look)
    return answer(request, key, make, "application/json; charset=utf-8", vary="Authorization")


def require_columns(name: str, given: str, columns: Sequence[str]) -> None:
    """A script that misspells a column should hear of it; a page shows its default."""
    keys = [key.rpartition(":")[0] if name == "weights" else key for key in given.split(",")] if given else []
    for key in keys:
        if key not in columns and not (name == "sort" and key in (NAME, MEAN)):
            raise UnknownName("column", key, [NAME, *columns])


@router.get("/models", response=list[ModelOut], operation_id="list_models")
@paginate(Page)
def models(request: HttpRequest, modality: str = "", q: str = "", tier: str = "") -> QuerySet[Submission]:
    """Models you may see, every version; `tier` is verified, self-reported or reference."""
    found = with_scored(visible_submissions(request.user)).order_by("name", "-version")
    if modality:
        found = found.filter(modality=modality)
    if tier:
        found = of_tier(found, _known_tier(tier))
    return found.filter(name__icontains=q) if q else found


@router.get("/models/{name}", response={200: list[ModelOut], **FAULTS}, operation_id="get_model")
def model(request: HttpRequest, name: str) -> list[Submission]:
    """All versions of one model, newest first."""
    found = list(with_scored(visible_submissions(request.user)).filter(name=name).order_by("-version"))
    if not found:
        raise NotFound(f"there is no model {name!r}.", where="name")
    return found


@router.get("/runs", response=list[RunOut], operation_id="list_runs")
@paginate(Page)
def runs(request: HttpRequest, filters: Query[RunFilter]) -> QuerySet[Run]:
    """Runs you may see, newest first; dry runs only among yours (`mine`)."""
    found = own_runs(request.user) if filters.mine else visible_runs(request.user)
    found = found.order_by("-created", "pk")
    if filters.model:
        found = found.filter(submission__name=filters.model)
    if filters.benchmark:
        found = found.filter(benchmark=find_benchmark(filters.benchmark))
    if filters.tier:
        found = runs_of_tier(found, _known_tier(filters.tier))
    return found.filter(state=filters.state) if filters.state else found


@router.get("/runs/{run}", response={200: RunOut, **FAULTS}, operation_id="get_run")
def run(request: HttpRequest, run: UUID) -> Run:
    """One run: state, step, progress, fault."""
    found = find_run(request, run)
    setattr(found, "queue_place", queue_place(found))  # noqa: B010 - of the answer alone, no column
    return found


@router.get("/runs/{run}/scores", response=list[ScoreOut], operation_id="list_scores")
@paginate(Page)
def scores(
    request: HttpRequest, run: UUID, region: str = "", layer: str = "", subject: str = ""
) -> QuerySet[Score]:
    """Rows of a finished run's record."""
    wanted = {"region": region, "layer": layer, "subject": subject}
    found = Score.objects.filter(run=find_run(request, run)).order_by("id")
    return found.filter(**{k: v for k, v in wanted.items() if v})


@router.get("/runs/{run}/record", response={200: dict[str, Any], **FAULTS}, operation_id="get_record")
def record(request: HttpRequest, run: UUID) -> FileResponse:
    """The record of a finished run, as `gyral score` writes it."""
    found = find_run(request, run)
    path = conf.runs() / found.record_path / "record.json"
    if found.state != State.FINISHED or not path.is_file():
        raise NotFound(f"run {run} has no record; it is {found.get_state_display()}.", where="run")
    return FileResponse(path.open("rb"), content_type="application/json")


def _known_tier(tier: str) -> Tier:
    if tier not in Tier.values:
        raise UnknownName("tier", tier, Tier.values)
    return Tier(tier)


def find_run(request: HttpRequest, run: UUID) -> Run:
    """The run, if the caller may see it; not there otherwise."""
    found = Run.objects.select_related("submission", "benchmark").defer("record").filter(pk=run).first()
    if found is None or not rules.run_may_be_seen(found, request.user):
        raise NotFound(f"there is no run {run}.", where="run")
    return found
