"""Dissimilarities of a run: measured beside modelled, ranked, at the resolution of the picture."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from gyral_portal.api.auth import reader
from gyral_portal.api.brain import FAULTS, answer_made, find_recorded
from gyral_portal.leaderboard.rdms import rdms_file

router = Router(auth=reader, tags=["read"])


class GroupOut(Schema):
    """Stimuli of one kind."""

    name: str
    stimuli: int
    measured: float | None = Field(description="mean rank of the pairs inside")
    model: float | None


class BetweenOut(Schema):
    """Pairs of different groups."""

    measured: float
    model: float


class RdmsOut(Schema):
    """Ranks from 0 (the most alike pair) to 1."""

    region: str
    layer: str = Field(description="of the model: the one that most folds chose")
    subjects: int = Field(description="that the measured one is the mean of")
    stimuli: int
    metric: str
    value: float | None = Field(description="similarity, with the layers chosen")
    groups: list[GroupOut] = Field(description="in the order of the cells; empty where stimuli have none")
    between: BetweenOut | None
    measured: list[list[float | None]] = Field(description="at most 128 cells wide; null on the diagonal")
    model: list[list[float | None]]


@router.get(
    "/runs/{run}/rdms", response={200: RdmsOut, **FAULTS}, operation_id="get_run_rdms", url_name="run-rdms"
)
def run_rdms(request: HttpRequest, run: UUID, region: str = "") -> HttpResponse:
    """RDMs of a finished run in a region (the first by default); 404 where RDMs are not compared, or data are not public."""
    found = find_recorded(request, run)
    key = ["api rdms", str(found.pk), found.record_path, found.benchmark.dataset_hash, region]
    return answer_made(request, key, lambda: rdms_file(found, "rdms.json", region), where="rdms")
