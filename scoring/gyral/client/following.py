"""Following: a run as it goes, its log as it grows, and its record once it is there."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gyral.client.site import Site, SiteUnreachable
from gyral.errors import OutOfResources, UserError
from gyral.progress import Progress, silent

FINAL = ("finished", "failed", "cancelled")
_PAUSE, _LONGEST_PAUSE = 1.0, 5.0  # seconds between two looks
_PATIENCE = 10  # looks in a row that fail


def follow(
    site: Site,
    run: str,
    *,
    progress: Progress = silent,
    changed: Callable[[dict[str, Any]], None] = lambda run: None,
) -> dict[str, Any]:
    """Look at a run until it has ended; returns it as it ended.

    Parameters
    ----------
    site : Site
    run : str
        Its id.
    progress : Progress
        Is told the share of the current step, in hundredths.
    changed : callable
        Is given the run whenever its state, step or place in the queue is another.
    """
    before: tuple[Any, ...] = ()
    for found in _looks(site, f"runs/{run}"):
        now = (found["state"], found["attempt"], found["step"], found.get("queue_place"))
        if now != before:
            before = now
            changed(found)
        if found["state"] == "running" and found["step"]:
            progress(str(found["step"]), round(100 * found["progress"]), 100)
        if found["state"] in FINAL:
            return found
    raise AssertionError  # looks end by what ends here


def read_log(site: Site, run: str, *, follow: bool = False) -> Iterator[str]:
    """The log's text, in pieces as it comes; with ``follow`` until the run has ended."""
    position = 0
    while True:
        found = site.get(f"runs/{run}/log", after=position)
        if found["text"]:
            yield str(found["text"])
        position = found["next"]
        if not follow or (found["ended"] and not found["text"]):
            return
        time.sleep(_PAUSE)


def save_record(site: Site, run: str, folder: Path) -> Path:
    """Write the files of a finished run's record into a new folder, as `gyral score` leaves them.

    Raises
    ------
    UserError
        The folder exists and is not empty (``place-taken``), or the run has no record (``no-record``).
    OutOfResources
        The disk is full, or the place cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError("it exists already.", where=str(folder), mend="Name a new folder.", code="place-taken")
    files = site.get(f"runs/{run}/files")
    if not files:
        state = site.get(f"runs/{run}")["state"]
        raise UserError(f"run {run} has no record: it is {state}.", code="no-record")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            name = Path(str(file["name"])).name
            site.download(f"runs/{run}/files/{name}", folder / name)
    except OSError as error:
        raise OutOfResources(f"{error.strerror or error}.", where=str(folder), code="disk-full") from None
    return folder


def _looks(site: Site, path: str) -> Iterator[dict[str, Any]]:
    """What an address answers, again and again; a site that is away for a moment is waited for."""
    failures, pause = 0, _PAUSE
    while True:
        try:
            found = site.get(path)
            failures = 0
            yield found
        except SiteUnreachable:
            failures += 1
            if failures >= _PATIENCE:
                raise
        time.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.1)
