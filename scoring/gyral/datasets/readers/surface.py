"""Surfaces: GIFTI, FreeSurfer (.mgh, .annot) and CIFTI files, a map a row, through nibabel."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.mesh import MESHES, require_space
from gyral.datasets.readers.entities import require_paired
from gyral.datasets.readers.recording import Array, Part
from gyral.datasets.readers.volume import load_image, read_block
from gyral.errors import BadDataset

_SIDE = re.compile(r"(?:hemi-|[._-])?(?<![A-Za-z])(lh|rh|L|R)(?=[._-])")
_SIDES = {"lh": "left", "L": "left", "rh": "right", "R": "right"}
SURFACE = (".gii", ".mgh", ".mgz")
CIFTI = (".dscalar.nii", ".dtseries.nii", ".dlabel.nii", ".pscalar.nii", ".ptseries.nii")


def is_cifti(path: Path) -> bool:
    """True for names of CIFTI-2 files."""
    return path.name.endswith(CIFTI)


def hemisphere_of(path: Path) -> str:
    """``left`` or ``right``, from the file's name (``hemi-L``, ``lh.``, ``.R.``).

    Raises
    ------
    BadDataset
        The name says neither (``hemisphere``).
    """
    found = _SIDE.findall(path.name)
    if not found:
        raise BadDataset(
            "the name does not say which hemisphere it is.",
            where=str(path),
            mend="Names of surface files hold hemi-L or hemi-R (BIDS), or start with lh. or rh. (FreeSurfer).",
            code="hemisphere",
        )
    return _SIDES[found[-1]]


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
        """Values of files of a hemisphere each; names of ``.label.gii`` and ``.annot``, the same name one code. See `Space`."""
        codes: dict[str, int] = {}
        parts = {side: np.zeros(count) for side, count in self.counts.items()}
        for path in paths:
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
                own = {k: codes.setdefault(n, len(codes) + 1) for k, n in names.items() if k != 0}
                values = np.array([own.get(int(v), 0) for v in values], np.float64)
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
        return table if space is None else table.assign(mesh=_mesh(space, self.counts))


@dataclass(frozen=True, eq=False)
class Grayordinates:
    """Places of a CIFTI file: vertices and voxels of its brain models, or parcels."""

    axis: Any
    name: str

    @property
    def size(self) -> int:
        """Number of grayordinates."""
        return len(self.axis)

    def labels(self, paths: Sequence[Path]) -> tuple[NDArray[np.float64], dict[int, str]]:
        """Values of a dscalar or dlabel file over the same brain models. See `Space`."""
        out, names = np.zeros(self.size), dict[int, str]()
        for path in paths:
            image = load_image(path)
            self.check(image, path)
            first = image.header.get_axis(0)
            if hasattr(first, "label"):
                names |= {int(k): str(n) for k, (n, _) in first.label[0].items()}
            values = np.nan_to_num(read_block(image.dataobj, np.s_[0], path).astype(np.float64)).reshape(-1)
            out = np.where(values != 0, values, out)
        return out, names

    def check(self, image: Any, path: Path) -> None:
        """Refuse a file of another kind (``not-an-image``) or with other brain models (``image-shape``)."""
        if not hasattr(getattr(image, "header", None), "get_axis"):
            raise BadDataset(
                f"{type(image).__name__} is no CIFTI file, which {self.name} is.",
                where=str(path),
                mend="Masks and atlases of CIFTI responses are .dscalar.nii or .dlabel.nii with the same brain models.",
                code="not-an-image",
            )
        if image.header.get_axis(1) != self.axis:
            raise BadDataset(
                f"its {len(image.header.get_axis(1))} grayordinates are not the {self.size} of {self.name}.",
                where=str(path),
                mend="Bring both to the same brain models (wb_command -cifti-create-dense-from-template).",
                code="image-shape",
            )

    def units(self, chosen: NDArray[np.int64], *, space: str | None) -> pd.DataFrame:
        """Structure, hemisphere and vertex (-1 of a voxel; i, j, k of voxels), and mesh; or names of parcels."""
        axis = self.axis
        if not hasattr(axis, "volume_mask"):  # parcels
            return pd.DataFrame({"unit": [str(axis.name[p]) for p in chosen]})
        structure = np.array([str(n).removeprefix("CIFTI_STRUCTURE_").lower() for n in axis.name[chosen]])
        side = np.array(["left" if "left" in s else "right" if "right" in s else "" for s in structure])
        columns = {"structure": structure, "hemisphere": side, "vertex": np.asarray(axis.vertex)[chosen]}
        if space is not None:
            columns["mesh"] = np.where(columns["vertex"] >= 0, _mesh(space, _cortex(axis)), "")
        if np.asarray(axis.volume_mask).any():
            columns |= {a: np.asarray(axis.voxel)[chosen, k] for k, a in enumerate("ijk")}
        return pd.DataFrame({"unit": [f"grayordinate-{p + 1:06d}" for p in chosen], **columns})


def _cortex(axis: Any) -> dict[str, int]:
    """Vertices of each hemisphere's mesh."""
    sides = {"CIFTI_STRUCTURE_CORTEX_LEFT": "left", "CIFTI_STRUCTURE_CORTEX_RIGHT": "right"}
    return {sides[name]: int(count) for name, count in axis.nvertices.items() if name in sides}


def _mesh(space: str, counts: Mapping[str, int]) -> str:
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


def grayordinates_of(path: Path) -> Grayordinates:
    """Places of a CIFTI file.

    Raises
    ------
    BadDataset
        Not CIFTI-2, or its second axis has no places (``not-an-image``).
    """
    image = load_image(path)
    axis = image.header.get_axis(1) if hasattr(image.header, "get_axis") else None
    if axis is None or not hasattr(axis, "name"):
        raise BadDataset("no CIFTI-2 file with grayordinates.", where=str(path), code="not-an-image")
    return Grayordinates(axis, path.name)


def cifti_part(path: Path, places: Grayordinates, chosen: NDArray[np.int64]) -> Part:
    """Rows of one CIFTI file."""
    image = load_image(path)
    places.check(image, path)
    count = int(image.shape[0])

    def blocks(most: int) -> Iterator[Array]:
        for start in range(0, count, most):
            yield np.asarray(read_block(image.dataobj, np.s_[start : start + most], path)[:, chosen], np.float32)

    return Part(count, blocks, str(path))


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
    data = read_block(image.dataobj, ..., path)
    return np.ascontiguousarray(np.asarray(data, np.float32).reshape(data.shape[0], -1).T)


def _gifti_labels(path: Path) -> tuple[NDArray[np.float64], dict[int, str]]:
    image = load_image(path)
    values = np.nan_to_num(_maps(path)[0].astype(np.float64))
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
