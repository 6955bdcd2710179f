"""Series: files of images of one subject on one set of places, a part each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.readers.grayordinates import Grayordinates, cifti_part, is_cifti
from gyral.datasets.readers.hdf5 import is_hdf5
from gyral.datasets.readers.projection import NIFTI, Projected, projected_part
from gyral.datasets.readers.recording import Part
from gyral.datasets.readers.space import Chosen, Space
from gyral.datasets.readers.surface import SURFACE, Surface, pair_hemispheres, surface_part
from gyral.datasets.readers.volume import Volume, hdf5_part, volume_part
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


def parts_on(
    space: Space, paths: Sequence[Path], places: NDArray[np.int64], key: str = ""
) -> tuple[tuple[Part, ...], tuple[Path, ...]]:
    """Parts of files at some places, and the (first) file of each.

    Parameters
    ----------
    space : Space
    paths : sequence of Path
    places : int array
    key : str
        Variable of volumes in HDF5.

    Raises
    ------
    BadDataset
        A file is of another kind than the places (``not-an-image``), or on other places.
    """
    for path in paths:
        if not _may_be_on(space, path):
            raise BadDataset(
                f"this is no {_KINDS[type(space)]}, which the responses are.",
                where=str(path),
                mend="All images of a subject must be of one kind and on the same places.",
                code="not-an-image",
            )
    if isinstance(space, Grayordinates):
        return tuple(cifti_part(p, space, places) for p in paths), tuple(paths)
    if isinstance(space, Projected):
        return tuple(projected_part(p, space, places) for p in paths), tuple(paths)
    if isinstance(space, Surface):
        pairs = pair_hemispheres(paths)
        return tuple(surface_part(p, space, places) for p in pairs), tuple(next(iter(p.values())) for p in pairs)
    if not isinstance(space, Volume):
        raise TypeError(f"{type(space).__name__} is not a space of images")
    parts = (hdf5_part(p, key, space, places) if is_hdf5(p) else volume_part(p, space, places) for p in paths)
    return tuple(parts), tuple(paths)


_KINDS: dict[type, str] = {
    Grayordinates: "CIFTI file",
    Surface: "surface file",
    Projected: "NIfTI volume to be projected",
    Volume: "volume",
}


def _may_be_on(space: Space, path: Path) -> bool:
    if isinstance(space, Grayordinates):
        return is_cifti(path)
    if isinstance(space, Projected):
        return path.name.endswith(NIFTI) and not is_cifti(path)
    if isinstance(space, Surface):
        return path.suffix in SURFACE
    return is_hdf5(path) or (path.name.endswith(NIFTI) and not is_cifti(path))
