"""Banded ridge: planted variances, himalaya on the same candidates, and bad input."""

import numpy as np
import pytest
from himalaya.kernel_ridge import MultipleKernelRidgeCV
from himalaya.ridge import GroupRidgeCV
from sklearn.model_selection import PredefinedSplit

from gyral.datasets.split import contiguous
from gyral.errors import BadArrays, BadFeatures, UserError
from gyral.features.features import Features
from gyral.readouts._banded_search import weightings
from gyral.readouts.banded import PENALTIES, Banded
from gyral.readouts.readout import FittedJoint, JointReadout
from gyral.readouts.ridge import Ridge

TRAIN, TEST = np.arange(120), np.arange(120, 180)
INNER = contiguous(120, 5).folds


def spaces_of(*arrays: np.ndarray) -> list[Features]:
    return [Features(f"s{k}", np.asarray(x, np.float32)) for k, x in enumerate(arrays)]


def problem(widths: tuple[int, ...], units: int = 24, seed: int = 0) -> tuple[list[Features], np.ndarray]:
    """Units that read the spaces in different mixtures and noise."""
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal((180, w)) * rng.uniform(0.2, 4, w) + 2 for w in widths]
    y = np.zeros((180, units))
    for x in arrays:
        part = x @ rng.standard_normal((x.shape[1], units))
        y += part / part.std(0) * rng.uniform(0, 1, units)
    return spaces_of(*arrays), (y + rng.standard_normal(y.shape) * rng.uniform(0.3, 3, units) + 5).astype(
        np.float32
    )


@pytest.mark.parametrize("widths", [(20, 30), (100, 150), (10, 200, 40)])
@pytest.mark.parametrize("kind", ["group", "kernel"])
def test_banded_equals_himalaya_on_the_same_candidates(widths: tuple[int, ...], kind: str) -> None:
    spaces, y = problem(widths)
    z = [((s.array - s.array[TRAIN].mean(0)) / s.array[TRAIN].std(0)).astype(float) for s in spaces]
    # Our weights are shares of variance: himalaya knows no widths, so its spaces are brought to one width.
    z = [x * np.sqrt(np.mean(widths) / w) for x, w in zip(z, widths, strict=True)]
    sets = weightings(range(len(widths)), len(widths), 12, 3).clip(1e-12)
    held = np.zeros(120, int)
    for k, fold in enumerate(INNER):
        held[fold.test] = k
    params = {"n_iter": sets, "alphas": np.asarray(PENALTIES), "progress_bar": False}
    common = {"solver_params": params, "cv": PredefinedSplit(held), "fit_intercept": True}
    train, test = [x[TRAIN] for x in z], [x[TEST] for x in z]
    if kind == "group":
        params["warn"] = False
        solver = GroupRidgeCV(groups="input", **common).fit(train, y[TRAIN].astype(float))
        expected = solver.predict(test)
    else:
        solver = MultipleKernelRidgeCV(kernels="precomputed", **common)
        solver.fit(np.stack([a @ a.T for a in train]), y[TRAIN].astype(float))
        expected = solver.predict(np.stack([a @ b.T for a, b in zip(test, train, strict=True)]))
    ratio = np.exp(solver.deltas_)
    fitted = Banded(weightings=12, search="exhaustive").fit_spaces(spaces, y, TRAIN, INNER, seed=3)
    same = np.isclose(fitted.penalties, 1 / ratio.sum(0), rtol=1e-6)
    same &= np.isclose(fitted.weights, (ratio / ratio.sum(0)).T, atol=1e-6).all(1)
    assert same.mean() > 0.95
    found = fitted.predict(spaces, TEST)
    assert np.linalg.norm(found[:, same] - expected[:, same]) / np.linalg.norm(expected[:, same]) < 1e-5


@pytest.mark.parametrize("width", [30, 300])
def test_banded_with_one_space_is_ridge(width: int) -> None:
    spaces, y = problem((width,))
    fitted = Banded().fit_spaces(spaces, y, TRAIN, INNER)
    ridge = Ridge().fit(spaces[0], y, TRAIN, INNER)
    np.testing.assert_array_equal(fitted.penalties, ridge.traits["penalty"])
    np.testing.assert_allclose(fitted.inner_r2, ridge.inner_r2, atol=1e-4)
    expected = ridge.predict(spaces[0], TEST)
    assert np.linalg.norm(fitted.predict(spaces, TEST) - expected) / np.linalg.norm(expected) < 1e-4
    assert (fitted.weights == 1).all()


def test_equal_weights_are_ridge_on_the_joined_spaces() -> None:
    spaces, y = problem((30, 30))
    joined = Features("both", np.concatenate([s.array for s in spaces], axis=1))
    fitted = Banded(weightings=0, penalties=(10.0,)).fit_spaces(spaces, y, TRAIN, INNER)
    equal = (fitted.weights == 0.5).all(1)
    assert equal.any()
    ridge = Ridge(penalties=(20.0,)).fit(joined, y, TRAIN, INNER).predict(joined, TEST)
    np.testing.assert_allclose(fitted.predict(spaces, TEST)[:, equal], ridge[:, equal], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("widths", [(20, 30), (100, 150), (40, 40, 40, 40)])
def test_pruned_search_finds_what_the_exhaustive_finds(widths: tuple[int, ...]) -> None:
    spaces, y = problem(widths, units=200)
    pruned = Banded(weightings=30).fit_spaces(spaces, y, TRAIN, INNER)
    every = Banded(weightings=30, search="exhaustive").fit_spaces(spaces, y, TRAIN, INNER)
    assert (pruned.inner_r2 <= every.inner_r2 + 1e-6).all()
    lost = every.inner_r2 - pruned.inner_r2
    assert lost.mean() < 3e-4
    assert (lost > 0.005).mean() <= 0.015
    same = (pruned.penalties == every.penalties) & (pruned.weights == every.weights).all(1)
    assert same.mean() > 0.9


@pytest.mark.parametrize("shape", ["dual", "primal"])
def test_tall_validation_folds_are_read_through_their_factor(shape: str) -> None:
    widths = (5, 6) if shape == "primal" else (70, 80)
    spaces, y = problem(widths)
    fitted = Banded(weightings=6, search="exhaustive").fit_spaces(spaces, y, TRAIN, INNER)
    errors, total = np.zeros(24), np.zeros(24)
    z = [((s.array - s.array[TRAIN].mean(0)) / s.array[TRAIN].std(0)).astype(float) for s in spaces]
    for fold in INNER:
        for unit in range(24):
            scale = fitted.weights[unit] * np.mean(widths) / np.asarray(widths)
            x = np.concatenate([a * np.sqrt(c) for a, c in zip(z, scale, strict=True)], axis=1)
            t = x[fold.train] - x[fold.train].mean(0)
            mean = y[fold.train, unit].mean()
            kernel = t @ t.T + fitted.penalties[unit] * np.eye(len(t))
            predicted = (
                (x[fold.test] - x[fold.train].mean(0)) @ t.T @ np.linalg.solve(kernel, y[fold.train, unit] - mean)
            )
            errors[unit] += ((y[fold.test, unit] - mean - predicted) ** 2).sum()
            total[unit] += ((y[fold.test, unit] - mean) ** 2).sum()
    np.testing.assert_allclose(fitted.inner_r2, 1 - errors / total, atol=1e-4)


def planted(seed: int, overlap: float) -> tuple[list[Features], np.ndarray, dict[str, np.ndarray]]:
    """Two spaces of 12 columns with a common part, a useless third, and known variances.

    Columns of the first space are ``sqrt(o) c + sqrt(1 - o) a``, of the second ``sqrt(o) c + sqrt(1 - o) b``
    with independent ``a``, ``b``, ``c``. A unit is ``u'x1 + v'x2 + noise`` with variance 1 in all. What no
    other space predicts of ``u'x1`` has the variance ``|u|^2 (1 - o^2)``.
    """
    rng = np.random.default_rng(seed)
    n, p, units = 3500, 12, 20
    a, b, c, useless = (rng.standard_normal((n, p)) for _ in range(4))
    x1 = np.sqrt(overlap) * c + np.sqrt(1 - overlap) * a
    x2 = np.sqrt(overlap) * c + np.sqrt(1 - overlap) * b
    first, second = rng.uniform(0, 0.35, units), rng.uniform(0, 0.35, units)
    first[:4] = 0
    u, v = (w / np.linalg.norm(w, axis=0) for w in rng.standard_normal((2, p, units)))
    # Orthogonal readings of the common part: the variances of both terms add up.
    v -= u * (u * v).sum(0)
    v /= np.linalg.norm(v, axis=0)
    y = np.sqrt(first) * (x1 @ u) + np.sqrt(second) * (x2 @ v)
    y += np.sqrt(1 - first - second) * rng.standard_normal((n, units))
    truth = {"s0": first * (1 - overlap**2), "s1": second * (1 - overlap**2), "s2": np.zeros(units)}
    return spaces_of(x1, x2, useless), y.astype(np.float32), truth | {"r2": first + second}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("overlap", [0.0, 0.6])
def test_banded_recovers_planted_unique_variances(seed: int, overlap: float) -> None:
    spaces, y, truth = planted(seed, overlap)
    train, test = np.arange(1500), np.arange(1500, 3500)
    fitted = Banded(weightings=20).fit_spaces(spaces, y, train, contiguous(1500, 5).folds)
    found = fitted.explain(spaces, y, test)
    # The standard error of R2 over 2,000 samples is about .015, the cost of estimating 12 weights from 1,500 .008.
    for layer in ("s0", "s1", "s2"):
        miss = found[f"unique:{layer}"] - truth[layer]
        assert np.abs(miss).max() < 0.05
        assert abs(miss.mean()) < 0.015
    assert np.abs(found["unique:s2"]).mean() < 0.005
    assert np.abs(found["unique:s0"][:4]).mean() < 0.005
    shares = sum(found[f"share:s{k}"] for k in range(3))
    assert np.abs(shares - truth["r2"]).max() < 0.08
    assert abs((shares - truth["r2"]).mean()) < 0.02
    for layer in ("s0", "s1"):
        if overlap:
            # The common part is shared out, so that shares lie above what is unique.
            assert (found[f"share:{layer}"] - found[f"unique:{layer}"])[4:].mean() > 0.02
        else:
            assert np.abs(found[f"share:{layer}"] - truth[layer]).max() < 0.05


def test_banded_beats_ridge_on_joined_spaces_where_only_a_narrow_one_matters() -> None:
    rng = np.random.default_rng(5)
    narrow, wide = rng.standard_normal((180, 10)), rng.standard_normal((180, 400))
    y = (narrow @ rng.standard_normal((10, 20)) / np.sqrt(10) + 0.8 * rng.standard_normal((180, 20))).astype(
        np.float32
    )
    spaces = spaces_of(narrow, wide)
    joined = Features("both", np.concatenate([narrow, wide], axis=1).astype(np.float32))
    fitted = Banded().fit_spaces(spaces, y, TRAIN, INNER)
    found, ridge = fitted.predict(spaces, TEST), Ridge().fit(joined, y, TRAIN, INNER).predict(joined, TEST)
    gain = [
        np.corrcoef(found[:, k], y[TEST, k])[0, 1] - np.corrcoef(ridge[:, k], y[TEST, k])[0, 1] for k in range(20)
    ]
    assert np.mean(gain) > 0.2
    assert (fitted.traits["weight:s0"] > 0.8).mean() > 0.8


@pytest.mark.parametrize("widths", [(20, 30), (100, 150)])
def test_shares_sum_to_r2_and_parts_to_the_prediction(widths: tuple[int, ...]) -> None:
    spaces, y = problem(widths)
    fitted = Banded(weightings=10).fit_spaces(spaces, y, TRAIN, INNER)
    held = y.copy()
    held[130, 3] = np.nan
    found = fitted.explain(spaces, held, TEST)
    predicted, mean = fitted.predict(spaces, TEST).astype(float), y[TRAIN].mean(0, dtype=float)
    known = np.isfinite(held[TEST])
    error = np.where(known, held[TEST] - predicted, 0) ** 2
    r2 = 1 - error.sum(0) / (np.where(known, held[TEST] - mean, 0) ** 2).sum(0)
    np.testing.assert_allclose(found["share:s0"] + found["share:s1"], r2, atol=1e-4)


def test_unique_variance_is_less_the_model_without_the_space() -> None:
    spaces, y = problem((20, 30))
    fitted = Banded(weightings=10).fit_spaces(spaces, y, TRAIN, INNER)
    found = fitted.explain(spaces, y, TEST)
    full = found["share:s0"] + found["share:s1"]
    for k, other in ((0, 1), (1, 0)):
        alone = Banded().fit_spaces([spaces[other]], y, TRAIN, INNER)
        r2 = alone.explain([spaces[other]], y, TEST)
        # Alone, a space's penalty grid is on its own width: the choice may be a step away.
        assert np.abs(found[f"unique:s{k}"] - (full - r2[f"share:s{other}"])).mean() < 0.02
        np.testing.assert_allclose(r2[f"unique:s{other}"], r2[f"share:s{other}"], atol=1e-6)


@pytest.mark.parametrize("widths", [(20, 30), (100, 150)])
def test_banded_reads_training_rows_only_and_repeats_itself(widths: tuple[int, ...]) -> None:
    spaces, y = problem(widths)
    before = Banded(weightings=8).fit_spaces(spaces, y, TRAIN, INNER, seed=4)
    assert isinstance(Banded(), JointReadout)
    assert isinstance(before, FittedJoint)
    spoiled = [s.array.copy() for s in spaces]
    holes = y.copy()
    holes[TEST] = np.nan
    for x in spoiled:
        x[TEST] = np.nan
    after = Banded(weightings=8).fit_spaces(spaces_of(*spoiled), holes, TRAIN, INNER, seed=4)
    np.testing.assert_array_equal(before.penalties, after.penalties)
    np.testing.assert_array_equal(before.weights, after.weights)
    np.testing.assert_array_equal(before.predict(spaces, TEST), after.predict(spaces, TEST))
    assert set(before.traits) == {"penalty", "weight:s0", "weight:s1"}
    other = Banded(weightings=8).fit_spaces(spaces, y, TRAIN, INNER, seed=5)
    assert (other.weights != before.weights).any()


@pytest.mark.parametrize("widths", [(20, 30), (100, 150)])
def test_missing_responses_are_left_out_for_that_unit_alone(widths: tuple[int, ...]) -> None:
    spaces, y = problem(widths)
    holes = y.copy()
    gone = [3, 50, 51, 110]
    holes[gone, 2] = np.nan
    fitted = Banded(weightings=8).fit_spaces(spaces, holes, TRAIN, INNER)
    whole = Banded(weightings=8).fit_spaces(spaces, y, TRAIN, INNER)
    rest = np.arange(24) != 2
    np.testing.assert_allclose(
        fitted.predict(spaces, TEST)[:, rest], whole.predict(spaces, TEST)[:, rest], rtol=1e-4, atol=1e-4
    )
    kept = np.setdiff1d(TRAIN, gone)
    inner = [type(f)(np.flatnonzero(np.isin(kept, f.train)), np.flatnonzero(np.isin(kept, f.test))) for f in INNER]
    alone = Banded(weightings=8).fit_spaces(spaces, y[:, [2]], kept, inner)
    found, expected = fitted.predict(spaces, TEST)[:, 2], alone.predict(spaces, TEST)[:, 0]
    # Features were standardised with the rows this unit lacks: the same but for that scale.
    assert np.corrcoef(found, expected)[0, 1] > 0.99
    assert np.isfinite(fitted.explain(spaces, y, TEST)["unique:s0"]).all()


def test_constant_columns_spaces_and_units() -> None:
    spaces, y = problem((20, 30))
    y[:120, 5] = 3.25
    padded = spaces_of(
        np.column_stack([spaces[0].array, np.full(180, 1e5)]), spaces[1].array, np.full((180, 7), 2.0)
    )
    padded[0].array[TEST[0], -1] = -1e6
    a = Banded(weightings=0).fit_spaces(spaces, y, TRAIN, INNER)
    b = Banded(weightings=0).fit_spaces(padded, y, TRAIN, INNER)
    assert np.isnan(a.predict(spaces, TEST)[:, 5]).all()
    assert np.isnan(a.inner_r2[5])
    assert np.isfinite(np.delete(b.predict(padded, TEST), 5, axis=1)).all()
    found = b.explain(padded, y, TEST)
    live = np.arange(24) != 5
    np.testing.assert_allclose(found["share:s2"][live], 0, atol=1e-6)
    np.testing.assert_allclose(found["unique:s2"][live], 0, atol=0.05)
    assert np.isnan(found["unique:s0"][5])


def test_many_spaces_are_fitted_with_a_warning() -> None:
    spaces, y = problem((6,) * 13)
    fitted = Banded(weightings=10).fit_spaces(spaces, y, TRAIN, INNER)
    assert any("search is thin" in text for text in fitted.warnings)
    np.testing.assert_allclose(fitted.weights.sum(1), 1)
    assert np.isfinite(fitted.predict(spaces, TEST)).all()
    assert not any("thin" in text for text in Banded().fit_spaces(spaces[:2], y, TRAIN, INNER).warnings)


def test_bad_input_is_named() -> None:
    spaces, y = problem((20, 30))
    with pytest.raises(BadFeatures, match="two spaces are named 's0'"):
        Banded().fit_spaces([spaces[0], spaces[0]], y, TRAIN, INNER)
    with pytest.raises(BadFeatures, match="at least one space"):
        Banded().fit_spaces([], y, TRAIN, INNER)
    bad = spaces[1].array.copy()
    bad[17, 3] = np.nan
    with pytest.raises(BadFeatures, match="layer 's1'.*sample 17"):
        Banded().fit_spaces([spaces[0], Features("s1", bad)], y, TRAIN, INNER)
    fitted = Banded(weightings=2).fit_spaces(spaces, y, TRAIN, INNER)
    with pytest.raises(BadFeatures, match="the fit had s0, s1"):
        fitted.predict(spaces[::-1], TEST)
    few = y.copy()
    few[2:, 7] = np.nan
    with pytest.raises(BadArrays, match="unit 7 has 2 finite responses"):
        Banded().fit_spaces(spaces, few, TRAIN, INNER)
    for options in ({"penalties": (0.0, 1.0)}, {"penalties": (10.0, 1.0)}, {"penalties": ()}):
        with pytest.raises(UserError, match="no grid of penalties"):
            Banded(**options)
    with pytest.raises(UserError, match="weightings must be 0 or more"):
        Banded(weightings=-1)
    with pytest.raises(UserError, match="search must be one of pruned, exhaustive"):
        Banded(search="random")


def test_small_penalties_on_nearly_equal_columns_stay_right() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((180, 8))
    close = x + 1e-3 * rng.standard_normal(x.shape)
    y = (x @ rng.standard_normal((8, 10)) + 0.01 * rng.standard_normal((180, 10))).astype(np.float32)
    spaces = spaces_of(x, np.tile(close, (1, 30)))
    fitted = Banded(weightings=5).fit_spaces(spaces, y, TRAIN, INNER)
    assert (fitted.inner_r2 > 0.999).all()
    residual = fitted.predict(spaces, TEST) - y[TEST]
    assert residual.std() < 0.02


@pytest.mark.gpu
@pytest.mark.parametrize("widths", [(20, 30), (100, 150)])
def test_cuda_gives_what_the_cpu_gives(widths: tuple[int, ...]) -> None:
    spaces, y = problem(widths, units=100)
    here = Banded(weightings=10).fit_spaces(spaces, y, TRAIN, INNER)
    there = Banded(weightings=10, device="cuda").fit_spaces(spaces, y, TRAIN, INNER)
    same = (here.penalties == there.penalties) & (here.weights == there.weights).all(1)
    assert same.mean() > 0.97
    a, b = (f.predict(spaces, TEST)[:, same] for f in (here, there))
    assert np.linalg.norm(a - b) / np.linalg.norm(a) < 1e-3


@pytest.mark.parametrize("widths", [(10, 15), (100, 150)])
def test_echoes_of_two_fits_say_how_much_noise_their_difference_holds(widths: tuple[int, ...]) -> None:
    spaces, y = problem(widths, units=2)
    y[7, 1] = np.nan
    solver = Banded(penalties=(100.0,))
    sets = [np.array([[0.2, 0.8]]), np.array([[1.0, 0.0]])]

    def fits(responses: np.ndarray) -> list:
        return [solver.fit_weighted(spaces, responses, TRAIN, INNER, s) for s in sets]

    def difference(responses: np.ndarray) -> np.ndarray:
        both, alone = (f.predict(spaces, TEST).astype(float) for f in fits(responses))
        return both - alone

    change = []
    for row in TRAIN:
        moved = y.copy()
        moved[row] += 10
        change.append((difference(moved) - difference(y)) / 10)
    # The weights that the difference gives to each training response, one by one.
    weights = np.nan_to_num(np.array(change))
    first, second = (f.echoes(spaces, TEST, 3000) for f in fits(y))
    assert ((first - second) ** 2).mean(axis=0) == pytest.approx((weights**2).sum(axis=0).mean(axis=0), rel=0.15)
