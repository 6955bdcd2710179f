"""Surfaces: GIFTI and FreeSurfer (.mgh, .annot) files of a hemisphere each, a map a row, through nibabel."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.mesh import MESHES, require_space
from gyral.datasets.readers.entities import require_paired
from gyral.datasets.readers.line import LINES, placed_line
from gyral.datasets.readers.recording import Array, Part
from gyral.datasets.readers.volume import load_image, read_block
from gyral.errors import BadDataset

_SIDE = re.compile(r"(?:hemi-|[._-])?(?<![A-Za-z])(lh|rh|L|R)(?=[._-])")
_SIDES = {"lh": "left", "L": "left", "rh": "right", "R": "right"}
SURFACE = (".gii", ".mgh", ".mgz")


def hemisphere_of(path: Path) -> str:
    """``left`` or ``right``, from the file's name (``hemi-L``, ``lh.``, ``.R.``).

    Raises
    ------
    BadDataset
        The name says neither (``hemisphere``).
    """
    side = side_of(path)
    if not side:
        raise BadDataset(
            "the name does not say which hemisphere it is.",
            where=str(path),
            mend="Names of surface files hold hemi-L or hemi-R (BIDS), or start with lh. or rh. (FreeSurfer).",
            code="hemisphere",
        )
    return side


def side_of(path: Path) -> str:
    """``left`` or ``right``, from the file's name; "" where it says neither."""
    found = _SIDE.findall(path.name)
    return _SIDES[found[-1]] if found else ""


@dataclass(frozen=True, eq=False)
class Surface:
    """Vertices of one or two hemispheres, left first.

    Parameters
    ----------
    counts : dict of hemisphere to number of vertices
    """

    counts: dict[str, int]

    @property
    def size(self) -> int:
        """Number of vertices over hemispheres."""
        return sum(self.counts.values())

    def labels(self, paths: Sequence[Path]) -> tuple[NDArray[np.float64], dict[int, str]]:
        """Values of files of a hemisphere each; names of ``.label.gii`` and ``.annot``, the same name one code. See `Space`.

        A plain list of numbers (`gyral.datasets.readers.line`) may be of both hemispheres.
        """
        codes: dict[str, int] = {}
        parts = {side: np.zeros(count) for side, count in self.counts.items()}
        for path in paths:
            if path.suffix in LINES:
                for own, values in placed_line(path, self.counts, side_of(path), "vertices").items():
                    parts[own] = np.where(values != 0, values, parts[own])
                continue
            side = hemisphere_of(path)
            values, names = _annotation(path) if path.suffix == ".annot" else _gifti_labels(path)
            if len(values) != self.counts.get(side, 0):
                raise BadDataset(
                    f"{len(values)} vertices; the {side} hemisphere of the responses has {self.counts.get(side, 0)}.",
                    where=str(path),
                    mend="Both must be on one mesh (fsaverage5 has 10,242 vertices a hemisphere, fsaverage 163,842).",
                    code="image-shape",
                )
            if names:
                code = {k: codes.setdefault(n, len(codes) + 1) for k, n in names.items() if k != 0}
                values = np.array([code.get(int(v), 0) for v in values], np.float64)
            parts[side] = np.where(values != 0, values, parts[side])
        return np.concatenate(list(parts.values())), {c: n for n, c in codes.items()}

    def units(self, chosen: NDArray[np.int64], *, space: str | None) -> pd.DataFrame:
        """``lh-000000`` ..., hemisphere and vertex; the mesh of a common space, after which it is named.

        Raises
        ------
        BadDataset
            The mesh of that name has another number of vertices (``image-shape``).
        UnknownName
            The name is like that of a known mesh.
        """
        side = np.repeat(list(self.counts), list(self.counts.values()))[chosen]
        vertex = np.concatenate([np.arange(n) for n in self.counts.values()])[chosen]
        names = [f"{s[0]}h-{v:06d}" for s, v in zip(side, vertex, strict=True)]
        table = pd.DataFrame({"unit": names, "hemisphere": side.astype(str), "vertex": vertex})
        return table if space is None else table.assign(mesh=mesh_named(space, self.counts))


def mesh_named(space: str, counts: Mapping[str, int]) -> str:
    """``space``, if a mesh of that name can have so many vertices a hemisphere."""
    known = MESHES.get(require_space(space))
    other = {side: count for side, count in counts.items() if count != known}
    if known is not None and other:
        raise BadDataset(
            f"{space} has {known:,} vertices a hemisphere; these files have {other!r}.",
            where="responses.space",
            mend="Name the mesh that the files are on, or leave space out.",
            code="image-shape",
        )
    return space


def pair_hemispheres(paths: Sequence[Path]) -> list[dict[str, Path]]:
    """Files of the same run together, left first.

    Raises
    ------
    BadDataset
        The hemispheres have different numbers of files (``hemisphere``), or names of a pair speak of two runs (``entities``).
    """
    sides: dict[str, list[Path]] = {}
    for path in paths:
        sides.setdefault(hemisphere_of(path), []).append(path)
    counts = {side: len(found) for side, found in sorted(sides.items())}
    if len(set(counts.values())) > 1:
        raise BadDataset(
            f"the hemispheres have different numbers of files: {counts!r}.",
            where=str(paths[0].parent),
            code="hemisphere",
        )
    ordered = sorted(sides)
    pairs = [dict(zip(ordered, files, strict=True)) for files in zip(*(sides[s] for s in ordered), strict=True)]
    for first, *others in (tuple(pair.values()) for pair in pairs):
        for other in others:
            require_paired(first, other, "other hemisphere")
    return pairs


def surface_of(files: dict[str, Path]) -> Surface:
    """Vertices of the files of one run."""
    return Surface({side: _maps(path).shape[1] for side, path in files.items()})


def surface_part(files: dict[str, Path], surface: Surface, chosen: NDArray[np.int64]) -> Part:
    """Rows of one run; GIFTI is XML, so that a file is read whole when its rows are asked for.

    Raises
    ------
    BadDataset
        Another number of vertices (``image-shape``), or hemispheres of different lengths (``trial-count``).
    """
    lengths = {}
    for side, path in files.items():
        maps = _maps(path)
        lengths[side] = len(maps)
        if maps.shape[1] != surface.counts[side]:
            raise BadDataset(
                f"{maps.shape[1]} vertices; the first file has {surface.counts[side]}.",
                where=str(path),
                code="image-shape",
            )
    if len(set(lengths.values())) > 1:
        raise BadDataset(
            f"the hemispheres have different numbers of maps: {lengths!r}.",
            where=", ".join(str(p) for p in files.values()),
            code="trial-count",
        )
    count = next(iter(lengths.values()))

    def blocks(most: int) -> Iterator[Array]:
        whole = np.concatenate([_maps(p) for p in files.values()], axis=1)[:, chosen]
        for start in range(0, count, most):
            yield whole[start : start + most]

    return Part(count, blocks, ", ".join(p.name for p in files.values()))


def _maps(path: Path) -> NDArray[np.float32]:
    """All maps of a hemisphere, maps x vertices."""
    image = load_image(path)
    if path.suffix == ".gii":
        if not image.darrays:
            raise BadDataset("no data array in the file.", where=str(path), code="not-an-image")
        arrays = [np.asarray(d.data, np.float32) for d in image.darrays]
        # One array a map, or one of vertices x maps.
        return arrays[0].T if len(arrays) == 1 and arrays[0].ndim == 2 else np.stack(arrays)
    data = np.asarray(read_block(image.dataobj, ..., path), np.float32)
    if sum(n > 1 for n in data.shape[:3]) > 1:
        raise BadDataset(
            f"a volume of {' x '.join(map(str, data.shape[:3]))} voxels; a value a vertex is expected.",
            where=str(path),
            mend="Volumes are read from NIfTI (mri_convert); files of surfaces have vertices on one axis and maps on the fourth.",
            code="not-an-image",
        )
    # mostly vertices x 1 x 1 x maps, but some programs write 1 x 1 x vertices
    return np.ascontiguousarray(data.reshape(int(np.prod(data.shape[:3])), -1).T)


def require_one_map(path: Path, count: int) -> None:
    """Refuse a mask or atlas of several maps (``image-shape``): nobody says which is meant."""
    if count != 1:
        raise BadDataset(
            f"{count} maps; a mask or an atlas has one.",
            where=str(path),
            mend="Save the one that is meant as a file of its own.",
            code="image-shape",
        )


def _gifti_labels(path: Path) -> tuple[NDArray[np.float64], dict[int, str]]:
    image = load_image(path)
    maps = _maps(path)
    require_one_map(path, len(maps))
    values = np.nan_to_num(maps[0].astype(np.float64))
    table = getattr(image, "labeltable", None)
    names = {} if table is None else {int(k): str(n) for k, n in table.get_labels_as_dict().items()}
    return values, names if path.name.endswith(".label.gii") else {}


def _annotation(path: Path) -> tuple[NDArray[np.float64], dict[int, str]]:
    from nibabel.freesurfer.io import read_annot  # slow import, only for this format

    try:
        values, _, names = read_annot(path)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, IndexError) as error:
        raise BadDataset(f"not a FreeSurfer annotation: {error}.", where=str(path), code="not-an-image") from None
    # Numbered from 1: the first name is a label, too.
    return values.astype(np.float64) + 1, {i + 1: n.decode() for i, n in enumerate(names)}
