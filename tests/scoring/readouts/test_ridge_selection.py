"""How ridge chooses penalties: reduced precision, generalised cross-validation, warnings, refusals."""

import numpy as np
import pytest

from gyral.datasets.split import Split, contiguous, grouped
from gyral.errors import BadArrays, BadDataset, UserError
from gyral.features.features import Features
from gyral.readouts.ridge import PENALTIES, Ridge

TRAIN, TEST = np.arange(400), np.arange(400, 600)
INNER = contiguous(400, 5).folds
GRID = np.asarray(PENALTIES)


def problem(features: int, units: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((600, features)) * np.arange(1, features + 1) ** -0.5
    x = x @ np.linalg.qr(rng.standard_normal((features, features)))[0]
    y = x @ rng.standard_normal((features, units))
    y = y / y.std(axis=0) + rng.standard_normal(y.shape) * np.geomspace(0.2, 20, units)
    return x.astype(np.float32), y.astype(np.float32)


def fit(x: np.ndarray, y: np.ndarray, **options):
    return Ridge(**options).fit(Features("a", x), y, TRAIN, INNER)


def held_out_r(fitted, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    a, b = fitted.predict(Features("a", x), TEST).astype(np.float64), y[TEST].astype(np.float64)
    a, b = a - a.mean(0), b - b.mean(0)
    return (a * b).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum(0))


@pytest.mark.parametrize("features", [100, 900])
def test_gcv_equals_its_definition(features: int) -> None:
    x, y = problem(features, units=40)
    fitted = fit(x, y, selection="gcv", exchangeable=True)
    z = x[TRAIN].astype(np.float64)
    z = (z - z.mean(0)) / z.std(0)
    u, s, _ = np.linalg.svd(z, full_matrices=False)
    u, s = u[:, s > 1e-6 * s[0]], s[s > 1e-6 * s[0]]
    own = y[TRAIN].astype(np.float64)
    scores = []
    for penalty in GRID:
        hat = (u * (s**2 / (s**2 + penalty))) @ u.T + 1 / 400
        residual = own - hat @ own
        scores.append(400 * (residual**2).sum(0) / (400 - np.trace(hat)) ** 2)
    scores = np.stack(scores)
    np.testing.assert_array_equal(fitted.penalties, GRID[scores.argmin(0)])
    null = 400 * ((own - own.mean(0)) ** 2).sum(0) / 399**2
    np.testing.assert_allclose(fitted.inner_r2, 1 - scores.min(0) / null, atol=1e-5)


@pytest.mark.parametrize("features", [60, 900])
def test_gcv_chooses_as_kfold_does(features: int) -> None:
    x, y = problem(features)
    kfold, gcv = fit(x, y), fit(x, y, selection="gcv", exchangeable=True)
    told = kfold.inner_r2 > 0.05
    assert told.sum() > 100
    steps = np.abs(np.log10(gcv.penalties) - np.log10(kfold.penalties))
    assert (steps[told] < 1.01).mean() >= 0.95
    # Folds of 80 rows estimate a null unit's R2 near 0; so does GCV.
    assert np.abs(gcv.inner_r2[told] - kfold.inner_r2[told]).mean() < 0.03


def test_gcv_fits_units_with_holes_and_none_for_constant_units() -> None:
    x, y = problem(100, units=6)
    y[:100, 1], y[:, 2] = np.nan, 4.0
    fitted = fit(x, y, selection="gcv", exchangeable=True)
    kept = Ridge(selection="gcv", exchangeable=True).fit(Features("a", x), y[:, :1], TRAIN, INNER)
    assert fitted.penalties[0] == kept.penalties[0]
    assert np.isfinite(fitted.inner_r2[[0, 1, 3]]).all()
    assert np.isnan(fitted.inner_r2[2])
    assert np.isnan(fitted.predict(Features("a", x), TEST)[:, 2]).all()


def test_gcv_is_refused_where_nobody_says_that_samples_are_exchangeable() -> None:
    x, y = problem(20, units=2)
    with pytest.raises(UserError, match="ordered or grouped") as caught:
        fit(x, y, selection="gcv")
    assert caught.value.code == "gcv-needs-exchangeable"


def test_kfold_reduced_chooses_nearly_the_same_and_fits_in_float32() -> None:
    for features in (60, 900):
        x, y = problem(features)
        full, reduced = fit(x, y), fit(x, y, selection="kfold-reduced")
        same = full.penalties == reduced.penalties
        assert same.mean() >= 0.985
        np.testing.assert_array_equal(
            full.predict(Features("a", x), TEST)[:, same], reduced.predict(Features("a", x), TEST)[:, same]
        )
        r, r_reduced = held_out_r(full, x, y), held_out_r(reduced, x, y)
        assert abs(r.mean() - r_reduced.mean()) < 1e-4
        assert any("penalties were chosen in" in text for text in reduced.warnings)
        assert not any("penalties were chosen in" in text for text in full.warnings)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"penalties": ()}, "bad-penalties"),
        ({"penalties": (0.0, 1.0)}, "bad-penalties"),
        ({"penalties": (10.0, 1.0)}, "bad-penalties"),
        ({"penalties": (1.0, float("nan"))}, "bad-penalties"),
        ({"selection": "loo"}, "bad-readout"),
    ],
)
def test_ridge_refuses_what_is_no_choice(options: dict, code: str) -> None:
    with pytest.raises(UserError) as caught:
        Ridge(**options)
    assert caught.value.code == code


def test_ridge_refuses_to_choose_without_folds() -> None:
    x, y = problem(20, units=2)
    with pytest.raises(BadArrays, match="no inner folds"):
        Ridge().fit(Features("a", x), y, TRAIN, ())


def test_ridge_warns_of_too_few_samples_for_so_many_penalties() -> None:
    x, y = problem(20, units=3)
    few = np.arange(20)
    fitted = Ridge().fit(Features("a", x), y, few, contiguous(20, 5).folds)
    assert any("fewer than 22 training samples" in text for text in fitted.warnings)
    assert not any("training samples choose" in text for text in fit(x, y).warnings)


def test_ridge_warns_of_tiny_inner_folds() -> None:
    x, y = problem(20, units=3)
    fitted = Ridge().fit(Features("a", x), y, np.arange(40), contiguous(40, 20).folds)
    assert any("holds out fewer than 3 samples" in text for text in fitted.warnings)


def test_ridge_warns_at_the_upper_edge_only_of_units_that_are_predicted() -> None:
    x, y = problem(20, units=50)
    short = Ridge(penalties=(0.01, 0.1)).fit(Features("a", x), y[:, :30], TRAIN, INNER)
    assert any("upper edge" in text for text in short.warnings)
    noise = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    assert not fit(x, noise).warnings


def test_ridge_fits_a_unit_that_is_constant_in_one_inner_fold() -> None:
    x, y = problem(30, units=4)
    y[INNER[2].test, 0] = 1.5
    fitted = fit(x, y)
    assert np.isfinite(fitted.penalties[0])
    assert np.isfinite(fitted.predict(Features("a", x), TEST)[:, 0]).all()
    # Constant in all training rows of one fold.
    y[INNER[2].train, 1] = 2.5
    fitted = fit(x, y)
    assert np.isfinite(fitted.penalties[1])


def test_ridge_says_when_a_unit_lies_in_one_inner_fold() -> None:
    x, y = problem(30, units=4)
    y[INNER[0].train, 1] = np.nan
    fitted = fit(x, y)
    assert np.isnan(fitted.penalties[1])
    assert np.isfinite(np.delete(fitted.penalties, 1)).all()
    assert any("no inner fold with samples on both sides" in text for text in fitted.warnings)


def test_more_folds_than_groups_is_the_splits_error() -> None:
    with pytest.raises(BadDataset, match="3 groups cannot be held out in 5 folds"):
        grouped(np.repeat([0, 1, 2], 10), 5)
    split = Split("own", contiguous(30, 3).folds, groups=np.repeat([0, 1, 2], 10))
    assert len(split.inner(split.folds[0])) == 2, "inner folds are never more than groups in training"


def test_regions_and_seed_change_nothing() -> None:
    x, y = problem(30, units=4)
    a, b = (Ridge().fit(Features("a", x), y, TRAIN, INNER, seed=s) for s in (0, 1))
    np.testing.assert_array_equal(a.predict(Features("a", x), TEST), b.predict(Features("a", x), TEST))
