"""What the site's comparisons and pictures show, as numbers."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router, Schema

from gyral.errors import UnknownName
from gyral_portal.api.auth import reader
from gyral_portal.api.errors import NotFound
from gyral_portal.api.read import require_columns
from gyral_portal.api.schemas import ErrorOut
from gyral_portal.leaderboard.agreement import agreement_payload, read_agreement
from gyral_portal.leaderboard.comparison import MOST, comparison_payload, read_comparison
from gyral_portal.leaderboard.find import find_benchmark
from gyral_portal.leaderboard.kept import answer
from gyral_portal.leaderboard.look import Look
from gyral_portal.leaderboard.payload import dumped
from gyral_portal.leaderboard.scatter import SIZES, read_scatter, scatter_payload
from gyral_portal.leaderboard.scope import Scope, find_scope
from gyral_portal.leaderboard.views.board import key_of
from gyral_submissions.domain.queries.best import best_over_time

router = Router(auth=reader, tags=["read"])
FAULTS = {304: None, **dict.fromkeys((401, 404, 422, 429), ErrorOut)}


class SelectionQuery(Schema):
    """Rows, columns and day of a board, as in its address."""

    q: str = Field("", description="search: words, AND, OR, NOT, quotes, parentheses")
    family: str = ""
    size: str = Field("", description="as of boards")
    training: str = ""
    licence: str = ""
    tier: str = ""
    year: str = ""
    twin: str = ""
    columns: str = Field(
        "",
        description="keys of columns, comma-separated; empty for all of one benchmark, the main regions of several",
    )
    on: str = Field("", description="YYYY-MM-DD: the board as it was at the end of that day, UTC")


class ScatterQuery(SelectionQuery):
    """Its axes, too."""

    x: str = Field("", description="parameters (by default), compute, or the key of a column")
    y: str = Field("", description="key of a column; by default the main region")


class ComparisonQuery(Schema):
    """Which models, in which columns."""

    model: list[str] = Field(
        min_length=2, max_length=MOST, description="names of models, each as it stands on the board"
    )
    columns: str = Field("", description="keys of columns, comma-separated")
    on: str = Field("", description="YYYY-MM-DD: the board as it was at the end of that day, UTC")


class PointOut(Schema):
    """One model."""

    model: str
    version: int
    title: str
    tier: str
    visibility: str
    x: float
    y: float
    low: float | None = Field(description="lower end of the 95 % interval of y")
    high: float | None
    on_front: bool = Field(description="no public model is better in one without being worse in the other")


class ScatterOut(Schema):
    """Models by two numbers: the front first, then by y; at most a hundred."""

    board: str
    x: str
    y: str
    on: str | None
    count: int = Field(description="models that have both numbers")
    missing: int = Field(description="models without one of them")
    points: list[PointOut]


class ComparedModelOut(Schema):
    """One model of a comparison."""

    model: str
    version: int
    title: str


class ValueOut(Schema):
    """One model in one column."""

    column: str
    model: str
    value: float | None
    low: float | None
    high: float | None
    interval_kind: str


class PairOut(Schema):
    """Two models over the columns in which they can be compared."""

    model: str
    other: str
    better: int = Field(description="columns in which the model is significantly better")
    tied: int = Field(description="columns in which the two cannot be told apart")
    worse: int
    profile_correlation: float | None = Field(description="Spearman's rho over the columns both have, from 5 on")
    profile_columns: int


class DifferenceOut(Schema):
    """Two models in one column: the model less the other."""

    column: str
    model: str
    other: str
    difference: float | None
    low: float | None = Field(description="95 % interval, for all pairs of these models in the column at once")
    high: float | None
    p: float | None = Field(description="two-sided, adjusted for the same pairs")
    interval_kind: str = Field(
        description="conditional: new stimuli; subjects: new subjects and stimuli; or empty"
    )
    verdict: str = Field(description="better, worse, not told apart, not compared")


class ComparisonOut(Schema):
    """Models against one another by paired differences."""

    board: str
    on: str | None
    columns: list[str]
    columns_left_out: int = Field(description="columns beyond those that one answer holds")
    models: list[ComparedModelOut]
    values: list[ValueOut]
    pairs: list[PairOut]
    differences: list[DifferenceOut]


class AgreementPairOut(Schema):
    """Two columns."""

    column: str
    other: str
    correlation: float | None = Field(description="Spearman's rho over shared models; null with too few")
    low: float | None = Field(description="95 % interval, over models drawn independently")
    high: float | None
    shared: int = Field(description="public models that have a score in both")


class AgreementOut(Schema):
    """Whether the columns of a board order the models alike."""

    board: str
    on: str | None
    columns: list[str]
    columns_left_out: int
    models: int
    least_shared: int
    pairs: list[AgreementPairOut]


class BestOut(Schema):
    """What stood at the head of the public board from a day on."""

    day: date
    value: float
    low: float | None
    high: float | None
    model: str
    version: int
    title: str
    tier: str
    run: UUID


@router.get(
    "/boards/{reference}/scatter",
    response={200: ScatterOut, **FAULTS},
    operation_id="get_scatter",
    url_name="scatter",
)
def scatter(request: HttpRequest, reference: str, query: Query[ScatterQuery]) -> HttpResponse:
    """Models of a board by parameters, multiply-adds or another score, and a score, with the front of Pareto."""
    scope = find_scope(reference)
    given = {k: str(v) for k, v in query.dict().items() if v}
    axes: dict[str, str] = {name: given.pop(name) for name in ("x", "y") if name in given}
    columns = scope.keys()
    for name, key in axes.items():
        known = [*SIZES, *columns] if name == "x" else columns
        if key not in known:
            raise UnknownName("column", key, known)
    look = _look(scope, given)
    tag = [*key_of("api scatter", request, scope, look), repr(sorted(axes.items()))]
    return _answer(request, tag, lambda: dumped(scatter_payload(read_scatter(scope, look, axes, request.user))))


@router.get(
    "/boards/{reference}/comparison",
    response={200: ComparisonOut, **FAULTS},
    operation_id="get_comparison",
    url_name="comparison",
)
def comparison(request: HttpRequest, reference: str, query: Query[ComparisonQuery]) -> HttpResponse:
    """Two to six models of a board: every pair in every column, by paired differences on the same stimuli."""
    scope = find_scope(reference)
    names = list(dict.fromkeys(query.model))
    look = _look(scope, {k: v for k, v in (("columns", query.columns), ("on", query.on)) if v})

    def make() -> bytes:
        found = read_comparison(scope, look, names, "", request.user)
        if found.unknown:
            raise NotFound(f"no model {found.unknown[0]!r} stands on this board.", where="model")
        return dumped(comparison_payload(found))

    return _answer(request, [*key_of("api comparison", request, scope, look), repr(names)], make)


@router.get(
    "/boards/{reference}/agreement",
    response={200: AgreementOut, **FAULTS},
    operation_id="get_agreement",
    url_name="agreement",
)
def agreement(request: HttpRequest, reference: str, query: Query[SelectionQuery]) -> HttpResponse:
    """Rank correlations between the columns of a board over public models that both have scored."""
    scope = find_scope(reference)
    look = _look(scope, {k: str(v) for k, v in query.dict().items() if v})
    key = key_of("api agreement", request, scope, look)
    return _answer(request, key, lambda: dumped(agreement_payload(read_agreement(scope, look))))


@router.get(
    "/benchmarks/{reference}/best",
    response={200: list[BestOut], **FAULTS},
    operation_id="list_best",
    url_name="best",
)
def best(request: HttpRequest, reference: str, region: str = "") -> list[dict[str, object]]:
    """The best public score in a region (the main one by default) by day, oldest first."""
    found = find_benchmark(reference)
    if region and region not in found.region_names:
        raise UnknownName("region", region, found.region_names)
    return [
        {
            "day": b.day,
            "value": b.value,
            "low": b.low,
            "high": b.high,
            "model": b.facts.name,
            "version": b.facts.version,
            "title": b.facts.title,
            "tier": b.facts.tier,
            "run": b.run,
        }
        for b in best_over_time(found, region=region)
    ]


def _look(scope: Scope, given: Mapping[str, str]) -> Look:
    require_columns("columns", given.get("columns", ""), scope.keys())
    return Look.read(given, scope.keys())


def _answer(request: HttpRequest, key: Sequence[str], make: Callable[[], bytes]) -> HttpResponse:
    return answer(request, key, make, "application/json; charset=utf-8", vary="Authorization")
