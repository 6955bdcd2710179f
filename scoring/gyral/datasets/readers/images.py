"""Images with a map a trial (single-trial betas): NIfTI, GIFTI, FreeSurfer and CIFTI, of one subject."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gyral.datasets.readers.files import find_file, find_files
from gyral.datasets.readers.hdf5 import is_hdf5
from gyral.datasets.readers.plain import shown_trials
from gyral.datasets.readers.recording import Part, Recording
from gyral.datasets.readers.space import Chosen, Space, choose_units
from gyral.datasets.readers.surface import (
    SURFACE,
    cifti_part,
    grayordinates_of,
    is_cifti,
    pair_hemispheres,
    surface_of,
    surface_part,
)
from gyral.datasets.readers.volume import Volume, hdf5_part, volume_of, volume_part
from gyral.datasets.source import RegionSource, ResponsesSource
from gyral.errors import BadDataset


@dataclass(frozen=True, eq=False)
class Series:
    """Files of one subject on one set of places.

    Parameters
    ----------
    space : Space
    chosen : Chosen
    parts : tuple of Part
        One a file (or pair of hemispheres).
    files : tuple of Path
        The (first) file of each part.
    """

    space: Space
    chosen: Chosen
    parts: tuple[Part, ...]
    files: tuple[Path, ...]


def open_series(source: ResponsesSource, regions: Sequence[RegionSource], folder: Path, subject: str) -> Series:
    """Places, units and rows of a subject's images; only headers are read.

    Raises
    ------
    BadDataset
        A file is missing, no image, or on other places than the first one.
    """
    paths = find_files(folder, source.files, subject)
    first = paths[0]
    if is_cifti(first):
        places = grayordinates_of(first)
        chosen = choose_units(places, source, regions, folder, subject)
        parts = tuple(cifti_part(p, places, chosen.places) for p in paths)
        return Series(places, chosen, parts, tuple(paths))
    if first.suffix in SURFACE:
        pairs = pair_hemispheres(paths)
        surface = surface_of(pairs[0])
        chosen = choose_units(surface, source, regions, folder, subject)
        parts = tuple(surface_part(p, surface, chosen.places) for p in pairs)
        return Series(surface, chosen, parts, tuple(next(iter(p.values())) for p in pairs))
    if is_hdf5(first):
        grid = _grid_of(source, regions, folder, subject)
        chosen = choose_units(grid, source, regions, folder, subject)
        parts = tuple(hdf5_part(p, source.key or "betas", grid, chosen.places) for p in paths)
        return Series(grid, chosen, parts, tuple(paths))
    if not first.name.endswith((".nii", ".nii.gz")):
        raise BadDataset(
            "images end with .nii, .nii.gz, .gii, .mgh, .mgz, .dscalar.nii, .dtseries.nii or, with a NIfTI mask, .hdf5.",
            where=str(first),
            code="not-an-image",
        )
    grid, _ = volume_of(first)
    chosen = choose_units(grid, source, regions, folder, subject)
    return Series(grid, chosen, tuple(volume_part(p, grid, chosen.places) for p in paths), tuple(paths))


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
    units = series.space.units(series.chosen.places, common=source.space is not None)
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
        units=units,
        parts=series.parts,
        regions=series.chosen.regions,
    )
