"""Ridge against an exhaustive search in float64, at every shape the engine treats in its own way."""

import numpy as np
import pytest

from exhaustive_ridge import GRID, assert_equal, exhaustive, predictions, problem
from gyral.datasets.split import Fold, grouped
from gyral.features.features import Features
from gyral.readouts._ridge_arrays import NumpyArrays, TorchArrays
from gyral.readouts._ridge_design import Design
from gyral.readouts._ridge_folds import _decomposed, _from_whole
from gyral.readouts._ridge_gains import TurnedGains
from gyral.readouts._ridge_span import COARSE, FINE, span
from gyral.readouts.ridge import Ridge

SHAPES = {
    "primal": (500, 60, 5),
    "primal, held out taller than wide": (600, 40, 2),
    "primal, three panels of a triangle": (1800, 300, 2),
    "primal, folds solved from all rows": (700, 300, 5),
    "primal, folds near interpolation": (310, 240, 5),
    "dual": (200, 700, 5),
    "dual, wide": (120, 1200, 4),
    "inner dual, refit primal": (200, 180, 5),
    "dual, taller": (90, 100, 2),
    "one feature": (200, 1, 5),
    "flat spectrum": (300, 250, 5),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_ridge_equals_exhaustive_search_in_float64(shape: tuple[int, int, int]) -> None:
    p = problem(*shape, decay=0.0 if shape[1] == 250 else 0.5)
    expected = exhaustive(p)
    assert shape[1] == 1 or len(np.unique(expected[0])) >= 4, "the units are meant to need different penalties"
    assert_equal(p, Ridge().fit(Features("a", p.x), p.y, p.train, p.inner), expected)


def test_ridge_equals_exhaustive_search_over_many_blocks_and_torn_groups() -> None:
    p = problem(300, 80, 5, units=9000)
    rng = np.random.default_rng(3)
    # Groups stand in no order: held-out rows are not consecutive.
    p.inner = grouped(rng.integers(0, 12, 300), 5).folds
    assert_equal(p, Ridge().fit(Features("a", p.x), p.y, p.train, p.inner), exhaustive(p))


def test_ridge_equals_exhaustive_search_where_folds_overlap_and_leave_rows_out() -> None:
    p = problem(260, 50, 5)
    rows = np.arange(260)
    p.inner = (Fold(rows[:120], rows[150:200]), Fold(rows[60:], rows[:50]), Fold(rows[::2], rows[1::2]))
    assert_equal(p, Ridge().fit(Features("a", p.x), p.y, p.train, p.inner), exhaustive(p))


@pytest.mark.parametrize("features", [40, 150, 400])
def test_ridge_fits_units_with_holes_as_if_their_samples_were_all(features: int) -> None:
    p = problem(200, features, 5, units=60)
    holes = {0: np.arange(0, 40), 1: np.r_[3, 50, 51, 199], 2: np.arange(60, 200)}
    y = p.y.copy()
    for unit, rows in holes.items():
        y[p.train[rows], unit] = np.nan
    y[p.train[holes[1]], 30] = np.inf
    fitted = Ridge().fit(Features("a", p.x), y, p.train, p.inner)
    found = fitted.predict(Features("a", p.x), p.test)
    whole = Ridge().fit(Features("a", p.x), p.y, p.train, p.inner)
    others = np.setdiff1d(np.arange(60), [0, 1, 2, 30])
    np.testing.assert_array_equal(fitted.penalties[others], whole.penalties[others])
    x = p.x[p.train].astype(np.float64)
    z, new = (x - x.mean(0)) / x.std(0), (p.x[p.test] - x.mean(0)) / x.std(0)
    for unit, rows in (*holes.items(), (30, holes[1])):
        keep = np.setdiff1d(np.arange(200), rows)
        own = p.y[p.train][:, [unit]].astype(np.float64)
        errors, total = np.zeros(len(GRID)), 0.0
        for fold in p.inner:
            t, v = np.intersect1d(fold.train, keep), np.intersect1d(fold.test, keep)
            if len(v):
                errors += ((own[v] - predictions(z[t], own[t], z[v], GRID)) ** 2).sum(axis=(1, 2))
                total += ((own[v] - own[t].mean()) ** 2).sum()
        assert fitted.penalties[unit] == GRID[errors.argmin()]
        assert fitted.inner_r2[unit] == pytest.approx(1 - errors.min() / total, abs=1e-5)
        expected = predictions(z[keep], own[keep], new, fitted.penalties[[unit]])[:, 0]
        spread = np.linalg.norm(expected - expected.mean())
        assert np.linalg.norm(found[:, unit] - expected) <= 1e-4 * spread + 1e-5


def test_ridge_decides_near_ties_of_null_units_as_float64_does() -> None:
    # Far above the spectrum neighbouring penalties differ by some 1e-6 of the squared error.
    p = problem(400, 30, 5, units=2000)
    p.y = np.random.default_rng(8).standard_normal(p.y.shape).astype(np.float32)
    expected, _, _ = exhaustive(p)
    assert (expected >= 1e6).mean() > 0.2
    found = Ridge().fit(Features("a", p.x), p.y, p.train, p.inner).penalties
    assert (found == expected).mean() >= 0.999


@pytest.mark.filterwarnings("error")
def test_ridge_fits_units_without_noise() -> None:
    p = problem(600, 40, 2, units=600, decay=0.0)
    p.y = (p.x @ np.random.default_rng(0).standard_normal((40, 600))).astype(np.float32)
    fitted = Ridge().fit(Features("a", p.x), p.y, p.train, p.inner)
    assert (fitted.penalties == GRID[0]).all()
    assert (fitted.inner_r2 > 1 - 1e-6).all()


def test_ridge_keeps_precision_beside_a_large_offset() -> None:
    p = problem(200, 50, 5, units=50)
    p.y = p.y.astype(np.float64)
    shifted = p.y + 1e7
    a = Ridge().fit(Features("a", p.x), p.y, p.train, p.inner)
    b = Ridge().fit(Features("a", p.x), shifted, p.train, p.inner)
    np.testing.assert_array_equal(a.penalties, b.penalties)
    np.testing.assert_allclose(a.inner_r2, b.inner_r2, atol=1e-5)


@pytest.mark.parametrize("features", [60, 500])
def test_torch_and_numpy_arrays_give_the_same_fit(features: int, monkeypatch: pytest.MonkeyPatch) -> None:
    p = problem(300, features, 2, units=80)
    expected = Ridge().fit(Features("a", p.x), p.y, p.train, p.inner)
    monkeypatch.setattr("gyral.readouts.ridge.arrays_on", TorchArrays)
    found = Ridge().fit(Features("a", p.x), p.y, p.train, p.inner)
    np.testing.assert_array_equal(found.penalties, expected.penalties)
    np.testing.assert_allclose(
        found.predict(Features("a", p.x), p.test), expected.predict(Features("a", p.x), p.test), atol=1e-3
    )


@pytest.mark.gpu
def test_the_accelerator_agrees_with_the_processor() -> None:
    p = problem(1800, 300, 2)
    found = Ridge(device="cuda").fit(Features("a", p.x), p.y, p.train, p.inner)
    assert_equal(p, found, exhaustive(p))


def test_every_penalty_is_a_combination_of_the_spanning_ones() -> None:
    values = np.geomspace(3.0, 4e4, 500)
    found, coarse = span(values, GRID, FINE), span(values, GRID, COARSE)
    assert len(coarse.nodes) < len(found.nodes) < len(GRID)
    np.testing.assert_array_equal(coarse.nodes, found.nodes[: len(coarse.nodes)])
    shrink = values / (values + GRID[:, None])
    made = (values / (values + found.nodes[:, None])).T @ found.weights
    assert np.abs(made.T - shrink).max(axis=1) == pytest.approx(0, abs=2e-5)
    assert (np.abs(made.T - shrink).max(axis=1) <= 2e-5 * shrink.max(axis=1)).all()


@pytest.mark.parametrize("rows", [np.arange(60, 140), np.r_[3:40, 200:230, 699]])
def test_a_fold_solved_from_all_rows_has_the_gains_of_its_own_decomposition(rows: np.ndarray) -> None:
    p = problem(700, 300, 5, units=50)
    design = Design(NumpyArrays(), Features("a", p.x), p.train)
    train, test = np.setdiff1d(np.arange(700), rows), rows[::2]
    short, own = _from_whole(design, train, test, GRID), _decomposed(design, train, test, GRID, many=False)
    assert short is not None
    assert isinstance(own, TurnedGains)
    y = p.y[p.train] - p.y[p.train][train].mean(axis=0)
    products = design.z[train].T @ y[train]
    for fine in (False, True):
        found, _ = short.of(design.centred(short.centre, y, products, np.zeros(50)), y[test].T, fine)
        left = design.system(train).turn(design.centred(own.centre, y, products, np.zeros(50)))
        expected, _ = own.of(left, y[test].T, fine)
        np.testing.assert_allclose(found, expected, atol=2e-5 * (y[test] ** 2).sum(axis=0).max())


def test_a_fold_that_nearly_interpolates_is_decomposed() -> None:
    p = problem(310, 240, 5)
    design = Design(NumpyArrays(), Features("a", p.x), p.train)
    assert _from_whole(design, p.inner[0].train, p.inner[0].test, GRID) is None


@pytest.mark.parametrize("shape", [(700, 300, 5), (200, 700, 5), (600, 40, 3)])
def test_near_ties_are_settled_whatever_the_coarse_span_leaves_out(
    shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    p = problem(*shape, units=1000)
    expected, _, _ = exhaustive(p)
    for module in ("_ridge_gains", "_ridge_folds"):
        monkeypatch.setattr(f"gyral.readouts.{module}.COARSE", 3e-3)
    settled = Ridge().fit(Features("a", p.x), p.y, p.train, p.inner).penalties
    monkeypatch.setattr("gyral.readouts._ridge_choice._DOUBT", 0.0)
    coarse = Ridge().fit(Features("a", p.x), p.y, p.train, p.inner).penalties
    assert (settled == expected).mean() >= 0.999
    assert (coarse == expected).mean() < (settled == expected).mean()


def test_a_wide_memory_map_is_read_in_blocks_of_columns(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    p = problem(90, 3000, 3, units=20)
    np.save(tmp_path / "layer.npy", p.x.astype(np.float16))
    stored = np.load(tmp_path / "layer.npy", mmap_mode="r")
    p.x = np.asarray(stored, np.float32)
    expected = exhaustive(p)
    monkeypatch.setattr("gyral.readouts._ridge_design._KEPT_FEATURES", 1 << 10)
    monkeypatch.setattr("gyral.readouts._ridge_design._READ", 1 << 16)
    fitted = Ridge().fit(Features("a", stored), p.y, p.train, p.inner)
    assert_equal(p, fitted, expected)
    design = Design(NumpyArrays(), Features("a", stored), p.train)
    assert design.z is None
    assert design.nbytes < 4 * 90 * 3000
