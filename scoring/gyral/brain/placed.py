"""Placed: where on fsaverage5 the units of a dataset are, or why nobody can say."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.brain.mesh import DRAWN, SIDES, nearest, to_drawn
from gyral.datasets.manifest import Manifest
from gyral.datasets.mesh import MESHES

NEAR = 8.0  # mm that a unit may lie from the surface it is shown on


@dataclass(frozen=True, eq=False)
class Placed:
    """Units on fsaverage5.

    Parameters
    ----------
    side, vertex : arrays of int, units
        Index into `gyral.brain.mesh.SIDES`, and vertex; -1 for a unit that is on neither surface.
    how : str
        A clause that says how they came there.
    """

    side: NDArray[np.int64]
    vertex: NDArray[np.int64]
    how: str

    @property
    def known(self) -> NDArray[np.bool_]:
        """Units that are on a surface."""
        return self.vertex >= 0


# Columns of a unit table that say where a unit is.
COLUMNS = ("hemisphere", "vertex", "mesh", "x", "y", "z")


# What units of a recording are, where they are no places of the cortex.
_UNITS = {
    "MEG": "sensors outside the head",
    "EEG": "electrodes on the scalp",
    "ECoG": "electrodes at time points",
    "spikes": "single neurons",
    "behaviour": "measures of behaviour",
    "fMRI": "parts of the cortex at time points",
    "simulated": "simulated sensors",
}


def on_cortex(manifest: Manifest) -> bool:
    """Whether units of such a recording can have a place on the cortex, if the unit table says where."""
    kind = "" if manifest.responses is None else manifest.responses.kind
    return manifest.time is None and kind in ("fMRI", "ECoG", "simulated")


def _units(manifest: Manifest) -> str:
    kind = "" if manifest.responses is None else manifest.responses.kind
    if kind == "spikes" and manifest.about.species != "human":
        return f"single neurons of a {manifest.about.species}"
    return _UNITS[kind]


def why_no_place(manifest: Manifest, units: pd.DataFrame) -> str:
    """One sentence that says why units cannot be drawn, from those of `COLUMNS` that their table has; else empty."""
    if manifest.responses is None:
        return "These data are no responses of units, so nothing of them has a place on the cortex."
    if not on_cortex(manifest):
        return f"Units here are {_units(manifest)}, which have no vertex on the cortical surface."
    if manifest.about.species != "human" and not manifest.about.simulated:
        return f"Units here are of a {manifest.about.species}; only the surface of the human brain is drawn."
    columns = set(units.columns)
    if {"hemisphere", "vertex"} <= columns:
        named = {str(m) for m in units["mesh"].unique() if m} if "mesh" in units else set()
        if named & set(MESHES) or manifest.about.simulated:
            return ""
        if named:
            return f"Vertices here are of {', '.join(sorted(named))}; only those of fsaverage are drawn."
        return "The unit table names vertices and not of which mesh, so the units cannot be drawn on the cortex."
    if {"x", "y", "z"} <= columns:
        return ""
    return (
        "The unit table says neither hemisphere, vertex and mesh nor coordinates in mm, so the units cannot be drawn "
        "on the cortex."
    )


def place_units(units: pd.DataFrame, *, simulated: bool = False) -> Placed:
    """Where units are; `why_no_place` says whether a table can be asked.

    Parameters
    ----------
    units : DataFrame
        ``hemisphere`` (left, right), ``vertex`` and ``mesh`` (one of `gyral.datasets.mesh.MESHES`); or ``x``, ``y``, ``z`` in
        mm, taken for MNI152. A unit of another mesh, or farther than `NEAR` from the surface, is on neither.
    simulated : bool
        Vertices without a mesh are of fsaverage5, as those of simulated sets are.
    """
    if not {"hemisphere", "vertex"} <= set(units.columns):
        return _by_coordinates(units)
    side = units["hemisphere"].map({name: k for k, name in enumerate(SIDES)}).fillna(-1).to_numpy(np.int64)
    vertex = pd.to_numeric(units["vertex"], errors="coerce").fillna(-1).to_numpy(np.int64)
    mesh = units["mesh"].astype(str) if "mesh" in units else pd.Series(DRAWN if simulated else "", units.index)
    drawn = np.full(len(units), -1, np.int64)
    for name in sorted(set(mesh) & set(MESHES)):
        mine = (mesh == name).to_numpy() & (side >= 0) & (vertex >= 0) & (vertex < MESHES[name])
        drawn[mine] = to_drawn(vertex[mine], name)
    names = ", ".join(sorted(set(mesh) & set(MESHES)))
    how = f"by their vertices of {names}" if names else "by vertices of a mesh that is not drawn"
    return Placed(np.where(drawn >= 0, side, -1), drawn, how)


def _by_coordinates(units: pd.DataFrame) -> Placed:
    places: NDArray[Any] = units[["x", "y", "z"]].to_numpy(np.float64)
    known = np.isfinite(places).all(axis=1)
    side, vertex = np.full(len(units), -1, np.int64), np.full(len(units), -1, np.int64)
    if known.any():
        found, at, distance = nearest(places[known])
        near = distance <= NEAR
        rows = np.flatnonzero(known)[near]
        side[rows], vertex[rows] = found[near], at[near]
    return Placed(side, vertex, f"at the vertex nearest to their coordinates (MNI152, within {NEAR:g} mm)")
