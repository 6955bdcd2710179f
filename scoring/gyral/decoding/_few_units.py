"""Shrinkage LDA of two classes over a few units at many times, again and again with other labels.

`gyral.decoding.lda.cross_decisions` with shrinkage "auto" needs of each class and fold only moments up to the fourth. Products of
units at every sample do not depend on labels: they are made once, and a permutation of labels is a sum over them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Fold
from gyral.decoding._discriminants import singular

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

MOST_UNITS = 8
_KEPT = 1 << 28  # bytes of products
_EPS = np.finfo(np.float64).eps


def are_few(shape: tuple[int, ...], folds: Sequence[Fold]) -> bool:
    """Whether `FewUnits` can be asked of samples x units x times: few units, products that fit, and each sample held out once
    and trained on in all other folds."""
    samples, units, times = shape
    if units > MOST_UNITS or 8 * samples * times * (units + 3 * units**2) > _KEPT:
        return False
    held = np.sort(np.concatenate([f.test for f in folds]))
    whole = len(held) == samples and bool((held == np.arange(samples)).all())
    return whole and all(len(f.train) + len(f.test) == samples for f in folds)


class FewUnits:
    """Responses with their products.

    Parameters
    ----------
    x : array, samples x units x times
    folds : sequence of Fold
        That `are_few` agrees to.
    """

    def __init__(self, x: NDArray[np.floating[Any]], folds: Sequence[Fold]) -> None:
        given = np.asarray(x, np.float64)
        self.folds, self.centre = list(folds), given.mean(axis=0).T  # times x units
        self.x = np.ascontiguousarray(given.transpose(0, 2, 1)) - self.centre  # samples x times x units
        square = self.x**2
        pairs = [(self.x, self.x), (square, self.x), (square, square)]
        parts = [self.x, *(a[..., :, None] * b[..., None, :] for a, b in pairs)]
        self.widths = [int(np.prod(p.shape[2:])) for p in parts]
        flat = [p.reshape(*p.shape[:2], -1) for p in parts]
        self.products = np.concatenate(flat, axis=2)  # samples x times x (1st, 2nd, x² x, x² x²)

    def decisions(self, codes: Codes) -> Floats:
        """Out-of-fold decisions, second less first class: samples x times.

        Raises
        ------
        BadArrays
            A covariance has no inverse (``singular-covariance``).
        """
        samples, times, units = self.x.shape
        wanted = np.stack([codes == k for k in (0, 1)]).astype(np.float64)
        flat = self.products.reshape(samples, -1)
        left = np.stack([wanted[:, f.test] @ flat[f.test] for f in self.folds])  # folds x 2 x ...
        sums = (left.sum(axis=0) - left).reshape(len(self.folds), 2, times, -1)
        held = np.stack([wanted[:, f.test].sum(axis=1) for f in self.folds])
        count = (held.sum(axis=0) - held)[:, :, None]  # folds x 2 x 1
        first, second, third, fourth = np.split(sums, np.cumsum(self.widths)[:-1], axis=3)
        square = [a.reshape(*a.shape[:3], units, units) for a in (second, third, fourth)]
        mean = first / count[..., None]
        prior = count / count.sum(axis=1, keepdims=True)
        each = [self._shrunk(count[:, k], mean[:, k], [a[:, k] for a in square], prior[:, k]) for k in (0, 1)]
        shrunk = each[0] + each[1]
        try:
            coef = np.linalg.solve(shrunk[:, None], mean[..., None])[..., 0]  # folds x 2 x times x units
        except np.linalg.LinAlgError:
            raise singular() from None
        intercept = np.log(prior) - 0.5 * (mean * coef).sum(axis=3)
        weight, level = coef[:, 1] - coef[:, 0], intercept[:, 1] - intercept[:, 0]
        out = np.empty((samples, times))
        for f, fold in enumerate(self.folds):
            out[fold.test] = (self.x[fold.test] * weight[f]).sum(axis=2) + level[f]
        return out

    def _shrunk(self, n: Floats, mean: Floats, sums: Sequence[Floats], prior: Floats) -> Floats:
        """What a class adds to the covariance of every fold and time: folds x times x units x units."""
        second, third, fourth = sums
        units, n = mean.shape[-1], n[..., None]  # folds x 1 x 1
        own = np.diagonal(second, axis1=-2, axis2=-1)
        variance = np.maximum(own - n * mean**2, 0.0) / n
        constant = variance <= n * _EPS * variance + (n * (mean + self.centre) * _EPS) ** 2
        squared = np.where(constant, 1.0, variance)
        w = np.where(constant, 0.0, 1 / squared)
        level = (~constant).mean(axis=-1)
        scatter = second - n[..., None] * mean[..., :, None] * mean[..., None, :]
        # Sum over samples of the squared norm of each, standardised: of (sum w x² - 2 sum w m x + sum w m²)².
        wm, k = w * mean, (w * mean**2).sum(axis=-1)
        total = n[..., 0] * k**2
        total = (
            total + np.einsum("ftu,ftuv,ftv->ft", w, fourth, w) - 4 * np.einsum("ftu,ftuv,ftv->ft", w, third, wm)
        )
        total += 4 * np.einsum("ftu,ftuv,ftv->ft", wm, second, wm) + 2 * k * (w * own).sum(axis=-1)
        total -= 4 * k * n[..., 0] * (wm * mean).sum(axis=-1)
        amount = np.zeros_like(level)
        if units > 1:
            size = np.einsum("ftu,ftuv,ftv->ft", w, scatter**2, w) / n[..., 0] ** 2
            noise = (total / n[..., 0] - size) / (units * n[..., 0])
            distance = (size - units * level**2) / units
            noise = np.minimum(noise, distance)
            amount = np.where(noise == 0, 0.0, noise / np.where(noise == 0, 1.0, distance))
        target = level[..., None] * squared
        a = amount[..., None, None]
        return np.asarray(
            prior[..., None, None] * ((1 - a) * scatter / n[..., None] + a * target[..., None] * np.eye(units))
        )
