"""What a benchmark holds back: scored rarely and many at once, told of all together, and known to nothing else."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from gyral_submissions import conf
from gyral_submissions.domain import execution, holdout, run
from gyral_submissions.domain.log import read_errors, read_log
from gyral_submissions.enums import State, Visibility
from gyral_submissions.models import Benchmark, HoldoutReport, HoldoutScore, Run, Score, Submission

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fake_score", "messages")]

Make = Callable[..., Any]
PUBLIC = (0.5, 0.4, 0.3, 0.2)
HELD = (0.4123, 0.3456, 0.2789, 0.3012)


@pytest.fixture
def held(make_benchmark: Make, settings: Any) -> Benchmark:
    """A benchmark that holds a part back, told of from four models on."""
    settings.GYRAL_HOLDOUT_LEAST, settings.GYRAL_HOLDOUT_NEW = 4, 2
    found: Benchmark = make_benchmark("cortex", about={"holdout": True})
    place(found)
    return found


def place(benchmark: Benchmark) -> None:
    folder = conf.held_back() / benchmark.name
    folder.mkdir()
    (folder / "dataset.toml").write_text("")


def scored(make: Make, benchmark: Benchmark, public: float, back: float | None, **fields: Any) -> Run:
    does = {"value": public, "print": "secret"} | ({} if back is None else {"held": back})
    submission: Submission = make(does=does, **fields)
    (one,) = run.create(submission, [benchmark], twin=False, publish=False)
    assert execution.execute(one.pk, 1) == State.FINISHED
    return Run.objects.get(pk=one.pk)


def outcomes() -> list[str]:
    return [done.outcome for done in holdout.refresh()]


def test_a_report_says_what_all_models_come_to(make_submission: Make, held: Benchmark) -> None:
    for pair in zip(PUBLIC, HELD, strict=True):
        scored(make_submission, held, *pair)
    assert holdout.latest(held) is None
    assert outcomes() == ["refreshed"]
    report = holdout.latest(held)
    assert report is not None
    # Ranks 4 3 2 1 against 4 3 1 2; means .35 and .3345.
    assert (report.count, report.agreement, report.drop) == (4, 0.8, 0.02)
    assert HoldoutScore.objects.filter(region="V4").count() == 4


def test_too_few_models_are_not_even_scored(make_submission: Make, held: Benchmark) -> None:
    for pair in zip(PUBLIC[:3], HELD[:3], strict=True):
        scored(make_submission, held, *pair)
    assert outcomes() == ["not-due"]
    assert not HoldoutScore.objects.exists()


def test_private_withdrawn_and_twin_runs_are_no_part_of_it(make_submission: Make, held: Benchmark) -> None:
    for pair in zip(PUBLIC[:3], HELD[:3], strict=True):
        scored(make_submission, held, *pair)
    scored(make_submission, held, 0.9, 0.9, visibility=Visibility.PRIVATE)
    gone = scored(make_submission, held, 0.9, 0.9).submission
    Submission.objects.filter(pk=gone.pk).update(withdrawn=timezone.now())
    assert outcomes() == ["not-due"]


def test_a_new_model_alone_moves_nothing_and_neither_does_time(make_submission: Make, held: Benchmark) -> None:
    for pair in zip(PUBLIC, HELD, strict=True):
        scored(make_submission, held, *pair)
    assert outcomes() == ["refreshed"]
    for _ in range(2):
        scored(make_submission, held, 0.1, 0.1)
    assert outcomes() == ["not-due"], "new ones, but not a month later"
    HoldoutReport.objects.update(created=timezone.now() - timedelta(days=31))
    assert outcomes() == ["refreshed"]
    assert HoldoutReport.objects.count() == 2
    HoldoutReport.objects.update(created=timezone.now() - timedelta(days=31))
    scored(make_submission, held, 0.1, 0.1)
    assert outcomes() == ["not-due"], "a month later, but one is new"
    assert HoldoutScore.objects.filter(region="V4").count() == 6


def test_models_that_cannot_be_scored_are_counted_and_left_out(make_submission: Make, held: Benchmark) -> None:
    for pair in zip(PUBLIC, HELD, strict=True):
        scored(make_submission, held, *pair)
    scored(make_submission, held, 0.5, None)
    (done,) = holdout.refresh()
    assert (done.outcome, done.failed) == ("refreshed", 1)
    report = holdout.latest(held)
    assert report is not None
    assert report.count == 4


def test_without_the_data_nothing_is_said(make_submission: Make, make_benchmark: Make, settings: Any) -> None:
    settings.GYRAL_HOLDOUT_LEAST = 3
    away = make_benchmark("away", about={"holdout": True})
    for pair in zip(PUBLIC, HELD, strict=True):
        scored(make_submission, away, *pair)
    out = StringIO()
    call_command("refresh_holdouts", stdout=out)
    assert "away@0: its holdout part is not on this machine" in out.getvalue()


def test_runs_know_nothing_of_it(
    make_submission: Make, held: Benchmark, home: Path, capfd: Any, caplog: Any
) -> None:
    runs = [scored(make_submission, held, *pair) for pair in zip(PUBLIC, HELD, strict=True)]
    before = {path: path.read_bytes() for path in (home / "runs").rglob("*") if path.is_file()}
    rows = list(Run.objects.order_by("pk").values()), list(Score.objects.order_by("pk").values())
    out = StringIO()
    call_command("refresh_holdouts", stdout=out, verbosity=2)
    assert "a new report" in out.getvalue()
    assert {path: path.read_bytes() for path in (home / "runs").rglob("*") if path.is_file()} == before
    assert (list(Run.objects.order_by("pk").values()), list(Score.objects.order_by("pk").values())) == rows
    said = out.getvalue() + "".join(capfd.readouterr()) + caplog.text
    said += "".join(read_log(one.pk) + read_errors(one.pk) for one in runs)
    for value in HELD:
        assert str(value)[1:] not in said
    # The parts and what their children say are for operators' eyes.
    assert (home / "holdout").stat().st_mode & 0o077 == 0
    assert "secret" in (home / "holdout" / "stderr.txt").read_text()
