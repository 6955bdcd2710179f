"""Space: the places (voxels, vertices, grayordinates) that images hold, and which of them are units and in which region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.readers.atlas import parcels_of
from gyral.datasets.readers.files import find_files, numbers, texts
from gyral.datasets.readers.labels import is_nothing
from gyral.datasets.readers.recording import FoundRegion
from gyral.datasets.readers.surface import hemisphere_of
from gyral.datasets.readers.volume import Volume
from gyral.datasets.source import RegionSource, ResponsesSource
from gyral.errors import BadDataset, UnknownName


class Space(Protocol):
    """Places in a fixed order; every image of a subject must hold the same ones."""

    @property
    def size(self) -> int:
        """Number of places."""
        ...

    def labels(self, paths: Sequence[Path]) -> tuple[NDArray[np.float64], dict[int, str]]:
        """Value at every place of a mask or label image, and names of values where the format has them.

        Raises
        ------
        BadDataset
            The image has other places: ``image-shape``, ``image-affine``, ``image-flipped``.
        """
        ...

    def units(self, chosen: NDArray[np.int64], *, space: str | None) -> pd.DataFrame:
        """Unit table of some places; coordinates (mm) and mesh only of a common space, which ``space`` names."""
        ...


@dataclass(frozen=True)
class Chosen:
    """Places that are units, and the regions images say they are in."""

    places: NDArray[np.int64]
    regions: tuple[FoundRegion, ...]


def choose_units(
    space: Space,
    source: ResponsesSource,
    regions: Sequence[RegionSource],
    folder: Path,
    subject: str,
    *,
    every: bool = False,
    within: Mapping[str, NDArray[np.bool_]] | None = None,
) -> Chosen:
    """The places of ``responses.mask``, or without one those of any region (all where ``every``).

    A surface has nothing but brain: a region of all units (``all``) that stands alone makes every place of it one. A volume has air.

    Numbers of regions are columns of the recording.

    Parameters
    ----------
    space : Space
    source : ResponsesSource
    regions : sequence of RegionSource
    folder : Path
    subject : str
    every : bool
    within : mapping of name to bool array, places, optional
        What localisers found (`gyral.datasets.readers.localiser`).

    Raises
    ------
    BadDataset
        Neither a mask nor a region (``no-mask``), several masks (``file-missing``), nothing inside (``empty-mask``), or a
        localiser beside a reader that has no images (``source``).
    """
    inside: list[tuple[RegionSource, str, tuple[str, ...], str, NDArray[np.bool_]]] = []
    for region in regions:
        if region.localiser is not None:
            name = _named(region)
            if within is None:
                raise BadDataset(
                    f"region {name!r} has a localiser, which goes with readers 'images' and 'bold'.",
                    where="regions.localiser",
                    mend="Make its mask with the program that made the responses, and name it as regions.mask.",
                    code="source",
                )
            inside.append((region, name, region.path, region.title, within[name]))
        elif region.mask is not None:
            values, _ = space.labels(find_files(folder, region.mask, subject))
            inside.append((region, _named(region), region.path, region.title, values > 0))
        elif region.atlas is not None:
            inside += [
                (region, p.name, p.path, p.title, p.inside) for p in parcels_of(space, region, folder, subject)
            ]
    if source.mask is not None:
        used = space.labels(masks_of(folder, source.mask, subject))[0] > 0
    elif every:
        used = np.ones(space.size, np.bool_)
    elif inside:
        used = np.logical_or.reduce([mask for *_, mask in inside])
    elif not isinstance(space, Volume) and any(region.all for region in regions):
        used = np.ones(space.size, np.bool_)
    else:
        raise BadDataset(
            "neither a mask nor a region says which places are units.",
            where="responses.mask",
            mend='Name a mask image (a brain mask, say): mask = "sub-01_desc-brain_mask.nii.gz".',
            code="no-mask",
        )
    if not used.any():
        raise BadDataset(f"nothing is inside for subject {subject!r}.", where="responses.mask", code="empty-mask")
    places = np.flatnonzero(used).astype(np.int64)
    found = tuple(
        FoundRegion(name, (*path, name), title, np.flatnonzero(mask[places]).astype(np.int64))
        for _, name, path, title, mask in inside
    )
    return Chosen(places, found)


def masks_of(folder: Path, pattern: str, subject: str) -> list[Path]:
    """The one mask of the responses, or one a hemisphere.

    Raises
    ------
    BadDataset
        Several match (``file-missing``): nobody says whether what all of them hold is meant, or what any does.
    """
    paths = find_files(folder, pattern, subject)
    if len(paths) == 1:
        return paths
    try:
        sides = [hemisphere_of(p) for p in paths]
    except BadDataset:  # names that say nothing of a side
        sides = []
    if not sides or len(set(sides)) < len(sides):
        raise BadDataset(
            f"{len(paths)} masks match {pattern!r}, one is expected (or one a hemisphere): {[p.name for p in paths[:3]]!r}.",
            where=str(folder),
            mend="Name one; of masks of runs make the one of places that all have "
            "(nilearn.masking.intersect_masks(masks, threshold=1)).",
            code="file-missing",
        )
    return paths


def table_regions(units: pd.DataFrame, regions: Sequence[RegionSource], subject: str) -> list[FoundRegion]:
    """Regions that the unit table says: named units, values of a column, or all units.

    Raises
    ------
    UnknownName
        No such unit or column.
    """
    found = []
    for region in regions:
        if region.mask is not None or region.atlas is not None or region.localiser is not None:
            continue
        if region.column is not None:
            values = texts(units, region.column, f"units of subject {subject!r}")
            for name in dict.fromkeys(v for v in values if not is_nothing(v)):
                own = np.flatnonzero([v == name for v in values]).astype(np.int64)
                found.append(FoundRegion(name, (*region.path, name), "", own))
            continue
        names = [str(u) for u in units["unit"]]
        if region.flags:
            own = np.flatnonzero(_flagged(units, region, subject)).astype(np.int64)
        elif region.sensors:
            own = _of_sensors(region.sensors, texts(units, "sensor", f"units of subject {subject!r}"), subject)
        elif region.all:
            own = np.arange(len(names), dtype=np.int64)
        else:
            known = {n: i for i, n in enumerate(names)}
            for unit in region.units:
                if unit not in known:
                    raise UnknownName(f"unit of subject {subject!r}", unit, known)
            own = np.array([known[u] for u in region.units], np.int64)
        found.append(FoundRegion(_named(region), (*region.path, _named(region)), region.title, own))
    return found


def _flagged(units: pd.DataFrame, region: RegionSource, subject: str) -> NDArray[np.bool_]:
    """True where any of the columns is 1."""
    where = f"units of subject {subject!r}"
    found = np.zeros(len(units), np.bool_)
    for name in region.flags:
        if name not in units:
            raise UnknownName(f"column of {where}:", name, [str(c) for c in units])
        held = units[name]
        values = held.to_numpy() if held.dtype.kind == "b" else numbers(units, name, where)
        if not np.isin(values, (0, 1)).all():
            raise BadDataset(
                f"column {name!r} of the {where} holds {values[~np.isin(values, (0, 1))][0]:g}; a flag is 0 or 1.",
                where="regions.flags",
                mend="A column with a name a unit makes regions by regions.column.",
                code="table",
            )
        found |= values == 1
    return found


def _of_sensors(patterns: Sequence[str], sensors: Sequence[str], subject: str) -> NDArray[np.int64]:
    """Units of the sensors that match any of the patterns; each pattern must match one."""
    chosen = np.zeros(len(sensors), np.bool_)
    for pattern in patterns:
        own = np.array([fnmatchcase(s, pattern) for s in sensors], np.bool_)
        if not own.any():
            raise UnknownName(f"sensor of subject {subject!r}", pattern, set(sensors))
        chosen |= own
    return np.flatnonzero(chosen).astype(np.int64)


def _named(region: RegionSource) -> str:
    if region.name is None:
        raise BadDataset("a region needs a name.", where="regions.name", code="source")
    return region.name
