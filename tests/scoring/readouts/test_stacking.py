"""Stacks and ensembles: weights on the simplex, planted mixtures, honest rows, layers a family cannot read."""

import numpy as np
import pytest
from scipy.optimize import minimize

from gyral.datasets.region import Region
from gyral.datasets.split import contiguous, grouped
from gyral.errors import BadFeatures, UnknownName, UserError
from gyral.features.features import Features
from gyral.metrics.correlation import pearson_r
from gyral.readouts._simplex import simplex_weights
from gyral.readouts.readout import FittedJoint, JointReadout
from gyral.readouts.ridge import Ridge
from gyral.readouts.stacking import Ensemble, Stacked, _nested
from planted_readouts import planted

TRAIN, TEST = np.arange(200), np.arange(200, 500)
INNER = contiguous(200, 5).folds


class Mixture:
    """Units 0-4 read layer a, 5-9 layer b, 10-19 the mean of what they read there; layer c is noise."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        arrays = {name: rng.standard_normal((500, 15)).astype(np.float32) for name in "abc"}
        self.spaces = [Features(name, array) for name, array in arrays.items()]
        parts = [arrays[name] @ rng.standard_normal((15, 20)) / np.sqrt(15) for name in "ab"]
        share = np.repeat([1.0, 0.0, 0.5], [5, 5, 10])
        signal = np.sqrt(2) * (share * parts[0] + (1 - share) * parts[1])
        self.responses = (signal + 0.5 * rng.standard_normal(signal.shape)).astype(np.float32)

    def r(self, fitted: FittedJoint, spaces: list[Features] | None = None) -> np.ndarray:
        return pearson_r(self.responses[TEST], fitted.predict(spaces or self.spaces, TEST))

    def alone(self, k: int) -> np.ndarray:
        fitted = Ridge().fit(self.spaces[k], self.responses, TRAIN, INNER)
        return pearson_r(self.responses[TEST], fitted.predict(self.spaces[k], TEST))


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    return Mixture()


@pytest.fixture(scope="module")
def stacked(mixture):
    return Stacked().fit_spaces(mixture.spaces, mixture.responses, TRAIN, INNER)


@pytest.mark.parametrize("k", [1, 2, 6])
def test_simplex_weights_equal_those_of_scipy(k: int) -> None:
    rng = np.random.default_rng(k)
    truth = rng.standard_normal((30, 60, 1))
    predicted = truth * rng.uniform(0.2, 1, (30, 1, k)) + 0.5 * rng.standard_normal((30, 60, k))
    residuals = truth + 0.7 * rng.standard_normal((30, 60, 1)) - predicted
    gram = residuals.transpose(0, 2, 1) @ residuals
    found = simplex_weights(gram)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    sparse = 0
    for g, w in zip(gram, found, strict=True):
        reference = minimize(
            lambda v, g=g: v @ g @ v,
            np.full(k, 1 / k),
            jac=lambda v, g=g: 2 * g @ v,
            bounds=[(0, 1)] * k,
            constraints={"type": "eq", "fun": lambda v: v.sum() - 1, "jac": lambda v: np.ones(k)},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        np.testing.assert_allclose(w, reference.x, atol=1e-6)
        sparse += int((w == 0).any())
    assert k < 6 or sparse > 5  # some problems end on an edge


def test_simplex_weights_of_awkward_problems() -> None:
    rng = np.random.default_rng(0)
    e = rng.standard_normal((40, 3))
    twice = np.concatenate([e, e], axis=1)
    for residuals in (twice, e * 1e-9, e * 1e9, np.column_stack([e, np.zeros(40)])):
        w = simplex_weights((residuals.T @ residuals)[None])[0]
        np.testing.assert_allclose(w.sum(), 1)
        best = min(((residuals @ v) ** 2).sum() for v in rng.dirichlet(np.ones(len(w)), 2000))
        assert ((residuals @ w) ** 2).sum() <= best
    # A prediction that makes no error takes all.
    assert w[3] == pytest.approx(1)


def test_a_stack_beats_every_layer_alone(mixture, stacked) -> None:
    mixed = slice(10, None)
    both = np.median(mixture.r(stacked)[mixed])
    assert both > max(np.median(mixture.alone(k)[mixed]) for k in range(3)) + 0.1
    # What one layer carries alone is not lost.
    np.testing.assert_allclose(mixture.r(stacked)[:5], mixture.alone(0)[:5], atol=0.02)
    assert isinstance(Stacked(), JointReadout)
    assert isinstance(stacked, FittedJoint)


def test_weights_find_the_planted_layers(stacked) -> None:
    a, b, c = (stacked.traits[f"weight:ridge/{name}"] for name in "abc")
    np.testing.assert_allclose(a + b + c, 1)
    assert min(a.min(), b.min(), c.min()) >= 0
    assert np.median(a[:5]) > 0.9
    assert np.median(b[5:10]) > 0.9
    assert np.median(c) < 0.05
    # Predictions of layers that share nothing add; the mean of two halves is the best that weights of sum one do.
    assert abs(np.median(a[10:]) - 0.5) < 0.1


def test_duplicating_a_layer_changes_nothing(mixture, stacked) -> None:
    spaces = [*mixture.spaces, Features("a again", mixture.spaces[0].array)]
    more = Stacked().fit_spaces(spaces, mixture.responses, TRAIN, INNER)
    np.testing.assert_allclose(more.predict(spaces, TEST), stacked.predict(mixture.spaces, TEST), atol=1e-4)
    np.testing.assert_allclose(more.inner_r2, stacked.inner_r2, atol=1e-5)


def test_inner_r2_is_near_held_out_r2_and_null_units_do_not_gain(mixture, stacked) -> None:
    y, p = mixture.responses[TEST], stacked.predict(mixture.spaces, TEST)
    r2 = 1 - ((y - p) ** 2).sum(axis=0) / ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    assert abs(np.median(stacked.inner_r2 - r2)) < 0.05
    noise = np.random.default_rng(9).standard_normal((500, 40)).astype(np.float32)
    null = Stacked().fit_spaces(mixture.spaces, noise, TRAIN, INNER)
    assert np.mean(null.inner_r2) < 0.01


def test_only_training_rows_are_read(mixture, stacked) -> None:
    responses = mixture.responses.copy()
    responses[TEST] = np.nan
    spaces = [Features(s.layer, np.where(np.arange(500)[:, None] < 200, s.array, np.nan)) for s in mixture.spaces]
    again = Stacked().fit_spaces(spaces, responses, TRAIN, INNER)
    np.testing.assert_array_equal(again.predict(mixture.spaces, TEST), stacked.predict(mixture.spaces, TEST))


def test_rows_held_out_by_a_fold_do_not_reach_what_predicts_them(mixture) -> None:
    seen: list[np.ndarray] = []

    class Watching(Ridge):
        def fit(self, features, responses, rows, inner, **options):
            inside = np.concatenate([np.concatenate(f) for f in inner])
            assert inside.max() < len(rows)
            assert all(not np.intersect1d(f.train, f.test).size for f in inner)
            seen.append(rows)
            return super().fit(features, responses, rows, inner, **options)

    stack = Stacked()
    object.__setattr__(stack, "_bases", (Watching(),))
    rows = np.arange(100, 300)
    stack.fit_spaces(mixture.spaces[:1], mixture.responses, rows, INNER)
    for fold, fitted_on in zip(INNER, seen, strict=False):
        np.testing.assert_array_equal(fitted_on, rows[fold.train])
    np.testing.assert_array_equal(seen[-1], rows)


def test_groups_stay_whole_inside_nested_folds() -> None:
    groups = np.repeat(np.arange(7), [5, 9, 4, 6, 8, 3, 5])
    inner = grouped(groups, 4).folds
    for left, fold in enumerate(inner):
        of = groups[fold.train]
        nested = _nested(inner, left)
        assert len(nested) == 3
        for train, test in nested:
            assert not set(of[train]) & set(of[test])
        np.testing.assert_array_equal(np.sort(np.concatenate([f.test for f in nested])), np.arange(len(of)))


def test_families_read_the_layers_they_can(mixture) -> None:
    maps = planted("average", 200, 0, units=6, channels=8, side=4)
    spaces = [
        Features("flat", maps.features.array.mean(axis=(2, 3))[:, :4]),
        Features("conv", maps.features.array),
    ]
    stack = Stacked("gap+ridge")
    fitted = stack.fit_spaces(spaces, maps.responses, maps.train, maps.inner)
    assert set(fitted.traits) == {"weight:gap/conv", "weight:ridge/flat", "weight:ridge/conv"}
    assert stack.needs == "positions"
    assert Stacked().needs == "features"
    assert np.median(fitted.traits["weight:gap/conv"]) > 0.5
    with pytest.raises(BadFeatures, match="'gap' needs positions"):
        stack.fit_spaces(mixture.spaces, mixture.responses, TRAIN, INNER)
    with pytest.raises(BadFeatures, match="no layer"):
        stack.fit_spaces([], mixture.responses, TRAIN, INNER)


def test_an_attention_stack_works_by_region() -> None:
    routed = planted("routed", 150, 0, units=6, channels=8, side=5)
    stack = Stacked("ridge+attention:members=2,epochs=15")
    assert stack.by_region
    assert not Stacked().by_region
    fitted = stack.fit_spaces(
        [routed.features], routed.responses, routed.train, routed.inner, regions=[Region("a", np.arange(6))]
    )
    r = pearson_r(routed.responses[routed.test], fitted.predict([routed.features], routed.test))
    assert np.median(r) > 0.4
    assert np.median(fitted.traits["weight:attention:members=2,epochs=15/planted"]) > 0.7


def test_constant_units_and_missing_responses(mixture) -> None:
    responses = mixture.responses.copy()
    responses[:, 3] = 1.0
    responses[::4, 7] = np.nan
    for joint in (Stacked(), Ensemble("ridge")):
        fitted = joint.fit_spaces(mixture.spaces, responses, TRAIN, INNER)
        predicted = fitted.predict(mixture.spaces, TEST)
        assert np.isnan(predicted[:, 3]).all()
        assert np.isnan(fitted.inner_r2[3])
        assert np.isfinite(np.delete(predicted, 3, axis=1)).all()
        assert pearson_r(mixture.responses[TEST], predicted)[7] > 0.7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stacked("stack"), "reads several layers"),
        (lambda: Stacked("ridge+ridge"), "named twice"),
        (lambda: Ensemble("ridge+gap"), "stack:readouts=ridge\\+gap"),
        (lambda: Ensemble("ridge", seeds=0), "0 seeds"),
    ],
)
def test_what_cannot_be_stacked_is_refused(make, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()


def test_unknown_families_and_too_few_folds_are_refused(mixture) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'ridge'"):
        Stacked("ridgee")
    with pytest.raises(UserError, match="2 inner folds are too few"):
        Stacked().fit_spaces(mixture.spaces, mixture.responses, TRAIN, contiguous(200, 2).folds)


def test_ensemble_weights_sum_to_one_and_scale_nothing(mixture) -> None:
    equal = Ensemble("ridge", weighting="equal").fit_spaces(mixture.spaces, mixture.responses, TRAIN, INNER)
    singles = [Ridge().fit(s, mixture.responses, TRAIN, INNER).predict(s, TEST) for s in mixture.spaces]
    np.testing.assert_allclose(equal.predict(mixture.spaces, TEST), np.mean(singles, axis=0), atol=1e-5)
    sharp = Ensemble("ridge").fit_spaces(mixture.spaces, mixture.responses, TRAIN, INNER)
    weights = np.stack([sharp.traits[f"weight:{name}"] for name in "abc"])
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    assert np.median(weights[0, :5]) > 0.95
    # Sharp weights leave out the layers that only add noise to units of one layer.
    assert np.median(mixture.r(sharp)[:10]) > np.median(mixture.r(equal)[:10])


def test_more_seeds_average_and_do_not_add_up() -> None:
    routed = planted("routed", 120, 0, units=6, channels=8, side=5)
    spec = "attention:members=2,epochs=10"

    def fit(seeds: int, seed: int = 0) -> np.ndarray:
        joint = Ensemble(spec, seeds=seeds)
        fitted = joint.fit_spaces([routed.features], routed.responses, routed.train, routed.inner, seed=seed)
        np.testing.assert_allclose(fitted.weights.sum(axis=1), 1)
        np.testing.assert_allclose(fitted.traits["weight:planted"], 1)
        return fitted.predict([routed.features], routed.test)

    both, first, second = fit(2), fit(1, 0), fit(1, 1)
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_allclose(both, (first + second) / 2, atol=1e-5)
