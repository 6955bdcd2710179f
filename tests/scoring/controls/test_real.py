"""Controls on real recordings, as a user runs them."""

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from gyral.cli.score import score
from gyral.cli.show import show
from gyral.record import Record
from gyral.result import load_record

pytestmark = pytest.mark.data


def scored(folder: Path, *arguments: str) -> Record:
    done = CliRunner().invoke(score, [*arguments, "--out", str(folder), "--quiet"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return load_record(folder)


def test_length_adds_nothing_to_nuisances_that_hold_it(tmp_path: Path) -> None:
    record = scored(tmp_path / "r", "word-length", "-b", "tuckute2024")
    assert list(record.controls.nuisances)[:2] == ["length", "frequency"]
    assert record.controls.missing == ""
    network = record.main("lang_LH_netw")
    assert network.r2 == pytest.approx(0.07, abs=0.01)
    assert network.omega > 0.95
    assert all(abs(row.unique_r2) < 0.01 for row in record.chosen)
    units = pd.read_parquet(tmp_path / "r" / "units.parquet").set_index("region")
    assert units.loc["lang_LH_netw", "unique_r2"] == pytest.approx(network.unique_r2)
    shown = CliRunner().invoke(show, [str(tmp_path / "r")], catch_exceptions=False).output
    assert "left: R2 beyond length, frequency" in shown


def test_no_controls_says_so_in_record_and_command(tmp_path: Path) -> None:
    record = scored(tmp_path / "r", "word-length", "-b", "tuckute2024", "--no-controls")
    assert record.controls.missing == "controls were turned off"
    assert record.main("lang_LH_netw").unique_r2 is None
    assert "--no-controls" in record.provenance.command
    assert record.provenance.asked.controls == "none"


def test_of_another_readout_a_partial_correlation_is_left(tmp_path: Path) -> None:
    record = scored(tmp_path / "r", "word-length", "-b", "tuckute2024", "--readout", "ols")
    network = record.main("lang_LH_netw")
    assert network.unique_r2 is None and network.partial_low < network.partial < network.value
    assert network.nothing_left
    shown = CliRunner().invoke(show, [str(tmp_path / "r")], catch_exceptions=False).output
    assert "left: r with what length, frequency" in shown


@pytest.mark.slow
def test_edges_and_colour_add_nothing_to_bands_that_hold_them(tmp_path: Path) -> None:
    record = scored(tmp_path / "r", "gabor", "-b", "cowley2023-v4")
    row = record.main("V4")
    assert list(record.controls.nuisances) == ["luminance", "contrast", "spatial-frequency", "edges"]
    assert row.nuisance_r2 > 0.2
    assert abs(row.unique_r2) < 0.005
    assert row.nothing_left


def test_words_and_width_stand_beside_a_language_model_by_default(tmp_path: Path) -> None:
    record = scored(tmp_path / "r", "glove-50", "-b", "tuckute2024")
    assert record.provenance.asked.controls == "standard"
    assert record.controls.runs == {"scrambled": 1, "isolated": 1, "static": 3}, "no layer is wider than 256"
    row = record.main("lang_LH_netw")
    assert row.controls["scrambled"].value == pytest.approx(row.value, abs=1e-4), (
        "a mean of vectors knows no order"
    )
    isolated = row.controls["isolated"]  # nor context; only words with hyphens count twice in it
    assert isolated.difference_low < 0 < isolated.difference_high
    assert isolated.value == pytest.approx(row.value, abs=0.02)
    static = row.controls["static"]
    assert static.spread > 0
    assert static.difference == pytest.approx(row.value - static.value)
    assert 0 < static.difference_low < static.difference < static.difference_high
    shown = CliRunner().invoke(show, [str(tmp_path / "r")], catch_exceptions=False).output
    assert f"(model +{static.difference:.3f}, " in shown


def test_nuisances_can_be_asked_for_alone(tmp_path: Path) -> None:
    record = scored(tmp_path / "r", "word-length", "-b", "tuckute2024", "--controls", "nuisances")
    assert record.controls.nuisances and not record.controls.runs
    assert "--controls nuisances" in record.provenance.command


@pytest.mark.slow
def test_the_twin_stands_beside_where_all_controls_are_asked_for(tmp_path: Path) -> None:
    record = scored(tmp_path / "r", "glove-50", "-b", "tuckute2024", "--controls", "all")
    assert record.controls.runs == {"untrained": 5, "scrambled": 1, "isolated": 1, "static": 3}
    assert record.main("lang_LH_netw").controls["untrained"].spread > 0
