"""PLS against scikit-learn's iterations, number for number."""

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.exceptions import ConvergenceWarning

from gyral.datasets.region import Region
from gyral.datasets.split import contiguous
from gyral.errors import BadArrays, UserError
from gyral.features.features import Features
from gyral.readouts.pls import Pls, PlsExact

TRAIN, TEST = np.arange(120), np.arange(120, 160)
INNER = contiguous(120, 5).folds


def problem(features: int, units: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Correlated features with a decaying spectrum and many units that share a few directions."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.standard_normal((features, features)))
    x = (rng.standard_normal((160, features)) * np.arange(1, features + 1) ** -0.5) @ basis + 0.3
    y = x @ rng.standard_normal((features, min(20, units))) @ rng.standard_normal((min(20, units), units))
    y = y / y.std() + rng.standard_normal((160, units)) - 2
    return x.astype(np.float32), y.astype(np.float32)


def scikit_learn(x: np.ndarray, y: np.ndarray, train=TRAIN, test=TEST, **options) -> np.ndarray:
    return (
        PLSRegression(25, scale=False, **options).fit(x[train], y[train]).predict(x[test]).reshape(len(test), -1)
    )


def apart(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference, as a share of the predictions' standard deviation."""
    return float(np.abs(found - expected).max() / expected.std())


@pytest.mark.parametrize("features", [25, 60, 120, 400])
@pytest.mark.parametrize("units", [1, 2, 7, 500])
def test_pls_equals_scikit_learn(features: int, units: int) -> None:
    x, y = problem(features, units)
    fitted = Pls().fit(Features("a", x), y, TRAIN, INNER)
    assert apart(fitted.predict(Features("a", x), TEST), scikit_learn(x, y)) < 1e-6
    assert fitted.warnings == ()


@pytest.mark.parametrize("seed", range(8))
def test_pls_stops_where_scikit_learn_stops(seed: int) -> None:
    x, y = problem(200, 80, seed)
    found = Pls().fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    exact = PlsExact().fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    expected = scikit_learn(x, y)
    assert apart(found, expected) < 1e-6
    assert apart(exact, expected) > 1e-3, "the replay must be told apart from the converged form"


def test_pls_that_does_not_converge_says_so_and_gives_the_same_numbers() -> None:
    x, y = problem(200, 80)
    fitted = Pls(max_iter=4).fit(Features("a", x), y, TRAIN, INNER)
    with pytest.warns(ConvergenceWarning):
        expected = scikit_learn(x, y, max_iter=4)
    assert apart(fitted.predict(Features("a", x), TEST), expected) < 1e-6
    assert any("4 iterations" in text for text in fitted.warnings)


def test_pls_starts_at_the_first_unit_that_varies() -> None:
    x, y = problem(200, 30)
    y[:120, 0] = 5.0
    found = Pls().fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    assert apart(found[:, 1:], scikit_learn(x, y)[:, 1:]) < 1e-6
    other = Pls().fit(Features("a", x), y[:, ::-1], TRAIN, INNER).predict(Features("a", x), TEST)[:, ::-1]
    assert apart(other[:, 1:], found[:, 1:]) > 1e-4


@pytest.mark.parametrize("features", [60, 400])
@pytest.mark.parametrize("units", [1, 2, 300])
def test_pls_exact_is_scikit_learns_form_by_singular_vectors(features: int, units: int) -> None:
    x, y = problem(features, units)
    model = PLSRegression(25, scale=False)
    model.algorithm = "svd"
    expected = model.fit(x[TRAIN], y[TRAIN]).predict(x[TEST]).reshape(40, -1)
    found = PlsExact().fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    assert apart(found, expected) < 1e-6


@pytest.mark.parametrize("family", [Pls, PlsExact])
def test_pls_exact_alone_does_not_depend_on_the_order_of_units(family: type[Pls]) -> None:
    x, y = problem(200, 80)
    one = family().fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    two = family().fit(Features("a", x), y[:, ::-1], TRAIN, INNER).predict(Features("a", x), TEST)[:, ::-1]
    assert (apart(two, one) < 1e-6) == (family is PlsExact)


@pytest.mark.filterwarnings("ignore:Maximum number of iterations")
@pytest.mark.parametrize("features", [60, 400])
def test_inner_r2_is_that_of_fits_on_inner_training_rows(features: int) -> None:
    x, y = problem(features, 40)
    errors, total = np.zeros(40), np.zeros(40)
    for fold in INNER:
        errors += ((y[fold.test] - scikit_learn(x, y, fold.train, fold.test)) ** 2).sum(0)
        total += ((y[fold.test] - y[fold.train].mean(0)) ** 2).sum(0)
    fitted = Pls().fit(Features("a", x), y, TRAIN, INNER)
    np.testing.assert_allclose(fitted.inner_r2, 1 - errors / total, atol=1e-5)


def test_regions_are_fitted_apart_and_a_unit_in_two_gets_the_mean() -> None:
    x, y = problem(150, 30)
    regions = (Region("A", np.arange(12)), Region("B", np.arange(8, 25)))
    fitted = Pls().fit(Features("a", x), y, TRAIN, INNER, regions=regions)
    found = fitted.predict(Features("a", x), TEST)
    a, b = scikit_learn(x, y[:, :12]), scikit_learn(x, y[:, 8:25])
    assert apart(found[:, :8], a[:, :8]) < 1e-6
    assert apart(found[:, 8:12], (a[:, 8:] + b[:, :4]) / 2) < 1e-6
    assert apart(found[:, 12:25], b[:, 4:]) < 1e-6
    assert np.isnan(found[:, 25:]).all()
    assert np.isnan(fitted.inner_r2[25:]).all()
    assert np.isfinite(fitted.inner_r2[:25]).all()


def test_a_narrow_layer_gets_as_many_components_as_columns_with_a_warning() -> None:
    x, y = problem(10, 20)
    fitted = Pls().fit(Features("a", x), y, TRAIN, INNER)
    expected = PLSRegression(10, scale=False).fit(x[TRAIN], y[TRAIN]).predict(x[TEST])
    assert apart(fitted.predict(Features("a", x), TEST), expected) < 1e-6
    assert any("fewer than 25" in text for text in fitted.warnings)


@pytest.mark.parametrize("family", [Pls, PlsExact])
def test_a_layer_of_low_rank_or_without_variance_is_fitted_as_far_as_it_goes(family: type[Pls]) -> None:
    x, y = problem(6, 20)
    wide = np.tile(x, (1, 40))
    narrow = family(components=6).fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    found = family().fit(Features("a", wide), y, TRAIN, INNER).predict(Features("a", wide), TEST)
    assert np.isfinite(found).all()
    if family is PlsExact:
        assert apart(found, narrow) < 1e-5
    still = np.full((160, 30), 2.5, np.float32)
    fitted = family().fit(Features("a", still), y, TRAIN, INNER)
    np.testing.assert_allclose(
        fitted.predict(Features("a", still), TEST), np.tile(y[TRAIN].mean(0), (40, 1)), rtol=1e-5
    )


@pytest.mark.parametrize("family", [Pls, PlsExact])
def test_missing_responses_are_refused_by_unit(family: type[Pls]) -> None:
    x, y = problem(40, 9)
    y[[3, 8], 6] = np.nan
    with pytest.raises(BadArrays, match="unit 6 lacks 2 of 120 training responses.*ridge") as caught:
        family().fit(Features("a", x), y, TRAIN, INNER)
    assert caught.value.code == "pls-missing"


@pytest.mark.parametrize(("option", "value"), [("components", 0), ("max_iter", -1), ("tol", float("nan"))])
def test_options_below_their_least_are_refused(option: str, value: float) -> None:
    with pytest.raises(UserError, match=f"{option} must be above 0"):
        Pls(**{option: value})
