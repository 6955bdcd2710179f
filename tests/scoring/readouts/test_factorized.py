"""Families of masks trained by gradient: the manners all share, and what is the factorised readout's own."""

import numpy as np
import pytest
import torch

from gyral.datasets.region import Region
from gyral.datasets.split import contiguous
from gyral.errors import BadArrays, BadFeatures, UserError
from gyral.features.features import Features
from gyral.readouts._gradient import Shape
from gyral.readouts._masks import grouped
from gyral.readouts.factorized import Factorized, MaskReadout
from gyral.readouts.gaussian import Gaussian
from gyral.readouts.readout import Attentive, FittedReadout, Readout
from gyral.readouts.semantic import Semantic
from planted_readouts import planted

TRAIN, TEST = np.arange(90), np.arange(90, 130)
INNER = contiguous(90, 3).folds
QUICK = {"members": 2, "epochs": 10, "patience": 4}
FAMILIES: list[MaskReadout] = [
    Factorized(**QUICK),
    Factorized(**QUICK, masks="region"),
    Factorized(**QUICK, mask="l2"),
    Gaussian(**QUICK),
    Gaussian(**QUICK, read="pool"),
    Semantic(**QUICK, later=3),
]
every = pytest.mark.parametrize("readout", FAMILIES, ids=lambda r: f"{r.name}-{FAMILIES.index(r)}")


def small(units: int = 4, seed: int = 0) -> tuple[Features, np.ndarray]:
    """Maps of 6 channels on 5 x 5, and units that read the neighbourhood of the same cell."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((130, 6, 5, 5)).astype(np.float32) + 1
    y = x[:, :, 1:3, 2:4].mean((2, 3)) @ rng.standard_normal((6, units))
    y = y / y.std(0) + 0.3 * rng.standard_normal(y.shape)
    return Features("conv", x), (2 * y + 5).astype(np.float32)


@every
def test_every_family_predicts_what_a_place_says(readout: MaskReadout) -> None:
    layer, y = small()
    fitted = readout.fit(layer, y, TRAIN, INNER)
    assert isinstance(readout, Readout)
    assert isinstance(fitted, FittedReadout)
    predicted = fitted.predict(layer, TEST)
    assert predicted.dtype == np.float32
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(predicted.T, y[TEST].T, strict=True)]
    assert np.median(r) > 0.6
    assert 0.3 < np.median(fitted.inner_r2) < 1
    # In the units of the responses: neither offset nor size is lost.
    np.testing.assert_allclose(predicted.mean(0), y[TEST].mean(0), atol=0.8)
    for key in ("rf_x", "rf_y"):
        assert (np.abs(fitted.traits[key] - {"rf_x": 0.6, "rf_y": 0.4}[key]) < 0.2).all()


@every
def test_every_family_reads_training_rows_only(readout: MaskReadout) -> None:
    layer, y = small()
    spoiled_x, spoiled_y = layer.array.copy(), y.copy()
    spoiled_x[TEST], spoiled_y[TEST] = np.nan, np.nan
    before = readout.fit(layer, y, TRAIN, INNER, seed=3)
    after = readout.fit(Features("conv", spoiled_x), spoiled_y, TRAIN, INNER, seed=3)
    np.testing.assert_array_equal(before.predict(layer, TEST), after.predict(layer, TEST))
    np.testing.assert_array_equal(before.inner_r2, after.inner_r2)


@every
def test_every_family_masks_missing_responses_and_leaves_constant_units_without_a_fit(
    readout: MaskReadout,
) -> None:
    layer, y = small(5)
    y[::3, 0] = np.nan
    y[:, 1] = 4.0
    fitted = readout.fit(layer, y, TRAIN, INNER)
    predicted = fitted.predict(layer, TEST)
    assert np.isnan(predicted[:, 1]).all()
    assert np.isnan(fitted.inner_r2[1])
    assert np.isfinite(np.delete(predicted, 1, 1)).all()
    there = np.isfinite(y[TEST, 0])
    assert np.corrcoef(predicted[there, 0], y[TEST, 0][there])[0, 1] > 0.5


@every
def test_every_family_refuses_what_it_cannot_fit(readout: MaskReadout) -> None:
    layer, y = small()
    with pytest.raises(BadFeatures, match="layer 'head'.*needs positions") as caught:
        readout.fit(Features("head", layer.array[:, :, 0, 0]), y, TRAIN, INNER)
    assert caught.value.code == "needs-positions"
    holed = layer.array.copy()
    holed[11, 2, 3, 3] = np.nan
    with pytest.raises(BadFeatures, match="sample 11"):
        readout.fit(Features("conv", holed), y, TRAIN, INNER)
    y[:, 3] = np.nan
    with pytest.raises(BadArrays, match="unit 3 has 0 finite"):
        readout.fit(layer, y, TRAIN, INNER)


@every
def test_every_family_fits_one_position_one_unit_and_one_fold(readout: MaskReadout) -> None:
    layer, y = small()
    point = Features("conv", layer.array[:, :, 1:2, 2:3])
    fitted = readout.fit(point, y[:, :1], TRAIN, INNER[:1])
    assert np.corrcoef(fitted.predict(point, TEST)[:, 0], y[TEST, 0])[0, 1] > 0.3


@every
def test_every_family_says_where_regions_read(readout: MaskReadout) -> None:
    layer, y = small()
    regions = [Region("a", np.array([0, 1, 2])), Region("b", np.array([2, 3]))]
    fitted = readout.fit(layer, y, TRAIN, INNER, regions=regions)
    assert isinstance(fitted, Attentive)
    found = fitted.maps(layer, TEST)
    rows = 40 if isinstance(readout, Semantic) else 1
    assert {name: m.shape for name, m in found.items()} == {"a": (rows, 25), "b": (rows, 25)}
    for m in found.values():
        np.testing.assert_allclose(m.sum(1), 1, rtol=1e-4)
        assert (m >= 0).all()
        # The units read rows 1-2, columns 2-3.
        heaviest = np.unravel_index(m.mean(0).argmax(), (5, 5))
        assert heaviest[0] in (1, 2)
        assert heaviest[1] in (2, 3)


@every
def test_every_family_reads_sentences_without_their_padding(readout: MaskReadout) -> None:
    rng = np.random.default_rng(3)
    words = rng.standard_normal((130, 8, 5)).astype(np.float32)
    words[np.arange(8) >= rng.integers(4, 9, 130)[:, None]] = 0
    y = (words[:, 2] @ rng.standard_normal((5, 3))).astype(np.float32)
    layer = Features("s", words, sequence=True)
    fitted = readout.fit(layer, y, TRAIN, INNER)
    predicted = fitted.predict(layer, TEST)
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(predicted.T, y[TEST].T, strict=True)]
    assert np.median(r) > 0.6
    assert (np.abs(fitted.traits["rf_x"] * 8 - 0.5 - 2) < 1.5).all()
    # A batch of the longest sentences alone has no padding: the same numbers.
    longest = TEST[(words[TEST, -1] != 0).any(1)]
    np.testing.assert_allclose(
        fitted.predict(layer, longest), predicted[np.isin(TEST, longest)], rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("readout", [Factorized(**QUICK, masks="unit"), Gaussian(**QUICK)], ids=["mask", "field"])
def test_units_do_not_depend_on_which_others_are_fitted_with_them(readout: MaskReadout) -> None:
    assert not readout.by_region
    layer, y = small()
    together = readout.fit(layer, y, TRAIN, INNER).predict(layer, TEST)
    alone = readout.fit(layer, y[:, [2]], TRAIN, INNER).predict(layer, TEST)
    np.testing.assert_allclose(together[:, 2], alone[:, 0], rtol=1e-3, atol=1e-3)


def test_units_share_a_mask_only_where_many_are_in_the_same_regions() -> None:
    regions = (torch.arange(0, 6), torch.arange(4, 8))
    shape = Shape((2, 2), 3, regions, 9)
    assert grouped(shape, 9).tolist() == list(range(9))
    # Units 0-3 in the first only, 4-5 in both, 6-7 in the second, 8 in none.
    assert grouped(shape, 0).tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 3]
    assert grouped(shape, 3).tolist() == [0, 0, 0, 0, 1, 2, 3, 4, 5]


def test_the_default_shares_masks_of_large_regions() -> None:
    layer, y = small(260)
    regions = [Region("large", np.arange(257)), Region("small", np.arange(257, 260))]
    readout = Factorized(members=1, epochs=2)
    assert readout.by_region
    fitted = readout.fit(layer, y, TRAIN, INNER, regions=regions)
    assert len(np.unique(fitted.traits["rf_x"][:257])) == 1
    assert len(np.unique(fitted.traits["rf_x"][257:])) == 3
    predicted = fitted.predict(layer, TEST)
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(predicted.T, y[TEST].T, strict=True)]
    # Units that truly share a field lose nothing by sharing the mask.
    assert np.median(r[:257]) > 0.7


def test_a_shared_mask_is_solved_for_units_that_lack_different_samples() -> None:
    layer, y = small(4)
    holes = y.copy()
    holes[:20, 0] = np.nan
    readout = Factorized(**QUICK, masks="region")
    predicted = readout.fit(layer, holes, TRAIN, INNER).predict(layer, TEST)
    whole = readout.fit(layer, y, TRAIN, INNER).predict(layer, TEST)
    assert np.corrcoef(predicted[:, 0], whole[:, 0])[0, 1] > 0.95
    assert not np.allclose(predicted[:, 0], whole[:, 0])


def test_batches_and_pieces_of_batches_give_what_one_step_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, y = small()
    whole = Factorized(**QUICK).fit(layer, y, TRAIN, INNER).predict(layer, TEST)
    monkeypatch.setattr("gyral.readouts.factorized.STEP", 1000)
    pieces = Factorized(**QUICK).fit(layer, y, TRAIN, INNER).predict(layer, TEST)
    np.testing.assert_allclose(whole, pieces, rtol=1e-2, atol=1e-2)
    batches = Factorized(**QUICK, batch=16).fit(layer, y, TRAIN, INNER).predict(layer, TEST)
    assert np.corrcoef(whole.ravel(), batches.ravel())[0, 1] > 0.95


def test_a_fit_that_still_improves_at_the_last_epoch_says_so() -> None:
    p = planted("field", 300, 0, units=10)
    short = Factorized(members=1, epochs=5, patience=4)
    warned = short.fit(p.features, p.responses, p.train, p.inner).warnings
    assert warned == ("over 5% of units were still improving after 5 epochs",)
    assert Factorized(members=1).fit(p.features, p.responses, p.train, p.inner).warnings == ()


@pytest.mark.parametrize("options", [{"masks": "voxel"}, {"mask": "l1"}])
def test_options_that_there_are_not_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(UserError, match="must be one of"):
        Factorized(**options)  # type: ignore[arg-type]
