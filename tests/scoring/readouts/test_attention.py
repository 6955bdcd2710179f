"""Attention, light form: routed units, where it looks, overlapping regions, sentences, bad input."""

import numpy as np
import pytest
import torch

from gyral.datasets.region import Region
from gyral.datasets.split import Fold, contiguous
from gyral.errors import BadArrays, BadFeatures
from gyral.features.features import Features
from gyral.readouts._looks import compressed, errors_of, left_out, weights_of
from gyral.readouts.attention import Attention
from gyral.readouts.readout import Attentive, Readout
from planted_readouts import planted

QUICK = Attention(members=2, epochs=15)
ALL = (Region("all", np.arange(40)),)


@pytest.fixture(scope="module")
def routed():
    return planted("routed", 300, 0)


@pytest.fixture(scope="module")
def fitted(routed):
    return Attention().fit(routed.features, routed.responses, routed.train, routed.inner, regions=ALL)


@pytest.fixture(scope="module")
def small():
    return planted("routed", 100, 1, units=6, side=5, channels=8)


def test_content_routed_units_are_predicted(routed, fitted) -> None:
    assert routed.ceiled(fitted) > 0.75
    assert isinstance(Attention(), Readout)
    assert isinstance(fitted, Attentive)


def test_the_routed_position_carries_most_weight(routed, fitted) -> None:
    maps = fitted.maps(routed.features, routed.test)["all"]
    true = routed.routed[routed.test]
    np.testing.assert_allclose(maps.sum(axis=1), 1, atol=1e-5)
    assert (maps.argmax(axis=1) == true).mean() >= 0.8
    assert maps[np.arange(len(true)), true].mean() > 0.5


def test_inner_r2_is_near_held_out_r2(routed, fitted) -> None:
    y, p = routed.responses[routed.test], fitted.predict(routed.features, routed.test)
    r2 = 1 - ((y - p) ** 2).sum(axis=0) / ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    assert abs(np.median(fitted.inner_r2) - np.median(r2)) < 0.1
    assert set(fitted.traits["penalty"]) <= set(Attention().penalties)


def _left_out_by_refitting(z: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    out = np.empty_like(y)
    for i in range(len(z)):
        rest = np.arange(len(z)) != i
        mean, centre = z[rest].mean(axis=0), y[rest].mean(axis=0)
        x = z[rest] - mean
        w = np.linalg.solve(x.T @ x + penalty * np.eye(z.shape[1]), x.T @ (y[rest] - centre))
        out[i] = y[i] - centre - (z[i] - mean) @ w
    return out


@pytest.mark.parametrize("features", [5, 60])
def test_left_out_residuals_equal_those_of_refits(features: int) -> None:
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((40, features)) + 3, rng.standard_normal((40, 3)) - 2
    residuals, weights = left_out(torch.from_numpy(z), torch.from_numpy(y), torch.tensor(7.0, dtype=torch.float64))
    np.testing.assert_allclose(residuals.numpy(), _left_out_by_refitting(z, y, 7.0), rtol=1e-6)
    x = z - z.mean(axis=0)
    expected = np.linalg.solve(x.T @ x + 7 * np.eye(features), x.T @ (y - y.mean(axis=0)))
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-5, atol=1e-8)


def test_the_read_equals_scikit_learn() -> None:
    from sklearn.linear_model import Ridge  # the independent reference

    rng = np.random.default_rng(1)
    z, y = (torch.from_numpy(rng.standard_normal((50, k)).astype(np.float32)) for k in (12, 2))
    w, b = weights_of(torch.tensor([3.0, 30.0]), z, y)
    errors = errors_of((3.0, 30.0), z[:40], y[:40], z[40:], y[40:])
    for k, penalty in enumerate((3.0, 30.0)):
        reference = Ridge(alpha=penalty).fit(z.numpy(), y.numpy()[:, k])
        np.testing.assert_allclose(z @ w[:, k] + b[k], reference.predict(z.numpy()), atol=1e-5)
        half = Ridge(alpha=penalty).fit(z.numpy()[:40], y.numpy()[:40])
        expected = ((half.predict(z.numpy()[40:]) - y.numpy()[40:]) ** 2).sum(axis=0)
        np.testing.assert_allclose(errors[k], expected, rtol=1e-4)


def test_many_units_train_queries_through_fewer_columns() -> None:
    rng = np.random.default_rng(2)
    signal = rng.standard_normal((60, 20)) @ rng.standard_normal((20, 400))
    y = torch.from_numpy(signal.astype(np.float32))
    train, held = compressed(y[:40], y[40:], torch.Generator().manual_seed(0))
    assert train.shape[1] < y.shape[1]
    np.testing.assert_allclose(held @ train.T, y[40:] @ y[:40].T, rtol=1e-3, atol=0.05)


def test_only_training_rows_are_read(small) -> None:
    spoiled = small.features.array.copy()
    spoiled[small.test] = np.nan
    responses = small.responses.copy()
    responses[small.test] = np.nan
    a = QUICK.fit(small.features, small.responses, small.train, small.inner, seed=3)
    b = QUICK.fit(Features("planted", spoiled), responses, small.train, small.inner, seed=3)
    np.testing.assert_array_equal(a.predict(small.features, small.test), b.predict(small.features, small.test))
    np.testing.assert_array_equal(a.inner_r2, b.inner_r2)


def test_overlapping_regions_are_averaged(small) -> None:
    every = np.arange(6)

    def fit(*regions: Region):
        return QUICK.fit(small.features, small.responses, small.train, small.inner, regions=regions)

    one = fit(Region("a", every))
    twice = fit(Region("a", every), Region("b", every))
    apart = fit(Region("a", every[:3]), Region("b", every[3:]))
    lapped = fit(Region("a", every[:3]), Region("b", every[3:]), Region("c", every))
    single, double, parts, both = (f.predict(small.features, small.test) for f in (one, twice, apart, lapped))
    np.testing.assert_allclose(double, single, atol=1e-5)
    np.testing.assert_allclose(both, (single + parts) / 2, atol=1e-5)
    np.testing.assert_allclose(twice.inner_r2, one.inner_r2, atol=1e-6)
    assert set(twice.maps(small.features, small.test)) == {"a", "b"}


def test_units_outside_all_regions_and_constant_units_have_no_fit(small) -> None:
    responses = small.responses.copy()
    responses[:, 1] = 4.0
    fitted = QUICK.fit(
        small.features, responses, small.train, small.inner, regions=[Region("a", np.arange(2)), Region("b", [3])]
    )
    predicted = fitted.predict(small.features, small.test)
    for lacking in (1, 2, 4, 5):
        assert np.isnan(predicted[:, lacking]).all()
        assert np.isnan(fitted.inner_r2[lacking])
        assert np.isnan(fitted.traits["penalty"][lacking])
    # A region of one unit is a region.
    assert np.isfinite(predicted[:, [0, 3]]).all()
    assert np.isfinite(fitted.inner_r2[[0, 3]]).all()


def test_missing_responses_are_left_out_of_their_unit(routed, fitted) -> None:
    rng = np.random.default_rng(0)
    responses = routed.responses.copy()
    holes = rng.random(responses.shape) < 0.2
    holes[:, 4:] = holes[:, [3]]  # two patterns or more, shared by many units
    responses[holes] = np.nan
    masked = Attention().fit(routed.features, responses, routed.train, routed.inner)
    assert np.isfinite(masked.predict(routed.features, routed.test)).all()
    assert routed.ceiled(masked) > routed.ceiled(fitted) - 0.12


def test_a_seed_says_which_queries_are_drawn(small) -> None:
    def predicted(seed: int) -> np.ndarray:
        fitted = QUICK.fit(small.features, small.responses, small.train, small.inner, seed=seed)
        return fitted.predict(small.features, small.test)

    torch.manual_seed(1)
    first = predicted(0)
    torch.manual_seed(2)
    np.testing.assert_array_equal(first, predicted(0))
    assert np.abs(first - predicted(1)).max() > 1e-4


def _sentences(samples: int, rng: np.random.Generator) -> tuple[Features, np.ndarray, np.ndarray, np.ndarray]:
    """Sentences of 3 to 9 words; what units read stands in the one word that carries a mark."""
    words = rng.standard_normal((samples, 9, 8)).astype(np.float32)
    length = rng.integers(3, 10, samples)
    marked = rng.integers(0, length)
    words[np.arange(samples), marked, 0] += 6
    words[np.arange(9) >= length[:, None]] = 0
    signal = words[np.arange(samples), marked, 1:] @ rng.standard_normal((7, 5))
    responses = signal + 0.5 * signal.std() * rng.standard_normal(signal.shape)
    return Features("words", words, sequence=True), responses.astype(np.float32), length, marked


def test_words_are_routed_and_padding_is_never_seen() -> None:
    features, responses, length, marked = _sentences(400, np.random.default_rng(0))
    train, test = np.arange(250), np.arange(250, 400)
    words = Region("words", np.arange(5))
    fitted = Attention().fit(features, responses, train, contiguous(250, 5).folds, regions=[words])
    maps = fitted.maps(features, test)["words"]
    assert (maps[np.arange(9) >= length[test, None]] == 0).all()
    np.testing.assert_allclose(maps.sum(axis=1), 1, atol=1e-5)
    assert (maps.argmax(axis=1) == marked[test]).mean() > 0.9
    r = [np.corrcoef(p, y)[0, 1] for p, y in zip(fitted.predict(features, test).T, responses[test].T, strict=True)]
    assert np.median(r) > 0.75


def test_token_grids_are_read_behind_their_class_token(small) -> None:
    maps = small.features.array
    tokens = np.concatenate(
        [np.full((len(maps), 1, 8), 9.0), maps.reshape(len(maps), 8, -1).transpose(0, 2, 1)], 1
    )
    a = QUICK.fit(small.features, small.responses, small.train, small.inner)
    grid = Features("planted", tokens.astype(np.float32))
    b = QUICK.fit(grid, small.responses, small.train, small.inner)
    np.testing.assert_allclose(
        a.predict(small.features, small.test), b.predict(grid, small.test), rtol=1e-4, atol=1e-5
    )


def test_one_position_is_ridge_on_the_channels() -> None:
    from gyral.readouts.ridge import Ridge

    rng = np.random.default_rng(3)
    x = rng.standard_normal((200, 10)).astype(np.float32)
    y = (x @ rng.standard_normal((10, 4)) + rng.standard_normal((200, 4))).astype(np.float32)
    train, test, inner = np.arange(150), np.arange(150, 200), contiguous(150, 5).folds
    one = Features("one", x[:, :, None, None])
    found = Attention().fit(one, y, train, inner).predict(one, test)
    flat = Features("one", x)
    np.testing.assert_allclose(found, Ridge().fit(flat, y, train, inner).predict(flat, test), atol=0.02)


def test_layers_without_positions_are_refused_before_any_work() -> None:
    with pytest.raises(BadFeatures, match=r"'attention' needs positions.*samples x features"):
        Attention().fit(
            Features("pooled", np.full((10, 4), np.nan)), np.zeros((10, 2)), np.arange(10), contiguous(10, 5).folds
        )


def test_values_that_are_not_finite_are_refused(small) -> None:
    array = small.features.array.copy()
    array[7, 2, 1, 1] = np.nan
    with pytest.raises(BadFeatures, match="sample 7 are not finite"):
        QUICK.fit(Features("conv", array), small.responses, small.train, small.inner)


def test_units_with_two_responses_are_refused(small) -> None:
    responses = small.responses.copy()
    responses[2:, 3] = np.nan
    with pytest.raises(BadArrays, match="unit 3 has 2 finite responses"):
        QUICK.fit(small.features, responses, small.train, small.inner)


def test_a_unit_missing_from_a_whole_fold_is_fitted_on_the_others(small) -> None:
    responses = small.responses.copy()
    fold: Fold = small.inner[0]
    responses[fold.test, 2] = np.nan
    fitted = Attention(epochs=10).fit(small.features, responses, small.train, small.inner)
    assert np.isfinite(fitted.predict(small.features, small.test)).all()
    assert np.isfinite(fitted.inner_r2).all()


def test_batches_of_samples_find_the_same(routed, fitted) -> None:
    batched = Attention(batch=100, rate=0.05).fit(routed.features, routed.responses, routed.train, routed.inner)
    assert routed.ceiled(batched) > routed.ceiled(fitted) - 0.1
    assert Attention().working_bytes(routed.features, 300, 40) > routed.features.array[:300].nbytes
