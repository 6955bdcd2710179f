"""Penalties, receptive fields, shares and maps on their way into the record."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gyral import evaluate_arrays
from gyral.cli.show import as_html, print_record
from gyral.datasets.region import Region
from gyral.datasets.split import contiguous
from gyral.datasets.stimulus import StimulusSet
from gyral.encoding import score_encoding
from gyral.features.features import Features
from gyral.fitting import fit_layers
from gyral.heatmap import heatmap_svg
from gyral.models.card import ImageInput, ModelCard
from gyral.readings import seen_degrees
from gyral.readouts.fwrf import FieldRidge
from gyral.result import load_maps, load_record
from gyral.scores.problem import Problem
from planted_readouts import planted


@pytest.fixture(scope="module")
def field_result():
    """Four units with a receptive field each, read by masks."""
    truth = planted("field", units=4)
    found = evaluate_arrays(
        {"layer": truth.features.array[:300]},
        truth.responses[:300],
        readout="fwrf",
        regions={"left": [0, 1], "all of them": [0, 1, 2, 3]},
    )
    return truth, found


def test_receptive_fields_reach_rows_and_units(field_result) -> None:
    truth, result = field_result
    units = result.units[result.units.region == "all of them"]
    side = truth.features.grid[0]
    found = units[["rf_x", "rf_y"]].to_numpy() * side - 0.5
    assert (np.hypot(*(found - truth.centre).T) < 1).all()
    row = result.record.main("all of them")
    assert row.receptive_field.unit == "share"
    assert row.receptive_field.n_units == 4
    assert row.receptive_field.x == pytest.approx(units.rf_x.median())


def test_maps_are_kept_beside_the_record(field_result, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, result = field_result
    result.save(tmp_path / "record")
    record, maps = load_record(tmp_path / "record"), load_maps(tmp_path / "record")
    assert [m.region for m in record.maps] == ["left", "all of them"]
    for reference in record.maps:
        assert reference.grid == (8, 8)
        assert maps[reference.name].shape[1] == 64
        np.testing.assert_allclose(maps[reference.name].sum(axis=1), 1, atol=1e-3)
    page = as_html(record, maps=maps)
    assert page.count('class="heat"') == 2
    assert "receptive field at" in page
    print_record(record)
    assert "all of them: receptive field at (" in capsys.readouterr().out


def test_penalties_are_averaged_as_logarithms() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 20))
    result = evaluate_arrays(x, x @ rng.standard_normal((20, 3)) + 5 * rng.standard_normal((100, 3)))
    assert ((result.units.penalty > 0) & np.isfinite(result.units.penalty)).all()
    assert result.record.main("all units").receptive_field is None


def test_masked_responses_are_counted() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 20))
    y = x @ rng.standard_normal((20, 3))
    y[4:9, 1] = np.nan
    record = evaluate_arrays(x, y, regions={"whole": [0, 1], "rest": [2]}).record
    assert (record.main("whole").n_missing, record.main("rest").n_missing) == (5, 0)


def test_heat_map_says_where_most_weight_is() -> None:
    svg = heatmap_svg(np.array([0.0, 0.1, 0.1, 0.1, 0.6, 0.1]), (2, 3), 'V4 "left"')
    assert "most weight, 60%, in row 2, column 2 of 2 x 3" in svg
    assert svg.count("<rect") == 7
    assert "&quot;left&quot;" in svg
    with pytest.raises(ValueError, match="5 weights for a grid of 2 x 3"):
        heatmap_svg(np.ones(5), (2, 3), "x")


@pytest.mark.parametrize(
    ("size", "crop", "expected"), [((40, 40), 1.0, 8.0), ((40, 40), 0.875, 7.0), ((80, 40), 1.0, 4.0)]
)
def test_degrees_are_those_of_the_square_the_model_sees(
    tmp_path: Path, size: tuple[int, int], crop: float, expected: float
) -> None:
    Image.new("RGB", size).save(tmp_path / "a.png")
    stimuli = replace(StimulusSet.from_files([tmp_path / "a.png"]), degrees=8.0)
    card = ModelCard(name="m", modality="vision", image=ImageInput(crop=crop))
    assert seen_degrees(stimuli, card) == pytest.approx(expected)
    assert seen_degrees(StimulusSet.from_files([tmp_path / "a.png"]), card) is None


def test_receptive_fields_are_told_in_degrees(field_result) -> None:
    truth, _ = field_result
    rows = slice(0, 300)
    split = contiguous(300, 5)
    everything = Region("V4", np.arange(4))
    problem = Problem(truth.responses[rows], split, (everything,), np.full(4, "all"), None, degrees=8.0)
    layer = Features("layer", truth.features.array[rows])
    found = score_encoding([fit_layers({"layer": layer}, problem, FieldRidge())], problem, readout="fwrf")
    # Eight cells are eight degrees: the centre of cell 0 is half a cell from the left, 3.5 left of the middle.
    right = found.units.rf_x_deg.to_numpy() + 3.5
    assert np.abs(right - truth.centre[:, 0]).max() < 1
    down = 3.5 - found.units.rf_y_deg.to_numpy()
    assert np.abs(down - truth.centre[:, 1]).max() < 1
    assert found.rows[0].receptive_field.unit == "degrees"
    # The same images shown elsewhere: the fields are elsewhere, and as wide.
    moved = replace(problem, position=(5.0, -2.0))
    other = score_encoding([fit_layers({"layer": layer}, moved, FieldRidge())], moved, readout="fwrf").units
    np.testing.assert_allclose(other.rf_x_deg, found.units.rf_x_deg + 5)
    np.testing.assert_allclose(other.rf_y_deg, found.units.rf_y_deg - 2)
    np.testing.assert_allclose(other.rf_size_deg, found.units.rf_size_deg)
