"""Source description: the user's own files, and what a pack is to be made of.

A folder with files of a laboratory has a ``dataset.toml`` with ``source = 1`` at its top. Tables that a pack has too
(``[about]``, ``[split]``, ``[[published]]``, ``[benchmark]``) are the same in both; ``[stimuli]``, ``[responses]``,
``[epochs]``, ``[[regions]]``, ``[[rdms]]``, ``[triplets]`` and ``[timeline]`` say here which files hold what. `gyral data init` writes a draft,
`gyral data build` makes the pack. All paths are relative to the folder and stay below it.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from gyral.datasets.dataset import About
from gyral.datasets.manifest import MANIFEST, SafeName, SplitEntry
from gyral.datasets.readers import READERS
from gyral.datasets.reliability import Published
from gyral.datasets.responses import Kind
from gyral.datasets.source_parts import (
    CanvasSource,
    ConfoundsSource,
    Hrf,
    Inside,
    JoinSource,
    LocaliserSource,
    PixelsSource,
    ProjectSource,
    RegionName,
    Table,
    TripletsSource,
)
from gyral.datasets.stimulus import Modality
from gyral.datasets.timeline import Placement
from gyral.errors import BadDataset

_ALTERNATIVE = re.compile(r"[\[(]|^(?:str|int|float|bool|tuple|literal)$")
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")  # fields that there are not
SOURCE_VERSION = 1
TODO = "TODO"


class StimuliSource(Table):
    """Where stimuli come from: a table with a row each, or the events themselves."""

    modality: Modality
    table: Inside | None = Field(
        None, description="csv, tsv or parquet, or TextGrids; none: every event is a stimulus"
    )
    tier: str | None = Field(
        None, description="of TextGrids: the tier of words; none: the one called word or words"
    )
    id: str = "id"
    file: str | None = Field(None, description="column with paths of images or sounds")
    pixels: PixelsSource | None = Field(None, description="an HDF5 file with all images, in place of files")
    folder: Inside | None = Field(None, description="what paths of files are relative to")
    text: str | None = Field(None, description="column with texts")
    group: str | None = Field(None, description="column with story, run or passage")
    onset: str | None = Field(None, description="column with seconds after the start of the story")
    offset: str | None = None
    columns: tuple[str, ...] = ()
    join: tuple[JoinSource, ...] = ()
    degrees: float | str | None = Field(
        None, description="width of an image as it was shown, of all or a column with a width each"
    )
    position: tuple[float | str, float | str] | None = Field(
        None, description="centre of the images: degrees right of and above fixation, or two columns; none: on it"
    )
    canvas: CanvasSource | None = Field(None, description="the field on which images of several places are laid")
    encode: Literal["as-is", "png"] = Field("as-is", description="'png': equal pixels become equal bytes")
    unseen: Literal["refuse", "drop"] = Field(
        "refuse", description="stimuli that a subject never saw: refuse, or drop them for all"
    )

    @field_validator("degrees")
    @classmethod
    def _is_a_width(cls, degrees: float | str | None) -> float | str | None:
        if isinstance(degrees, float) and not 0 < degrees <= 360:  # false for NaN too
            raise ValueError(f"a width above 0 and at most 360 degrees is expected, not {degrees:g}")
        return degrees


class EpochsSource(Table):
    """How recordings of M/EEG are cut into trials, and which times regions are about."""

    start: float = Field(allow_inf_nan=False, description="seconds after the event; may be below 0")
    stop: float = Field(allow_inf_nan=False)
    window: tuple[float, float] = Field(description="first and last time that regions hold, both included")
    picks: Literal["eeg", "mag", "grad", "seeg", "ecog"] = "eeg"
    events: dict[int, str] | None = Field(
        None, description="codes of a stimulus channel; none: annotations, or responses.events"
    )
    labels: tuple[str, ...] | None = Field(None, description="events that are trials; none: all")
    baseline: Literal["none", "before"] | tuple[float, float] = Field(
        "before", description="'before': from start to 0; its mean is taken off"
    )
    low: float | None = Field(None, gt=0, allow_inf_nan=False, description="filter before cutting, Hz")
    high: float | None = Field(None, gt=0, allow_inf_nan=False)
    rate: float | None = Field(None, gt=0, allow_inf_nan=False, description="samples a second; divides the files'")
    most: float | None = Field(None, gt=0, description="peak to peak beyond which a trial is left out")
    overlap: bool = Field(False, description="whether trials may share samples; hold whole runs out then")
    montage: str | None = Field(None, description="standard montage of mne, where files have no places of sensors")


def _known_reader(name: str) -> str:
    if name not in READERS:
        raise ValueError(f"unknown reader {name!r}; known: {', '.join(READERS)}")
    return name


Reader = Annotated[str, AfterValidator(_known_reader)]


class ResponsesSource(Table):
    """Where responses come from. ``{subject}`` in a path stands for each subject; ``*`` is allowed."""

    reader: Reader
    options: dict[str, str | int | float | bool] = Field({}, description="for readers of other packages: theirs")
    kind: Kind
    unit: str = Field(description="physical unit of the numbers")
    subjects: tuple[SafeName, ...] = Field(min_length=1)
    files: Inside | tuple[Inside, ...]
    trials: Inside | None = Field(None, description="table with a row for each row of the responses")
    stimulus: str = Field("stimulus", description="column that names the stimulus (or the condition of an event)")
    story: str | None = Field(None, description="column that names the story of a sample in time")
    where: dict[str, str] = Field(
        {}, description="columns of trials and what they must say; other trials are left out"
    )
    nuisances: dict[SafeName, tuple[str, ...]] = Field(
        {}, description="columns of trials with what went on besides (motion), by name of the band"
    )
    key: str = Field("", description="variable in HDF5 files")
    transposed: bool = Field(False, description="HDF5 holds units x trials, as a table with a row a voxel does")
    divide: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="what the numbers in the files are divided by"
    )
    units: tuple[str, ...] = Field((), description="columns of a table that are units; none: all others")
    units_table: Inside | None = Field(None, description="further columns of units, a row each")
    unit_images: dict[SafeName, Inside] = Field(
        {}, description="images with a value a place that becomes a column of the unit table (ncsnr)"
    )
    mask: Inside | None = Field(None, description="which places are units; none: those of any region")
    outside: Literal["keep", "drop"] = Field("keep", description="units in no region: keep, or leave them out")
    project: ProjectSource | None = Field(None, description="NIfTI volumes brought to vertices of a surface")
    space: str | None = Field(
        None,
        description="name of a common space: x, y, z (mm) of voxels, or the mesh of vertices (fsaverage5), are then kept",
    )
    not_a_number: Literal["refuse", "drop"] = Field(
        "refuse", description="units with NaN: refuse, or leave them out"
    )
    zscore: Literal["none", "file"] = Field("none", description="'file': each unit over the trials of each file")
    zscore_by: str | None = Field(
        None, description="column of trials: each unit over the trials of each value (session)"
    )
    decimals: int | None = Field(None, ge=0, le=12, description="round, so that machines agree on the last digit")
    # netCDF
    dimensions: tuple[str, str] | None = Field(
        None, description="of reader 'netcdf': the one of rows, then that of units"
    )
    subject_name: str | None = Field(
        None, description="coordinate of neuroids that names the subject; none: one subject"
    )
    time_bin: tuple[float, float] | None = Field(None, description="start and end of the time bin that is taken")
    # spikes in NWB
    intervals: str = Field("trials", description="table of intervals with a row a trial")
    count: tuple[float, float] | None = Field(
        None, description="seconds after the start of a trial in which spikes are counted"
    )
    # electrodes inside the head (BIDS-iEEG)
    channels: Inside | None = Field(
        None, description="channels.tsv, one a recording: types, and channels that are bad"
    )
    electrodes: Inside | None = Field(None, description="electrodes.tsv: places and further columns of electrodes")
    # BOLD and raw recordings with events
    events: Inside | None = Field(None, description="events tables (BIDS), one a run")
    volumes: Inside | None = Field(None, description="table with a row a volume (label, run) instead of events")
    tr: float | None = Field(None, gt=0, allow_inf_nan=False, description="seconds between volumes")
    ignore: tuple[str, ...] = Field((), description="conditions that are no stimuli (rest)")
    estimate: Literal["average", "lsa", "lss"] = "average"
    window: tuple[float, float] = Field((4.0, 8.0), description="seconds after an onset that are averaged")
    hrf: Hrf = "glover"
    high_pass: float = Field(0.01, ge=0, description="Hz")
    confounds: ConfoundsSource | None = None

    @field_validator("subjects")
    @classmethod
    def _named_once(cls, subjects: tuple[str, ...]) -> tuple[str, ...]:
        if twice := [s for s in dict.fromkeys(subjects) if subjects.count(s) > 1]:
            raise ValueError(f"{twice[0]!r} is named twice")
        return subjects


class RegionSource(Table):
    """One region (``name``) or many (an atlas, or a column of the unit table)."""

    name: RegionName | None = None
    title: str = ""
    path: tuple[str, ...] = Field((), description="names above the region, from the general to the particular")
    mask: Inside | None = Field(None, description="image; units where it is above 0")
    localiser: LocaliserSource | None = Field(
        None, description="a contrast of the subject's own runs, inside the mask"
    )
    atlas: Inside | tuple[Inside, ...] | None = Field(None, description="label image: a region a label")
    labels: Inside | None = Field(
        None, description="table with index, name and, if known, path (a > b) and title; .ctab; mapping in .npy"
    )
    column: str | None = Field(None, description="column of the unit table: a region a value")
    flags: tuple[str, ...] = Field((), description="columns of the unit table: units where any of them is 1")
    units: tuple[str, ...] = Field((), description="names of units")
    sensors: tuple[str, ...] = Field((), description="names of sensors of M/EEG; * stands for anything")
    all: bool = False
    at_least: int = Field(1, ge=0, description="units a region needs in all")
    smaller: Literal["refuse", "drop"] | None = Field(
        None, description="a region with fewer: refuse it (named ones), drop it (parcels)"
    )

    @model_validator(mode="after")
    def _says_where_once(self) -> "RegionSource":
        ways = ("mask", "localiser", "atlas", "column", "flags", "units", "sensors", "all")
        told = [w for w in ways if getattr(self, w)]
        if not told:
            raise ValueError(f"nothing says where it is; one of {', '.join(ways)} does")
        # a localiser looks inside a mask
        if len(told) > 1 and set(told) != {"mask", "localiser"}:
            raise ValueError(f"{' and '.join(told)} say where it is; one of them may")
        return self


class RdmSource(Table):
    """Dissimilarity matrices of one region."""

    region: SafeName
    kind: Kind
    file: Inside = Field(description=".npy, .npz, .mat, or .hdf5 of rsatoolbox")
    key: str | None = Field(None, description="variable in the file")
    subjects: tuple[str, ...] = ()
    subjects_key: str | None = Field(None, description="variable with the subjects' names")
    title: str = ""
    path: tuple[str, ...] = ()


class TimelineSource(Table):
    """Where rows are samples on a clock and stimuli are words in time."""

    period: float = Field(gt=0, allow_inf_nan=False)
    start: float = Field(0.0, allow_inf_nan=False)
    delays: tuple[int, ...] = ()
    placement: Placement = "lanczos"
    window: int = Field(3, ge=1)
    signals: dict[SafeName, tuple[str, ...]] = Field({}, description="columns of the trials table")
    convolved: tuple[SafeName, ...] = Field((), description="signals that are not delayed")


class Source(Table):
    """``dataset.toml`` of a folder that is to become a pack."""

    source: Literal[1]
    about: About
    stimuli: StimuliSource
    responses: ResponsesSource | None = None
    epochs: EpochsSource | None = Field(None, description="of M/EEG: reader 'mne' or 'things-eeg2'")
    regions: tuple[RegionSource, ...] = ()
    rdms: tuple[RdmSource, ...] = ()
    triplets: TripletsSource | None = None
    timeline: TimelineSource | None = None
    split: SplitEntry | None = Field(None, description="none: one is proposed")
    published: tuple[Published, ...] = ()
    benchmark: dict[str, Any] | None = None


def is_source(folder: Path) -> bool:
    """True where ``folder/dataset.toml`` describes a source and not a pack."""
    try:
        return "source" in tomllib.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False


def read_source(folder: Path) -> Source:
    """Parse and validate ``folder/dataset.toml``.

    Raises
    ------
    BadDataset
        No such file (``not-a-source``), another version (``source-version``), fields still marked (``unfinished``), or
        a field that is wrong (``source``), named.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise BadDataset(
            f"no {MANIFEST} in this folder.",
            where=str(folder),
            mend=f"Write a draft with `gyral data init {folder}`.",
            code="not-a-source",
        )
    try:
        fields = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadDataset(f"not valid TOML: {error}.", where=str(path), code="source") from None
    version = fields.get("source")
    if version != SOURCE_VERSION or isinstance(version, bool):
        raise BadDataset(
            "this is a pack already, not a description of files."
            if version is None and "pack" in fields
            else f"source version {version!r} is not known; this Gyral reads version {SOURCE_VERSION}.",
            where=str(path),
            mend="A pack is checked by `gyral data check` and installed by `gyral data install`."
            if version is None and "pack" in fields
            else "Upgrade Gyral if a newer one wrote it."
            if isinstance(version, int) and version > SOURCE_VERSION
            else f"Put `source = {SOURCE_VERSION}` at the top of the file.",
            code="source-version",
        )
    if left := unfinished(fields):
        told = ", ".join(f"{field} (such as {_example(field)})" for field in left[:6])
        more = f" and {len(left) - 6} more" if len(left) > 6 else ""
        raise BadDataset(
            f"{'1 field is' if len(left) == 1 else f'{len(left)} fields are'} still to be filled in: {told}{more}.",
            where=str(path),
            mend=f"Write what is true in place of {TODO!r}, or delete the line where it says that it may go.",
            code="unfinished",
        )
    return parse_source(fields, str(path))


def parse_source(fields: dict[str, Any], where: str) -> Source:
    """The description in parsed TOML.

    Raises
    ------
    BadDataset
        A field is wrong (``source``); an unknown one is named with the nearest known one.
    """
    try:
        return Source.model_validate(fields)
    except ValidationError as error:
        every = error.errors()
        # a misspelt field is also a missing one, and the misspelling is the cause
        first = next((e for e in every if e["type"] in _UNKNOWN), every[0])
        # what pydantic calls the alternatives of a field ("str", "function-after[...]") is nobody's business
        loc = [str(p) for p in first["loc"] if not _ALTERNATIVE.search(str(p))]
        message = first["msg"].removeprefix("Value error, ")
        mend = None
        if first["type"] in _UNKNOWN:
            known = _fields_at(loc[:-1])
            near = get_close_matches(loc[-1], known, n=1)
            message, mend = (
                "there is no such field",
                f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}.",
            )
        code = "path-escapes" if "leaves the folder" in message else "source"
        raise BadDataset(f"{'.'.join(loc) or 'file'}: {message}.", where=where, mend=mend, code=code) from None


def unfinished(fields: object, at: str = "") -> list[str]:
    """Names of fields that still hold the draft's mark."""
    if isinstance(fields, str):
        return [at] if fields.strip() == TODO else []
    if isinstance(fields, dict):
        return [n for k, v in fields.items() for n in unfinished(v, f"{at}.{k}" if at else str(k))]
    if isinstance(fields, list):
        return [n for i, v in enumerate(fields) for n in unfinished(v, f"{at}[{i}]")]
    return []


# What a field of the draft may say.
_EXAMPLES = {
    "title": '"Natural scenes at 7 T"',
    "description": '"Two people saw 48 pictures three times each; betas of single trials."',
    "licence": '"CC BY 4.0"',
    "citation": '"Our laboratory (2026). In preparation."',
    "modality": '"image"',
    "table": '"stimuli.csv"',
    "kind": '"fMRI"',
    "unit": '"z"',
    "files": '"{subject}_responses.csv"',
    "stimulus": '"stimulus_id"',
    "subjects": '"sub-01"',
    "count": "[0.05, 0.25]",
    "period": "2.0",
    "main_region": '"V1"',
}


def _example(field: str) -> str:
    return _EXAMPLES.get(re.sub(r"\[\d+\]", "", field).rpartition(".")[2], '"a text"')


def _fields_at(loc: Sequence[str]) -> list[str]:
    tables: dict[str, Iterable[str]] = {
        "about": About.__dataclass_fields__,
        "stimuli": StimuliSource.model_fields,
        "responses": ResponsesSource.model_fields,
        "epochs": EpochsSource.model_fields,
        "regions": RegionSource.model_fields,
        "rdms": RdmSource.model_fields,
        "timeline": TimelineSource.model_fields,
        "split": SplitEntry.model_fields,
        "localiser": LocaliserSource.model_fields,
        "confounds": ConfoundsSource.model_fields,
        "pixels": PixelsSource.model_fields,
        "canvas": CanvasSource.model_fields,
        "triplets": TripletsSource.model_fields,
        "project": ProjectSource.model_fields,
        "join": JoinSource.model_fields,
    }
    # the innermost table that is known: regions.0.localiser
    named = [part for part in loc if part in tables]
    return sorted(tables[named[-1]] if named else () if loc else Source.model_fields)
