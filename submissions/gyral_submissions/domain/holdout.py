"""Holdout: score standing models on data held back, and say of all of them together how far the two parts agree.

Whoever submits often fits what is answered. What is held back answers nobody: it is scored apart from runs (their time,
steps, logs and records know nothing of it), for many models at once, and the one thing that is shown is a rank
correlation and a mean difference over at least `conf.HOLDOUT_LEAST` models, to two decimals, at most every
`conf.HOLDOUT_DAYS` days and after `conf.HOLDOUT_NEW` new models.
"""

import json
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from gyral.isolation.tier import LEAST, examine
from gyral.progress import Progress, silent
from gyral_submissions import conf
from gyral_submissions.domain import log
from gyral_submissions.domain.child import Child
from gyral_submissions.domain.execution import environment
from gyral_submissions.domain.queries.board import ALL, CHOSEN
from gyral_submissions.enums import State, Twin, Visibility
from gyral_submissions.models import Benchmark, HoldoutReport, HoldoutScore, Run, Score
from gyral_submissions.rules import RUNS_CODE, may_be_held

logger = logging.getLogger(__name__)

Outcome = Literal["refreshed", "not-due", "absent", "too-few"]
_TICK = 1.0  # seconds between two looks at a child


@dataclass(frozen=True)
class Refreshed:
    """What became of one benchmark; ``failed`` models could not be scored."""

    benchmark: Benchmark
    outcome: Outcome
    failed: int = 0


def refresh(*, progress: Progress = silent) -> Iterator[Refreshed]:
    """Bring the reports of all benchmarks that hold a part back up to date, where they are due."""
    for benchmark in Benchmark.objects.filter(retired=False):
        if benchmark.about.get("holdout"):
            yield _refresh(benchmark, progress)


def latest(benchmark: Benchmark) -> HoldoutReport | None:
    """What may be shown of the part that is held back; None before there is enough."""
    return HoldoutReport.objects.filter(benchmark=benchmark).first()


def standing_runs(benchmark: Benchmark) -> list[Run]:
    """The newest finished run of every public model on its board, by the board's own readout."""
    runs = (
        Run.objects.filter(
            benchmark=benchmark,
            state=State.FINISHED,
            twin=Twin.NONE,
            dry=False,
            readout=benchmark.readout,
            submission__visibility=Visibility.PUBLIC,
            submission__withdrawn=None,
        )
        .select_related("submission", "benchmark")
        .defer("record")
        .order_by("created")
    )
    return list({run.submission_id: run for run in runs}.values())


def is_due(benchmark: Benchmark, runs: Sequence[Run]) -> bool:
    """True where enough models stand, and enough of them are new since a report that is old enough."""
    if len(runs) < max(conf.HOLDOUT_LEAST(), 3):
        return False
    last = latest(benchmark)
    if last is None:
        return True
    old = last.created <= timezone.now() - timedelta(days=conf.HOLDOUT_DAYS())
    known = HoldoutScore.objects.filter(run__in=runs).values("run").distinct().count()
    return old and len(runs) - known >= conf.HOLDOUT_NEW()


def _refresh(benchmark: Benchmark, progress: Progress) -> Refreshed:
    from gyral.datasets.holdout import has_holdout  # reads packs

    if not has_holdout(benchmark.name):
        return Refreshed(benchmark, "absent")
    runs = standing_runs(benchmark)
    if not is_due(benchmark, runs):
        return Refreshed(benchmark, "not-due")
    known = set(HoldoutScore.objects.filter(run__in=runs).values_list("run", flat=True))
    missing = [run for run in runs if run.pk not in known]
    failed = 0
    for done, run in enumerate(missing):
        progress(f"held-back part of {benchmark}", done, len(missing))
        values = _scored(run)
        if values is None:
            failed += 1
            continue
        found = [HoldoutScore(run=run, region=region, value=value) for region, value in values.items()]
        with transaction.atomic():
            HoldoutScore.objects.bulk_create(found)
    progress(f"held-back part of {benchmark}", len(missing), len(missing))
    return Refreshed(benchmark, "refreshed" if _report(benchmark, runs) else "too-few", failed)


def _report(benchmark: Benchmark, runs: Sequence[Run]) -> bool:
    """Store what the scores of the main region come to; False where too few models have both."""
    import numpy as np
    from scipy.stats import spearmanr  # slow import

    cells = Q(run__in=runs, region=benchmark.main_region, value__isnull=False)
    public = dict(Score.objects.filter(cells, layer=CHOSEN, subject=ALL).values_list("run", "value"))
    held = dict(HoldoutScore.objects.filter(cells).values_list("run", "value"))
    both = sorted(set(public) & set(held))
    if len(both) < max(conf.HOLDOUT_LEAST(), 3):
        return False
    first, second = (np.array([scores[run] for run in both], float) for scores in (public, held))
    agreement = float(spearmanr(first, second).statistic) if np.ptp(first) and np.ptp(second) else 0.0
    HoldoutReport.objects.create(
        benchmark=benchmark,
        created=timezone.now(),
        count=len(both),
        agreement=round(agreement, 2),
        drop=round(float((first - second).mean()), 2),
    )
    return True


def _scored(run: Run) -> dict[str, float | None] | None:
    """Scores by region from a child of its own, which leaves nothing behind; None where it fails."""
    submission = run.submission
    variables = environment(os.environ)
    if submission.format in RUNS_CODE:
        tier = examine().tier
        if not may_be_held(submission, tier):
            logger.warning("held-back part: the sandbox %r may not hold %s", tier, submission)
            return None
        variables[LEAST] = tier
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "scores.json"
        # What the child says of its errors goes where nobody but operators looks, and not to the run's own log.
        errors = log.CappedFile(conf.held_back() / "stderr.txt", conf.LOG_BYTES())
        with (
            closing(errors),
            Child(command(run, out), environment=variables, errors=errors, folder=Path(scratch)) as child,
        ):
            waited = 0.0
            while not child.has_ended(_TICK) and waited < conf.WALL_CLOCK_SECONDS():
                waited += _TICK
            status = child.end()
        if status != 0 or not out.is_file():
            logger.warning("held-back part: %s could not be scored (status %s)", submission, status)
            return None
        found = json.loads(out.read_text("utf-8"))
    return {str(region): None if value is None else float(value) for region, value in found.items()}


def command(run: Run, out: Path) -> list[str]:
    """The command line that scores a run's model on what is held back."""
    submission = run.submission
    reference = submission.name if submission.is_reference else str(conf.uploads() / submission.path)
    argv = [*conf.SCORE_COMMAND(), "holdout", "score", reference, "--benchmark", run.benchmark.identifier]
    argv += ["--device", conf.DEVICE(), "--out", str(out), "--progress", "json"]
    return [*argv, "--isolated"] if submission.format in RUNS_CODE else argv
