"""Ridge by exhaustive search in float64: what the engine's penalties and predictions are held against."""

from dataclasses import dataclass

import numpy as np

from gyral.datasets.split import Fold, contiguous
from gyral.features.features import Features
from gyral.readouts.ridge import PENALTIES

GRID = np.asarray(PENALTIES)


@dataclass
class Problem:
    x: np.ndarray
    y: np.ndarray
    train: np.ndarray
    test: np.ndarray
    inner: tuple[Fold, ...]


def problem(rows: int, features: int, folds: int, units: int = 400, decay: float = 0.5, seed: int = 0) -> Problem:
    """Features with a falling spectrum; units from noiseless to pure noise."""
    rng = np.random.default_rng(seed)
    samples = rows + max(40, rows // 4)
    x = rng.standard_normal((samples, features)) * np.arange(1, features + 1) ** -decay
    x = x @ np.linalg.qr(rng.standard_normal((features, features)))[0] + rng.standard_normal(features)
    y = x @ rng.standard_normal((features, units))
    y = y / y.std(axis=0) + rng.standard_normal(y.shape) * np.geomspace(0.05, 50, units)
    order = rng.permutation(samples)
    train, test = np.sort(order[:rows]), np.sort(order[rows:])
    return Problem(x.astype(np.float32), (y + 5).astype(np.float32), train, test, contiguous(rows, folds).folds)


def predictions(x: np.ndarray, y: np.ndarray, new: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """Ridge by singular value decomposition, float64: penalties x rows x units, or one penalty a unit."""
    u, s, vt = np.linalg.svd(x - x.mean(0), full_matrices=False)
    u, s, vt = u[:, s > s[0] * 1e-10], s[s > s[0] * 1e-10], vt[s > s[0] * 1e-10]
    rotated = s[:, None] * (u.T @ (y - y.mean(0)))
    ahead = (new - x.mean(0)) @ vt.T
    if len(penalty) == y.shape[1]:
        return ahead @ (rotated / (s[:, None] ** 2 + penalty)) + y.mean(0)
    return np.stack([ahead @ (rotated / (s[:, None] ** 2 + a)) + y.mean(0) for a in penalty])


def exhaustive(p: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chosen penalties, inner R2 and held-out predictions of units that share their samples, float64."""
    x = p.x[p.train].astype(np.float64)
    sd = x.std(0)
    z, new = (x - x.mean(0)) / sd, (p.x[p.test] - x.mean(0)) / sd
    y = p.y[p.train].astype(np.float64)
    errors, total = np.zeros((len(GRID), y.shape[1])), np.zeros(y.shape[1])
    for fold in p.inner:
        found = predictions(z[fold.train], y[fold.train], z[fold.test], GRID)
        errors += ((y[fold.test] - found) ** 2).sum(axis=1)
        total += ((y[fold.test] - y[fold.train].mean(0)) ** 2).sum(axis=0)
    best = errors.argmin(axis=0)
    return GRID[best], 1 - errors.min(axis=0) / total, predictions(z, y, new, GRID[best])


def correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a.astype(np.float64) - a.mean(0, np.float64), b.astype(np.float64) - b.mean(0, np.float64)
    return (a * b).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum(0))


def assert_equal(p: Problem, fitted, expected: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    penalties, inner_r2, predicted = expected
    steps = np.abs(np.log10(fitted.penalties) - np.log10(penalties)).round()
    assert steps.max() <= 1
    assert (steps == 0).mean() >= 0.999
    np.testing.assert_allclose(fitted.inner_r2, inner_r2, atol=1e-5)
    same = steps == 0
    found, predicted = fitted.predict(Features("a", p.x), p.test)[:, same], predicted[:, same]
    centred = predicted - predicted.mean(0)
    assert np.linalg.norm(found - predicted) / np.linalg.norm(centred) <= 1e-4
    # What a null unit's prediction varies by is near the spacing of float32 beside its mean: its r is rounding.
    told = same & (inner_r2 > 0.001)
    measured, found, predicted = p.y[p.test][:, told], found[:, told[same]], predicted[:, told[same]]
    assert np.abs(correlations(measured, found) - correlations(measured, predicted)).max() <= 1e-4
