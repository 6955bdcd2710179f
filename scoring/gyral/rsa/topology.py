r"""Topology: the geo-topological transform of RDMs, and the comparators made of it (tRSA).

Ranks of the dissimilarities are scaled to x in [0, 1]; with quantiles a = Q_l(x) and b = Q_u(x) of that RDM ::

    GT_{l,u}(x) = clip((x - a) / (b - a), 0, 1)

l = 0, u = 1 keeps the ranks; as l and u meet, only who neighbours whom is left (Lin and Kriegeskorte 2024, doi
10.1073/pnas.2317881121). Transformed RDMs are compared by Pearson correlation: clipping makes so many ties that ranks of
them say little. The mean of clipped RDMs is graded, which none of them is: subjects' lower bound can lie
a little above what the true RDM itself reaches.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.rsa.comparator import Counts, Mask, Product, cosine_of, paired, unit
from gyral.rsa.rank import Ranking, redrawn_pairs
from gyral.rsa.vector import check_vectors

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Regime = Literal["local", "global", "geometry", "topology", "intermediate"]


@dataclass(frozen=True)
class GeoTopological(Product):
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
        ones = np.ones(checked.shape[1])
        return np.stack([r.in_place(self._of(*r.weighted(ones), 0, len(ones) - 1)) for r in map(Ranking, checked)])

    def embedded(self, vectors: Array) -> Floats:
        """Transformed, centred and scaled."""
        x = self.transformed(vectors)
        return unit(x - x.mean(axis=1, keepdims=True))

    def redrawn(self, measured: Array, predicted: Array, counts: Counts, mask: Mask | None = None) -> Floats:
        """With ranks and quantiles of the pairs of each redraw."""
        a, b, drawn = redrawn_pairs(measured, predicted, counts, mask)
        rankings = [Ranking(x) for x in (*a, *b)]
        x = np.empty((len(rankings), a.shape[1]))
        out = np.full((len(counts), len(a), len(b)), np.nan)
        for d, w in drawn:
            for k, ranking in enumerate(rankings):
                ranks, upto = ranking.weighted(w)
                first, last = np.searchsorted(upto, [0, upto[-1] - 0.5], side="right")
                x[k, ranking.order] = self._of(ranks, upto, int(first), int(last))
            x -= (x @ w / w.sum())[:, None]
            weighed = x * w
            square = (weighed * x).sum(axis=1)
            out[d] = cosine_of(
                (weighed[: len(a)] @ x[len(a) :].T)[None], square[None, : len(a)], square[None, len(a) :]
            )[0]
        return out

    def _of(self, ranks: Floats, upto: Floats, first: int, last: int) -> Floats:
        """The transform of sorted ranks of which ``first`` and ``last`` are the extreme ones with copies."""
        span = ranks[last] - ranks[first]
        x = (ranks - ranks[first]) / (span if span > 0 else 1.0)
        a, b = (_quantile(x, upto, q) for q in (self.low, self.high))
        if b - a <= 1e-12:
            return np.asarray((x > a).astype(np.float64))
        return np.asarray(np.clip((x - a) / (b - a), 0.0, 1.0))


def _quantile(ordered: Floats, upto: Floats, share: float) -> float:
    """Linear quantile of sorted values with copies (numpy's default)."""
    place = share * (upto[-1] - 1)
    below = np.floor(place)
    at = np.searchsorted(upto, [below, min(below + 1, upto[-1] - 1)], side="right")
    low, high = ordered[at]
    return float(low + (place - below) * (high - low))


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
    ones = np.ones(a.shape[1])
    ranked = [(r, *r.weighted(ones)) for r in map(Ranking, (*a, *b))]
    out = np.full((len(grid), len(grid), len(b)), np.nan)
    z = np.empty((len(ranked), a.shape[1]))
    for i, low in enumerate(grid):
        for j, high in enumerate(grid[i:], start=i):
            if i == j and low in (0, 1):
                continue
            panel = GeoTopological(float(low), float(high))
            for k, (ranking, ranks, upto) in enumerate(ranked):
                z[k, ranking.order] = panel._of(ranks, upto, 0, len(ones) - 1)
            unitary = unit(z - z.mean(axis=1, keepdims=True))
            out[i, j] = unitary[: len(a)].mean(axis=0) @ unitary[len(a) :].T
    return grid, out


RANKED = GeoTopological(0.0, 1.0)
GEOTOPOLOGICAL = GeoTopological(0.2, 0.8)
TOPOLOGICAL = GeoTopological(0.4, 0.6)
LOCAL = GeoTopological(0.0, 0.3)
PANELS = {"0-100": RANKED, "20-80": GEOTOPOLOGICAL, "40-60": TOPOLOGICAL, "0-30": LOCAL}
