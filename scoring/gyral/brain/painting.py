"""Painting: a number, or a name, at each vertex of fsaverage5."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.brain.mesh import SIDES, VERTICES
from gyral.brain.placed import Placed

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Named:
    """Regions whose numbers are painted.

    Parameters
    ----------
    places : dict of side to array, vertices
        Which of ``names`` has each vertex, float32, NaN for none.
    names : tuple of str
        As the legend has them.
    numbers : tuple of float
        What each is painted with.
    """

    places: Mapping[str, Array]
    names: tuple[str, ...]
    numbers: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Painting:
    """What is drawn.

    Parameters
    ----------
    values : dict of side to array, vertices
        float32, NaN where there is nothing; with ``names``, the number of one.
    title : str
        What it shows, with dataset and model.
    unit : str
        What the numbers are, beside the colour bar; empty for names.
    names : tuple of str
        What 0, 1, 2 ... stand for; empty for numbers.
    low, high : float
        Ends of the colour bar; values beyond take the colours of the ends.
    notes : tuple of str
        Sentences below it: how units were placed, and what is left out.
    regions : Named, optional
        Of numbers: regions that are marked and stand in a legend.
    """

    values: Mapping[str, Array]
    title: str
    unit: str = ""
    names: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    notes: tuple[str, ...] = ()
    regions: Named | None = None

    @property
    def beyond(self) -> tuple[int, int]:
        """Vertices whose value lies below the lower end of the colour bar, and above the upper one."""
        # Ends are kept in float64, values in float32: an end that is a value must not lie beside itself.
        room = 1e-6 * (self.high - self.low)
        below = sum(int((v < self.low - room).sum()) for v in self.values.values())
        return below, sum(int((v > self.high + room).sum()) for v in self.values.values())

    @property
    def painted(self) -> int:
        """Vertices that have a value."""
        return sum(int(np.isfinite(v).sum()) for v in self.values.values())


def spread(placed: Placed, numbers: Array) -> dict[str, Array]:
    """Mean at each vertex over the units there that have a number: float32, NaN where none has."""
    out = {}
    for k, side in enumerate(SIDES):
        mine = (placed.side == k) & np.isfinite(numbers)
        count = np.bincount(placed.vertex[mine], minlength=VERTICES)
        total = np.bincount(placed.vertex[mine], weights=numbers[mine], minlength=VERTICES)
        out[side] = np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
    return out


def claimed(placed: Placed, members: Sequence[NDArray[np.integer[Any]]]) -> dict[str, Array]:
    """Number of the region that has each vertex, float32, NaN for none; of several the one with fewest units."""
    out = {side: np.full(VERTICES, np.nan, np.float32) for side in SIDES}
    for n in sorted(range(len(members)), key=lambda n: -len(members[n])):
        own = members[n][placed.known[members[n]]]
        for k, side in enumerate(SIDES):
            out[side][placed.vertex[own[placed.side[own] == k]]] = n
    return out


def ends(values: Mapping[str, Array], *, beyond: float = 2.0) -> tuple[float, float]:
    """Ends of a colour bar: from zero, or the 2nd percentile where that is below, to the 98th percentile.

    Parameters
    ----------
    values : dict of side to array
    beyond : float
        Per cent of the vertices that lie beyond each end.
    """
    known = np.concatenate([v[np.isfinite(v)] for v in values.values()])
    if not known.size:
        return 0.0, 1.0
    low, high = (float(q) for q in np.percentile(known, [beyond, 100 - beyond]))
    low = min(low, 0.0)
    return low, max(high, low + 0.01)
