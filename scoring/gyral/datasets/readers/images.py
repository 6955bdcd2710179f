"""Images with a map a trial (single-trial betas): NIfTI, GIFTI, FreeSurfer and CIFTI, of one subject."""

from collections.abc import Sequence
from pathlib import Path

from gyral.datasets.readers.files import find_file, find_files
from gyral.datasets.readers.grayordinates import grayordinates_of, is_cifti
from gyral.datasets.readers.hdf5 import is_hdf5
from gyral.datasets.readers.localiser import localised
from gyral.datasets.readers.plain import described_units, shown_trials
from gyral.datasets.readers.projection import NIFTI, projected_of
from gyral.datasets.readers.recording import Recording
from gyral.datasets.readers.series import Series, parts_on
from gyral.datasets.readers.space import Space, choose_units
from gyral.datasets.readers.surface import SURFACE, pair_hemispheres, surface_of
from gyral.datasets.readers.volume import Volume, volume_of
from gyral.datasets.source import RegionSource, ResponsesSource
from gyral.errors import BadDataset


def open_series(source: ResponsesSource, regions: Sequence[RegionSource], folder: Path, subject: str) -> Series:
    """Places, units and rows of a subject's images; only headers are read.

    Raises
    ------
    BadDataset
        A file is missing, no image, or on other places than the first one.
    """
    paths = find_files(folder, source.files, subject)
    space = _space_of(paths, source, regions, folder, subject)
    within = localised(space, source, regions, folder, subject)
    chosen = choose_units(space, source, regions, folder, subject, within=within)
    parts, files = parts_on(space, paths, chosen.places, source.key or "betas")
    return Series(space, chosen, parts, files)


def _space_of(
    paths: Sequence[Path], source: ResponsesSource, regions: Sequence[RegionSource], folder: Path, subject: str
) -> Space:
    """The places of the first file (or hemispheres); of volumes in HDF5, those of the mask."""
    first = paths[0]
    if source.project is not None:
        return projected_of(source.project, first, folder, subject)
    if is_cifti(first):
        return grayordinates_of(first)
    if first.suffix in SURFACE:
        return surface_of(pair_hemispheres(paths)[0])
    if is_hdf5(first):
        return _grid_of(source, regions, folder, subject)
    if not first.name.endswith(NIFTI):
        raise BadDataset(
            "images end with .nii, .nii.gz, .gii, .mgh, .mgz, .dscalar.nii, .dtseries.nii or, with a NIfTI mask, .hdf5.",
            where=str(first),
            code="not-an-image",
        )
    return volume_of(first)[0]


def _grid_of(source: ResponsesSource, regions: Sequence[RegionSource], folder: Path, subject: str) -> Volume:
    """The grid of the mask, or of the first region: HDF5 files have none."""
    atlases = [a for r in regions for a in ([r.atlas] if isinstance(r.atlas, str) else r.atlas or ())]
    named = [source.mask, *(r.mask for r in regions), *atlases]
    image = next((n for n in named if n is not None), None)
    if image is None:
        raise BadDataset(
            "volumes in HDF5 have no grid of their own; a mask or a region in NIfTI must say it.",
            where="responses.mask",
            mend='mask = "nsddata/ppdata/{subject}/func1pt8mm/roi/nsdgeneral.nii.gz".',
            code="no-mask",
        )
    return volume_of(find_files(folder, image, subject)[0])[0]


def open_images(source: ResponsesSource, regions: Sequence[RegionSource], folder: Path, subject: str) -> Recording:
    """Single-trial maps, a row each, with the trials table that names their stimuli.

    Raises
    ------
    BadDataset
        As `open_series`; or maps are more or fewer than trials (``trial-count``).
    """
    series = open_series(source, regions, folder, subject)
    rows = sum(p.rows for p in series.parts)
    units = series.space.units(series.chosen.places, space=source.space)
    for name, image in source.unit_images.items():
        if not isinstance(series.space, Volume):
            raise BadDataset(
                "columns of units are read from NIfTI images of volumes only.",
                where="responses.unit_images",
                code="source",
            )
        units[name] = series.space.values(find_file(folder, image, subject))[series.chosen.places]
    return Recording(
        subject=subject,
        shown=shown_trials(source, folder, subject, rows),
        units=described_units(units, source, folder, subject),
        parts=series.parts,
        regions=series.chosen.regions,
    )
