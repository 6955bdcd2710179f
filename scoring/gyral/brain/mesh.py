"""Mesh: the surface that pictures are drawn on, fsaverage5, whose files nilearn carries; and the way to it from others."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.mesh import MESHES

Array = NDArray[np.floating[Any]]
Whole = NDArray[np.integer[Any]]

SIDES = ("left", "right")
DRAWN = "fsaverage5"
VERTICES = MESHES[DRAWN]
_GRADES = {40_962: 6, 163_842: 7}
# From MNI152 to MNI305, mm: the inverse of the affine that FreeSurfer documents ("CoordinateSystems").
_TO_152 = np.array(
    [
        [0.9975, -0.0073, 0.0176, -0.0429],
        [0.0146, 1.0009, -0.0024, 1.5496],
        [-0.0130, -0.0093, 0.9971, 1.1840],
        [0.0, 0.0, 0.0, 1.0],
    ]
)


@dataclass(frozen=True, eq=False)
class Surface:
    """One hemisphere of fsaverage5.

    Parameters
    ----------
    points : array, vertices x 3
        Of the inflated surface, mm: x to the right, y to the front, z up; its own middle is the origin.
    faces : array, faces x 3
        Vertices of each triangle.
    depth : array, vertices
        Sulcal depth: positive in sulci.
    """

    points: Array
    faces: Whole
    depth: Array


@lru_cache(maxsize=2)
def surface(side: str) -> Surface:
    """The ``left`` or ``right`` hemisphere; read from nilearn's package, nothing is fetched."""
    from nilearn.datasets import load_fsaverage, load_fsaverage_data  # slow: imports scikit-learn

    part = load_fsaverage(DRAWN)["inflated"].parts[side]
    depth = load_fsaverage_data(DRAWN, data_type="sulcal").data.parts[side]
    return Surface(part.coordinates.astype(np.float64), part.faces.astype(np.int64), depth.astype(np.float64))


def to_drawn(vertices: Whole, mesh: str) -> NDArray[np.int64]:
    """Vertices of fsaverage5 nearest on the sphere to vertices of ``mesh``, of the same hemisphere.

    A coarser mesh has the first vertices of a finer one, so that only finer ones are looked up.

    Parameters
    ----------
    vertices : array of int
        Each from 0 to less than its count in `gyral.datasets.mesh.MESHES`.
    mesh : str
        One of them.
    """
    count = MESHES[mesh]
    if count <= VERTICES:
        return np.asarray(vertices, np.int64)
    return np.asarray(_coarser(_GRADES[count])[np.asarray(vertices, np.int64)])


@lru_cache(maxsize=2)
def _coarser(grade: int) -> NDArray[np.int64]:
    from mne.surface import _get_ico_surface  # slow: imports mne, which carries FreeSurfer's icosahedra
    from scipy.spatial import cKDTree

    fine, drawn = (_get_ico_surface(g)["rr"] for g in (grade, 5))
    return np.asarray(cKDTree(drawn).query(fine)[1], np.int64)


def nearest(places: Array) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """The vertex of the pial surface nearest to each place; the wall between the hemispheres is no cortex and has none.

    Parameters
    ----------
    places : array, units x 3
        mm in MNI152; brought to MNI305, in which FreeSurfer's surfaces are.

    Returns
    -------
    side, vertex : arrays, units
        Index into `SIDES`, and vertex of fsaverage5.
    distance : array, units
        mm.
    """
    from nilearn.datasets import load_fsaverage  # slow: imports scikit-learn
    from scipy.spatial import cKDTree

    meshes = load_fsaverage(DRAWN)
    pial, flat = meshes["pial"].parts, meshes["flat"].parts
    # The flat map is of cortex alone.
    cortex = np.concatenate([k * VERTICES + np.unique(flat[side].faces) for k, side in enumerate(SIDES)])
    every = np.concatenate([pial[side].coordinates for side in SIDES])[cortex]
    back = np.linalg.inv(_TO_152)
    there = np.asarray(places, np.float64) @ back[:3, :3].T + back[:3, 3]
    distance, found = cKDTree(every).query(there)
    at = cortex[found]
    return np.asarray(at // VERTICES, np.int64), np.asarray(at % VERTICES, np.int64), np.asarray(distance)
