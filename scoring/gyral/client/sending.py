"""Sending: a file to a site in pieces; what broke off, in this process or an earlier one, goes on where it stands.

Which upload belongs to which file is noted in ``GYRAL_HOME/sending.json`` by site, hash and format, until it is submitted.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from gyral.client.named import require_benchmarks, require_own_model
from gyral.client.site import Site, SiteRefused, SiteUnreachable
from gyral.errors import BadUpload
from gyral.hashing import hash_file
from gyral.places import home
from gyral.progress import Progress, silent

PIECE = 8 << 20  # bytes
_PATIENCE = 6  # failures in a row without a byte that arrived
_GONE = ("not-found", "upload-gone")


def send(
    site: Site,
    file: Path,
    *,
    format_: str,
    benchmarks: Sequence[str],
    card: dict[str, Any] | None,
    visibility: str | None = None,
    twin: bool = True,
    dry_run: bool = False,
    new_version_of: str | None = None,
    progress: Progress = silent,
    piece: int = PIECE,
) -> dict[str, Any]:
    """Upload a file and queue its runs.

    Parameters
    ----------
    site : Site
    file : Path
    format_ : str
        onnx, safetensors or features.
    benchmarks : sequence of str
        Names or ``name@version``; unknown ones are refused before a byte is sent.
    card : dict or None
        Fields of the model card; None to take the archive's own, of a new version that of the one before where it has none.
    visibility : str, optional
        private, unlisted or public; default: private, of a new version as the one before.
    twin : bool
        Whether the untrained twin is scored as well.
    dry_run : bool
        Only try the model, on a benchmark that the site chooses.
    new_version_of : str, optional
        A model of one's own that this becomes the next version of; without benchmarks it is scored where that was.
    progress : Progress
        Is told the bytes that arrived.
    piece : int
        Bytes of one request.

    Returns
    -------
    dict
        ``submission`` and ``runs``, as the API gives them.

    Raises
    ------
    UnknownName
        The site has no such benchmark, or no such model of yours.
    SiteUnreachable, SiteRefused
        As `Site.call`; what arrived stays on the site, and the same call goes on after it.
    """
    if new_version_of is not None:
        require_own_model(site, new_version_of)
    require_benchmarks(site, benchmarks)
    size, sha256 = file.stat().st_size, hash_file(file)
    if not size:
        raise BadUpload("the file is empty.", where=str(file), code="empty")
    key = f"{site.access.address} {sha256} {format_}"
    upload = _open(site, key, size, format_)
    _require_room(upload, size, file)
    with file.open("rb") as stream:
        _send_rest(site, upload, stream, size, progress, piece)
    asked = {"card": card, "visibility": visibility, "new_version_of": new_version_of}
    fields = {"sha256": sha256, "benchmarks": list(benchmarks), "twin": twin, "dry_run": dry_run}
    fields |= {name: value for name, value in asked.items() if value is not None}
    submitted: dict[str, Any] = site.call("POST", f"uploads/{upload['id']}/submit", json=fields).json()
    _note(key, None)
    return submitted


def _open(site: Site, key: str, size: int, format_: str) -> dict[str, Any]:
    """The upload that was begun before, if the site still has it, else a new one."""
    if (known := _noted().get(key)) is not None:
        try:
            upload: dict[str, Any] = site.get(f"uploads/{known}")
            if upload["received"] <= size:
                return upload
        except SiteRefused as error:
            if error.code not in _GONE:
                raise
    upload = site.call("POST", "uploads", json={"format": format_}).json()
    _note(key, str(upload["id"]))
    return upload


def _require_room(upload: dict[str, Any], size: int, file: Path) -> None:
    if size > upload["limit"]:
        raise BadUpload(
            f"{size / (1 << 20):.1f} MiB, and the site takes at most {upload['limit'] / (1 << 20):g} MiB.",
            where=str(file),
            mend="Send float16 weights or a smaller model, or extract features with `gyral extract`.",
            code="too-large",
        )


def _send_rest(
    site: Site, upload: dict[str, Any], stream: BinaryIO, size: int, progress: Progress, piece: int
) -> None:
    address, received, failures = f"uploads/{upload['id']}", int(upload["received"]), 0
    progress("upload", received, size)
    while received < size:
        stream.seek(received)
        try:
            answer = site.call(
                "PUT",
                address,
                params={"offset": received},
                data=stream.read(piece),
                headers={"Content-Type": "application/octet-stream"},
            )
            now = int(answer.json()["received"])
        except SiteUnreachable:
            failures += 1
            if failures >= _PATIENCE:
                raise
            time.sleep(min(30.0, 0.5 * 2**failures))
            continue
        except SiteRefused as error:
            # A piece whose answer was lost has arrived; one that is still being written takes a moment.
            if error.code not in ("upload-offset", "upload-busy") or failures >= _PATIENCE:
                raise
            failures += 1
            time.sleep(0.5 if error.code == "upload-busy" else 0.0)
            now = int(site.get(address)["received"])
        failures = 0 if now > received else failures
        received = now
        progress("upload", received, size)


def _noted() -> dict[str, str]:
    try:
        found = json.loads(_file().read_text("utf-8"))
        return found if isinstance(found, dict) else {}
    except (FileNotFoundError, ValueError):
        return {}


def _note(key: str, upload: str | None) -> None:
    noted = {k: v for k, v in _noted().items() if k != key}
    if upload is not None:
        noted[key] = upload
    scratch = _file().with_suffix(".new")
    scratch.write_text(json.dumps(noted, indent=1), "utf-8")
    scratch.replace(_file())


def _file() -> Path:
    return home() / "sending.json"
