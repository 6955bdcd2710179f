"""Asymptote: what scores that grow with the number of subjects would reach with endlessly many.

All units (and redraws) are fitted at once: the asymptote of a given bend is a closed form, and the bend is
searched for on one axis, for all units together.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Rows
from gyral.scores.agreement import Agreement, Columns

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Curve = Literal["spearman-brown", "exponential"]

# A curve that bends later than this many times the largest pool shows no bend, and any asymptote would do.
LATEST_BEND = {"spearman-brown": 4.0, "exponential": 2.0}
_EARLIEST = 1e-2
_GRID, _GOLDEN_STEPS = 48, 30
_GOLDEN = (np.sqrt(5) - 1) / 2


def asymptote(sizes: Array, scores: Array, *, curve: Curve = "spearman-brown") -> tuple[Floats, Floats]:
    """Least-squares asymptote of scores over pool sizes, for all units at once.

    ``spearman-brown``: ``v(s) = v0 sqrt(s / (s + k))``, the correlation with what s equally noisy subjects say together.
    ``exponential``: ``v(s) = v0 (1 - exp(-s / k))``, which Brain-Score fits; under the first truth it falls short.

    v0 lies in [0, 1], and the bend k in [.01, 4 max s] (2 max s for ``exponential``): curves that have not bent by then
    would reach any height, so that noise around 0 would extrapolate to 1.

    Parameters
    ----------
    sizes : array, sizes
        Numbers of subjects, at least two different ones.
    scores : array, sizes x ...
        Mean correlations; NaN makes the result NaN.

    Returns
    -------
    (v0, k) : arrays, ...

    References
    ----------
    Schrimpf et al. (2021) PNAS 118, e2105646118, doi 10.1073/pnas.2105646118 (the exponential curve).

    Examples
    --------
    >>> sizes = np.arange(1, 7)
    >>> v0, k = asymptote(sizes, 0.8 * np.sqrt(sizes / (sizes + 2.0)))
    >>> float(v0.round(4)), float(k.round(3))
    (0.8, 2.0)
    """
    s = np.asarray(sizes, np.float64)
    shape = np.shape(scores)[1:]
    r = np.asarray(scores, np.float64).reshape(len(s), -1)
    bends = np.geomspace(_EARLIEST, LATEST_BEND[curve] * s.max(), _GRID)
    basis = _basis(s[:, None], bends, curve)  # sizes x grid
    cross, square = basis.T @ r, (basis**2).sum(axis=0)[:, None]
    best = np.nan_to_num(_loss(cross, square)).argmin(axis=0)
    # Golden section, on log k, around the best of the grid.
    low = np.log(bends[np.maximum(best - 1, 0)])
    high = np.log(bends[np.minimum(best + 1, _GRID - 1)])
    for _ in range(_GOLDEN_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        take = _at(s, r, left, curve)[1] <= _at(s, r, right, curve)[1]
        low, high = np.where(take, low, left), np.where(take, right, high)
    middle = (low + high) / 2
    return _at(s, r, middle, curve)[0].reshape(shape), np.exp(middle).reshape(shape)


def extrapolated(
    measured: Array, predictions: Sequence[Array], sizes: Array, *, curve: Curve = "spearman-brown"
) -> Agreement:
    """Evidence for a ceiling: the squared `asymptote` of correlations with what pools of subjects predict.

    Parameters
    ----------
    measured : array, samples x units
    predictions : sequence of array, samples x units
        Out-of-fold, one a pool.
    sizes : int array, one a pool
        Its number of subjects.
    """
    every = np.unique(sizes)

    def combine(r: Floats, rows: Rows, columns: Columns) -> Floats:
        means = np.stack([r[sizes == s].mean(axis=0) for s in every])
        return np.square(asymptote(every, means, curve=curve)[0])

    pairs = [(0, 1 + k) for k in range(len(predictions))]
    series, width = [measured, *predictions], measured.shape[1]
    return Agreement("extrapolation", series, width, pairs, combine, bounded=False, out_of_fold=True)


def _basis(sizes: Floats, bend: Floats, curve: Curve) -> Floats:
    return np.asarray(np.sqrt(sizes / (sizes + bend)) if curve == "spearman-brown" else -np.expm1(-sizes / bend))


def _loss(cross: Floats, square: Floats) -> Floats:
    """Squared error less the sum of squares, at the best asymptote within [0, 1]."""
    v0 = np.clip(cross / square, 0.0, 1.0)
    return np.asarray(v0 * (v0 * square - 2 * cross))


def _at(sizes: Floats, scores: Floats, log_bend: Floats, curve: Curve) -> tuple[Floats, Floats]:
    basis = _basis(sizes[:, None], np.exp(log_bend), curve)
    cross, square = (basis * scores).sum(axis=0), (basis**2).sum(axis=0)
    return np.clip(cross / square, 0.0, 1.0), _loss(cross, square)
