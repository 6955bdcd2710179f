"""`evaluate_arrays`: planted truth, invariances, leakage and bad input."""

import numpy as np
import pytest

from gyral import evaluate_arrays
from gyral.errors import BadArrays, BadDataset, BadFeatures, UnknownName, UserError
from gyral.record import Record


def planted(samples: int = 300, units: int = 8, repeats: int = 4, seed: int = 0):
    """Features of three layers; the second drives the units; repeats with noise variance 1."""
    rng = np.random.default_rng(seed)
    layers = {name: rng.standard_normal((samples, 12)).astype(np.float32) for name in ("early", "middle", "late")}
    weights = rng.standard_normal((12, units))
    signal = layers["middle"] @ (weights / np.linalg.norm(weights, axis=0))
    single = signal[:, None] + rng.standard_normal((samples, repeats, units))
    return layers, single.astype(np.float32)


def test_planted_layer_is_chosen_and_reaches_the_ceiling() -> None:
    layers, single = planted(repeats=4)
    row = evaluate_arrays(layers, single.mean(1), repeats=single).record.main("all units")
    assert row is not None
    assert row.layers_chosen == {"middle": 5}
    assert row.ceiled == pytest.approx(1.0, abs=0.12)
    assert row.ceiling == pytest.approx(0.8, abs=0.05)
    assert row.low < row.value < row.high
    assert row.n_ceiled == 8


def test_unrelated_features_score_nothing() -> None:
    layers, single = planted()
    del layers["middle"]
    row = evaluate_arrays(layers, single.mean(1)).record.main("all units")
    assert abs(row.value) < 0.1
    assert row.r2 < 0.02


def test_score_is_blind_to_scale_offset_order_and_copies_of_units() -> None:
    layers, single = planted()
    y = single.mean(1)
    plain = evaluate_arrays(layers, y)
    scaled = evaluate_arrays(layers, y * np.linspace(0.1, 90, 8, dtype=np.float32) - 4)
    np.testing.assert_allclose(scaled.units["r"], plain.units["r"], atol=2e-4)
    for factor, offset in ((1e-13, 0.0), (1e6, 0.0), (1.0, 1e6)):
        moved = evaluate_arrays(layers, y.astype(np.float64) * factor + offset)
        np.testing.assert_allclose(moved.units["r"], plain.units["r"], atol=2e-3)
        # At an offset of 1e6 float32 predictions are .06 apart.
        np.testing.assert_allclose(moved.units["r2"], plain.units["r2"], atol=5e-3 if offset else 2e-3)
        np.testing.assert_allclose((moved.predictions - offset) / factor, plain.predictions, atol=0.1)
    turned = evaluate_arrays(layers, y[:, ::-1])
    np.testing.assert_allclose(turned.units["r"][::-1], plain.units["r"], atol=2e-4)
    doubled = evaluate_arrays(layers, np.concatenate([y, y], axis=1))
    assert doubled.record.main("all units").value == pytest.approx(plain.record.main("all units").value, abs=1e-4)


def test_held_out_responses_never_reach_the_fit() -> None:
    layers, single = planted()
    y = single.mean(1)
    plain = evaluate_arrays(layers, y)
    spoiled = y.copy()
    spoiled[:60] = np.random.default_rng(9).standard_normal((60, 8)) * 50  # first of five contiguous folds
    other = evaluate_arrays(layers, spoiled)
    np.testing.assert_array_equal(plain.predictions[:, :60], other.predictions[:, :60])


def test_groups_are_held_out_whole() -> None:
    # Noise shared within a group scores under row folds and must not under whole groups.
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(30), 10)
    x = rng.standard_normal((30, 20))[groups] + 0.1 * rng.standard_normal((300, 20))
    y = rng.standard_normal((30, 3))[groups] + 0.1 * rng.standard_normal((300, 3))
    assert evaluate_arrays(x, y, groups=groups).record.main("all units").value < 0.3


def test_record_round_trips_and_repeats(tmp_path) -> None:
    layers, single = planted()
    first = evaluate_arrays(layers, single.mean(1), seed=3)
    again = evaluate_arrays(layers, single.mean(1), seed=3)
    assert first.record.same_scores_as(again.record)
    path = first.save(tmp_path / "record")
    assert Record.from_json(path.read_text()) == first.record
    files = ["predictions.npy", "record.json", "redraws.npy", "units.parquet"]
    assert sorted(p.name for p in path.parent.iterdir()) == files
    first.save(tmp_path / "record")
    assert [p.name for p in tmp_path.iterdir()] == ["record"]


def test_missing_responses_and_constant_units_are_counted_not_hidden() -> None:
    layers, single = planted()
    y = single.mean(1)
    y[7, 0] = np.nan
    y[:, 5] = 2.0
    result = evaluate_arrays(layers, y)
    assert result.units["r"].isna().tolist() == [False] * 5 + [True] + [False] * 2
    assert any("1 units are constant" in text for text in result.record.warnings)
    assert np.isfinite(result.record.main("all units").value)


def test_a_unit_without_a_score_has_no_r2_either() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((200, 20)), rng.standard_normal((200, 3))
    y[40:] = 0  # constant in most folds: nothing can be scored
    result = evaluate_arrays(x, y)
    row = result.record.main("all units")
    assert (row.value, row.r2) == (None, None)
    assert result.units[["r", "r2"]].isna().all(axis=None)


def test_bad_input_is_named() -> None:
    x, y = np.zeros((20, 3)), np.zeros((20, 2))
    with pytest.raises(BadFeatures, match="layer 'features': 19 samples, but responses have 20"):
        evaluate_arrays(x[:19], y)
    with pytest.raises(BadArrays, match="samples x units"):
        evaluate_arrays(x, y[:, 0])
    with pytest.raises(BadDataset, match="20 samples cannot be held out in 30 folds"):
        evaluate_arrays(x, y, folds=30)
    with pytest.raises(BadDataset, match="2 groups cannot be held out in 5 folds"):
        evaluate_arrays(x, y, groups=[0] * 10 + [1] * 10)
    with pytest.raises(BadArrays, match="3 groups for 20 samples"):
        evaluate_arrays(x, y, groups=[0, 1, 2])
    with pytest.raises(UnknownName, match="Did you mean 'ridge'"):
        evaluate_arrays(x, y, readout="rigde")
    with pytest.raises(BadArrays, match="repeats have shape"):
        evaluate_arrays(x, y, repeats=np.zeros((20, 2)))
    with pytest.raises(BadFeatures, match=r"layer 'features': an array of float64 with shape \(20,\)"):
        evaluate_arrays(x[:, 0], y)
    with pytest.raises(BadFeatures, match="layer 'words': an array of <U1"):
        evaluate_arrays({"words": np.full((20, 2), "a")}, y)
    with pytest.raises(BadDataset, match="At least 2 groups are needed"):
        evaluate_arrays(x, y, groups=[0] * 20)
    with pytest.raises(BadFeatures, match="needs positions"):
        evaluate_arrays(x, y, readout="gap")


def test_a_unit_without_responses_does_not_stop_the_others() -> None:
    layers, single = planted()
    y = single.mean(1)
    plain = evaluate_arrays(layers, y)
    y[:, 2] = np.nan
    y[5:, 3] = np.nan
    holed = evaluate_arrays(layers, y)
    kept = [0, 1, 4, 5, 6, 7]
    np.testing.assert_allclose(holed.units["r"][kept], plain.units["r"][kept], atol=2e-4)
    assert np.isnan(holed.units["r"][[2, 3]]).all()
    assert any("fewer than 3 responses" in w for w in holed.record.warnings)
    assert holed.record.main("all units").n_missing == len(y) + len(y) - 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": -1}, "seed: -1 is no whole number"),
        ({"folds": 2.5}, "folds: 2.5 is no whole number"),
        ({"memory": "2G"}, "memory: '2G' is no whole number"),
        ({"regions": {}}, "regions: a mapping"),
        ({"regions": {"a": [99]}}, "regions: region 'a' needs whole numbers from 0 to 7"),
        ({"readout": None}, "readout: None is no readout"),
        ({"sequence": True}, "2 axes; a sequence has three"),
        ({"groups": [None] * 300}, "groups: sample 0 has no group: None"),
        ({"groups": [*range(299), float("nan")]}, "groups: sample 299 has no group: nan"),
        ({"groups": [["a"]] * 300}, r"groups: sample 0 has the group \['a'\]"),
        ({"ceiling": "ncsnr"}, "ceiling: 'ncsnr' is estimated from single presentations"),
        ({"ceiling": "loso"}, "ceiling: there is no ceiling 'loso'"),
        ({"ceiling": [0.5]}, "ceiling: ceilings have shape"),
        ({"ceiling": [1.5] * 8}, "ceiling: unit 0 has the ceiling 1.5"),
    ],
)
def test_wrong_arguments_are_named(change: dict[str, object], words: str) -> None:
    layers, single = planted()
    with pytest.raises(UserError, match=words):
        evaluate_arrays(layers, single.mean(1), **change)


def test_ragged_arrays_are_named() -> None:
    ragged = [[1.0, 2.0], [3.0]] * 10
    with pytest.raises(BadFeatures, match="layer 'features': rows of different lengths"):
        evaluate_arrays(ragged, np.zeros((20, 2)))
    with pytest.raises(BadArrays, match="responses: rows of different lengths"):
        evaluate_arrays(np.zeros((20, 2)), ragged)


def test_groups_may_be_names_beside_numbers() -> None:
    layers, single = planted()
    n = len(single)
    mixed = ["a", 1, "b", 2, "c", 3]
    found = evaluate_arrays(layers, single.mean(1), groups=[mixed[i * 6 // n] for i in range(n)])
    assert found.record.main("all units").value > 0.5


def test_repeats_must_average_to_the_responses() -> None:
    layers, single = planted()
    y = single.mean(1)
    assert (
        evaluate_arrays(layers, y.astype(np.float32), repeats=single).record.main("all units").ceiling is not None
    )
    with pytest.raises(BadArrays, match="repeats of sample 0, unit 0 average"):
        evaluate_arrays(layers, (y - y.mean(0)) / y.std(0), repeats=single)
    gone = single.copy()
    gone[4, :, 2] = np.nan
    with pytest.raises(BadArrays, match="repeats of sample 4, unit 2 are all missing"):
        evaluate_arrays(layers, y, repeats=gone)


def test_the_ceiling_of_arrays_is_chosen() -> None:
    layers, single = planted()
    y, units = single.mean(1), single.shape[2]
    rows = {
        name: evaluate_arrays(layers, y, repeats=single, ceiling=asked).record.main("all units")
        for name, asked in (("ncsnr", None), ("split-half", "split-half"), ("published", np.full(units, 0.6)))
    }
    assert {name: row.ceiling_kind for name, row in rows.items()} == {name: name for name in rows}
    assert rows["split-half"].ceiling == pytest.approx(rows["ncsnr"].ceiling, abs=0.05)
    assert rows["published"].ceiling == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("factor", "value", "words"),
    [(1e20, 0.0, "responses: the largest value"), (1.0, np.inf, "responses: sample 7 of unit 4 is infinite")],
)
def test_responses_that_float32_cannot_square_are_refused(factor: float, value: float, words: str) -> None:
    layers, single = planted()
    y = single.mean(1).astype(np.float64) * factor
    y[7, 4] += value
    with pytest.raises(UserError, match=words):
        evaluate_arrays(layers, y)


def test_features_that_float32_cannot_square_are_refused() -> None:
    layers, single = planted()
    with pytest.raises(UserError, match="layer .*: the largest value"):
        evaluate_arrays({k: v * 1e19 for k, v in layers.items()}, single.mean(1))


def test_record_says_where_a_fit_found_nothing() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 4))
    x[:, 1:] = 0
    y = rng.standard_normal((60, 2))
    x[:, 0] = np.repeat([1.0, 0.0], [1, 59])  # varies in the first fold's held-out rows only
    record = evaluate_arrays(x, y).record
    assert any("2 units are predicted to be constant" in w for w in record.warnings)
    assert record.main("all units").value == 0
