"""Opening: the reader that ``[responses]`` names, and a look at what one of another package gives."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gyral.datasets.readers import READERS
from gyral.datasets.readers.files import find_files, read_table
from gyral.datasets.readers.known import told_of
from gyral.datasets.readers.plain import SUBJECT
from gyral.datasets.readers.recording import Recording
from gyral.datasets.source import ResponsesSource, Source
from gyral.errors import BadDataset, GyralError, UserError


def open_recording_of(source: Source, folder: Path, subject: str) -> Recording:
    """A subject's recording by the reader that the description names.

    Raises
    ------
    BadDataset, UnknownName
        As the readers; or options for a reader that takes none (``source``).
    UserError
        A reader of another package cannot be loaded (``plugin-broken``), fails, or gives no sound recording
        (``plugin-failed``).
    """
    told = told_of(source)
    read = READERS.load(told.reader)
    if not READERS.origin(told.reader):
        if told.options:
            raise BadDataset(
                f"reader {told.reader!r} takes no options, and {sorted(told.options)!r} are given.",
                where="responses.options",
                mend="Its fields stand in [responses] itself.",
                code="source",
            )
        require_used(told)
        found: Recording = read(source, folder, subject)
        return found
    where = f"reader {told.reader!r} of {READERS.origin(told.reader)}"
    try:
        found = read(source, folder, subject)
    except GyralError:
        raise
    except Exception as error:  # whatever a third party's code does
        raise UserError(
            f"it failed on subject {subject!r}: {type(error).__name__}: {error}", where=where, code="plugin-failed"
        ) from error
    if wrong := why_unsound(found):
        raise UserError(f"subject {subject!r}: {wrong}.", where=where, code="plugin-failed")
    return found


# Fields of [responses] that not every reader looks at, and which do.
_ONLY: dict[str, tuple[str, ...]] = {
    "trials": ("array", "images", "mne", "things-eeg2"),
    "story": ("table", "array", "images"),
    "key": ("array", "images", "netcdf"),
    "transposed": ("array",),
    "units": ("table",),
    "unit_images": ("images",),
    "mask": ("array", "images", "bold"),
    "space": ("images", "bold"),
    "project": ("images", "bold"),
    "subject_name": ("brainio", "netcdf"),
    "time_bin": ("brainio",),
    "dimensions": ("netcdf",),
    "intervals": ("nwb",),
    "count": ("nwb",),
    "channels": ("mne",),
    "electrodes": ("mne", "things-eeg2"),
    "events": ("bold", "mne"),
    "volumes": ("bold",),
    "tr": ("bold",),
    "estimate": ("bold",),
    "window": ("bold",),
    "hrf": ("bold",),
    "high_pass": ("bold",),
    "confounds": ("bold",),
}
# Fields of reader "bold" that not every estimate looks at, and which do.
_ESTIMATES: dict[str, tuple[str, ...]] = {
    "window": ("average",),
    "hrf": ("lsa", "lss"),
    "high_pass": ("lsa", "lss"),
    "confounds": ("lsa", "lss"),
}


def require_used(told: ResponsesSource) -> None:
    """Refuse fields that the reader would pass over: who writes them means something by them.

    Raises
    ------
    BadDataset
        ``source``.
    """
    _require_looked_at(told, "reader", _ONLY)
    if told.reader == "bold":
        if told.nuisances:
            raise BadDataset(
                "reader 'bold' does not look at nuisances: events have no motion, volumes do.",
                where="responses.nuisances",
                mend="With estimate 'lsa' or 'lss', `confounds` take motion out in the model that makes the betas; of betas made elsewhere (reader 'images') "
                "write motion into the trials table.",
                code="source",
            )
        _require_looked_at(told, "estimate", _ESTIMATES)


def _require_looked_at(told: ResponsesSource, by: str, fields: Mapping[str, Sequence[str]]) -> None:
    chosen = getattr(told, by)
    for name, which in fields.items():
        default = ResponsesSource.model_fields[name].get_default()
        if chosen not in which and getattr(told, name) != default:
            raise BadDataset(
                f"{by} {chosen!r} does not look at {name}.",
                where=f"responses.{name}",
                mend=f"Delete the line; {' and '.join(repr(w) for w in which)} {'does' if len(which) == 1 else 'do'}.",
                code="source",
            )


# Readers whose files may hold several people, each by a name inside.
_OF_MANY = ("brainio", "netcdf")


def require_own_files(told: ResponsesSource, folder: Path) -> None:
    """Refuse a file that would be read for two people, who would then be one person twice.

    Raises
    ------
    BadDataset
        ``subjects-share``; but for readers of other packages, and files that say inside whose each row or unit is.
    """
    if len(told.subjects) < 2 or READERS.origin(told.reader) or told.reader in _OF_MANY:
        return
    owner: dict[Path, str] = {}
    of_many = set[Path]()
    for subject in told.subjects:
        for path in (p.resolve() for p in find_files(folder, told.files, subject)):
            first = owner.setdefault(path, subject)
            if first == subject or path in of_many:
                continue
            if told.reader != "table" or SUBJECT not in read_table(path):
                raise _shared(told, path, first, subject)
            of_many.add(path)


def _shared(told: ResponsesSource, path: Path, first: str, second: str) -> BadDataset:
    mend = "{subject} in responses.files stands for each; {subject}_* keeps names apart that begin alike."
    if told.reader == "table":
        mend += f" Or a column {SUBJECT!r} of the table says whose each row is."
    return BadDataset(
        f"it would be read for subject {first!r} and for {second!r}.",
        where=str(path),
        mend=mend,
        code="subjects-share",
    )


def why_unsound(found: object) -> str:
    """What is wrong with what a reader gives, before any number is read; empty where nothing is."""
    if not isinstance(found, Recording):
        return f"it gives {type(found).__name__}, and a Recording is expected"
    rows = sum(part.rows for part in found.parts)
    if "stimulus" not in found.shown:
        return f"the table 'shown' has columns {[str(c) for c in found.shown]!r}, and no 'stimulus'"
    if len(found.shown) != rows:
        return f"the table 'shown' has {len(found.shown)} rows, and the parts have {rows} together"
    if "unit" not in found.units:
        return f"the table 'units' has columns {[str(c) for c in found.units]!r}, and no 'unit'"
    for region in found.regions:
        if len(region.units) and not 0 <= region.units.min() <= region.units.max() < len(found.units):
            return f"region {region.name!r} holds units that are not among the {len(found.units)} there are"
    return ""
