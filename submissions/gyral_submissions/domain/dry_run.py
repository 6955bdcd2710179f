"""Dry run: an upload tried on one small benchmark before quota is spent on those that count.

It goes through the same queue, sandbox and command line as any run, and differs in this: the benchmark is simulated, so
that nobody learns anything of recorded data; there is no untrained twin and no control; a day has an allowance of its own
(``GYRAL_DRY_RUNS_PER_DAY``); and its result makes no scores, so that it is on no board, in no list and in no count.
Only the owner and operators see it.
"""

from gyral.errors import UserError
from gyral_submissions.domain import run as runs
from gyral_submissions.enums import ACTIVE, State
from gyral_submissions.models import Benchmark, Run, Submission
from gyral_submissions.rules import RUNS_CODE


class NoDryRun(UserError):
    """A submission, or a site, that has none."""

    code = "no-dry-run"


def benchmark_for(modality: str) -> Benchmark | None:
    """The simulated benchmark with the fewest stimuli, then responses, that is fitted; None where there is none.

    One that fits a readout comes before one that only compares dissimilarities: it says more of what may fail.
    """
    found = Benchmark.objects.filter(modality=modality, simulated=True, retired=False)
    return min(found, key=_size, default=None)


def begin(submission: Submission) -> Run:
    """Queue a dry run.

    Raises
    ------
    NoDryRun
        Nothing is run of precomputed features, or the site has no simulated benchmark of that modality.
    gyral_submissions.domain.run.CannotRun
        It is withdrawn, or its dry run is active or finished.
    gyral_submissions.domain.quota.QuotaExceeded
        Today's dry runs are spent, or too many runs are active.
    """
    return runs.create(submission, [require(submission.format, submission.modality)], dry=True)[0]


def require(format_: str, modality: str) -> Benchmark:
    """Where a model of this kind is tried.

    Raises
    ------
    NoDryRun
        As `begin`.
    """
    if format_ not in RUNS_CODE:
        raise NoDryRun(
            "features are arrays that are there already: no model is run that could be tried.",
            where="dry_run",
            mend="Submit them; `gyral check` says at home what is wrong with them.",
        )
    benchmark = benchmark_for(modality)
    if benchmark is None:
        raise NoDryRun(
            f"this site has no simulated benchmark for {modality} models.",
            where="dry_run",
            mend="Score the model on one benchmark first.",
        )
    return benchmark


def may_begin(submission: Submission) -> bool:
    """True where the submission stands, and was not tried, nor scored, nor is about to be."""
    if submission.withdrawn is not None or submission.format not in RUNS_CODE:
        return False
    done = submission.runs.filter(state__in=(*ACTIVE, State.FINISHED))
    return not done.exists() and benchmark_for(submission.modality) is not None


def was_only_tried(submission: Submission) -> bool:
    """True if dry runs are all there ever was of it."""
    there = submission.runs.values_list("dry", flat=True)
    return bool(there) and all(there)


def _size(benchmark: Benchmark) -> tuple[bool, int, bool, int, str, int]:
    about = benchmark.about
    stimuli, units = int(about.get("n_stimuli") or 0), int(about.get("n_units") or 0)
    in_time = about.get("times") is not None
    return benchmark.task != "encoding", stimuli, in_time, units, benchmark.name, -benchmark.version
