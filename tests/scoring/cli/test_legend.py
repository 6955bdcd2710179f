"""What `gyral show` says of the numbers of a record: what is counted, what columns are, what was fitted, and why there is no p."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from array_model import ArrayModel
from gyral.benchmarks.benchmark import Benchmark
from gyral.cli.legend import legend, no_p_lines
from gyral.cli.score import score
from gyral.cli.show import show
from gyral.datasets.dataset import About, Dataset
from gyral.datasets.pack import read_pack, write_pack
from gyral.datasets.region import Region
from gyral.datasets.responses import RegionRdms
from gyral.datasets.stimulus import StimulusSet
from gyral.evaluate import evaluate
from gyral.record import CHOSEN
from gyral.result import load_record

SUBJECTS = ("a", "b", "c")


@pytest.fixture
def similar(tmp_path: Path) -> Callable[..., Path]:
    """Folder of a record of RDMs of three subjects."""

    def make(*, ordered: bool = False, draws: int = 1) -> Path:
        random = np.random.default_rng(0)
        rdm = random.uniform(size=(len(SUBJECTS), 1, 30, 30))
        rdm = rdm + rdm.swapaxes(2, 3)
        rdm[:, :, np.arange(30), np.arange(30)] = 0
        made = Dataset(
            about=About(name="three", title="Three", description="For tests.", ordered=ordered),
            stimuli=StimulusSet.from_texts([f"word{i}" for i in range(30)]),
            responses=None,
            rdms={"IT": RegionRdms("IT", "fMRI", rdm, SUBJECTS)},
            units=pd.DataFrame({"subject": [], "unit": []}),
            regions=(Region("IT", np.arange(0)),),
        )
        write_pack(made, tmp_path / "pack")
        dataset = read_pack(tmp_path / "pack")
        layers = {"only": random.standard_normal((30, 9)).astype(np.float32)}
        models = [ArrayModel(dataset.stimuli.ids, layers)] * draws
        recipe = Benchmark(
            "three", 0, "Three", "language", "three", "rsa", "rsa-spearman", "none", "rdm-bounds", "IT"
        )
        twin = "untrained" if draws > 1 else None
        evaluate(models, recipe, dataset, controls="none", twin=twin).save(tmp_path / "record")
        return tmp_path / "record"

    return make


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a record of predicted responses."""
    made = tmp_path_factory.mktemp("record") / "r"
    done = CliRunner().invoke(
        score, ["word-length", "-b", "sim-language", "--out", str(made), "--progress", "none"]
    )
    assert done.exit_code == 0, done.output
    return made


def shown(folder: Path, *options: str) -> str:
    done = CliRunner().invoke(show, [str(folder), *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_rows_of_rdms_count_subjects_and_rows_of_responses_units(
    similar: Callable[..., Path], encoded: Path, tmp_path: Path
) -> None:
    folder = similar()
    head = shown(folder).splitlines()[1].split()
    assert "subjects" in head and "units" not in head
    assert "units" in shown(encoded).splitlines()[1].split()
    shown(folder, "--html", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "<th>subjects</th>" in page and "<th>units</th>" not in page


def test_nothing_is_said_to_be_fitted_where_dissimilarities_are_compared(
    similar: Callable[..., Path], encoded: Path
) -> None:
    said = shown(similar())
    assert "95 % interval: over new stimuli; " in said and "; nothing is fitted\n" in said
    assert "readout none" not in said and "fitted maps" not in said
    assert "95 % interval: conditional (fitted maps, new stimuli)" in shown(encoded)


def test_one_line_below_the_table_says_what_its_columns_are(encoded: Path) -> None:
    lines = shown(encoded).splitlines()
    record = load_record(encoded)
    below = lines[2 + sum(row.layer == CHOSEN and row.subject == "all" for row in record.rows)]
    assert below.startswith("score: pearson, median over units, mean over held-out folds; 95 % interval: ")
    assert "; ceiling: the r2 that the data let a perfect model reach (ncsnr), median over units; " in below
    assert (
        "; score/ceiling: r2 with the sign of r, over the ceiling, median over the units reliable enough" in below
    )
    assert below.endswith("; readout ridge")
    (left,) = (line for line in lines if line.startswith("left: R2 beyond"))
    assert left.endswith("; omega: share of the model's R2 that they explain as well")


def test_the_legend_passes_over_columns_that_are_not_there(similar: Callable[..., Path], encoded: Path) -> None:
    record = load_record(encoded)
    rows = [row for row in record.chosen if row.subject == "all"]
    narrow = legend(record, rows, ("region", "layer", "score", "95 % interval", "ceiling"))
    assert "; ceiling: " in narrow and "score/ceiling" not in narrow
    said = shown(similar())
    assert "score/ceiling:" not in said
    assert "ceiling: r of a subject with the mean of the others .. the most that any model reaches" in said


def test_where_p_is_missing_the_table_says_why(similar: Callable[..., Path], tmp_path: Path) -> None:
    assert "no p of" not in shown(similar())
    why = "no p of IT: stimuli stand in an order or in groups, so that they cannot be permuted"
    ordered = similar(ordered=True)
    assert why in shown(ordered)
    shown(ordered, "--html", str(tmp_path / "page.html"))
    assert why in (tmp_path / "page.html").read_text("utf-8")
    assert "no p of IT: the value is a mean over redrawn models" in shown(similar(draws=2))


def test_short_runs_and_holes_are_told_apart(encoded: Path) -> None:
    record = load_record(encoded)
    row = record.main("sim_noise")
    assert row is not None and row.null_kind == "group" and no_p_lines(record, record.chosen) == []
    (line,) = no_p_lines(record, [row.model_copy(update={"p": None})])
    assert line == "no p of sim_noise: no unit has all responses"
    (line,) = no_p_lines(record, [row.model_copy(update={"p": None, "null_kind": None})])
    assert "fewer than 32 samples" in line
