"""What a folder holds: formats and published layouts by their names and headers, without reading the data."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from math import prod
from pathlib import Path, PurePosixPath

from gyral.datasets.layouts.known import layout_of
from gyral.datasets.layouts.layout import IMAGES, Layout
from gyral.datasets.manifest import MANIFEST
from gyral.datasets.readers.brainio import why_no_netcdf
from gyral.datasets.readers.hdf5 import DISSIMILARITIES, HDF5, is_hdf5, listed, shapes_in, tables_in
from gyral.datasets.sound import ENDINGS, LONGEST
from gyral.errors import BadDataset, UserError

MOST = 20_000  # files looked at
_MOST_UNREAD = 8  # files of which it is said why they are not read
_MOST_NAMES = 500_000  # files whose names are looked at for published datasets
_SUBJECT = re.compile(r"(?:^|[/_])(sub-[A-Za-z0-9]+|subj?\d+|UTS\d+|P\d+)(?=[/_.-])")
RECORDINGS = (".fif", ".fif.gz", ".set", ".edf", ".bdf", ".vhdr")
_ARRAYS = (*HDF5, ".npy")
TABLES = (".csv", ".tsv", ".parquet")
_SURFACES = (".func.gii", ".shape.gii", ".gii", ".mgh", ".mgz")
_LABELS = ("dseg", "atlas", "parcel", "aparc", "labels")  # in names of label images
_ANATOMY = r"(?:^|[._-])(?:thickness|curv|sulc|area|volume)\."  # measures of the brain, no responses
_CIFTI = (".dscalar.nii", ".dtseries.nii", ".pscalar.nii", ".ptseries.nii")
LOOKED_FOR = (
    "Looked for: responses in NIfTI, GIFTI, CIFTI, FreeSurfer maps, .npy, .npz, .mat, HDF5, NWB, M/EEG recordings "
    f"({', '.join(RECORDINGS)}), or tables ({', '.join(TABLES)}); stimuli as images, sounds or in a table; BIDS names (sub-01, "
    "_events.tsv); datasets of docs/published.md. Name the folder that holds such files."
)


@dataclass(frozen=True)
class Sight:
    """One thing that was recognised.

    Parameters
    ----------
    what : str
        Format or layout.
    count : int
        Files.
    readable : bool
        False: it is known what this is, and `gyral data build` does not read it.
    hint : str
        What to do with what is not read.
    """

    what: str
    count: int
    readable: bool
    hint: str = ""


@dataclass(frozen=True)
class Look:
    """A folder's files by what they seem to be; paths are relative.

    Parameters
    ----------
    sights : tuple of Sight
    subjects : tuple of str
        BIDS-like names found in paths.
    files : dict of kind to list of path
        ``bold``, ``events``, ``confounds``, ``mask``, ``atlas``, ``volume``, ``surface``, ``cifti``, ``array``, ``rdm``,
        ``table``, ``image``, ``sound``, ``recording``, ``channels``, ``electrodes`` (of BIDS-iEEG), ``nwb``,
        ``textgrid``.
    cut : bool
        True where there are more files than were looked at.
    layout : Layout or None
        The published dataset that the files tell of.
    unread : dict of path to str
        Why files that should hold responses by their names (the first ones) are not read.
    """

    sights: tuple[Sight, ...]
    subjects: tuple[str, ...]
    files: dict[str, list[str]] = field(default_factory=dict)
    cut: bool = False
    layout: Layout | None = None
    unread: dict[str, str] = field(default_factory=dict)


# Formats that are known and not read: what gives them away, and what to do.
_FORMATS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("HDF5", HDF5, "of no use here"),
    ("netCDF", (".nc",), "of no use here"),
    ("arrays of NumPy", (".npy",), "of no use here"),
    (
        "sounds",
        (*ENDINGS, ".mp3", ".m4a"),
        f"stimuli are .wav, .flac or .ogg of {LONGEST:g} seconds at most; speech that goes on is a story of words",
    ),
    ("video", (".mp4", ".avi", ".webm"), "save its frames as images, and name the clip of each (stimuli.group)"),
    ("pickles", (".pkl", ".pickle"), "never read: a pickle runs code when it is opened"),
)


def look(folder: Path) -> Look:
    """Recognise what lies in a folder.

    Raises
    ------
    BadDataset
        There is no such folder, or nothing in it (``empty-folder``).
    """
    if not folder.is_dir():
        raise BadDataset("there is no such folder.", where=str(folder), code="empty-folder")
    names: list[str] = []
    unread: dict[str, str] = {}
    layout = None
    for count, name in enumerate(_walk(folder)):
        if count <= MOST:
            names.append(name)
        if name.lower().endswith(".nc") and (why := why_no_netcdf(folder / name)):
            unread[name] = why
            continue
        layout = layout or layout_of([name])
        # a folder of images may hide what gives a published dataset away
        if count > MOST and (layout is not None or count > _MOST_NAMES):
            break
    if not names:
        raise BadDataset("there is no file in it.", where=str(folder), code="empty-folder")
    files: dict[str, list[str]] = {}
    for name in names:
        kind = _kind(folder, name)
        # a .mat of a published dataset holds other things than dissimilarities
        if kind is not None and not (kind == "rdm" and layout is not None and layout.tell(name)):
            files.setdefault(kind, []).append(name)
    subjects = sorted({m for n in names for m in _SUBJECT.findall(n)})
    layout = layout_of(n for n in names if n not in unread) or layout
    own = {n for kind in files.values() for n in kind} | set(unread)
    # Published sets have arrays beside those that are read.
    looked = HDF5 if layout is not None else _ARRAYS
    odd = (n for n in names if n.lower().endswith(looked) and n not in own and not (layout and layout.tell(n)))
    unread |= dict(islice(((n, why) for n in odd if (why := _why_unread(folder / n))), _MOST_UNREAD))
    return Look(
        tuple(_sights(names, files, layout, unread)), tuple(subjects), files, len(names) > MOST, layout, unread
    )


def _walk(folder: Path) -> Iterator[str]:
    """Relative paths of files, hidden ones and packs left out, sorted within each folder."""
    for root, folders, files in os.walk(folder):
        here = Path(root)
        if here != folder and MANIFEST in files:
            folders.clear()
            continue
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name != MANIFEST:
                yield (here / name).relative_to(folder).as_posix()


def _kind(folder: Path, name: str) -> str | None:
    base = PurePosixPath(name).name.lower()
    if base.endswith(_CIFTI):
        return "bold" if "_bold." in base else "cifti"
    if base.endswith(RECORDINGS):
        # further pieces of a long recording are read with the first
        return None if re.search(r"-\d+\.fif(\.gz)?$", base) else "recording"
    if base.endswith((".nii", ".nii.gz")):
        if "_bold." in base or base.startswith("bold."):
            return "bold"
        if "mask" in base or "/masks/" in f"/{name.lower()}" or "/rois/" in f"/{name.lower()}":
            return "mask"
        if any(w in base for w in _LABELS):
            return "atlas"
        if re.search(r"(?<!space-)t[12]w|anat|lowres|boldref|probseg", base):
            return None
        return "volume" if "beta" in base or _is_series(folder / name) else "mask"
    if base.endswith((".label.gii", ".annot", ".dlabel.nii")):
        return "atlas"
    if base.endswith((".surf.gii",)):
        return None
    if base.endswith(_SURFACES):
        if "_bold." in base:
            return "bold"
        if re.search(_ANATOMY, base):
            return None
        return "atlas" if any(w in base for w in _LABELS) or _is_label_map(folder / name) else "surface"
    if base.endswith("_events.tsv"):
        return "events"
    if base.endswith(".nwb"):
        return "nwb"
    if base.endswith(".textgrid"):
        return "textgrid"
    if base.endswith("_channels.tsv"):
        return "channels" if base.endswith("_ieeg_channels.tsv") or "/ieeg/" in f"/{name.lower()}" else None
    if base.endswith("_electrodes.tsv"):
        return "electrodes"
    if "confounds" in base and base.endswith(".tsv"):
        return "confounds"
    if base.endswith((".npy", ".npz", ".mat")):
        return _array_kind(folder / name)
    if base.endswith(HDF5):
        return _hdf5_kind(folder / name)
    if base.endswith(TABLES) and base not in ("participants.tsv",):
        return "table"
    if base.endswith(ENDINGS):
        return "sound" if _is_short(folder / name) else None
    return "image" if base.endswith(IMAGES) else None


def _is_label_map(path: Path) -> bool:
    """True for one map of whole numbers in a FreeSurfer file, by its header."""
    from gyral.datasets.readers.volume import load_image  # slow import, only for images

    if path.suffix not in (".mgh", ".mgz"):
        return False
    try:
        image = load_image(path)
    except BadDataset:
        return False
    return image.get_data_dtype().kind in "iu" and prod(image.shape) == max(image.shape)


def _is_short(path: Path) -> bool:
    """True for a sound that may be a stimulus; of one that cannot be read, too: the build says what is wrong with it."""
    import soundfile  # slow import, only for sounds

    try:
        about = soundfile.info(path)
    except soundfile.SoundFileError:
        return True
    return bool(about.frames <= LONGEST * about.samplerate)


def _is_series(path: Path) -> bool:
    """True for a NIfTI image of several volumes; of one that cannot be read, too: the build says what is wrong with it."""
    from gyral.datasets.readers.volume import load_image  # slow import, only for images

    try:
        image = load_image(path)
    except BadDataset:
        return True
    return bool(image.ndim == 4 and image.shape[3] > 1)


def _hdf5_kind(path: Path) -> str | None:
    try:
        shapes = shapes_in(path)
    except UserError:  # said by `_why_unread`
        return None
    return "rdm" if DISSIMILARITIES in shapes else "array" if tables_in(shapes) else None


def _why_unread(path: Path) -> str:
    """What is wrong with an HDF5 file, or an array of NumPy, of no kind that is known; empty where it may be beside responses."""
    if not is_hdf5(path):
        return _why_no_array(path)
    try:
        held = listed(shapes_in(path))
    except UserError as error:
        return f"{error.what} {error.mend or ''}".strip()
    return f"it holds {held or 'no numbers'}; an array of two axes is expected, trials x units or units x trials."


def _why_no_array(path: Path) -> str:
    shape = _shape_of(path)
    if shape is None:
        return "no array can be read from it; plain numbers are expected (np.save, without pickled objects)."
    if len(shape) < 2:  # an order of trials, a list of voxels
        return ""
    held = " x ".join(map(str, shape))
    return f"it holds an array of {held}; two axes are expected, trials x units (of epochs: numpy's reshape(trials, -1))."


def _array_kind(path: Path) -> str | None:
    """Square stacks are dissimilarities; two axes are trials x units."""
    import numpy as np  # here: the names alone need no arrays

    if path.suffix == ".mat":
        return "rdm"
    if path.suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as found:
                return "rdm" if any(_square(found[k].shape) for k in found.files) else None
        except (ValueError, OSError, EOFError):
            return None
    shape = _shape_of(path)
    if shape is None:
        return None
    return "rdm" if _square(shape) else "array" if len(shape) == 2 else None


def _shape_of(path: Path) -> tuple[int, ...] | None:
    """Of an array in ``.npy``; None where none can be read without running code."""
    import numpy as np  # here: the names alone need no arrays

    try:
        return tuple(np.load(path, mmap_mode="r", allow_pickle=False).shape)
    except (ValueError, OSError, EOFError):
        return None


def _square(shape: tuple[int, ...]) -> bool:
    return len(shape) >= 2 and shape[-1] == shape[-2] > 2


def _sights(
    names: list[str], files: dict[str, list[str]], layout: Layout | None, unread: dict[str, str]
) -> Iterator[Sight]:
    if "dataset_description.json" in names or (files.get("bold") and files.get("events")):
        yield Sight("BIDS", len(files.get("bold", [])), readable=True)
    for what, kind in (
        ("BOLD series", "bold"),
        ("events tables", "events"),
        ("confounds tables", "confounds"),
        ("volumes (NIfTI)", "volume"),
        ("masks", "mask"),
        ("atlases and label images", "atlas"),
        ("surface maps (GIFTI, FreeSurfer)", "surface"),
        ("CIFTI", "cifti"),
        ("dissimilarity matrices", "rdm"),
        ("arrays", "array"),
        ("M/EEG recordings", "recording"),
        ("tables of electrodes (iEEG)", "electrodes"),
        ("spikes (NWB)", "nwb"),
        ("tables", "table"),
        ("word times (TextGrid)", "textgrid"),
        ("images", "image"),
        ("sounds", "sound"),
    ):
        if files.get(kind):
            yield Sight(what, len(files[kind]), readable=True)
    if layout is not None:
        yield Sight(layout.name, max(1, sum(layout.tell(n) for n in names if n not in unread)), readable=True)
    own = {n for kind in files.values() for n in kind}
    if layout is not None:
        own |= {n for n in names if n.endswith(".npy") or (layout.tell(n) and n not in unread)}
    for what, endings, hint in _FORMATS:
        if count := sum(n.lower().endswith(endings) for n in names if n not in own):
            why = " ".join(f"{n}: {said}" for n, said in unread.items() if n.lower().endswith(endings))
            yield Sight(what, count, readable=False, hint=why.rstrip(".") or hint)
