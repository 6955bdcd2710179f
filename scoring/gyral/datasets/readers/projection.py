"""Projection: volumes brought to the vertices of a subject's own surface by nilearn's ``vol_to_surf``."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.readers.files import find_file
from gyral.datasets.readers.grayordinates import is_cifti
from gyral.datasets.readers.recording import Array, Part
from gyral.datasets.readers.surface import Surface
from gyral.datasets.readers.volume import Volume, load_image, read_block, volume_of
from gyral.datasets.source_parts import ProjectSource
from gyral.errors import BadDataset

NIFTI = (".nii", ".nii.gz")
_SIDES = ("left", "right")
_SHIFT = ("VolGeomC_R", "VolGeomC_A", "VolGeomC_S")
_INSIDE = 0.5  # share of vertices that must lie in the volume: a field of view may cut a part of the brain off
Mesh = tuple[NDArray[np.float64], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Projected(Surface):
    """Vertices that volumes of one grid are sampled at.

    Parameters
    ----------
    counts
        As in `Surface`.
    meshes : dict of hemisphere to (outer mesh, inner mesh or None)
        Vertices (mm, in the space of the volumes) and faces.
    grid : Volume
    told : ProjectSource
    within : image or None
        Mask of samples.
    """

    meshes: dict[str, tuple[Mesh, Mesh | None]] = field(default_factory=dict)
    grid: Volume | None = None
    told: ProjectSource | None = None
    within: Any = None


def projected_of(told: ProjectSource, first: Path, folder: Path, subject: str) -> Projected:
    """Meshes of a subject and the grid of the first volume.

    Raises
    ------
    BadDataset
        No NIfTI volume (``not-an-image``), a file that is no mesh (``mesh``), two meshes of a hemisphere with different vertices, or a
        mesh that is not in the space of the volumes (``mesh-space``).
    """
    if not first.name.endswith(NIFTI) or is_cifti(first):
        raise BadDataset(
            "only NIfTI volumes are projected.",
            where=str(first),
            mend="Delete responses.project.",
            code="not-an-image",
        )
    import nibabel  # slow import, only for images

    grid = volume_of(first)[0]
    meshes: dict[str, tuple[Mesh, Mesh | None]] = {}
    for side in _SIDES:
        if (pattern := getattr(told, side)) is None:
            continue
        path = find_file(folder, pattern, subject)
        outer, inner = read_mesh(path), None
        if (pattern := getattr(told, f"inner_{side}")) is not None:
            inside = find_file(folder, pattern, subject)
            inner = read_mesh(inside)
            if len(inner[0]) != len(outer[0]):
                raise BadDataset(
                    f"{len(inner[0])} vertices; {path.name} has {len(outer[0])}.", where=str(inside), code="mesh"
                )
        _require_in_volume(outer[0], grid, path)
        meshes[side] = outer, inner
    within = None
    if told.within is not None:
        mask = np.nan_to_num(grid.values(find_file(folder, told.within, subject))) > 0
        within = nibabel.Nifti1Image(mask.reshape(grid.shape).astype(np.uint8), grid.affine)  # type: ignore[no-untyped-call]
    return Projected({s: len(m[0][0]) for s, m in meshes.items()}, meshes, grid, told, within)


def read_mesh(path: Path) -> Mesh:
    """Vertices in mm of the scanner's space, and faces; FreeSurfer's own files are shifted to it by their c_ras.

    Raises
    ------
    BadDataset
        No mesh (``mesh``), or nobody can say whether it was shifted (``mesh-space``).
    """
    if path.name.endswith(".gii"):
        image = load_image(path)
        arrays = {a.intent: a for a in getattr(image, "darrays", ())}
        # NIFTI_INTENT_POINTSET and NIFTI_INTENT_TRIANGLE
        if set(arrays) < {1008, 1009}:
            raise BadDataset("it holds no vertices and triangles.", where=str(path), code="mesh")
        if any(float(arrays[1008].meta.get(key, 0)) for key in _SHIFT):
            raise BadDataset(
                "its header still names a c_ras, so that nobody knows whether the vertices were shifted by it.",
                where=str(path),
                mend="fMRIPrep's surfaces are in the scanner's space; so are FreeSurfer's own files as they are read here (lh.pial).",
                code="mesh-space",
            )
        return np.asarray(arrays[1008].data, np.float64), np.asarray(arrays[1009].data, np.int64)
    from nibabel.freesurfer.io import read_geometry  # slow import, only for this format

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is missing: it is looked at below
            vertices, faces, told = read_geometry(path, read_metadata=True)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, IndexError, TypeError) as error:
        raise BadDataset(f"not a surface mesh: {error}.", where=str(path), code="mesh") from None
    if "cras" not in told:
        raise BadDataset(
            "it does not say where its volume's centre is (c_ras), so that its vertices cannot be placed.",
            where=str(path),
            mend="Take the mesh that recon-all wrote, or fMRIPrep's .surf.gii.",
            code="mesh-space",
        )
    return np.asarray(vertices, np.float64) + np.asarray(told["cras"], np.float64), np.asarray(faces, np.int64)


def projected_part(path: Path, space: Projected, chosen: NDArray[np.int64]) -> Part:
    """Rows of one file of volumes, at the chosen vertices.

    Raises
    ------
    BadDataset
        The file is on another grid.
    """
    grid, told = space.grid, space.told
    if grid is None or told is None:
        raise TypeError("a projection needs a grid and what was told of it")
    image = load_image(path)
    grid.check(image, path)
    count = int(image.shape[3]) if image.ndim == 4 else 1

    def blocks(most: int) -> Iterator[Array]:
        import nibabel
        from nilearn.surface import vol_to_surf  # slow imports, only for projections

        for start in range(0, count, most):
            index = np.s_[..., start : min(start + most, count)] if image.ndim == 4 else ...
            block = np.asarray(read_block(image.dataobj, index, path), np.float32)
            own = nibabel.Nifti1Image(block.reshape(*grid.shape, -1), grid.affine)  # type: ignore[no-untyped-call]
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", RuntimeWarning
                )  # a vertex without a sample is NaN, and is said to be
                sides = [
                    vol_to_surf(
                        own,
                        list(outer),
                        radius=told.radius,
                        interpolation=told.interpolation,
                        kind=told.kind,
                        mask_img=space.within,
                        inner_mesh=None if inner is None else list(inner),
                    )
                    for outer, inner in space.meshes.values()
                ]
            yield np.ascontiguousarray(np.concatenate(sides)[chosen].T, np.float32)

    return Part(count, blocks, str(path))


def _require_in_volume(vertices: NDArray[np.float64], grid: Volume, path: Path) -> None:
    places = np.linalg.solve(grid.affine, np.column_stack([vertices, np.ones(len(vertices))]).T)[:3].T
    inside = ((places > -0.5) & (places < np.array(grid.shape) - 0.5)).all(axis=1).mean()
    if inside < _INSIDE:
        raise BadDataset(
            f"{100 * (1 - inside):.0f} % of its vertices lie outside of {grid.name}.",
            where=str(path),
            mend="Mesh and volumes must be in one space (the person's own, in mm): fMRIPrep's space-T1w volumes go with its .surf.gii.",
            code="mesh-space",
        )
