"""Sources: bring the files of a recipe here, from the mirror or from their public addresses."""

import logging
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from gyral import places
from gyral.datasets.folder import disk_faults
from gyral.datasets.recipe import Recipe, Source, SourceFile, SourceMissing
from gyral.errors import BadDataset
from gyral.hashing import hash_file
from gyral.progress import Progress, silent

if TYPE_CHECKING:
    import requests

TIMEOUT = (5.0, 20.0)  # seconds to connect, seconds between two pieces
ATTEMPTS = 3  # a broken transfer is taken up again where it broke
_CHUNK = 1 << 13  # what a broken line can lose
_EVERY = 0.2  # seconds between two reports of progress


def from_mirror(recipe: Recipe, progress: Progress = silent) -> Mapping[str, Path]:
    """Files of the mirror, each hashed.

    Raises
    ------
    SourceMissing
        ``GYRAL_MIRROR`` is not set, or lacks the folder or a file.
    BadDataset
        A file is not the one the recipe knows (``mirror-hash``).
    """
    source, root = recipe.mirror, places.mirror()
    if root is None:
        raise SourceMissing("GYRAL_MIRROR is not set")
    folder = root / source.folder
    if not folder.is_dir():
        raise SourceMissing(f"the mirror has no folder {source.folder!r}")
    found = {}
    for i, file in enumerate(source.files):
        progress("read mirror", i, len(source.files))
        path = folder / file.name
        if not path.is_file():
            raise SourceMissing(f"the mirror lacks {source.folder}/{file.name}")
        _check_hash(
            path, file, "mirror-hash", "The copy in the mirror is damaged or another version; copy it again."
        )
        found[file.name] = path
    progress("read mirror", len(source.files), len(source.files))
    return found


def from_public(recipe: Recipe, progress: Progress = silent) -> Mapping[str, Path]:
    """Files downloaded into the cache, each hashed; broken downloads go on where they broke.

    Raises
    ------
    SourceMissing
        An address cannot be reached or is not there.
    BadDataset
        A file is not the one the recipe knows (``download-hash``).
    OutOfResources
        The disk is full.
    """
    folder = places.cache() / "downloads" / recipe.public.folder
    with disk_faults(folder):
        return {file.name: _download(file, folder, progress) for file in recipe.public.files}


def read(source: Source, files: Mapping[str, Path], scratch: Path) -> Any:
    """Run a source's reader, naming the source where the files are not what it expects.

    Raises
    ------
    BadDataset
        The reader cannot understand a file (``source-layout``).
    """
    try:
        return source.read(files, scratch)
    except (KeyError, IndexError, ValueError, EOFError) as error:
        raise BadDataset(
            f"the files do not have the expected layout ({type(error).__name__}: {error}).",
            where=f"source {source.folder!r}",
            mend="The source may have changed; use the mirror, or report it.",
            code="source-layout",
        ) from error


def _download(file: SourceFile, folder: Path, progress: Progress) -> Path:
    import pooch  # slow import, only for downloads

    if file.url is None:
        raise SourceMissing(f"{file.name} has no public address")
    target = folder / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    step = f"download {file.name}"
    known = f"sha256:{file.sha256}" if file.sha256 else None
    fetcher = ResumingDownloader(target.with_name(target.name + ".part"), step, progress)
    with _quiet_pooch():
        try:
            path = pooch.retrieve(file.url, known, target.name, target.parent, downloader=fetcher)
        except ValueError:  # what pooch raises for a wrong hash
            raise BadDataset(
                f"the download from {file.url} does not have the sha256 {str(file.sha256)[:16]}... the recipe knows.",
                where=file.name,
                mend="The file at that address is another version; use a mirror, or report it.",
                code="download-hash",
            ) from None
    return Path(path)


class ResumingDownloader:
    """A pooch downloader that keeps what it has and asks for the rest (HTTP Range).

    Parameters
    ----------
    part : Path
        Where the unfinished file waits, across processes.
    step : str
        Name of the step in progress reports.
    progress : Progress
        Told of bytes.
    """

    def __init__(self, part: Path, step: str, progress: Progress = silent) -> None:
        self.part, self.step, self.progress = part, step, progress

    def __call__(self, url: str, output_file: str | Path | IO[bytes], pooch: Any) -> None:
        """Download ``url`` to ``output_file``; called by pooch.

        Raises
        ------
        SourceMissing
            Unreachable, or an HTTP error; what was received is kept.
        """
        import requests  # slow import, only for downloads

        for attempt in range(ATTEMPTS):
            before = self._received()
            try:
                self._get(url)
                break
            except requests.HTTPError as error:
                raise SourceMissing(f"no download: {error}") from None
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
                # Nothing came: nobody is there, and trying again costs the caller's time.
                if attempt == ATTEMPTS - 1 or self._received() == before:
                    raise SourceMissing(f"{url} cannot be reached ({type(error).__name__})") from None
        if not isinstance(output_file, str | Path):
            raise TypeError("pooch hands over a path")
        shutil.move(self.part, output_file)

    def _received(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _get(self, url: str) -> None:
        import requests  # slow import, only for downloads

        have = self._received()
        # Without identity the server may send the range of a compressed body.
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if have and response.status_code == 416 and _whole_size(response) == have:
                return  # all of it was here already
            if have and (response.status_code == 416 or not _continues(response, have)):
                self.part.unlink()
                if response.status_code != 200:
                    self._get(url)
                    return
                have = 0
            response.raise_for_status()
            total = have + int(response.headers.get("Content-Length", 0))
            told = 0.0
            with self.part.open("ab") as stream:
                for piece in response.iter_content(_CHUNK):
                    stream.write(piece)
                    have += len(piece)
                    if have == total or time.monotonic() - told > _EVERY:
                        told = time.monotonic()
                        self.progress(self.step, have, max(total, have))


def _continues(response: "requests.Response", have: int) -> bool:
    """True if the answer is the rest of the file from byte ``have`` on, or an error to be raised."""
    if response.status_code >= 400:
        return True
    return response.status_code == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _whole_size(response: "requests.Response") -> int | None:
    size = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(size) if size.isdigit() else None


def _check_hash(path: Path, file: SourceFile, code: str, mend: str) -> None:
    if file.sha256 and (found := hash_file(path)) != file.sha256:
        raise BadDataset(
            f"sha256 is {found[:16]}..., the recipe knows {file.sha256[:16]}...",
            where=str(path),
            mend=mend,
            code=code,
        )


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Keep pooch's own messages out of the terminal: progress is ours to show."""
    import pooch  # slow import, only for downloads

    logger = pooch.get_logger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
