"""Ranks of a board from paired differences."""

import numpy as np
import pytest
from django.contrib.auth.models import User

from board_rows import board_rows, make_benchmark, make_run, make_scored, make_submission
from gyral_submissions import conf
from gyral_submissions.domain.standing import rank, rank_due, want
from gyral_submissions.domain.submission import set_visibility, withdraw
from gyral_submissions.enums import Visibility
from gyral_submissions.models import Benchmark, Run, Score, Submission

pytestmark = pytest.mark.django_db


@pytest.fixture
def board(db: None) -> Benchmark:
    return make_benchmark("cortex")


def _ranks(board: Benchmark, region: str = "V4") -> dict[str, tuple[tuple[int, int] | None, str]]:
    return {
        row.facts.name: (row.cells[region].rank, row.cells[region].ties)
        for row in board_rows(board)
        if region in row.cells
    }


def test_models_apart_by_more_than_their_paired_difference_are_ranked(board: Benchmark) -> None:
    # A difference has a standard error of .01; single intervals of .02 either way would tie a with b, and b with c.
    for name, value in (("a", 0.50), ("b", 0.465), ("c", 0.46), ("d", 0.10)):
        make_scored(name, board, {"V4": value})
    rank(board)
    assert _ranks(board) == {"a": ((1, 1), "a"), "b": ((2, 3), "b"), "c": ((2, 3), "b"), "d": ((4, 4), "c")}


def test_missing_value_or_redraws_mean_no_rank(board: Benchmark) -> None:
    make_scored("with", board, {"V4": 0.3})
    make_scored("none", board, {"V4": None})
    without = make_scored("without", board, {"V4": 0.6})
    for run in Run.objects.filter(submission=without):
        (conf.runs() / run.record_path / "redraws.npy").unlink()
    rank(board)
    assert _ranks(board) == {"with": ((1, 1), "a"), "none": (None, ""), "without": (None, "")}


def test_records_with_other_blocks_are_not_compared(board: Benchmark) -> None:
    for name in ("a", "b", "c"):
        make_scored(name, board, {"V4": 0.3})
    Score.objects.filter(run__submission__name="c").update(interval_groups=7)
    rank(board)
    assert _ranks(board) == {"a": ((1, 2), "a"), "b": ((1, 2), "a"), "c": (None, "")}


def test_enough_subjects_are_ranked_over_subjects(board: Benchmark) -> None:
    rng = np.random.default_rng(0)
    own = rng.standard_normal(8)
    varied = np.array([0.1, -0.1] * 4)
    for name, better in (("a", 0.2), ("b", 0.0), ("c", 0.03 + varied)):
        # What c has over b differs from subject to subject, what a has does not.
        each = 0.3 + better + 0.05 * own + 0.01 * rng.standard_normal(8)
        _scored_over_subjects(name, board, each)
    rank(board)
    assert {n: r for n, (r, _) in _ranks(board).items()} == {"a": (1, 1), "b": (2, 3), "c": (2, 3)}


def test_borda_needs_every_region_of_every_model(board: Benchmark) -> None:
    make_scored("a", board, {"V1": 0.5, "V4": 0.5})
    make_scored("b", board, {"V1": 0.4, "V4": 0.6})
    make_scored("c", board, {"V1": 0.1, "V4": 0.1})
    rank(board)
    points = dict(Run.objects.values_list("submission__name", "borda"))
    assert points == {"a": 0.75, "b": 0.75, "c": 0.0}
    make_scored("part", board, {"V4": 0.7})
    rank(board)
    assert set(Run.objects.values_list("borda", flat=True)) == {None}


def test_boards_are_ranked_again_when_a_model_comes_hides_or_goes(
    board: Benchmark, django_user_model: type[User]
) -> None:
    owner = django_user_model.objects.create_user("ada")
    make_scored("net", board, {"V4": 0.3})
    mine = make_scored("mine", board, {"V4": 0.6}, owner=owner)
    want(Benchmark.objects.filter(pk=board.pk))
    assert rank_due() == 1
    assert rank_due() == 0
    assert {n: r for n, (r, _) in _ranks(board).items()} == {"mine": (1, 1), "net": (2, 2)}
    set_visibility(mine, Visibility.PRIVATE)
    assert rank_due() == 1
    assert {n: r for n, (r, _) in _ranks(board).items()} == {"net": (1, 1)}
    assert not Score.objects.filter(run__submission=mine, rank_best__isnull=False).exists()
    set_visibility(mine, Visibility.PUBLIC)
    rank_due()
    withdraw(Submission.objects.get(pk=mine.pk))
    rank_due()
    assert {n: r for n, (r, _) in _ranks(board).items()} == {"net": (1, 1)}


def _scored_over_subjects(name: str, board: Benchmark, values: np.ndarray) -> None:
    run = make_run(make_submission(name), board, {"V4": float(values.mean())})
    whole = Score.objects.get(run=run, layer="chosen")
    whole.interval_kind = "subjects"
    whole.save()
    for number, value in enumerate(values):
        whole.pk = None
        whole.subject, whole.value, whole.interval_kind = f"s{number}", float(value), "conditional"
        whole._state.adding = True
        whole.save()
    draws = 0.01 * np.random.default_rng(len(name) + ord(name)).standard_normal((1000, 1 + len(values)))
    np.save(conf.runs() / run.record_path / "redraws.npy", draws.astype(np.float32))
