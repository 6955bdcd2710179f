"""`gyral score` and `gyral show` on sim-eeg: curves from the door to the page."""

import numpy as np
import pytest
from click.testing import CliRunner

from gyral.cli.score import score
from gyral.cli.show import show
from gyral.record import CURVE
from gyral.result import load_curves, load_record


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("record") / "r"
    done = CliRunner().invoke(
        score, ["word-length", "-b", "sim-eeg", "--no-controls", "--out", str(folder), "--progress", "none"]
    )
    assert done.exit_code == 0, done.output
    return folder, done.output


def test_a_record_of_eeg_has_curves_and_score_prints_them(folder):
    path, printed = folder
    record, curves = load_record(path), load_curves(path)
    assert len(record.time.times) == 19 and record.time.window == (0.05, 0.75)
    assert {c.region for c in record.curves} == {"frontal", "central", "posterior"}
    chosen = next(c for c in record.curves if (c.region, c.subject, c.layer) == ("posterior", "all", "chosen"))
    # The floor knows the length of a sentence, which is planted at 120 ms behind.
    assert chosen.peak_time == pytest.approx(0.1) and chosen.first_time <= 0.1
    rows = dict(zip(CURVE, curves[chosen.name], strict=True))
    early = np.asarray(record.time.times) <= 0
    assert (rows["p"][early] > 0.05).all() and (rows["ceiling"][early] < 0.1).all()
    assert "highest" in printed and "at 100 ms; p <= .05 from" in printed


def test_show_prints_a_line_a_region_and_draws_a_page(folder, tmp_path):
    path, _ = folder
    printed = CliRunner().invoke(show, [str(path)]).output
    assert "window of the scores above: 50 to 750 ms" in printed
    assert printed.count("highest") == 3
    every = CliRunner().invoke(show, [str(path), "--all"]).output
    assert "posterior, sim-2" in every
    assert CliRunner().invoke(show, [str(path), "--html", str(tmp_path / "p.html")]).exit_code == 0
    page = (tmp_path / "p.html").read_text("utf-8")
    assert page.count('<svg xmlns="http://www.w3.org/2000/svg" class="chart"') == 3
    assert "<td>100</td>" in page and "<script" not in page
    assert "95 % interval: conditional (fitted maps, new stimuli)" in page
    assert page.count("temporal score of") == 3


@pytest.mark.slow
def test_rdms_of_sensors_are_compared_at_every_time(tmp_path):
    done = CliRunner().invoke(
        score, ["gabor", "-b", "sim-meg-rsa", "--no-controls", "--out", str(tmp_path / "r"), "--progress", "none"]
    )
    assert done.exit_code == 0, done.output
    record, curves = load_record(tmp_path / "r"), load_curves(tmp_path / "r")
    rows = {row.region: row for row in record.rows if (row.subject, row.layer) == ("all", "chosen")}
    assert rows["occipital"].low > 0.02 > rows["frontal"].value
    assert rows["occipital"].ceiling_kind == "rdm-bounds" and rows["occipital"].value < rows["occipital"].ceiling
    chosen = next(c for c in record.curves if (c.region, c.subject, c.layer) == ("occipital", "all", "chosen"))
    assert 0.075 <= chosen.peak_time <= 0.15  # contrast and orientation are planted at 80 and 115 ms
    early = np.asarray(record.time.times) <= 0
    assert (curves[chosen.name][CURVE.index("p")][early] > 0.05).all()
    assert "mean over subjects, on pairs with a held-out stimulus" in done.output


@pytest.mark.slow
def test_nuisances_stand_beside_rows_where_there_are_curves(tmp_path):
    done = CliRunner().invoke(
        score, ["word-length", "-b", "sim-eeg", "--out", str(tmp_path / "r"), "--progress", "none"]
    )
    assert done.exit_code == 0, done.output
    record = load_record(tmp_path / "r")
    # The floor is one of the nuisances itself.
    assert all(row.nuisance_r2 is not None and row.nothing_left for row in record.chosen if row.subject == "all")
