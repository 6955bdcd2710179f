"""Atlas: label images, a region a label, named by the file itself or by a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.readers.files import find_file, find_files
from gyral.datasets.readers.labels import LabelNames, further_names, is_nothing, read_label_names
from gyral.datasets.source import RegionSource
from gyral.errors import BadDataset

_WHOLE = 1e-3  # by which a label may miss a whole number: some programs keep them as floats


class Labelled(Protocol):
    """Places whose label images can be read (`gyral.datasets.readers.space.Space`)."""

    def labels(self, paths: Sequence[Path]) -> tuple[NDArray[np.float64], dict[int, str]]:
        """Value at every place, and names of values where the format has them."""
        ...


@dataclass(frozen=True, eq=False)
class Parcel:
    """One region of an atlas.

    Parameters
    ----------
    name : str
    path : tuple of str
        Names above it.
    title : str
    inside : bool array, places
    """

    name: str
    path: tuple[str, ...]
    title: str
    inside: NDArray[np.bool_]


def parcels_of(space: Labelled, region: RegionSource, folder: Path, subject: str) -> list[Parcel]:
    """One region a name of an atlas; several labels of one name (left and right) are one region.

    Raises
    ------
    BadDataset
        Labels are no whole numbers, or have no name (``atlas-labels``), images of the atlas disagree (``atlas-overlap``), or
        labels of one name stand at two places of the hierarchy (``region-path``).
    """
    paths = find_files(folder, region.atlas or (), subject)
    values, names = space.labels(paths)
    where = ", ".join(str(p) for p in paths)
    codes = _whole(values, where)
    _require_apart(space, paths)
    # some atlases mark with values below 0 what they do not cover
    present = [int(c) for c in np.unique(codes) if c > 0]
    told = LabelNames(names, {}, {})
    if region.labels is not None:
        table = find_file(folder, region.labels, subject)
        told = further_names(names, present, table) if names else read_label_names(table)
    if unnamed := [c for c in present if c not in told.names]:
        raise BadDataset(
            f"labels {unnamed[:5]!r} have no name.",
            where=where,
            mend='Name a table with columns "index" and "name": labels = "atlas.tsv". A row with an empty name is nothing.',
            code="atlas-labels",
        )
    found: dict[str, Parcel] = {}
    for code, name in told.names.items():
        if code <= 0 or is_nothing(name):
            continue
        inside = codes == code
        path, title = (*region.path, *told.above.get(code, ())), told.titles.get(code, "")
        if name in found:
            if found[name].path != path:
                both = " and at ".join(" > ".join((*p, name)) for p in (found[name].path, path))
                raise BadDataset(
                    f"region {name!r} stands at {both}.", where=region.labels or where, code="region-path"
                )
            inside |= found[name].inside
        found[name] = Parcel(name, path, title, inside)
    return list(found.values())


def _whole(values: NDArray[np.float64], where: str) -> NDArray[np.int64]:
    finite = np.where(np.isfinite(values), values, 0)
    codes = finite.round().astype(np.int64)
    if (odd := np.abs(finite - codes) > _WHOLE).any():
        raise BadDataset(
            f"{finite[odd][0]:g} is no label; labels are whole numbers.",
            where=where,
            mend="A map of probabilities is no atlas: cut it into masks, one a region.",
            code="atlas-labels",
        )
    return codes


def _require_apart(space: Labelled, paths: Sequence[Path]) -> None:
    """Refuse images of one atlas that label the same places differently: one would silently win."""
    if len(paths) < 2:
        return
    each = [np.nan_to_num(space.labels([p])[0]) for p in paths]
    for (one, first), (other, second) in combinations(zip(paths, each, strict=True), 2):
        shared = int(((first > 0) & (second > 0) & (first != second)).sum())
        if shared:
            raise BadDataset(
                f"{shared} places have another label in {other.name}.",
                where=str(one),
                mend="Images of one atlas must not overlap; name atlases that do in [[regions]] of their own.",
                code="atlas-overlap",
            )
