"""The response-optimised encoder against planted units, turned images and bad input.

Planted images are oriented patches anywhere on 32 x 32 pixels; a unit is the energy of one orientation at one place,
whatever its phase, so that no sum of pixels follows it.
"""

import numpy as np
import pytest
import torch

from gyral.datasets.region import Region
from gyral.datasets.split import contiguous
from gyral.errors import BadArrays, BadFeatures, UserError
from gyral.features.features import Features
from gyral.metrics.correlation import pearson_r
from gyral.readouts import READOUTS
from gyral.readouts._response_network import Core, FieldNorm, turns
from gyral.readouts.readout import Attentive, FittedReadout, Readout
from gyral.readouts.response import ResponseOptimized
from gyral.readouts.ridge import Ridge

SIDE, TRAIN, NULLS, SNR = 32, 400, 4, 2.0
CEILING = SNR / (1 + SNR)
ROWS, TEST = np.arange(TRAIN), np.arange(TRAIN, TRAIN + 400)
INNER = contiguous(TRAIN, 5).folds
QUICK = ResponseOptimized(width=8, members=2, epochs=2, batch=32)
Y, X = np.mgrid[0:SIDE, 0:SIDE] + 0.5


def patches(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Grey images with six oriented patches each, samples x 3 x 32 x 32."""
    light = np.full((samples, SIDE, SIDE), 0.5)
    for _ in range(6):
        angle = rng.integers(0, 4, (samples, 1, 1)) * np.pi / 4
        dx, dy = X - rng.uniform(2, 30, (samples, 1, 1)), Y - rng.uniform(2, 30, (samples, 1, 1))
        along = dx * np.cos(angle) + dy * np.sin(angle)
        wave = np.cos(2 * np.pi * along / 6 + rng.uniform(0, 2 * np.pi, (samples, 1, 1)))
        light += rng.uniform(0.1, 0.45, (samples, 1, 1)) * np.exp(-(dx**2 + dy**2) / 18) * wave
    return np.repeat(np.clip(light, 0, 1)[:, None], 3, axis=1).astype(np.float32)


def energies(images: np.ndarray, centre: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Amplitude of one orientation at one place, whatever the phase: samples x units."""
    found = []
    for (x, y), turn in zip(centre, angle, strict=True):
        window = np.exp(-((X - x) ** 2 + (Y - y) ** 2) / 18)
        wave = np.exp(2j * np.pi / 6 * ((X - x) * np.cos(turn) + (Y - y) * np.sin(turn)))
        found.append(np.abs(((images.mean(1) - 0.5) * window * wave).sum(axis=(1, 2))))
    return np.stack(found, axis=1)


@pytest.fixture(scope="module")
def planted() -> tuple[Features, np.ndarray, np.ndarray]:
    """Images, responses (12 units, then nulls), centres of the units in pixels."""
    rng = np.random.default_rng(3)
    images = patches(TRAIN + 400, rng)
    centre, angle = rng.uniform(7, 25, (12, 2)), rng.integers(0, 4, 12) * np.pi / 4
    signal = energies(images, centre, angle)
    signal = np.concatenate([(signal - signal.mean(0)) / signal.std(0), np.zeros((len(images), NULLS))], axis=1)
    responses = signal + rng.standard_normal(signal.shape) / np.sqrt(SNR)
    return Features("rgb", images), responses.astype(np.float32), centre


def ceiled(responses: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    r = pearson_r(responses, predicted)
    return np.sign(r) * r**2 / CEILING


@pytest.fixture(scope="module", params=[1, 4])
def fitted(request, planted):
    features, responses, _ = planted
    return ResponseOptimized(rotations=request.param, members=2).fit(features, responses, ROWS, INNER)


def test_edges_at_a_place_are_found_where_no_sum_of_pixels_is(fitted, planted):
    features, responses, centre = planted
    assert isinstance(fitted, FittedReadout)
    predicted = fitted.predict(features, TEST)
    assert predicted.dtype == np.float32 and predicted.shape == (400, 12 + NULLS)
    linear = Ridge().fit(features, responses, ROWS, INNER).predict(features, TEST)
    seen, flat = (ceiled(responses[TEST], p)[:12] for p in (predicted, linear))
    assert np.median(seen) > 0.65 and np.median(flat) < 0.1
    assert np.median(fitted.inner_r2[:12]) / CEILING > 0.5
    assert np.abs(pearson_r(responses[TEST], predicted)[12:]).max() < 0.2  # null units: nothing to find
    # Units stop together, so that null units are fitted to some noise; it must not look like a signal.
    assert fitted.inner_r2[12:].min() > -0.25 and fitted.inner_r2[12:].max() < 0.05
    away = np.stack([fitted.traits["rf_x"], fitted.traits["rf_y"]], 1)[:12] * SIDE - centre
    assert np.median(np.hypot(*away.T)) < 4  # half a position of the last map
    size = fitted.traits["rf_size"][:12]
    assert 0.04 < np.median(size) < 0.25


def quick(planted, readout=QUICK, responses=None, **changes):
    features, own, _ = planted
    fit = readout.fit(features, own if responses is None else responses, ROWS, INNER, **changes)
    return fit.inner_r2, fit.predict(features, TEST[:50])


def test_same_seed_same_numbers(planted):
    (r2, predicted), (again_r2, again), (_, other) = quick(planted), quick(planted), quick(planted, seed=1)
    np.testing.assert_array_equal(r2, again_r2)
    np.testing.assert_array_equal(predicted, again)
    assert np.abs(predicted - other).max() > 1e-3


def test_rows_outside_training_are_not_read(planted):
    features, responses, _ = planted
    r2, predicted = quick(planted)
    spoiled = responses.copy()
    spoiled[TRAIN:] = np.nan
    images = np.array(features.array)
    images[TRAIN:] = np.nan
    fit = QUICK.fit(Features("rgb", images), spoiled, ROWS, INNER)
    np.testing.assert_array_equal(fit.inner_r2, r2)
    np.testing.assert_array_equal(fit.predict(features, TEST[:50]), predicted)


def test_missing_responses_are_masked_and_constant_units_have_no_fit(planted):
    _, responses, _ = planted
    holed = responses.copy()
    holed[np.random.default_rng(0).random(holed.shape) < 0.2] = np.nan
    holed[:, 3] = 7.0
    r2, predicted = quick(planted, responses=holed)
    gone = np.arange(holed.shape[1]) == 3
    assert np.isnan(predicted[:, gone]).all() and np.isnan(r2[gone]).all()
    assert np.isfinite(predicted[:, ~gone]).all() and np.isfinite(r2[~gone]).all()
    fit = QUICK.fit(planted[0], holed, ROWS, INNER)
    assert all((np.isnan(trait) == gone).all() for trait in fit.traits.values())


def test_a_unit_without_responses_is_named_by_its_own_number(planted):
    features, responses, _ = planted
    empty = responses.copy()
    empty[:, 7] = np.nan
    with pytest.raises(BadArrays, match="unit 7 has 0 finite responses"):
        QUICK.fit(features, empty, ROWS, INNER, regions=(Region("a", np.arange(6)), Region("b", np.arange(6, 10))))


def test_a_region_is_fitted_for_itself_and_shared_units_have_the_mean(planted):
    features, responses, _ = planted
    one, two = Region("one", np.arange(6)), Region("two", np.arange(4, 10))
    r2, predicted = quick(planted, regions=(one, two))
    alone = [quick(planted, responses=responses[:, r.units]) for r in (one, two)]
    np.testing.assert_array_equal(predicted[:, :4], alone[0][1][:, :4])
    np.testing.assert_array_equal(predicted[:, 6:10], alone[1][1][:, 2:])
    np.testing.assert_allclose(
        predicted[:, 4:6], (alone[0][1][:, 4:] + alone[1][1][:, :2]) / 2, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(r2[:4], alone[0][0][:4])
    assert np.isnan(predicted[:, 10:]).all() and np.isnan(r2[10:]).all()  # units of no region


@pytest.mark.parametrize("rotations", [4, 8])
def test_quarter_turns_of_the_image_turn_the_maps_and_shift_the_rotations(rotations):
    generator = torch.Generator().manual_seed(0)
    core = Core(3, (3, 4, 5), rotations, generator).eval()
    for layer in core.layers:
        if isinstance(layer, FieldNorm):  # as if trained: no two fields alike
            for part in (layer.gain, layer.bias, layer.mean, layer.variance):
                part.data = torch.rand(part.shape, generator=generator) + 0.5
            layer.mean.data -= 1
    images = torch.randn(2, 3, 48, 48, generator=generator)
    with torch.no_grad():
        upright = core(images).reshape(2, 5, rotations, 6, 6)
        for quarters in (1, 2, 3):
            turned = core(torch.rot90(images, quarters, (2, 3))).reshape(upright.shape)
            expected = torch.rot90(upright, quarters, (3, 4)).roll(quarters * rotations // 4, dims=2)
            torch.testing.assert_close(turned, expected, rtol=1e-4, atol=1e-5)
            assert (turned - torch.rot90(upright, quarters, (3, 4))).abs().max() > 0.1  # the shift is needed
    assert upright.abs().max() > 0.1


def test_a_plain_core_does_not_turn_with_the_image():
    core = Core(3, (12, 16, 20), 1, torch.Generator().manual_seed(0)).eval()
    images = torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        upright, turned = core(images), core(torch.rot90(images, 1, (2, 3)))
    assert (torch.rot90(upright, 1, (2, 3)) - turned).abs().mean() > 0.1 * upright.abs().mean()


@pytest.mark.parametrize(("size", "rotations"), [(3, 4), (6, 4), (3, 8), (6, 8)])
def test_turns_of_a_kernel_are_a_circle_of_quarters(size, rotations):
    matrices = turns(size, rotations).numpy()
    quarter = matrices[rotations // 4]
    np.testing.assert_array_equal(np.linalg.matrix_power(quarter, 4), np.eye(size * size))
    for s in range(rotations - rotations // 4):
        np.testing.assert_allclose(matrices[s + rotations // 4], quarter @ matrices[s], atol=1e-6)


def test_an_eighth_turn_turns_a_bar_counter_clockwise():
    kernel = np.zeros((7, 7), np.float32)
    kernel[3, 1:6] = 1.0  # lies along the row
    turned = (turns(7, 8)[1].numpy() @ kernel.reshape(-1)).reshape(7, 7)
    rising = sum(turned[6 - k, k] for k in range(2, 5))
    falling = sum(turned[k, k] for k in range(2, 5))
    assert rising > falling + 1.0


@pytest.mark.parametrize(
    ("code", "shape", "sequence"),
    [("needs-positions", (12,), False), ("needs-map", (30, 8), True), ("map-too-small", (3, 7, 7), False)],
)
def test_layers_that_are_no_image_are_refused_with_a_way_out(code, shape, sequence):
    rng = np.random.default_rng(0)
    features = Features("block.3", rng.random((20, *shape)).astype(np.float32), sequence=sequence)
    with pytest.raises(BadFeatures, match=r"block\.3") as caught:
        QUICK.fit(features, rng.random((20, 3)), np.arange(20), contiguous(20, 5).folds)
    assert caught.value.code == code
    assert "images" in caught.value.mend or code == "needs-positions"
    assert "7 x 7" in str(caught.value) or code != "map-too-small"


def test_images_that_are_not_finite_are_refused_by_sample():
    images = np.random.default_rng(0).random((20, 3, 32, 32)).astype(np.float32)
    images[4, 0, 3, 3] = np.nan
    with pytest.raises(BadFeatures, match="sample 4") as caught:
        QUICK.fit(Features("rgb", images), np.zeros((20, 3)), np.arange(20), contiguous(20, 5).folds)
    assert caught.value.code == "features-finite"


@pytest.mark.parametrize("options", [{"rotations": 3}, {"width": 10}, {"rotations": 8, "width": 16}, {"width": 0}])
def test_options_that_make_no_network_are_refused(options):
    with pytest.raises(UserError, match=r"rotations|width") as caught:
        ResponseOptimized(**options)
    assert caught.value.code == "bad-readout"


def test_it_is_registered_and_keeps_the_protocol():
    readout = READOUTS.load("response-optimized")()
    assert isinstance(readout, Readout) and readout.name == "response-optimized"
    assert readout.needs == "positions" and readout.by_region
    features = Features("rgb", np.zeros((1, 3, 64, 64), np.float32))
    assert 1 << 20 < readout.working_bytes(features, 500, 50) < 1 << 30


def test_it_gives_no_maps(planted):
    """A mask's position is eight pixels wide and reads beyond them: no weight per pixel would be true."""
    features, responses, _ = planted
    fit = ResponseOptimized(width=4, members=1, epochs=1).fit(features, responses[:, :2], ROWS, INNER)
    assert not isinstance(fit, Attentive)
