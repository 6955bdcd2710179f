"""Solver of many discriminant analyses at once: `gyral.decoding.lda` says what it computes.

Moments of all rows of a slice are formed once, and those of a fold follow by subtracting its held-out rows; Ledoit and Wolf's
amount needs no product beyond them; the covariance is solved by Cholesky, or through the samples where units are
more (Woodbury).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Fold, Rows
from gyral.decoding.labels import Labels
from gyral.errors import BadArrays
from gyral.progress import Progress, silent

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Shrinkage = float | Literal["auto"]

_CHUNK = 1 << 24  # bytes of slices that are brought together at a time
_KEPT = 1 << 27  # bytes that the products of one class in all folds may take
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Discriminants:
    """Linear discriminants of every slice and fold.

    Parameters
    ----------
    coef : float64 array, times x folds x classes x units
        One row, second less first class, where there are two classes.
    intercept : float64 array, times x folds x classes
    """

    coef: Floats
    intercept: Floats


def discriminants(
    x: Array, labels: Labels, folds: Sequence[Fold], shrinkage: Shrinkage = "auto", *, progress: Progress = silent
) -> Discriminants:
    """Fit every time of samples x units x times on the training rows of every fold."""
    if shrinkage != "auto" and not 0 <= float(shrinkage) <= 1:
        raise BadArrays(f"{shrinkage!r} is neither 'auto' nor a share in [0, 1].", where="shrinkage")
    plan = _Plan(labels, folds, shrinkage)
    units, times, classes = x.shape[1], x.shape[2], len(labels.classes)
    coef = np.empty((times, len(folds), classes, units))
    intercept = np.empty((times, len(folds), classes))
    for t, one in slices(x, plan.order):
        progress("discriminants", t, times)
        coef[t], intercept[t] = _solve(one, plan, shrinkage)
    progress("discriminants", times, times)
    if classes == 2:
        coef, intercept = coef[:, :, [1]] - coef[:, :, [0]], intercept[:, :, [1]] - intercept[:, :, [0]]
    return Discriminants(coef, intercept)


class _Plan:
    """What all slices share: rows sorted by class, and who trains in which fold."""

    def __init__(self, labels: Labels, folds: Sequence[Fold], shrinkage: Shrinkage) -> None:
        classes = len(labels.classes)
        self.order = np.argsort(labels.codes, kind="stable")
        self.codes = labels.codes[self.order]
        inside = np.zeros((len(folds), len(labels)), bool)
        for f, fold in enumerate(folds):
            inside[f, fold.train] = True
        inside = inside[:, self.order]
        self.counts = np.stack([np.bincount(self.codes[own], minlength=classes) for own in inside])
        # A fixed amount is linear in the covariances, so that classes go together.
        pools = [np.array([k]) for k in range(classes)] if shrinkage == "auto" else [np.arange(classes)]
        self.pools = [_Pool(np.flatnonzero(np.isin(self.codes, pool)), inside, pool) for pool in pools]


class _Pool:
    """Classes of one amount of shrinkage: their rows, and which of them each fold trains on and leaves."""

    def __init__(self, rows: Rows, inside: NDArray[np.bool_], classes: Rows) -> None:
        self.rows, self.classes = slice(int(rows[0]), int(rows[-1]) + 1), classes
        own = inside[:, rows]
        self.training, self.others = [np.flatnonzero(o) for o in own], [np.flatnonzero(~o) for o in own]
        self.weights = own.astype(np.float64)
        # Then what folds leave adds up to all rows.
        self.partition = bool(((~own).sum(axis=0) == 1).all())


def slices(x: Array, order: Rows | None = None) -> Iterator[tuple[int, Floats]]:
    """Number and samples x units of each time, float64 in memory order; rows in ``order``."""
    step = max(1, _CHUNK // (8 * x.shape[0] * x.shape[1]))
    for first in range(0, x.shape[2], step):
        some = np.ascontiguousarray(x[:, :, first : first + step].transpose(2, 0, 1), np.float64)
        for k, one in enumerate(some):
            yield first + k, one if order is None else one[order]


def _solve(x: Floats, plan: _Plan, shrinkage: Shrinkage) -> tuple[Floats, Floats]:
    """Coefficients (folds x classes x units) and intercepts of one slice whose rows stand by class."""
    centre = x.mean(axis=0)  # subtracting moments would cancel where means are large
    x = x - centre
    folds, classes = plan.counts.shape
    coef = np.empty((folds, classes, x.shape[1]))
    intercept = np.empty(coef.shape[:2])
    means = np.empty_like(coef)
    shrunk = [_Shrunk(x[pool.rows], pool, plan, means, centre, shrinkage) for pool in plan.pools]
    for f in range(folds):
        count = int(plan.counts[f].sum())
        # Scores of two classes are subtracted, and what both share drops out; those of more are scikit-learn's own.
        origin = centre if classes == 2 else np.zeros(x.shape[1])
        shown = means[f] + (centre - origin)
        coef[f] = (_through_samples if count <= x.shape[1] else _cholesky)(shrunk, f, shown)
        prior = np.log(plan.counts[f] / count)
        intercept[f] = prior - 0.5 * (shown * coef[f]).sum(axis=1) - coef[f] @ origin
    return coef, intercept


class _Shrunk:
    """Covariance of a pool of classes in each fold: ``(1 - amount) scatter / count + diag(target)``.

    Moments are those of all rows less those of the rows that a fold does not train on.
    """

    def __init__(
        self, x: Floats, pool: _Pool, plan: _Plan, means: Floats, centre: Floats, shrinkage: Shrinkage
    ) -> None:
        self.x, self.pool, self.codes = x, pool, plan.codes[pool.rows]
        counts = plan.counts[:, pool.classes]
        for k in pool.classes:
            own = self.codes == k
            means[:, k] = pool.weights[:, own] @ x[own] / plan.counts[:, [k]]
        self.means, self.counts = means[:, pool.classes], counts
        self.count = counts.sum(axis=1)
        self.prior = self.count / plan.counts.sum(axis=1)
        squares = x * x
        spread = (counts[:, :, None] * self.means**2).sum(axis=1)
        variance = np.maximum(pool.weights @ squares - spread, 0.0) / self.count[:, None]
        self.fixed = None if shrinkage == "auto" else float(shrinkage)
        if self.fixed is not None:
            self.target = np.broadcast_to(variance.mean(axis=1, keepdims=True), variance.shape)
            return
        mean, n = self.means[:, 0], self.count[:, None]
        # What scikit-learn takes for constant, and then leaves unscaled.
        constant = variance <= n * _EPS * variance + (n * (mean + centre) * _EPS) ** 2
        squared = np.where(constant, 1.0, variance)
        self.weight = np.where(constant, 0.0, 1 / squared)
        self.level = (~constant).mean(axis=1)
        self.target = self.level[:, None] * squared
        # Squared norm of each standardised row.
        self.norms = (
            squares @ self.weight.T - 2 * (x @ (mean * self.weight).T) + (mean**2 * self.weight).sum(axis=1)
        )

    def amount(self, fold: int, rows: Floats | None = None, scatter: Floats | None = None) -> float:
        """Share of the target in a fold, from what `centred` or `scatter` gave of it."""
        if self.fixed is not None:
            return self.fixed
        count, weight, norms = int(self.count[fold]), self.weight[fold], self.norms[self.pool.training[fold], fold]
        # Sum of the squared entries of the standardised covariance.
        whole = 0.0
        if scatter is not None:
            whole = float(weight @ np.square(scatter) @ weight)
        elif rows is not None:
            whole = float(np.square((rows * weight) @ rows.T).sum())
        return _ledoit_wolf(norms, whole / count**2, float(self.level[fold]), count, self.x.shape[1])

    @cached_property
    def _adds_up(self) -> bool:
        return self.pool.partition and len(self.count) * self.x.shape[1] ** 2 * 8 <= _KEPT

    @cached_property
    def _left(self) -> list[Floats]:
        return [self._products(rows) for rows in self.pool.others] if self._adds_up else []

    @cached_property
    def _all(self) -> Floats:
        return np.asarray(sum(self._left[1:], self._left[0]) if self._adds_up else self.x.T @ self.x)

    def _products(self, rows: Rows) -> Floats:
        some = self.x[rows]
        return np.asarray(some.T @ some)

    def centred(self, fold: int) -> Floats:
        """Training rows of a fold about the means of their classes."""
        rows = self.pool.training[fold]
        return np.asarray(self.x[rows] - self.means[fold][self.codes[rows] - self.pool.classes[0]])

    def scatter(self, fold: int) -> Floats:
        """Squares and products about the means of classes, summed over training rows of a fold."""
        if len(self.pool.training[fold]) < len(self.pool.others[fold]):
            some = self.centred(fold)
            return np.asarray(some.T @ some)
        found = self._all - (self._left[fold] if self._adds_up else self._products(self.pool.others[fold]))
        found -= (self.means[fold].T * self.counts[fold]) @ self.means[fold]
        return found


def _ledoit_wolf(norms: Floats, size: float, level: float, samples: int, units: int) -> float:
    """Amount of shrinkage towards ``level`` of standardised rows with squared ``norms``."""
    if units == 1:
        return 0.0
    noise = (float(norms @ norms) / samples - size) / (units * samples)
    distance = (size - units * level**2) / units
    noise = min(noise, distance)
    return 0.0 if noise == 0 else noise / distance


def _cholesky(pools: Sequence[_Shrunk], fold: int, means: Floats) -> Floats:
    from scipy.linalg.blas import daxpy  # slow imports, and only needed here
    from scipy.linalg.lapack import dposv

    units = means.shape[1]
    covariance = np.zeros(units * units)
    for pool in pools:
        scatter = pool.scatter(fold)
        amount = pool.amount(fold, scatter=scatter)
        daxpy(scatter.reshape(-1), covariance, a=pool.prior[fold] * (1 - amount) / pool.count[fold])
        covariance[:: units + 1] += pool.prior[fold] * amount * pool.target[fold]
    _, solved, fault = dposv(covariance.reshape(units, units).T, means.T, overwrite_a=True)
    if fault:
        raise singular()
    return np.asarray(solved.T)


def _through_samples(pools: Sequence[_Shrunk], fold: int, means: Floats) -> Floats:
    """``(D + U'U)^-1 M`` by Woodbury, U being samples x units."""
    from scipy.linalg.lapack import dposv  # slow import, and only needed here

    diagonal = np.zeros(means.shape[1])
    rows = []
    for pool in pools:
        some = pool.centred(fold)
        amount = pool.amount(fold, some)
        diagonal += pool.prior[fold] * amount * pool.target[fold]
        rows.append(np.sqrt(pool.prior[fold] * (1 - amount) / pool.count[fold]) * some)
    if not (diagonal > 0).all():
        raise singular()
    low = np.concatenate(rows)
    scaled = low / diagonal
    start = means / diagonal
    inner = scaled @ low.T
    inner.reshape(-1)[:: len(inner) + 1] += 1.0
    _, middle, fault = dposv(inner, low @ start.T, overwrite_a=True)
    if fault:
        raise singular()
    return np.asarray(start - middle.T @ scaled)


def singular() -> BadArrays:
    """A covariance has no inverse."""
    return BadArrays(
        "the covariance of the units has no inverse: there are more units than samples, or units that say the same.",
        where="shrinkage",
        mend="Shrink it: 'auto', or a share above 0.",
        code="singular-covariance",
    )
