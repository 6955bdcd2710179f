"""Manifest: ``dataset.toml``, the table of contents of a pack."""

import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gyral.datasets.dataset import About
from gyral.datasets.reliability import Published
from gyral.datasets.responses import Kind
from gyral.datasets.stimulus import Modality
from gyral.datasets.timeline import Placement
from gyral.errors import BadDataset, complaint, sentence

PACK_VERSION = 1
MANIFEST = "dataset.toml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def is_safe_name(name: str) -> bool:
    """True for a name that is a plain file name everywhere."""
    return _NAME.fullmatch(name) is not None


def safe_path(text: str) -> str:
    """``text`` if it is a relative path that stays below its folder.

    Raises
    ------
    ValueError
        It is absolute, climbs with ``..``, or holds a backslash, a drive or a control character.
    """
    odd = any(ord(c) < 32 for c in text) or "\\" in text or ":" in text
    path = PurePosixPath(text)
    if odd or not text or path.is_absolute() or ".." in path.parts or str(path) != text:
        raise ValueError(f"path {text!r} leaves the pack; only plain relative paths are allowed")
    return text


def _safe_name(text: str) -> str:
    if not is_safe_name(text):
        raise ValueError(f"{text!r} cannot be a file name; letters, digits, '.', '_' and '-' are allowed")
    return text


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SafePath = Annotated[str, AfterValidator(safe_path)]
SafeName = Annotated[str, AfterValidator(_safe_name)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Table):
    """One file of the pack."""

    path: SafePath
    size: int = Field(ge=0)
    sha256: Sha256


class StimuliEntry(_Table):
    """What ``stimuli.parquet`` holds."""

    modality: Modality
    count: int = Field(ge=1)
    degrees: float | None = Field(
        None,
        gt=0,
        le=360,
        allow_inf_nan=False,
        description="width of a whole image as it was shown, in degrees of visual angle",
    )
    position: tuple[float, float] | None = Field(
        None, description="centre of the images as they were shown: degrees right of fixation and above it"
    )


class ResponsesEntry(_Table):
    """What ``responses/`` and ``repeats/`` hold; order is that of the unit table."""

    kind: Kind
    physical_unit: str
    subjects: tuple[SafeName, ...] = Field(min_length=1)
    repeats: tuple[SafeName, ...] = ()
    nuisances: tuple[SafeName, ...] = Field((), description="bands, with a file a subject in nuisances/BAND/")


class RdmsEntry(_Table):
    """One file of ``rdms/``."""

    region: SafeName
    kind: Kind
    subjects: tuple[str, ...] = Field(min_length=1)


class RegionEntry(_Table):
    """One region; its units are in ``units.parquet``."""

    name: str
    path: tuple[str, ...] = ()
    title: str = ""


class SplitEntry(_Table):
    """The declared split."""

    kind: Literal["contiguous", "grouped", "leave-one-group-out"]
    folds: int = Field(ge=2)
    gap: int = Field(0, ge=0, description="rows left out of training at either border of a contiguous fold")


class TimeEntry(_Table):
    """Times of M/EEG, in seconds after stimulus onset; each unit's own is in ``units.parquet``."""

    times: tuple[float, ...] = Field(min_length=1)
    window: tuple[float, float] = Field(description="first and last time that regions hold")


class SignalEntry(_Table):
    """Columns ``NAME:0``, ``NAME:1`` ... of ``samples.parquet``."""

    name: SafeName
    columns: int = Field(ge=1)
    delayed: bool


class TimelineEntry(_Table):
    """How samples in time (``samples.parquet``) meet stimuli in time."""

    period: float = Field(gt=0, allow_inf_nan=False, description="seconds between two samples")
    start: float = Field(
        0.0, allow_inf_nan=False, description="seconds from the start of a story to its first sample"
    )
    delays: tuple[int, ...] = Field(min_length=1, description="samples that features are delayed by")
    placement: Placement = "lanczos"
    window: int = Field(3, ge=1, description="lobes of the Lanczos window")
    signals: tuple[SignalEntry, ...] = ()


class Manifest(_Table):
    """``dataset.toml``."""

    pack: Literal[1] = 1
    content_hash: Sha256
    recipe: str = Field("", description="what built the pack; another value makes the cache build it again")
    constant_units: int = Field(0, ge=0, description="units that never change; they cannot be scored")
    about: About
    split: SplitEntry
    stimuli: StimuliEntry
    responses: ResponsesEntry | None = None
    rdms: tuple[RdmsEntry, ...] = ()
    regions: tuple[RegionEntry, ...]
    time: TimeEntry | None = None
    timeline: TimelineEntry | None = Field(None, description="where stimuli are events in time")
    published: tuple[Published, ...] = ()
    benchmark: dict[str, Any] | None = Field(
        None, description="fields of a `Benchmark` an operator's pack declares"
    )
    extra: dict[str, Any] = Field(default_factory=dict)
    files: tuple[FileEntry, ...]


def read_manifest(folder: Path) -> Manifest:
    """Parse and validate ``folder/dataset.toml``.

    Raises
    ------
    BadDataset
        No such file (``not-a-pack``), a pack version this Gyral does not know (``pack-version``), or a
        field that is wrong (``manifest``), named.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise BadDataset(
            f"no {MANIFEST} in this folder.",
            where=str(folder),
            mend="A dataset pack is a folder with a dataset.toml at its root.",
            code="not-a-pack",
        )
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadDataset(f"not valid TOML: {error}.", where=str(path), code="manifest") from None
    if "source" in fields and "pack" not in fields:
        raise BadDataset(
            "this describes files that are to become a pack; it is none yet.",
            where=str(path),
            mend=f"Make it with `gyral data build {folder}`.",
            code="not-a-pack",
        )
    _check_version(fields.get("pack"), path)
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        raise BadDataset(sentence(f"{field}: {complaint(first)}"), where=str(path), code="manifest") from None


def _check_version(version: object, path: Path) -> None:
    if version == PACK_VERSION and not isinstance(version, bool):
        return
    newer = isinstance(version, int) and not isinstance(version, bool) and version > PACK_VERSION
    raise BadDataset(
        f"pack version {version!r} is not known; this Gyral reads version {PACK_VERSION}.",
        where=str(path),
        mend="The pack was written by a newer Gyral: upgrade, then open it again."
        if newer
        else f"Put `pack = {PACK_VERSION}` at the top of dataset.toml if it follows that format.",
        code="pack-version",
    )
