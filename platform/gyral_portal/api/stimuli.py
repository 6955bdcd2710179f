"""Sample stimuli of a benchmark, where the data's owners let the caller see them."""

from typing import Any

from django.http import FileResponse, HttpRequest
from ninja import Field, Router, Schema

from gyral_portal.api.auth import reader
from gyral_portal.api.errors import NotFound
from gyral_portal.api.schemas import ErrorOut
from gyral_portal.leaderboard import stimuli as shown
from gyral_portal.leaderboard.find import find_benchmark

router = Router(auth=reader, tags=["read"])
FAULTS = {404: ErrorOut, 401: ErrorOut}


class SampleOut(Schema):
    """One stimulus."""

    row: int = Field(description="its place among all stimuli, from 0")
    id: str
    text: str = Field(description="empty of an image or a sound")
    is_image: bool = Field(description="the image is at `/benchmarks/{reference}/stimuli/{row}`")
    is_sound: bool = Field(description="the sound is at the same address")


@router.get(
    "/benchmarks/{reference}/stimuli",
    response={200: list[SampleOut], **FAULTS},
    operation_id="list_stimuli",
    url_name="stimuli",
)
def samples(request: HttpRequest, reference: str) -> list[Any]:
    """Up to twelve stimuli, evenly spread; none where `display` does not let you see them, or the data are not here."""
    return list(shown.samples(find_benchmark(reference), request.user))


@router.get(
    "/benchmarks/{reference}/stimuli/{row}",
    response={200: None, **FAULTS},
    operation_id="get_stimulus",
    url_name="stimulus",
)
def stimulus(request: HttpRequest, reference: str, row: int) -> FileResponse:
    """The image or sound of one of the samples."""
    path = shown.served(find_benchmark(reference), row, request.user)
    if path is None:
        raise NotFound(f"row {row} is no image or sound among the samples.", where="row")
    return FileResponse(
        path.open("rb"), content_type=shown.media_type(path), headers={"Cache-Control": "private, max-age=3600"}
    )
