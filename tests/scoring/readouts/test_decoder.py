"""Attention, full form: routing, positions on keys, regions averaged not summed, the folded arithmetic."""

import numpy as np
import pytest
import torch

from gyral.datasets.region import Region
from gyral.datasets.split import contiguous
from gyral.errors import BadFeatures
from gyral.features.features import Features
from gyral.readouts._gradient import Shape
from gyral.readouts.decoder import Decoder, DecoderLayer, heads_of, sine_positions
from gyral.readouts.readout import Attentive, Readout
from planted_readouts import planted

QUICK = Decoder(members=2, epochs=4)


@pytest.fixture(scope="module")
def small():
    return planted("routed", 100, 1, units=6, side=5, channels=8)


@pytest.fixture(scope="module")
def routed():
    return planted("routed", 1000, 0)


@pytest.fixture(scope="module")
def fitted(routed):
    regions = [Region("all", np.arange(40))]
    readout = Decoder(members=1, epochs=20)
    return readout.fit(routed.features, routed.responses, routed.train, routed.inner, regions=regions)


def test_a_thousand_samples_teach_it_to_route(routed, fitted) -> None:
    assert routed.ceiled(fitted) > 0.6
    assert isinstance(Decoder(), Readout)
    assert isinstance(fitted, Attentive)


def test_the_routed_position_carries_most_weight(routed, fitted) -> None:
    maps = fitted.maps(routed.features, routed.test)["all"]
    true = routed.routed[routed.test]
    np.testing.assert_allclose(maps.sum(axis=1), 1, atol=1e-5)
    assert (maps.argmax(axis=1) == true).mean() >= 0.8
    assert maps[np.arange(len(true)), true].mean() > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_three_hundred_samples_teach_it_something(seed: int) -> None:
    assert planted("routed", 300, seed).score(Decoder()) > 0.3


def _layer(regions: list[list[int]], units: int, grid: tuple[int, int] = (3, 4), **options) -> DecoderLayer:
    shape = Shape(grid, 12, tuple(torch.tensor(r) for r in regions), units)
    options = {"heads": 3, "hidden": 20, "dropout": 0.0, "by_unit": False} | options
    layer = DecoderLayer(shape, generator=torch.Generator().manual_seed(0), **options)
    with torch.no_grad():
        # Fresh reads are zero; any will do.
        layer.read.copy_(torch.randn(layer.read.shape, generator=torch.Generator().manual_seed(1)))
    return layer


def _values(samples: int = 5, positions: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(samples, positions, 12, generator=torch.Generator().manual_seed(2))
    return x, torch.ones(samples, positions, dtype=torch.bool)


def test_the_folded_order_gives_the_numbers_of_multi_head_attention() -> None:
    layer = _layer([[0, 1], [2]], 3)
    x, present = _values()
    reference = torch.nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([layer.query.T, layer.key.T, layer.value.T]))
        reference.in_proj_bias.zero_()
        reference.out_proj.weight.copy_(layer.out.T)
        reference.out_proj.bias.zero_()
        t, looks = reference(
            layer.queries.expand(5, -1, -1), x + layer.positions, x, need_weights=True, average_attn_weights=False
        )
        t = t + torch.relu(layer.before(t) @ layer.widen) @ layer.narrow
        o = layer.after(t)
        expected = torch.stack([o[:, 0] @ layer.read[0], o[:, 0] @ layer.read[1], o[:, 1] @ layer.read[2]], dim=1)
        torch.testing.assert_close(layer(x, present), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(layer.weights(x, present), looks.transpose(1, 2), rtol=1e-4, atol=1e-6)


def test_a_unit_in_two_regions_gets_the_mean_of_both() -> None:
    x, present = _values()
    layer = _layer([[0], [0, 1]], 2)
    with torch.no_grad():
        both = layer(x, present)
        layer.share.copy_(torch.tensor([[1.0, 0], [0, 1]]))
        first = layer(x, present)[:, 0]
        layer.share.copy_(torch.tensor([[0, 1.0], [0, 1]]))
        second = layer(x, present)[:, 0]
    assert (first - second).abs().max() > 1e-3
    torch.testing.assert_close(both[:, 0], (first + second) / 2)


def test_doubling_a_region_does_not_double_predictions() -> None:
    easy = planted("average", 200, 0, units=6, side=4, channels=8)
    every = np.arange(6)

    def spread(*regions: Region) -> np.ndarray:
        readout = Decoder(members=1, epochs=30)
        fitted = readout.fit(easy.features, easy.responses, easy.train, easy.inner, regions=regions)
        return fitted.predict(easy.features, easy.test).std(axis=0)

    ratio = spread(Region("a", every), Region("b", every)) / spread(Region("a", every))
    assert 0.7 < np.median(ratio) < 1.4


def test_identical_queries_give_identical_predictions() -> None:
    x, present = _values()
    one, two = _layer([[0, 1]], 2), _layer([[0, 1], [0, 1]], 2)
    state = one.state_dict()
    state["queries"] = state["queries"].repeat(2, 1)
    state["share"] = two.share
    two.load_state_dict(state)
    with torch.no_grad():
        torch.testing.assert_close(two(x, present), one(x, present))


def test_padding_is_never_seen() -> None:
    layer = _layer([[0, 1]], 2, grid=(1, 12))
    x, present = _values()
    present[1, 7:] = False
    with torch.no_grad():
        before = layer(x, present)
        x[1, 7:] = 50.0
        looks = layer.weights(x, present)
    assert (looks[1, :, :, 7:] == 0).all()
    torch.testing.assert_close(looks.sum(dim=3), torch.ones(5, 1, 3))
    x[1, 7:] = 0.0
    with torch.no_grad():
        torch.testing.assert_close(layer(x, present), before)


def test_positions_stand_on_keys_only() -> None:
    layer = _layer([[0, 1]], 2)
    same = torch.randn(4, 1, 12, generator=torch.Generator().manual_seed(3)).expand(-1, 12, -1)
    with torch.no_grad():
        # Where all positions hold the same, it makes no difference where one looks.
        here = layer(same, torch.ones(4, 12, dtype=torch.bool))
        layer.positions.mul_(5.0)
        torch.testing.assert_close(layer(same, torch.ones(4, 12, dtype=torch.bool)), here)


def test_sine_positions_tell_places_apart() -> None:
    for grid in ((7, 7), (1, 40), (5, 3)):
        found = sine_positions(grid, 24)
        assert found.shape == (grid[0] * grid[1], 24)
        distance = torch.cdist(found, found) + 10 * torch.eye(len(found))
        assert distance.min() > 0.1
    rows, along = sine_positions((7, 7), 24).view(7, 7, 24).split(12, dim=2)
    assert (rows == rows[:, :1]).all()
    assert (along == along[:1]).all()
    torch.testing.assert_close(
        sine_positions((7, 7), 24).view(7, 7, 24)[2, 3, 12:14], torch.tensor([-0.4339, -0.9010]), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize(("channels", "heads"), [(64, 16), (16, 4), (48, 12), (7, 1), (10, 2), (1, 1)])
def test_heads_divide_the_channels(channels: int, heads: int) -> None:
    assert heads_of(channels, 16) == heads


def test_units_may_have_queries_of_their_own(small) -> None:
    regions = [Region("a", np.arange(4)), Region("b", np.arange(3, 6))]
    readout = Decoder(queries="unit", members=1, epochs=3)
    fitted = readout.fit(small.features, small.responses, small.train, small.inner, regions=regions)
    maps = fitted.maps(small.features, small.test[:9])
    assert {name: m.shape for name, m in maps.items()} == {"a": (9, 25), "b": (9, 25)}
    np.testing.assert_allclose(maps["b"].sum(axis=1), 1, atol=1e-5)
    assert np.isfinite(fitted.predict(small.features, small.test)).all()
    assert readout.working_bytes(small.features, 100, 60) > Decoder().working_bytes(small.features, 100, 60)


def test_only_training_rows_are_read_and_the_seed_decides(small) -> None:
    spoiled, responses = small.features.array.copy(), small.responses.copy()
    spoiled[small.test], responses[small.test] = np.nan, np.nan
    torch.manual_seed(1)
    a = QUICK.fit(small.features, small.responses, small.train, small.inner, seed=3)
    torch.manual_seed(2)
    b = QUICK.fit(Features("planted", spoiled), responses, small.train, small.inner, seed=3)
    c = QUICK.fit(small.features, small.responses, small.train, small.inner, seed=4)
    one, two, other = (f.predict(small.features, small.test) for f in (a, b, c))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 1e-4


def test_constant_units_missing_responses_and_regions_of_one_unit(small) -> None:
    responses = small.responses.copy()
    responses[:, 1] = 4.0
    responses[::3, 2] = np.nan
    regions = [Region("a", np.arange(5)), Region("b", np.array([5]))]
    fitted = QUICK.fit(small.features, responses, small.train, small.inner, regions=regions)
    predicted = fitted.predict(small.features, small.test)
    assert np.isnan(predicted[:, 1]).all()
    assert np.isfinite(np.delete(predicted, 1, axis=1)).all()
    assert np.isnan(fitted.inner_r2[1])
    assert set(fitted.maps(small.features, small.test)) == {"a", "b"}


def test_sentences_of_words_are_read(small) -> None:
    rng = np.random.default_rng(0)
    words = rng.standard_normal((60, 6, 8)).astype(np.float32)
    length = rng.integers(2, 7, 60)
    words[np.arange(6) >= length[:, None]] = 0
    features = Features("words", words, sequence=True)
    regions = [Region("words", np.arange(2))]
    fitted = QUICK.fit(
        features, rng.standard_normal((60, 3)), np.arange(50), contiguous(50, 5).folds, regions=regions
    )
    # A unit of no region has no query.
    assert (np.isnan(fitted.predict(features, np.arange(60))) == [False, False, True]).all()
    assert (np.isnan(fitted.inner_r2) == [False, False, True]).all()
    maps = fitted.maps(features, np.arange(60))["words"]
    assert (maps[np.arange(6) >= length[:, None]] == 0).all()
    np.testing.assert_allclose(maps.sum(axis=1), 1, atol=1e-5)


def test_layers_without_positions_are_refused_before_any_work() -> None:
    flat = Features("pooled", np.full((10, 4), np.nan))
    with pytest.raises(BadFeatures, match="'attention-full' needs positions"):
        Decoder().fit(flat, np.zeros((10, 2)), np.arange(10), contiguous(10, 5).folds)
