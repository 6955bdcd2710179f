"""The cortex: regions of a benchmark and scores of a run, vertex by vertex."""

from collections.abc import Callable, Sequence
from typing import Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from gyral.errors import UnknownName, UserError
from gyral_portal.api.auth import reader
from gyral_portal.api.errors import NotFound
from gyral_portal.api.read import find_run
from gyral_portal.api.schemas import ErrorOut
from gyral_portal.leaderboard.brain import benchmark_file, record_file
from gyral_portal.leaderboard.find import find_benchmark
from gyral_portal.leaderboard.kept import answer
from gyral_submissions.enums import State
from gyral_submissions.models import Run

router = Router(auth=reader, tags=["read"])
FAULTS = {304: None, **dict.fromkeys((401, 404, 422, 429), ErrorOut)}


class VertexOut(Schema):
    """One vertex that has something."""

    hemisphere: Literal["left", "right"]
    vertex: int = Field(description="of fsaverage5, 0 to 10241")
    value: float = Field(description="mean over the units there; of regions an index into names")


class BrainOut(Schema):
    """What a picture of the cortex shows."""

    surface: str = Field(description="fsaverage5")
    title: str
    unit: str = Field(description="what values are; empty for regions")
    names: list[str] = Field(description="of regions; empty for numbers")
    colours: list[str] = Field(description="of the picture: steps of the bar from low to high, or one a name")
    low: float | None = Field(description="ends of the picture's colour bar")
    high: float | None
    notes: list[str] = Field(description="how units were placed, and what is left out")
    vertices: list[VertexOut]


@router.get(
    "/benchmarks/{reference}/brain",
    response={200: BrainOut, **FAULTS},
    operation_id="get_benchmark_brain",
    url_name="benchmark-brain",
)
def benchmark_brain(request: HttpRequest, reference: str, region: str = "") -> HttpResponse:
    """Regions of a benchmark's data on fsaverage5, or `region` alone; 404 where units have no place on the cortex."""
    found = find_benchmark(reference)
    key = ["api brain", found.dataset, found.dataset_hash, region]
    return answer_made(request, key, lambda: benchmark_file(found, "brain.json", region))


@router.get(
    "/runs/{run}/brain", response={200: BrainOut, **FAULTS}, operation_id="get_run_brain", url_name="run-brain"
)
def run_brain(
    request: HttpRequest, run: UUID, shows: Literal["units", "regions"] = "units", subject: str = "all"
) -> HttpResponse:
    """Scores of a finished run on fsaverage5: of each unit, or of its region; 404 where units have no place there."""
    found = find_recorded(request, run)
    key = ["api brain", str(found.pk), found.record_path, found.benchmark.dataset_hash, shows, subject]
    return answer_made(request, key, lambda: record_file(found, "brain.json", shows, subject))


def find_recorded(request: HttpRequest, run: UUID) -> Run:
    """A finished run with its record, if the caller may see it; not there otherwise."""
    found = find_run(request, run)
    if found.state != State.FINISHED or not found.record_path:
        raise NotFound(f"run {run} has no record; it is {found.get_state_display()}.", where="run")
    return found


def answer_made(
    request: HttpRequest, key: Sequence[str], made: Callable[[], tuple[bytes, str]], *, where: str = "brain"
) -> HttpResponse:
    """What ``made`` gives; 404 with the reason where nothing can be shown."""
    try:
        body, media_type = made()
    except UnknownName:
        raise
    except UserError as error:
        raise NotFound(error.what, where=where) from None
    return answer(request, key, lambda: body, media_type, vary="Authorization")
