"""Manners that every registered readout has: seeds, rows, units, regions, and what is wrong with an input."""

from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from gyral.datasets.region import Region
from gyral.datasets.split import Fold, contiguous
from gyral.errors import BadArrays, BadFeatures, UserError
from gyral.features.features import Features
from gyral.readouts import READOUTS
from gyral.readouts.readout import Attentive, FittedJoint, FittedReadout, JointReadout, Readout

TRAIN, TEST = np.arange(60), np.arange(60, 80)
INNER = contiguous(60, 3).folds
UNITS = 5
# What makes a fit quick; a family takes the options that it has.
QUICK = {"members": 2, "epochs": 6, "patience": 3, "later": 2, "weightings": 4, "components": 4, "width": 4}
SMALLER = {
    "stack": {"readouts": "ridge+fwrf"},
    "ensemble": {"readout": "fwrf"},
    "response-optimized": {"epochs": 12, "patience": 6, "rate": 0.02, "width": 8, "batch": 10, "shift": 0},
    "attention-full": {"epochs": 25, "patience": 12, "hidden": 16, "batch": 10, "rate": 0.02, "dropout": 0.0},
}
# Documented exceptions.
NEEDS_ALL_RESPONSES = {"pls", "pls-exact"}
DEPENDS_ON_ORDER = {"pls"}
NEEDS_THREE_FOLDS = {"stack"}
# Hundreds of steps on weights that units share let rounding grow: the share of predictions' spread it may reach.
ROUGH = {"attention-full": 0.1, "response-optimized": 0.1}

every = pytest.mark.parametrize("name", sorted(READOUTS.names()))


@cache
def readout(name: str) -> Any:
    family = READOUTS.load(name)
    known = {f.name for f in fields(family)}
    return family(**{k: v for k, v in {**QUICK, **SMALLER.get(name, {})}.items() if k in known})


def layers(name: str, *, channels: int = 4, side: int = 3, seed: int = 0) -> tuple[Features, ...]:
    """What a family reads: an image, tokens behind a class token, or maps; a second layer for those that join."""
    rng = np.random.default_rng(seed)
    if name == "response-optimized":
        blocks = rng.standard_normal((80, channels, 3, 3)).astype(np.float32)
        return (Features("own", np.kron(blocks, np.ones((8, 8), np.float32))),)
    if readout(name).needs == "tokens":
        return (Features("own", rng.standard_normal((80, 1 + side**2, channels)).astype(np.float32)),)
    shapes = [(80, channels, side, side)] * (2 if isinstance(readout(name), JointReadout) else 1)
    return tuple(
        Features(layer, rng.standard_normal(shape).astype(np.float32) + 1)
        for layer, shape in zip(("own", "other"), shapes, strict=False)
    )


def responses(own: Features, seed: int = 1) -> np.ndarray:
    """Units that read the neighbourhood of one place of a layer, or its first token, and some noise."""
    rng = np.random.default_rng(seed)
    x = own.array
    seen = x[:, 0] if x.ndim == 3 else x.reshape(*x.shape[:2], -1)[:, :, :2].mean(axis=2)
    y = seen @ rng.standard_normal((seen.shape[1], UNITS))
    return (y / y.std(axis=0) + 0.3 * rng.standard_normal(y.shape)).astype(np.float32)


class Fit:
    """One fit and its predictions, whatever the protocol."""

    def __init__(
        self,
        name: str,
        spaces: Sequence[Features],
        y: np.ndarray,
        *,
        inner: Sequence[Fold] = INNER,
        regions: Sequence[Region] = (),
        rows: np.ndarray = TRAIN,
    ) -> None:
        family = readout(name)
        if isinstance(family, JointReadout):
            self.fitted: Any = family.fit_spaces(spaces, y, rows, inner, regions=regions, seed=3)
        else:
            self.fitted = family.fit(spaces[0], y, rows, inner, regions=regions, seed=3)
        self.joint = isinstance(family, JointReadout)
        self.spaces = spaces

    def predict(self, rows: np.ndarray = TEST, spaces: Sequence[Features] | None = None) -> np.ndarray:
        given = spaces or self.spaces
        return self.fitted.predict(given if self.joint else given[0], rows)

    def maps(self, rows: np.ndarray = TEST) -> dict[str, np.ndarray]:
        return self.fitted.maps(self.spaces if self.joint else self.spaces[0], rows)


@cache
def plain(name: str) -> Fit:
    spaces = layers(name)
    return Fit(name, spaces, responses(spaces[0]))


def spoiled(array: np.ndarray, rows: Any) -> np.ndarray:
    out = array.copy()
    out[rows] = np.nan
    return out


def assert_near(found: np.ndarray, expected: np.ndarray, share: float = 1e-3) -> None:
    """Within a share of what predictions vary by."""
    around = expected - expected.mean(axis=0)
    assert np.linalg.norm(found - expected) <= share * np.linalg.norm(around)


@every
def test_the_protocol_is_kept(name: str) -> None:
    family, fit = readout(name), plain(name)
    assert isinstance(family, JointReadout if fit.joint else Readout)
    assert isinstance(fit.fitted, FittedJoint if fit.joint else FittedReadout)
    assert family.name == name
    predicted = fit.predict()
    assert predicted.shape == (len(TEST), UNITS)
    assert predicted.dtype == np.float32
    assert np.isfinite(predicted).all()
    # Without this much there would be nothing to compare below; the control sees no layer that says anything.
    assert predicted.std(axis=0).max() > (0.01 if name == "assist-alone" else 0.1)
    assert fit.fitted.inner_r2.shape == (UNITS,)
    assert (fit.fitted.inner_r2 <= 1).all()
    assert {t.shape for t in fit.fitted.traits.values()} <= {(UNITS,)}
    assert all(isinstance(text, str) for text in fit.fitted.warnings)
    assert fit.predict(TEST[:1]).shape == (1, UNITS)


@every
def test_rows_are_predicted_one_by_one_as_together(name: str) -> None:
    assert_near(
        np.concatenate([plain(name).predict(TEST[k : k + 1]) for k in range(3)]), plain(name).predict()[:3]
    )


@every
def test_the_same_seed_gives_the_same_numbers_whatever_the_state_of_torch(name: str) -> None:
    spaces = layers(name)
    torch.manual_seed(11)
    again = Fit(name, spaces, responses(spaces[0]))
    np.testing.assert_array_equal(again.predict(), plain(name).predict())
    np.testing.assert_array_equal(again.fitted.inner_r2, plain(name).fitted.inner_r2)


@every
def test_rows_outside_training_are_not_read(name: str) -> None:
    spaces = layers(name)
    dark = [Features(s.layer, spoiled(s.array, TEST)) for s in spaces]
    fit = Fit(name, dark, spoiled(responses(spaces[0]), TEST))
    np.testing.assert_array_equal(fit.predict(spaces=spaces), plain(name).predict())
    np.testing.assert_array_equal(fit.fitted.inner_r2, plain(name).fitted.inner_r2)


@every
def test_training_rows_may_come_in_any_place(name: str) -> None:
    spaces = layers(name)
    order = np.random.default_rng(5).permutation(80)
    back = np.argsort(order)
    moved = [Features(s.layer, s.array[order]) for s in spaces]
    fit = Fit(name, moved, responses(spaces[0])[order], rows=back[TRAIN])
    assert_near(fit.predict(back[TEST]), plain(name).predict(), ROUGH.get(name, 1e-3))


@every
def test_predictions_follow_the_scale_and_the_offset_of_responses(name: str) -> None:
    spaces = layers(name)
    shift = np.linspace(-20, 50, UNITS)
    fit = Fit(name, spaces, (7 * responses(spaces[0]).astype(np.float64) + shift))
    share = ROUGH.get(name, 1e-3)
    assert_near((fit.predict() - shift) / 7, plain(name).predict(), share)
    np.testing.assert_allclose(fit.fitted.inner_r2, plain(name).fitted.inner_r2, atol=share)


@every
def test_units_come_in_any_order(name: str) -> None:
    if name in DEPENDS_ON_ORDER:
        pytest.skip("documented: its start is the first unit")
    spaces, order = layers(name), np.array([3, 0, 4, 1, 2])
    fit = Fit(name, spaces, responses(spaces[0])[:, order])
    share = ROUGH.get(name, 1e-3)
    assert_near(fit.predict(), plain(name).predict()[:, order], share)
    np.testing.assert_allclose(fit.fitted.inner_r2, plain(name).fitted.inner_r2[order], atol=share)


@every
@pytest.mark.parametrize("value", [0.0, 7.3, 1e6 / 3])
def test_a_constant_unit_has_no_fit_and_takes_none_from_others(name: str, value: float) -> None:
    spaces = layers(name)
    y = responses(spaces[0]).astype(np.float64)
    y[:, 2] = value
    fit, rest = Fit(name, spaces, y), np.arange(UNITS) != 2
    predicted = fit.predict()
    assert np.isnan(predicted[:, 2]).all()
    assert np.isnan(fit.fitted.inner_r2[2])
    assert np.isfinite(predicted[:, rest]).all()
    assert np.isfinite(fit.fitted.inner_r2[rest]).all()
    for trait in fit.fitted.traits.values():
        assert np.isnan(trait[2])
        assert np.isfinite(trait[rest]).all()


@every
def test_missing_responses_are_masked_or_refused_by_unit(name: str) -> None:
    spaces = layers(name)
    y = responses(spaces[0])
    y[[4, 30, 31], 1] = np.nan, np.nan, np.inf
    if name in NEEDS_ALL_RESPONSES:
        with pytest.raises(BadArrays, match="unit 1 lacks 3 of 60") as caught:
            Fit(name, spaces, y)
        assert caught.value.code == "pls-missing"
        return
    fit = Fit(name, spaces, y)
    assert np.isfinite(fit.predict()).all()
    assert np.isfinite(fit.fitted.inner_r2).all()
    assert np.corrcoef(fit.predict()[:, 1], plain(name).predict()[:, 1])[0, 1] > 0.8
    y[:30, 1] = np.nan
    y[32:, 1] = np.nan
    with pytest.raises(BadArrays, match="unit 1 has 0 finite responses in training; 3 are needed") as caught:
        Fit(name, spaces, y)
    assert caught.value.code == "too-few-responses"


@every
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused_by_sample(name: str, value: float) -> None:
    spaces = layers(name)
    for row in (17, 71):
        bad = [Features(s.layer, s.array.copy()) for s in spaces]
        bad[-1].array[(row, *[0] * (bad[-1].array.ndim - 1))] = value
        with pytest.raises(BadFeatures, match=f"sample {row} are not finite") as caught:
            if row in TRAIN:
                Fit(name, bad, responses(spaces[0]))
            else:
                plain(name).predict(spaces=bad)
        assert caught.value.code == "features-finite"


@every
def test_layers_without_positions_are_refused_before_any_work(name: str) -> None:
    if readout(name).needs == "features":
        pytest.skip("reads any layer")
    flat = [Features(layer, np.full((80, 4), np.nan, np.float32)) for layer in ("head", "neck")]
    with pytest.raises(BadFeatures, match=r"needs .*samples x features") as caught:
        Fit(name, flat, np.full((80, UNITS), np.nan))
    assert caught.value.code == "needs-positions"


@every
def test_a_unit_of_two_regions_is_predicted_once(name: str) -> None:
    spaces, units = layers(name), np.arange(UNITS)
    y = responses(spaces[0])
    once = Fit(name, spaces, y, regions=[Region("a", units)])
    twice = Fit(name, spaces, y, regions=[Region("a", units), Region("b", units)])
    if name == "attention-full":  # another query is another draw
        assert 0.5 < np.median(twice.predict().std(axis=0) / once.predict().std(axis=0)) < 2
    else:
        assert_near(twice.predict(), once.predict())
    if name != "stack":
        np.testing.assert_allclose(once.fitted.inner_r2, plain(name).fitted.inner_r2, atol=1e-3)


@every
def test_maps_are_of_the_regions_that_were_given(name: str) -> None:
    if not isinstance(plain(name).fitted, Attentive):
        pytest.skip("has no maps")
    assert plain(name).maps() == {}
    spaces = layers(name)
    regions = [Region("a", np.arange(3)), Region("b", np.array([2, 4, 3]))]
    found = Fit(name, spaces, responses(spaces[0]), regions=regions).maps()
    assert set(found) == (set() if name == "assist-alone" else {"a", "b"})
    for weights in found.values():
        assert weights.shape in {(1, 9), (len(TEST), 9)}
        assert (weights >= 0).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-4)


@every
def test_one_feature_is_enough(name: str) -> None:
    spaces = layers(name, channels=1, side=1 if readout(name).needs != "tokens" else 2)
    fit = Fit(name, spaces, responses(layers(name)[0]))
    assert np.isfinite(fit.predict()).all()
    assert np.isfinite(fit.fitted.inner_r2).all()


@every
def test_two_inner_folds_are_enough(name: str) -> None:
    spaces = layers(name)
    folds = contiguous(60, 2).folds
    if name in NEEDS_THREE_FOLDS:
        with pytest.raises(UserError) as caught:
            Fit(name, spaces, responses(spaces[0]), inner=folds)
        assert caught.value.code == "too-few-folds"
        return
    assert np.isfinite(Fit(name, spaces, responses(spaces[0]), inner=folds).fitted.inner_r2).all()


@every
def test_a_layer_that_never_varies_predicts_the_training_mean(name: str) -> None:
    spaces = [Features(s.layer, np.full_like(s.array, 0.5)) for s in layers(name)]
    y = responses(layers(name)[0])
    predicted = Fit(name, spaces, y).predict()
    np.testing.assert_allclose(predicted, np.tile(y[TRAIN].mean(axis=0), (len(TEST), 1)), atol=0.35)
    assert np.ptp(predicted, axis=0).max() < 1e-3


@every
def test_estimates_of_memory_grow_with_the_problem(name: str) -> None:
    own, family = layers(name)[0], readout(name)
    few, units, rows = (family.working_bytes(own, n, v) for n, v in ((1000, 10), (1000, 5000), (5000, 10)))
    assert 0 < few < units
    assert few < rows
