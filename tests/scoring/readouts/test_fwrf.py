"""The exact factorised readout against an exhaustive search by scikit-learn, and at the edges of its inputs."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge as Reference

from gyral.datasets.region import Region
from gyral.datasets.split import contiguous
from gyral.errors import BadArrays, BadFeatures
from gyral.features.features import Features
from gyral.readouts._pools import gaussian_pools, moments, pooled
from gyral.readouts.fwrf import PENALTIES, FieldRidge
from gyral.readouts.readout import Attentive, FittedReadout, Readout

TRAIN, TEST = np.arange(80), np.arange(80, 120)
INNER = contiguous(80, 4).folds


def maps(channels: int = 6, side: int = 4, units: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Maps and responses that read a neighbourhood of some cell, with growing noise."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((120, channels, side, side)).astype(np.float32) * rng.uniform(0.5, 3, (channels, 1, 1))
    cell = rng.integers(0, side * side, units)
    seen = x.reshape(120, channels, -1)
    y = np.stack([seen[:, :, c] @ rng.standard_normal(channels) for c in cell], axis=1)
    y = y / y.std(0) + np.linspace(0.2, 2, units) * rng.standard_normal(y.shape)
    return (x + 2).astype(np.float32), (y * 3 + 1).astype(np.float32)


def exhaustive(x: np.ndarray, y: np.ndarray, readout: FieldRidge) -> np.ndarray:
    """Held-out predictions by one scikit-learn fit per pool, penalty and fold, in float64."""
    wide = x.reshape(len(x), x.shape[1], -1).transpose(0, 2, 1).astype(np.float64)
    wide = (wide - wide[TRAIN].mean((0, 1))) / wide[TRAIN].std((0, 1))
    shares = gaussian_pools(x.shape[2:], readout.sizes).logs.double().softmax(1).numpy()
    target = (y - y[TRAIN].mean(0)) / y[TRAIN].std(0)
    best, out = np.full(y.shape[1], np.inf), np.empty((len(TEST), y.shape[1]))
    for share in shares:
        design = np.einsum("p,ipc->ic", share, wide)
        design = design / np.sqrt(design[TRAIN].var(0).mean())
        for penalty in readout.penalties:
            errors = np.zeros(y.shape[1])
            for fold in INNER:
                fit = Reference(alpha=penalty).fit(design[fold.train], target[fold.train])
                errors += ((target[fold.test] - fit.predict(design[fold.test])) ** 2).sum(0)
            better = errors < best
            if better.any():
                fit = Reference(alpha=penalty).fit(design[TRAIN], target[TRAIN])
                out[:, better] = fit.predict(design[TEST])[:, better]
                best[better] = errors[better]
    return out * y[TRAIN].std(0) + y[TRAIN].mean(0)


@pytest.mark.parametrize("channels", [6, 90])  # primal, dual
def test_fwrf_equals_exhaustive_search(channels: int) -> None:
    x, y = maps(channels)
    readout = FieldRidge(sizes=(0.7, 1.5), penalties=(0.1, 1.0, 10.0, 100.0, 1000.0))
    found = readout.fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    expected = exhaustive(x, y, readout)
    assert np.linalg.norm(found - expected) / np.linalg.norm(expected) < 1e-4


def test_fwrf_inner_r2_is_that_of_the_held_out_rows() -> None:
    x, y = maps()
    fitted = FieldRidge().fit(Features("a", x), y, TRAIN, INNER)
    r = np.corrcoef(fitted.predict(Features("a", x), TEST).T, y[TEST].T)[:5, 5:].diagonal()
    assert fitted.inner_r2[0] > 0.6
    assert (fitted.inner_r2 <= 1).all()
    np.testing.assert_allclose(r**2, fitted.inner_r2, atol=0.25)


def test_fwrf_does_not_depend_on_which_units_are_fitted_together() -> None:
    x, y = maps()
    together = FieldRidge().fit(Features("a", x), y, TRAIN, INNER)
    alone = FieldRidge().fit(Features("a", x), y[:, [3]], TRAIN, INNER)
    assert together.traits["penalty"][3] == alone.traits["penalty"][0]
    a, b = (f.predict(Features("a", x), TEST) for f in (together, alone))
    np.testing.assert_allclose(a[:, 3], b[:, 0], rtol=1e-4, atol=1e-4)


def test_fwrf_reads_training_rows_only() -> None:
    x, y = maps()
    spoiled_x, spoiled_y = x.copy(), y.copy()
    spoiled_x[TEST], spoiled_y[TEST] = np.nan, np.nan
    before = FieldRidge().fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    after = FieldRidge().fit(Features("a", spoiled_x), spoiled_y, TRAIN, INNER).predict(Features("a", x), TEST)
    np.testing.assert_array_equal(before, after)


def test_fwrf_masks_missing_responses_as_if_the_samples_were_not_there() -> None:
    x, y = maps()
    there = np.delete(TRAIN, [3, 50])
    holes = y.copy()
    holes[[3, 50], 1] = np.nan
    fitted = FieldRidge().fit(Features("a", x), holes, TRAIN, INNER)
    whole = FieldRidge().fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    found = fitted.predict(Features("a", x), TEST)
    np.testing.assert_allclose(np.delete(found, 1, 1), np.delete(whole, 1, 1), rtol=1e-3, atol=1e-3)
    folds = tuple(
        type(f)(*(np.flatnonzero(np.isin(there, part)) for part in f)) for f in INNER
    )  # the same folds among the samples that are left
    without = FieldRidge().fit(Features("a", x), y, there, folds).predict(Features("a", x), TEST)
    # Channels are standardised by all training rows either way; two samples of eighty move that a little.
    np.testing.assert_allclose(found[:, 1], without[:, 1], atol=0.05 * y[:, 1].std())


def test_fwrf_gives_no_prediction_for_a_constant_unit() -> None:
    x, y = maps()
    y[:, 2] = 7.5
    fitted = FieldRidge().fit(Features("a", x), y, TRAIN, INNER)
    assert np.isnan(fitted.inner_r2[2])
    assert np.isnan(fitted.traits["rf_x"][2])
    assert np.isnan(fitted.predict(Features("a", x), TEST)[:, 2]).all()
    assert np.isfinite(np.delete(fitted.predict(Features("a", x), TEST), 2, 1)).all()


def test_fwrf_refuses_what_it_cannot_fit() -> None:
    x, y = maps()
    with pytest.raises(BadFeatures, match="layer 'head'.*needs positions"):
        FieldRidge().fit(Features("head", x[:, :, 0, 0]), y, TRAIN, INNER)
    x[17, 0, 1, 1] = np.inf
    with pytest.raises(BadFeatures, match="sample 17"):
        FieldRidge().fit(Features("a", x), y, TRAIN, INNER)
    y[:, 4] = np.nan
    with pytest.raises(BadArrays, match="unit 4 has 0 finite responses"):
        FieldRidge().fit(Features("a", maps()[0]), y, TRAIN, INNER)


def test_fwrf_fits_a_map_of_one_position_as_ridge_on_its_channels() -> None:
    x, y = maps()
    fitted = FieldRidge().fit(Features("a", x[:, :, :1, :1]), y, TRAIN, INNER)
    assert np.isfinite(fitted.predict(Features("a", x[:, :, :1, :1]), TEST)).all()
    np.testing.assert_array_equal(fitted.traits["rf_x"], 0.5)


def test_fwrf_warns_where_the_grid_of_penalties_is_too_short() -> None:
    x, y = maps()
    upper = FieldRidge(penalties=(1e-4, 1e-3)).fit(Features("a", x), y, TRAIN, INNER).warnings
    assert any("upper edge" in text for text in upper)
    assert len(PENALTIES) == 11


def test_fwrf_says_where_each_region_reads() -> None:
    x, y = maps()
    regions = [Region("a", np.array([0, 1])), Region("b", np.array([1, 2, 3, 4]))]
    fitted = FieldRidge().fit(Features("a", x), y, TRAIN, INNER, regions=regions)
    assert isinstance(fitted, Attentive)
    found = fitted.maps(Features("a", x), TEST)
    assert {name: m.shape for name, m in found.items()} == {"a": (1, 16), "b": (1, 16)}
    np.testing.assert_allclose([m.sum() for m in found.values()], 1, rtol=1e-5)
    assert isinstance(fitted, FittedReadout)
    assert isinstance(FieldRidge(), Readout)


def test_fwrf_reads_the_words_of_sentences_and_not_their_padding() -> None:
    rng = np.random.default_rng(3)
    words = rng.standard_normal((120, 9, 5)).astype(np.float32)
    length = rng.integers(4, 10, 120)
    words[np.arange(9) >= length[:, None]] = 0
    weights = rng.standard_normal(5)
    y = np.stack([words[:, 1] @ weights, (words.sum(1) / length[:, None]) @ weights], axis=1).astype(np.float32)
    layer = Features("s", words, sequence=True)
    fitted = FieldRidge().fit(layer, y, TRAIN, INNER)
    predicted = fitted.predict(layer, TEST)
    assert np.corrcoef(predicted[:, 0], y[TEST, 0])[0, 1] > 0.8
    # The average over the words that are there, whatever the length of the sentence.
    assert np.corrcoef(predicted[:, 1], y[TEST, 1])[0, 1] > 0.99
    assert abs(fitted.traits["rf_x"][0] * 9 - 0.5 - 1) <= 1
    longer = np.concatenate([words, np.zeros((120, 3, 5), np.float32)], axis=1)
    pools = gaussian_pools((1, 9), (0.7, 2.0))
    there = torch.from_numpy(np.arange(12) < length[:, None])
    short = pooled(torch.from_numpy(words), there[:, :9], pools.logs)
    wide = torch.nn.functional.pad(pools.logs, (0, 3))
    torch.testing.assert_close(pooled(torch.from_numpy(longer), there, wide), short)


def test_fields_are_centred_and_sized_as_they_are_drawn() -> None:
    pools = gaussian_pools((15, 15), (1.0,))
    found = moments(pools.logs.softmax(1), (15, 15))
    inside = (np.abs(pools.x - 0.5) < 0.2) & (np.abs(pools.y - 0.5) < 0.2)
    for key, expected in (("rf_x", pools.x), ("rf_y", pools.y), ("rf_size", pools.size)):
        np.testing.assert_allclose(found[key][inside], expected[inside], rtol=1e-3)
    assert len(pools) == 15 * 15 + 1
    assert len(gaussian_pools((32, 32), (1.0,))) == 16 * 16 + 1


def test_wide_layers_are_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = maps(8)
    before = FieldRidge(channels=4).fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    monkeypatch.setattr("gyral.readouts._preparation._PIECE", 1000)
    after = FieldRidge(channels=4).fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    np.testing.assert_allclose(before, after, rtol=1e-3, atol=1e-3)
