"""Ridge against scikit-learn, planted truth and bad input."""

import numpy as np
import pytest
from himalaya.ridge import RidgeCV
from sklearn.linear_model import Ridge as Reference
from sklearn.model_selection import PredefinedSplit

from gyral.datasets.split import contiguous
from gyral.errors import BadArrays, BadFeatures
from gyral.features.features import Features
from gyral.readouts.ridge import PENALTIES, ClsRidge, GapRidge, Ridge

TRAIN, TEST = np.arange(120), np.arange(120, 160)
INNER = contiguous(120, 5).folds


def linear_problem(features: int, units: int = 12, noise: float = 1.0, seed: int = 0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((160, features)).astype(np.float32) * rng.uniform(0.1, 5, features).astype(np.float32)
    y = x @ rng.standard_normal((features, units)) / np.sqrt(features)
    y = y + noise * rng.standard_normal(y.shape) * np.linspace(0.2, 6, units)
    return x + 3, y.astype(np.float32)


def exhaustive(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Penalties and predictions by scikit-learn, one fit per penalty and fold."""
    z = (x - x[TRAIN].mean(0)) / x[TRAIN].std(0)
    z, y = z.astype(np.float64), y.astype(np.float64)
    errors = np.zeros((len(PENALTIES), y.shape[1]))
    for k, penalty in enumerate(PENALTIES):
        for fold in INNER:
            fit = Reference(alpha=penalty).fit(z[TRAIN][fold.train], y[TRAIN][fold.train])
            errors[k] += ((y[TRAIN][fold.test] - fit.predict(z[TRAIN][fold.test])) ** 2).sum(0)
    best = np.asarray(PENALTIES)[errors.argmin(0)]
    predicted = Reference(alpha=best).fit(z[TRAIN], y[TRAIN]).predict(z[TEST])
    return best, predicted


@pytest.mark.parametrize("features", [30, 300])
def test_ridge_equals_exhaustive_search(features: int) -> None:
    x, y = linear_problem(features)
    penalties, expected = exhaustive(x, y)
    fitted = Ridge().fit(Features("a", x), y, TRAIN, INNER)
    assert (fitted.penalties == penalties).all()
    found = fitted.predict(Features("a", x), TEST)
    assert np.linalg.norm(found - expected) / np.linalg.norm(expected) < 1e-4
    assert len(np.unique(penalties)) > 1, "the units are meant to need different penalties"


@pytest.mark.parametrize("features", [30, 300])
def test_ridge_equals_himalaya(features: int) -> None:
    x, y = linear_problem(features)
    z = (x - x[TRAIN].mean(0)) / x[TRAIN].std(0)
    held = np.zeros(120, int)
    for k, fold in enumerate(INNER):
        held[fold.test] = k
    solver = RidgeCV(
        alphas=np.asarray(PENALTIES), cv=PredefinedSplit(held), fit_intercept=True, solver_params={"warn": False}
    )
    solver.fit(z[TRAIN].astype(np.float64), y[TRAIN].astype(np.float64))
    fitted = Ridge().fit(Features("a", x), y, TRAIN, INNER)
    # himalaya averages R2 over folds, we pool errors: penalties may differ by a step where two are as good.
    assert (np.abs(np.log10(fitted.penalties) - np.log10(solver.best_alphas_)) <= 1.01).all()
    same = np.isclose(fitted.penalties, solver.best_alphas_)
    assert same.mean() > 0.5
    expected = solver.predict(z[TEST].astype(np.float64))
    np.testing.assert_allclose(
        fitted.predict(Features("a", x), TEST)[:, same], expected[:, same], rtol=1e-3, atol=1e-3
    )


def test_ridge_reads_training_rows_only() -> None:
    x, y = linear_problem(50)
    before = Ridge().fit(Features("a", x), y, TRAIN, INNER)
    spoiled_x, spoiled_y = x.copy(), y.copy()
    spoiled_x[TEST], spoiled_y[TEST] = np.nan, np.nan
    after = Ridge().fit(Features("a", spoiled_x), spoiled_y, TRAIN, INNER)
    np.testing.assert_array_equal(before.penalties, after.penalties)
    np.testing.assert_array_equal(before.predict(Features("a", x), TEST), after.predict(Features("a", x), TEST))


def test_ridge_masks_missing_responses_per_unit() -> None:
    x, y = linear_problem(40)
    holes = y.copy()
    holes[[3, 50], 0] = np.nan
    found = Ridge().fit(Features("a", x), holes, TRAIN, INNER).predict(Features("a", x), TEST)
    whole = Ridge().fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    np.testing.assert_allclose(found[:, 1:], whole[:, 1:], rtol=1e-4, atol=1e-5)
    assert np.isfinite(found).all()
    assert not np.allclose(found[:, 0], whole[:, 0], rtol=1e-6)


def test_ridge_gives_no_prediction_for_a_constant_unit() -> None:
    x, y = linear_problem(40)
    y[:, 2] = 7.5
    fitted = Ridge().fit(Features("a", x), y, TRAIN, INNER)
    assert np.isnan(fitted.inner_r2[2])
    assert np.isnan(fitted.predict(Features("a", x), TEST)[:, 2]).all()
    assert np.isfinite(np.delete(fitted.inner_r2, 2)).all()


def test_ridge_drops_features_constant_in_training() -> None:
    x, y = linear_problem(40)
    wider = np.concatenate([x, np.full((160, 1), 1e6, np.float32)], axis=1)
    wider[TEST[0], -1] = -1e6
    a = Ridge().fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    b = Ridge().fit(Features("a", wider), y, TRAIN, INNER).predict(Features("a", wider), TEST)
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("width", [5, 300])
def test_ridge_on_a_layer_that_never_varies_predicts_the_training_mean(width: int) -> None:
    _, y = linear_problem(10)
    flat = Features("a", np.full((160, width), 3.0, np.float32))
    fitted = Ridge().fit(flat, y, TRAIN, INNER)
    np.testing.assert_allclose(fitted.predict(flat, TEST), np.tile(y[TRAIN].mean(0), (40, 1)), rtol=1e-5)
    np.testing.assert_allclose(fitted.inner_r2, 0.0, atol=1e-6)


def test_ridge_names_the_sample_with_a_bad_feature() -> None:
    x, y = linear_problem(10)
    x[17, 3] = np.inf
    with pytest.raises(BadFeatures, match="layer 'conv1'.*sample 17"):
        Ridge().fit(Features("conv1", x), y, TRAIN, INNER)


def test_ridge_refuses_a_unit_without_responses() -> None:
    x, y = linear_problem(10)
    y[:, 4] = np.nan
    with pytest.raises(BadArrays, match="unit 4 has 0 finite responses"):
        Ridge().fit(Features("a", x), y, TRAIN, INNER)


def test_ridge_warns_at_the_lower_edge() -> None:
    x, y = linear_problem(20, noise=0.0)
    warnings = Ridge(penalties=(1.0, 10.0)).fit(Features("a", x), y, TRAIN, INNER).warnings
    assert any("lower edge" in text for text in warnings)


def test_gap_equals_ridge_on_pooled_features() -> None:
    rng = np.random.default_rng(1)
    maps = rng.standard_normal((160, 8, 4, 4)).astype(np.float32)
    y = (maps.mean((2, 3)) @ rng.standard_normal((8, 5))).astype(np.float32)
    gap = GapRidge().fit(Features("m", maps), y, TRAIN, INNER)
    assert (gap.inner_r2 > 0.99).all()
    flat = Ridge().fit(Features("p", maps.mean((2, 3))), y, TRAIN, INNER)
    np.testing.assert_allclose(
        gap.predict(Features("m", maps), TEST),
        flat.predict(Features("p", maps.mean((2, 3))), TEST),
        rtol=1e-3,
        atol=1e-4,
    )


@pytest.mark.parametrize(
    ("family", "shape"), [(GapRidge, (160, 5)), (ClsRidge, (160, 4, 3, 3)), (ClsRidge, (160, 5))]
)
def test_families_that_need_positions_say_so(family: type[Ridge], shape: tuple[int, ...]) -> None:
    layer = Features("head", np.random.default_rng(0).standard_normal(shape).astype(np.float32))
    with pytest.raises(BadFeatures, match="layer 'head'.*needs") as caught:
        family().fit(layer, np.zeros((160, 1), np.float32), TRAIN, INNER)
    assert caught.value.code == "needs-positions"
