"""Files of a finished run's record, each as `gyral score` writes it."""

from uuid import UUID

from django.http import FileResponse, HttpRequest
from ninja import Field, Router, Schema

from gyral_portal.api.auth import reader
from gyral_portal.api.errors import NotFound
from gyral_portal.api.read import find_run
from gyral_portal.api.schemas import ErrorOut
from gyral_portal.leaderboard.views.record import FILES
from gyral_submissions import conf
from gyral_submissions.enums import State

router = Router(auth=reader, tags=["read"])
FAULTS = dict.fromkeys((401, 404, 422, 429), ErrorOut)


class FileOut(Schema):
    """One file."""

    name: str
    bytes: int = Field(description="its size")
    media_type: str


@router.get(
    "/runs/{run}/files", response={200: list[FileOut], **FAULTS}, operation_id="list_files", url_name="files"
)
def files(request: HttpRequest, run: UUID) -> list[dict[str, str | int]]:
    """Files of the record; none before the run is finished."""
    found = find_run(request, run)
    if found.state != State.FINISHED:
        return []
    folder = conf.runs() / found.record_path
    there = [(name, folder / name) for name in FILES if (folder / name).is_file()]
    return [{"name": n, "bytes": path.stat().st_size, "media_type": FILES[n]} for n, path in there]


@router.get("/runs/{run}/files/{name}", response={200: None, **FAULTS}, operation_id="get_file", url_name="file")
def file(request: HttpRequest, run: UUID, name: str) -> FileResponse:
    """One of them, whole."""
    found = find_run(request, run)
    path = conf.runs() / found.record_path / name
    if found.state != State.FINISHED or name not in FILES or not path.is_file():
        raise NotFound(f"the record of run {run} has no file {name!r}.", where="name")
    return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type=FILES[name])
