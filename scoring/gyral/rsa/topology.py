r"""Topology: the geo-topological transform of RDMs, and the comparators made of it (tRSA).

Ranks of the dissimilarities are scaled to x in [0, 1]; with quantiles a = Q_l(x) and b = Q_u(x) of that RDM ::

    GT_{l,u}(x) = clip((x - a) / (b - a), 0, 1)

l = 0, u = 1 keeps the ranks; as l and u meet, only who neighbours whom is left (Lin and Kriegeskorte 2024, doi
10.1073/pnas.2317881121). Transformed RDMs are compared by Pearson correlation: clipping makes so many ties that ranks of
them say little. The mean of clipped RDMs is graded, which none of them is: subjects' lower bound can lie
a little above what the true RDM itself reaches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.rsa.comparator import paired, unit
from gyral.rsa.copies import Copies, Fields, Ranking
from gyral.rsa.rank import Ranked, weighted_squares
from gyral.rsa.vector import check_vectors

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Regime = Literal["local", "global", "geometry", "topology", "intermediate"]

# So small a mean square, as a share of that of the range, is rounding.
_FLAT = 1e-15


@dataclass(frozen=True)
class GeoTopological(Ranked):
    """Pearson correlation of geo-topological transforms.

    Parameters
    ----------
    low, high : float
        Quantiles l and u, 0 <= l <= u <= 1.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1 or (self.low == self.high and self.low in (0, 1)):
            raise BadArrays(
                f"quantiles {self.low!r} and {self.high!r} leave nothing.",
                where="low, high",
                mend="Take 0 <= low <= high <= 1, not both 0 nor both 1.",
                code="quantiles",
            )

    def transformed(self, vectors: Array) -> Floats:
        """RDMs x pairs, in [0, 1]; the input is left as it is."""
        checked = check_vectors(vectors, "rdms")
        rankings = [Ranking(v) for v in checked]
        x = np.stack([r.doubled for r in rankings]).astype(np.float64)
        marks = self._marks_of(rankings)
        _clip(x, marks)
        span = marks[:, 1] - marks[:, 0]
        return np.asarray(x / np.where(span > 0, span, 1.0)[:, None])

    def embedded(self, vectors: Array) -> Floats:
        """Transformed, centred and scaled."""
        x = self.transformed(vectors)
        return unit(x - x.mean(axis=1, keepdims=True))

    def marks(self, ranking: Ranking, sums: Fields, copies: Copies) -> Floats:
        """Both quantiles of the copies."""
        return self._thresholds(ranking, copies.totals, sums)

    def place(self, doubled: Floats, weights: Floats, total: float, marks: Floats) -> tuple[Floats, Floats]:
        """Clipped; correlation does not see the scale."""
        _clip(doubled, marks)
        means = doubled @ weights / total
        squares = weighted_squares(doubled, weights) - total * means**2
        flat = squares <= _FLAT * total * np.maximum(marks[:, 1] - marks[:, 0], 1.0) ** 2
        return means, np.sqrt(np.where(flat, np.inf, squares))

    def _marks_of(self, rankings: Sequence[Ranking]) -> Floats:
        """Both quantiles of RDMs as they are: RDMs x 2."""
        return np.stack([self._thresholds(r, np.array([float(len(r.order))]))[:, 0] for r in rankings])

    def _thresholds(self, ranking: Ranking, totals: Floats, sums: Fields | None = None) -> Floats:
        """Both quantiles of doubled ranks (linear between two of them, numpy's default): 2 x fields."""
        last = np.maximum(totals - 1, 0)
        place = np.array([[self.low], [self.high]]) * last
        below = np.floor(place)
        low, high = np.split(ranking.doubled_at(np.concatenate([below, np.minimum(below + 1, last)]), sums), 2)
        return np.asarray(low + (place - below) * (high - low))


def _clip(doubled: Floats, marks: Floats) -> None:
    """0 up to one threshold, their distance (1 where they meet) from the other on; in place.

    Parameters
    ----------
    doubled : array, RDMs x pairs
    marks : array, RDMs x 2
    """
    low, high = (side[:, None] for side in marks.T)
    met = (high <= low)[:, 0]
    if met.any():
        doubled[met] = doubled[met] > low[met]
        low, high = np.where(high <= low, 0.0, low), np.where(high <= low, 1.0, high)
    np.maximum(doubled, low, out=doubled)
    np.minimum(doubled, high, out=doubled)
    doubled -= low


def geo_topological(vectors: Array, low: float, high: float) -> Floats:
    """Geo-topological transform of each RDM: RDMs x pairs, in [0, 1].

    Parameters
    ----------
    vectors : array, RDMs x pairs
        Not changed.
    low, high : float
        Quantiles between which distances are told apart.

    Raises
    ------
    BadArrays
        The quantiles leave nothing, or the RDMs have NaN.

    Examples
    --------
    >>> geo_topological(np.array([[0.1, 0.2, 0.9]]), 0.0, 1.0).tolist()
    [[0.0, 0.5, 1.0]]
    """
    return GeoTopological(low, high).transformed(vectors)


def regime(low: float, high: float) -> Regime:
    """What a pair of thresholds looks at; the first that fits.

    ``local``: mean at most .2; ``global``: mean at least .8; ``geometry``: .8 or more apart; ``topology``: both within .4
    and .6; else ``intermediate``.
    """
    middle = (low + high) / 2
    if middle <= 0.2 + 1e-9:
        return "local"
    if middle >= 0.8 - 1e-9:
        return "global"
    if high - low >= 0.8 - 1e-9:
        return "geometry"
    return "topology" if low >= 0.4 - 1e-9 and high <= 0.6 + 1e-9 else "intermediate"


def regime_map(measured: Array, predicted: Array, step: float = 0.05) -> tuple[Floats, Floats]:
    """tRSA for every pair of thresholds on a grid, from one ranking of each RDM.

    Parameters
    ----------
    measured : array, subjects x pairs
    predicted : array, models x pairs
    step : float
        Of the grid from 0 to 1.

    Returns
    -------
    (grid, map)
        Thresholds, and thresholds (l) x thresholds (u) x models, the mean over subjects; NaN where l > u, and at the
        two corners where nothing is left.
    """
    a, b = paired(measured, predicted)
    grid = np.linspace(0, 1, round(1 / step) + 1)
    rankings = [Ranking(x) for x in (*a, *b)]
    doubled = np.stack([r.doubled for r in rankings]).astype(np.float64)
    out = np.full((len(grid), len(grid), len(b)), np.nan)
    z = np.empty(doubled.shape)
    for i, low in enumerate(grid):
        for j, high in enumerate(grid[i:], start=i):
            if i == j and low in (0, 1):
                continue
            np.copyto(z, doubled)
            _clip(z, GeoTopological(float(low), float(high))._marks_of(rankings))
            unitary = unit(z - z.mean(axis=1, keepdims=True))
            out[i, j] = unitary[: len(a)].mean(axis=0) @ unitary[len(a) :].T
    return grid, out


RANKED = GeoTopological(0.0, 1.0)
GEOTOPOLOGICAL = GeoTopological(0.2, 0.8)
TOPOLOGICAL = GeoTopological(0.4, 0.6)
LOCAL = GeoTopological(0.0, 0.3)
PANELS = {"0-100": RANKED, "20-80": GEOTOPOLOGICAL, "40-60": TOPOLOGICAL, "0-30": LOCAL}
