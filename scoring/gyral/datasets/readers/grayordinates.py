"""Grayordinates: CIFTI-2 files, a map a row, through nibabel."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.readers.line import LINES, placed_line
from gyral.datasets.readers.recording import Array, Part
from gyral.datasets.readers.surface import mesh_named, require_one_map
from gyral.datasets.readers.volume import load_image, read_block
from gyral.errors import BadDataset

CIFTI = (".dscalar.nii", ".dtseries.nii", ".dlabel.nii", ".pscalar.nii", ".ptseries.nii")


def is_cifti(path: Path) -> bool:
    """True for names of CIFTI-2 files."""
    return path.name.endswith(CIFTI)


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
        """Values of a dscalar or dlabel file over the same brain models, or of a plain list of numbers. See `Space`."""
        out, names = np.zeros(self.size), dict[int, str]()
        for path in paths:
            if path.suffix in LINES:
                (line,) = placed_line(path, {"": self.size}, "", "grayordinates").values()
                out = np.where(line != 0, line, out)
                continue
            image = load_image(path)
            self.check(image, path)
            require_one_map(path, image.shape[0])
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
            columns["mesh"] = np.where(columns["vertex"] >= 0, mesh_named(space, _cortex(axis)), "")
        if np.asarray(axis.volume_mask).any():
            columns |= {a: np.asarray(axis.voxel)[chosen, k] for k, a in enumerate("ijk")}
        return pd.DataFrame({"unit": [f"grayordinate-{p + 1:06d}" for p in chosen], **columns})


def _cortex(axis: Any) -> dict[str, int]:
    """Vertices of each hemisphere's mesh."""
    sides = {"CIFTI_STRUCTURE_CORTEX_LEFT": "left", "CIFTI_STRUCTURE_CORTEX_RIGHT": "right"}
    return {sides[name]: int(count) for name, count in axis.nvertices.items() if name in sides}


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
