"""Ceilings between subjects: planted truth, the user's door, and what is refused there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gyral.audit import audit
from gyral.between import corrected_for_both, extrapolation, posed
from gyral.cli.score import score
from gyral.cli.show import show
from gyral.datasets.dataset import Dataset
from gyral.errors import BadDataset, EngineError, UserError
from gyral.record import Record
from gyral.result import load_record
from gyral.scores.agreement import Agreement
from gyral.scores.blocks import held_out_blocks
from gyral.scores.problem import problem_of
from planted_subjects import dataset_of, install, planted_subjects


@pytest.fixture(autouse=True)
def cache(cold_cache: Path) -> Path:
    return cold_cache


def mean_correlations(evidence: Agreement, dataset: Dataset) -> np.ndarray:
    """Pairs x units, over all held-out rows."""
    blocks, fold_of = held_out_blocks(dataset.split(), 5)
    weights, columns = np.ones((1, len(blocks))), np.arange(evidence.width)
    return evidence._correlations(blocks, fold_of, weights, columns)[:, 0]


def test_extrapolation_recovers_the_planted_asymptote() -> None:
    # Six noisy units for four latents: all others together still say less than endlessly many would.
    dataset = dataset_of(planted_subjects(6, 300, 6, latents=4, share=0.6))
    problem = posed(dataset, "extrapolation")
    ceiling, truth = problem.ceiling, 0.6 / 1.25
    assert ceiling is not None
    assert ceiling.held_out.mean() == pytest.approx(truth, abs=0.03)
    r = mean_correlations(ceiling.evidence, dataset)
    all_others, one = np.square(r[-1]).mean(), np.square(r[0]).mean()
    assert one < 0.6 * truth
    assert all_others < truth - 0.05, "without extrapolation the ceiling would be too low"
    exponential = extrapolation(dataset, problem, curve="exponential")
    folds = [f.test for f in problem.split.folds]
    assert exponential.reliability(folds).noise_ceiling.mean() < truth - 0.05, "the usual curve flattens too early"


def test_consistency_takes_the_noise_of_both_sides_out() -> None:
    # All signal is shared and each subject's units span the latents: without noise one predicts all of the other.
    single = planted_subjects(2, 300, 30, latents=3, share=1.0, noise=4.0, repeats=4)
    dataset = dataset_of(single)
    ceiling = posed(dataset, "consistency").ceiling
    assert ceiling is not None
    r = mean_correlations(ceiling.evidence, dataset)
    found = corrected_for_both(dataset, posed(dataset, "consistency"))
    assert np.median(found) == pytest.approx(1.0, abs=0.03)
    assert np.median(r[0]) < 0.7, "uncorrected, a third of the consistency is missing"
    # The ceiling keeps the target's noise, which no model can predict: 1 / (1 + 4 / 4).
    assert np.median(ceiling.held_out) == pytest.approx(0.5, abs=0.03)
    note = audit(dataset, ceiling="consistency").ceiling_note
    assert f"all {np.median(found):.2f} (60 units)" in note


def test_unrelated_subjects_set_no_ceiling() -> None:
    dataset = dataset_of(planted_subjects(4, 200, 10, share=0.0))
    for kind in ("extrapolation", "consistency"):
        ceiling = posed(dataset, kind).ceiling
        assert ceiling is not None
        assert np.median(ceiling.held_out) < 0.03
        assert ceiling.admitted.mean() < 0.1
    alike = corrected_for_both(dataset, posed(dataset, "consistency"))
    assert abs(np.nanmedian(alike)) < 0.2


def test_predictions_between_subjects_are_kept_and_seeded(cold_cache: Path) -> None:
    dataset = dataset_of(planted_subjects(4, 100, 4))
    first = posed(dataset, "extrapolation").ceiling
    (file,) = cold_cache.glob("ceilings/*/predictions.npy")
    made = file.stat().st_mtime_ns
    again = posed(dataset, "extrapolation").ceiling
    assert file.stat().st_mtime_ns == made
    assert first is not None and again is not None
    np.testing.assert_array_equal(first.held_out, again.held_out)
    posed(dataset, "extrapolation", seed=1)
    assert len(list(cold_cache.glob("ceilings/*/predictions.npy"))) == 2


@pytest.mark.parametrize("ceiling", ["ncsnr", "split-half", "loso", "extrapolation", "consistency", "none"])
def test_every_ceiling_can_be_chosen_for_a_benchmark(ceiling: str, tmp_path: Path) -> None:
    name = install(dataset_of(planted_subjects(4, 120, 6, same_units=True)), ceiling)
    run = CliRunner()
    done = run.invoke(score, ["word-length", "-b", name, "--no-controls", "-q", "--out", str(tmp_path / "r")])
    assert done.exit_code == 0, done.output
    row = load_record(tmp_path / "r").main("all")
    assert row is not None
    if ceiling == "none":
        assert (row.ceiling, row.ceiling_low, row.ceiling_unit, row.ceiling_kind) == (None, None, None, "none")
        return
    assert (row.ceiling_kind, row.ceiling_unit, row.ceiling_rows) == (ceiling, "r2", "held-out")
    assert row.ceiling_low is not None and row.ceiling is not None and row.ceiling_high is not None
    assert row.ceiling_low < row.ceiling < row.ceiling_high
    # Repeats see all of a subject's signal, other subjects see what is shared.
    truth = 1 / 1.25 if ceiling in ("ncsnr", "split-half") else 0.6 / 1.25
    assert row.ceiling == pytest.approx(truth, abs=0.08 if ceiling != "consistency" else 0.15)
    shown = run.invoke(show, [str(tmp_path / "r")]).output
    assert f"{row.ceiling:.2f} [{row.ceiling_low:.2f}, {row.ceiling_high:.2f}] r2" in shown


def fewer_repeats(single: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {s: np.where(np.arange(r.shape[1])[None, :, None] < 1, r, np.nan) for s, r in single.items()}


def some_unrepeated(single: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    single["s2"][:7, 1:] = np.nan
    return single


@pytest.mark.parametrize(
    ("ceiling", "subjects", "change", "words", "code"),
    [
        ("loso", 1, None, "1 subject; leaving one out needs at least 3", "too-few-subjects"),
        ("loso", 2, None, "2 subjects; leaving one out needs at least 3", "too-few-subjects"),
        ("extrapolation", 3, None, "3 subjects; at least 4 are needed", "too-few-subjects"),
        ("consistency", 1, None, "1 subject; at least 2 are needed", "too-few-subjects"),
        ("ncsnr", 2, fewer_repeats, "none of 60 stimuli were presented more than once", "no-repeats"),
        ("split-half", 2, fewer_repeats, "'split-half' needs two repeats of at least 4", "no-repeats"),
        ("consistency", 2, some_unrepeated, "'s2' has fewer than two repeats of 7 of 60 stimuli", "no-repeats"),
    ],
)
def test_a_ceiling_the_data_do_not_allow_is_refused_when_scoring(ceiling, subjects, change, words, code) -> None:
    single = planted_subjects(subjects, 60, 4, repeats=3)
    name = install(dataset_of(change(single) if change else single), ceiling)
    done = CliRunner().invoke(score, ["word-length", "-b", name, "--no-controls", "-q"])
    assert done.exit_code == 1
    assert isinstance(done.exception, UserError)
    assert f"ceiling {ceiling!r} of dataset 'planted': " in str(done.exception)
    assert words in str(done.exception)
    assert done.exception.code == code


def test_subjects_with_units_of_their_own_are_pointed_to_extrapolation() -> None:
    single = planted_subjects(4, 60, 4)
    single["s4"] = single["s4"][:, :, :2]
    with pytest.raises(BadDataset, match="must share samples and units.*'extrapolation' predicts") as caught:
        posed(dataset_of(single), "loso")
    assert caught.value.code == "subjects-differ"


@pytest.mark.parametrize("ceiling", ["loso", "extrapolation", "consistency"])
def test_subjects_with_disjoint_stimuli_are_refused(ceiling: str) -> None:
    single = planted_subjects(4, 60, 4, same_units=True)
    dataset = dataset_of(single)
    assert dataset.responses is not None
    values = {s: v.copy() for s, v in dataset.responses.values.items()}
    values["s1"][30:], values["s2"][:30] = np.nan, np.nan
    apart = replace(dataset, responses=replace(dataset.responses, values=values))
    with pytest.raises(
        BadDataset, match="'s1' and 's2' share no stimuli|'s1' has no response to 30 of 60"
    ) as caught:
        posed(apart, ceiling)
    assert caught.value.code == "subjects-differ"


def test_without_a_unit_above_the_floor_the_ceiled_score_is_null_and_the_record_says_why(tmp_path: Path) -> None:
    noise = planted_subjects(2, 100, 5, repeats=3, noise=1e4)
    name = install(dataset_of(noise), "ncsnr")
    done = CliRunner().invoke(
        score, ["word-length", "-b", name, "--no-controls", "-q", "--out", str(tmp_path / "r")]
    )
    assert done.exit_code == 0, done.output
    record: Record = load_record(tmp_path / "r")
    row = record.main("all")
    assert row is not None
    assert (row.ceiled, row.ceiled_low, row.n_ceiled, row.n_units) == (None, None, 0, 10)
    assert row.value is not None
    assert any("no unit of all is reliable enough for a ceiled score" in text for text in record.warnings)
    assert "no unit of all is reliable enough" in " ".join(
        CliRunner().invoke(show, [str(tmp_path / "r")]).output.split()
    )


def test_problems_do_not_make_ceilings_that_need_fits() -> None:
    with pytest.raises(EngineError, match="posed"):
        problem_of(dataset_of(planted_subjects(4, 60, 4)), "extrapolation")
