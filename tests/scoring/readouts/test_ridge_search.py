"""The search for penalties by their bounds finds what predicting all of them finds."""

import numpy as np
import pytest
from scipy.signal import lfilter

from exhaustive_ridge import Problem, assert_equal, exhaustive, problem
from gyral.datasets.split import contiguous
from gyral.features.features import Features
from gyral.readouts import _ridge_folds, _ridge_search
from gyral.readouts._ridge_arrays import TorchArrays
from gyral.readouts._ridge_search import Search
from gyral.readouts.ridge import Ridge

ROWS, WIDTH, UNITS = 900, 60, 2000


def unruly(kind: str) -> Problem:
    """Features whose held-out rows do not have about the axes of the others."""
    rng = np.random.default_rng(4)
    falling = np.arange(1, WIDTH + 1) ** -0.5
    samples = ROWS + 200
    if kind == "autocorrelated":
        x = lfilter([1], [1, -0.97], rng.standard_normal((samples, WIDTH)) * falling, axis=0)
    elif kind == "heavy tails":
        x = rng.standard_t(2.1, (samples, WIDTH)) * falling
    else:
        x = rng.standard_normal((samples, WIDTH)) * falling
        for first in range(0, samples, 180):
            x[first : first + 180] *= np.exp(rng.standard_normal(WIDTH))
    y = x @ rng.standard_normal((WIDTH, UNITS))
    y = y / y.std(axis=0) + rng.standard_normal(y.shape) * rng.permutation(np.geomspace(0.05, 50, UNITS))
    every = np.arange(samples)
    return Problem(
        x.astype(np.float32), y.astype(np.float32), every[:ROWS], every[ROWS:], contiguous(ROWS, 5).folds
    )


@pytest.fixture
def predicted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of predictions made, one entry a call."""
    counts: list[int] = []
    sizes = Search._sizes

    def counted(self, folds, units, at):
        counts.append(len(units))
        return sizes(self, folds, units, at)

    monkeypatch.setattr(Search, "_sizes", counted)
    return counts


@pytest.mark.parametrize("kind", ["autocorrelated", "heavy tails", "folds of their own"])
def test_unruly_features_are_searched_exactly(kind: str, predicted: list[int]) -> None:
    p = unruly(kind)
    assert_equal(p, Ridge().fit(Features("a", p.x), p.y, p.train, p.inner), exhaustive(p))
    pilot = 11 * _ridge_search.PILOT
    assert 0 < sum(predicted) - pilot < 5 * UNITS


def test_few_predictions_do_where_held_out_rows_are_like_the_others(predicted: list[int]) -> None:
    p = problem(1200, 60, 5, units=UNITS)
    assert_equal(p, Ridge().fit(Features("a", p.x), p.y, p.train, p.inner), exhaustive(p))
    assert 0 < sum(predicted) - 11 * _ridge_search.PILOT < 2.5 * UNITS


@pytest.mark.parametrize("shape", [(500, 200, 5), (200, 700, 5), (150, 140, 4)])
def test_folds_without_room_for_maps_are_searched(
    shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch, predicted: list[int]
) -> None:
    monkeypatch.setattr(_ridge_folds, "_MAPS", 0)
    p = problem(*shape, units=1100)
    assert_equal(p, Ridge().fit(Features("a", p.x), p.y, p.train, p.inner), exhaustive(p))
    assert 0 < sum(predicted) - 11 * _ridge_search.PILOT < 5 * 1100


def test_without_a_margin_the_search_goes_astray(monkeypatch: pytest.MonkeyPatch) -> None:
    p = unruly("heavy tails")
    expected, _, _ = exhaustive(p)
    monkeypatch.setattr(_ridge_search, "MARGIN", 0.0)
    found = Ridge().fit(Features("a", p.x), p.y, p.train, p.inner).penalties
    assert (found == expected).mean() < 0.999


def test_units_with_holes_are_searched_among_their_like(predicted: list[int]) -> None:
    p = problem(600, 40, 3, units=1600)
    p.y[p.train[:50], ::2] = np.nan
    fitted = Ridge().fit(Features("a", p.x), p.y, p.train, p.inner)
    assert sum(predicted)
    few = Ridge().fit(Features("a", p.x), p.y[:, :100], p.train, p.inner)
    np.testing.assert_array_equal(fitted.penalties[:100], few.penalties)
    np.testing.assert_allclose(fitted.inner_r2[:100], few.inner_r2, atol=1e-5)


def test_torch_and_numpy_search_alike(monkeypatch: pytest.MonkeyPatch, predicted: list[int]) -> None:
    p = problem(900, 60, 3, units=1200)
    expected = Ridge().fit(Features("a", p.x), p.y, p.train, p.inner)
    monkeypatch.setattr("gyral.readouts.ridge.arrays_on", TorchArrays)
    found = Ridge().fit(Features("a", p.x), p.y, p.train, p.inner)
    assert sum(predicted)
    np.testing.assert_array_equal(found.penalties, expected.penalties)
    np.testing.assert_allclose(found.inner_r2, expected.inner_r2, atol=1e-6)
