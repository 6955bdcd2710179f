"""Volumes: NIfTI images, a volume a row, through nibabel; read in order, so that a compressed file is unpacked once."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError  # of GIFTI, which is XML; nibabel hands it through

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.mesh import require_space
from gyral.datasets.readers.hdf5 import opened, variable
from gyral.datasets.readers.recording import Array, Part
from gyral.errors import BadDataset

_NEAR = 1e-3  # of a voxel: affines are stored as float32


def load_image(path: Path) -> Any:
    """An image of any format nibabel knows (lazily read).

    Raises
    ------
    BadDataset
        Not such an image, or one of other values than real numbers (``not-an-image``); or cut off so early that its kind cannot
        be told (``image-truncated``).
    """
    import nibabel  # slow import, only for images

    if path.is_dir():
        raise BadDataset("this is a folder; an image is expected.", where=str(path), code="not-an-image")
    try:
        # kept open: a compressed file read block by block is otherwise unpacked from its start each time
        image = nibabel.load(path, **({"keep_file_open": True} if path.name.endswith((".nii", ".nii.gz")) else {}))
    except FileNotFoundError:
        raise BadDataset("the file is missing.", where=str(path), code="file-missing") from None
    except (
        nibabel.filebasedimages.ImageFileError,
        nibabel.spatialimages.HeaderDataError,
        OSError,
        EOFError,
        ValueError,
        TypeError,  # of FreeSurfer files that end in their header
        zlib.error,
        ExpatError,
    ) as error:
        if path.suffix == ".gz":
            _require_whole(path)
        raise BadDataset(
            f"not an image that can be read: {error}.", where=str(path), code="not-an-image"
        ) from None
    kind = image.get_data_dtype() if hasattr(image, "get_data_dtype") else np.dtype(float)
    if kind.kind not in "fiub":
        raise BadDataset(
            f"its values are {'complex numbers' if kind.kind == 'c' else 'records (RGB)'}; real numbers are expected.",
            where=str(path),
            mend="Save the part that was meant (the magnitude, say) as an image of its own.",
            code="not-an-image",
        )
    return image


def _require_whole(path: Path) -> None:
    """Refuse a compressed file that ends early, which nibabel takes for one of no known kind."""
    try:
        with gzip.open(path) as stream:
            while stream.read(1 << 20):
                pass
    except gzip.BadGzipFile:
        return  # another kind of file altogether
    except (EOFError, zlib.error) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> BadDataset:
    return BadDataset(
        f"the file is cut off or damaged: {error}.",
        where=str(path),
        mend="Copy it again; `gzip -t` tests a compressed file.",
        code="image-truncated",
    )


def read_block(proxy: Any, index: Any, path: Path) -> NDArray[Any]:
    """A slice of an image's data.

    Raises
    ------
    BadDataset
        The file ends early or is damaged (``image-truncated``).
    """
    try:
        return np.asarray(proxy[index])
    except (EOFError, OSError, ValueError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, error) from None


@dataclass(frozen=True, eq=False)
class Volume:
    """The voxels of a grid, in C order.

    Parameters
    ----------
    shape : tuple of int
    affine : array, 4 x 4
        Voxel to mm, RAS+.
    name : str
        The image the grid was taken from, for messages.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    name: str

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    def check(self, image: Any, path: Path) -> None:
        """Refuse an image on another grid.

        Raises
        ------
        BadDataset
            No volume (``not-an-image``); ``image-shape``; ``image-flipped`` where an axis runs the other way (radiological and
            neurological conventions mixed); ``image-affine``.
        """
        if not hasattr(image, "affine"):
            raise BadDataset(
                f"{type(image).__name__} is no volume, which {self.name} is.",
                where=str(path),
                mend="Masks and atlases of volumes are NIfTI images on the same grid.",
                code="not-an-image",
            )
        if tuple(image.shape[:3]) != self.shape:
            raise BadDataset(
                f"shape {tuple(image.shape[:3])!r}; {self.name} has {self.shape!r}.",
                where=str(path),
                mend="Resample it to the grid of the responses first (nilearn.image.resample_to_img, 'nearest').",
                code="image-shape",
            )
        affine = np.asarray(image.affine, np.float64)
        voxel = np.linalg.norm(self.affine[:3, :3], axis=0).min()
        if np.abs(affine - self.affine).max() <= _NEAR * voxel:
            return
        own, other = _axes(affine), _axes(self.affine)
        if own != other:
            raise BadDataset(
                f"its axes point to {own}, those of {self.name} to {other}: one of the two is flipped.",
                where=str(path),
                mend="Bring both to one orientation (nibabel.as_closest_canonical) and save them again.",
                code="image-flipped",
            )
        raise BadDataset(
            f"its affine differs from that of {self.name} ({_apart(affine, self.affine, self.shape)}).",
            where=str(path),
            mend="Resample it to the grid of the responses first (nilearn.image.resample_to_img, 'nearest').",
            code="image-affine",
        )

    def labels(self, paths: Sequence[Path]) -> tuple[NDArray[np.float64], dict[int, str]]:
        """Values at every voxel; NIfTI has no names. See `Space`."""
        out = np.zeros(self.size)
        for path in paths:
            image = load_image(path)
            self.check(image, path)
            if image.ndim > 3 and image.shape[3:] != (1,) * (image.ndim - 3):
                raise BadDataset(
                    f"shape {image.shape!r}; a mask or an atlas has three axes.",
                    where=str(path),
                    code="image-shape",
                )
            values = np.nan_to_num(read_block(image.dataobj, ..., path).astype(np.float64)).reshape(-1)
            out = np.where(values > 0, values, out)
        return out, {}

    def values(self, path: Path) -> NDArray[np.float64]:
        """A number at every voxel, NaN kept.

        Raises
        ------
        BadDataset
            Another grid, or more than one volume (``image-shape``).
        """
        image = load_image(path)
        self.check(image, path)
        if int(np.prod(image.shape)) != self.size:
            raise BadDataset(
                f"shape {image.shape!r}; one volume is expected.", where=str(path), code="image-shape"
            )
        return read_block(image.dataobj, ..., path).astype(np.float64).reshape(-1)

    def units(self, chosen: NDArray[np.int64], *, space: str | None) -> pd.DataFrame:
        """``voxel-001`` ..., i, j, k, and x, y, z in mm of a common space."""
        digits = max(3, len(str(len(chosen))))
        voxels = np.stack(np.unravel_index(chosen, self.shape), axis=1).astype(np.int64)
        table = pd.DataFrame({"unit": [f"voxel-{i + 1:0{digits}d}" for i in range(len(chosen))]})
        table = table.assign(**{axis: voxels[:, k] for k, axis in enumerate("ijk")})
        if space is not None:
            require_space(space)
            mm = voxels @ self.affine[:3, :3].T + self.affine[:3, 3]
            table = table.assign(**{axis: mm[:, k].round(3) for k, axis in enumerate("xyz")})
        return table


def hdf5_part(path: Path, key: str, grid: Volume, chosen: NDArray[np.int64]) -> Part:
    """Rows of one HDF5 file of volumes, written by MATLAB as X x Y x Z x trials: h5py sees trials x Z x Y x X (NSD's betas).

    NSD's files have a chunk a voxel, all trials in it, so that they are read slice by slice and not row by row: the file's
    rows at the chosen voxels are in memory together, in the file's own type.

    Raises
    ------
    BadDataset
        Another grid (``image-shape``), or what `gyral.datasets.readers.hdf5` refuses.
    """
    with opened(path) as file:
        count, *axes = variable(file, key, path, 4).shape
    if tuple(axes[::-1]) != grid.shape:
        raise BadDataset(
            f"{key!r} holds {count} volumes of {tuple(axes[::-1])!r} voxels; {grid.name} has {grid.shape!r}.",
            where=str(path),
            code="image-shape",
        )
    i, j, k = np.unravel_index(chosen, grid.shape)

    def blocks(most: int) -> Iterator[Array]:
        with opened(path) as file:
            held = variable(file, key, path, 4)
            whole = np.empty((count, len(chosen)), held.dtype)
            for z in np.unique(k):
                own = np.flatnonzero(k == z)
                whole[:, own] = held[:, z, :, :][:, j[own], i[own]]
        for start in range(0, count, most):
            yield whole[start : start + most]

    return Part(int(count), blocks, str(path))


def _axes(affine: NDArray[np.float64]) -> str:
    """Where the axes point to: "RAS", "LAS" ..."""
    from nibabel.orientations import aff2axcodes  # slow import, only for images

    return "".join(aff2axcodes(affine))  # type: ignore[no-untyped-call]


def _apart(affine: NDArray[np.float64], other: NDArray[np.float64], shape: tuple[int, int, int]) -> str:
    """In what two affines of one orientation differ: size of voxels, where the first one lies, or how the grid is turned."""
    own, expected = (np.linalg.norm(a[:3, :3], axis=0) for a in (affine, other))
    if np.abs(own - expected).max() > _NEAR * expected.min():
        sizes = (" x ".join(f"{mm:.4g}" for mm in found) for found in (own, expected))
        return "voxels of {} mm, not {} mm".format(*sizes)
    first, last = (np.abs((affine - other) @ [*place, 1])[:3].max() for place in ((0, 0, 0), np.array(shape) - 1))
    return f"first voxel {first:.3g} mm apart, last one {last:.3g} mm"


def volume_of(path: Path) -> tuple[Volume, Any]:
    """Grid and image of a NIfTI file.

    Raises
    ------
    BadDataset
        Not an image, fewer than three axes (``image-shape``), or no orientation in its header (``image-affine``).
    """
    image = load_image(path)
    if image.ndim not in (3, 4):
        raise BadDataset(
            f"shape {image.shape!r}; three or four axes are expected.", where=str(path), code="image-shape"
        )
    header = image.header
    if "sform_code" in header and int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
        raise BadDataset(
            "the header says nothing of orientation (sform and qform codes are 0), so that left and right are unknown.",
            where=str(path),
            mend="Set the affine of the scanner or of the space it was brought to.",
            code="image-affine",
        )
    shape = (int(image.shape[0]), int(image.shape[1]), int(image.shape[2]))
    return Volume(shape, np.asarray(image.affine, np.float64), path.name), image


def volume_part(path: Path, grid: Volume, chosen: NDArray[np.int64]) -> Part:
    """Rows of one file: its volumes at the chosen voxels.

    Raises
    ------
    BadDataset
        The file is on another grid.
    """
    image = load_image(path)
    grid.check(image, path)
    count = int(image.shape[3]) if image.ndim == 4 else 1

    def blocks(most: int) -> Iterator[Array]:
        for start in range(0, count, most):
            index = np.s_[..., start : min(start + most, count)] if image.ndim == 4 else ...
            block = read_block(image.dataobj, index, path)
            yield np.ascontiguousarray(block.reshape(grid.size, -1)[chosen].T)

    return Part(count, blocks, str(path))
