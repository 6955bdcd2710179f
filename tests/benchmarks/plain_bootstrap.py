"""The plain bootstrap of stimuli inside held-out folds that others report: what `coverage.py` compares ours with."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Rows, Split

Array = NDArray[np.floating[Any]]

DRAWS = 1000
LEVEL = 0.95


def resampling_weights(split: Split, *, draws: int = DRAWS, seed: int = 0) -> list[NDArray[np.float32]]:
    """How often each held-out row is drawn, per fold: draws x rows of that fold.

    Groups are drawn whole where the split has groups (and more than one in the fold).
    """
    rng = np.random.default_rng([seed, 0x1A7E])
    out = []
    for fold in split.folds:
        members = _members(fold.test, split.groups)
        count = len(members)
        picks = rng.multinomial(count, np.full(count, 1 / count), size=draws)
        weights = np.zeros((draws, len(fold.test)), np.float32)
        for k, rows in enumerate(members):
            weights[:, rows] = picks[:, k : k + 1]
        out.append(weights)
    return out


def weighted_r(measured: Array, predicted: Array, weights: NDArray[np.float32]) -> Array:
    """Pearson r of each unit under each row weighting: draws x units, float64.

    NaN where the drawn rows leave a unit constant; 0 where only the prediction is constant.
    """
    present = np.isfinite(measured)
    if not present.all():
        # Units with masked samples one by one: each has rows, and so weights, of its own.
        columns = [
            weighted_r(measured[m, v : v + 1], predicted[m, v : v + 1], weights[:, m])
            if (m := present[:, v]).any()
            else np.full((len(weights), 1), np.nan)
            for v in range(measured.shape[1])
        ]
        return np.concatenate(columns, axis=1)
    y = _centred(measured)
    p = _centred(predicted)
    w = weights.astype(np.float64)
    total = np.maximum(w.sum(axis=1, keepdims=True), 1e-12)
    my, mp = w @ y / total, w @ p / total
    vy = w @ (y * y) / total - my * my
    vp = w @ (p * p) / total - mp * mp
    cov = w @ (y * p) / total - my * mp
    flat_y, flat_p = vy <= 1e-12, vp <= 1e-12
    r = np.where(flat_p, 0.0, cov / np.sqrt(np.where(flat_y | flat_p, 1.0, vy * vp)))
    return np.where(flat_y, np.nan, np.clip(r, -1.0, 1.0))


def around(value: float, drawn: Array, level: float = LEVEL) -> tuple[float, float]:
    """Central interval of bootstrap values, moved so that their mean lies on the value itself.

    A median over units of noisy correlations is pulled towards their mean; redrawing the stimuli adds noise
    and pulls once more. Moving the draws back removes that second pull, so that the interval is one for the
    value that as many new stimuli would give.

    Parameters
    ----------
    value : float
        What was measured.
    drawn : array, draws
        NaN draws are left out.

    Returns
    -------
    (low, high)
        NaN where there is no value or no finite draw.
    """
    finite = drawn[np.isfinite(drawn)]
    if not finite.size or not np.isfinite(value):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2]) - finite.mean() + value
    return float(low), float(high)


def _centred(values: Array) -> Array:
    # Standardised first, so that weighted second moments do not cancel in float.
    v = np.asarray(values, np.float64)
    v = v - v.mean(axis=0)
    sd = v.std(axis=0)
    return np.asarray(np.divide(v, sd, out=np.zeros_like(v), where=sd > 0))


def _members(test: Rows, groups: Rows | None) -> Sequence[Rows]:
    if groups is not None:
        codes = groups[test]
        names = np.unique(codes)
        if len(names) > 1:
            return [np.flatnonzero(codes == g) for g in names]
    return [np.array([i]) for i in range(len(test))]
