"""Execution: one attempt from start to end, in a child process that may be killed at any moment.

The child is the command line itself (``gyral score``), so that the site's record is the one a person gets at
home. No transaction is open while it works: the database is touched for milliseconds, about once a second.
"""

import logging
import os
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

from django.db import OperationalError

from gyral.errors import GyralError
from gyral.isolation.container import ENGINE_VARIABLES
from gyral.isolation.tier import LEAST, examine
from gyral.progress import Progress, silent
from gyral_submissions import conf
from gyral_submissions.domain import attempt as attempts
from gyral_submissions.domain import fault as faults
from gyral_submissions.domain import log
from gyral_submissions.domain.child import Child
from gyral_submissions.domain.standby import Standby
from gyral_submissions.domain.step import Step
from gyral_submissions.enums import State
from gyral_submissions.models import Run
from gyral_submissions.rules import RUNS_CODE, may_be_held

logger = logging.getLogger(__name__)

_TICK = 1.0  # seconds between two looks at the child and the database
# What the child may know of our environment: neither the database nor the broker nor any key.
_PASSED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONWARNINGS",
    "LD_LIBRARY_PATH",
    *ENGINE_VARIABLES,
)
_PASSED_PREFIXES = ("GYRAL_", "OMP_", "MKL_", "OPENBLAS_", "CUDA_", "NVIDIA_", "XDG_")
_SECRET = ("SECRET", "PASSWORD", "TOKEN", "KEY", "URL", "EMAIL")


class Interrupted(Exception):
    """The worker is going away; the run was released for another to take up."""


def execute(
    run_id: uuid.UUID,
    attempt: int,
    *,
    progress: Progress = silent,
    is_stopping: Callable[[], bool] = lambda: False,
    standby: Standby | None = None,
) -> State | None:
    """Evaluate, and leave the run finished, failed, or to whoever took it away.

    Parameters
    ----------
    run_id, attempt : UUID, int
        What a message carries.
    progress : Progress
        Told of every step as well (bars of a management command).
    is_stopping : callable
        True once this worker should go; the run is released then.
    standby : Standby, optional
        Where the next child waits; used where the run is of an upload.

    Returns
    -------
    State or None
        The state this attempt brought about; None where it was not, or no longer, ours.

    Raises
    ------
    Interrupted
        ``is_stopping`` said so.
    """
    run = attempts.start(run_id, attempt, f"{socket.gethostname()}:{os.getpid()}")
    if run is None:
        return None
    log.note(
        run.pk,
        attempt,
        f"{'Dry run of' if run.dry else 'Scoring'} {run.submission}{f' ({run.twin} twin)' if run.twin else ''} on {run.benchmark}.",
    )
    scratch = conf.runs() / str(run.pk) / f"scratch-{attempt}"
    try:
        fault = _evaluate(run, scratch, progress, is_stopping, standby)
        if fault is None:
            log.note(run.pk, attempt, "Finished; the scores are stored.")
            return State.FINISHED
        return _failed(run, fault)
    except _Gone:
        log.note(run.pk, attempt, "Stopped.")
        return None
    except (KeyboardInterrupt, SystemExit, Interrupted):
        attempts.release(run.pk, attempt)
        raise
    except OperationalError:
        # The database is away: nothing can be said now. The lease runs out and the run is taken up again.
        raise
    except Exception as error:
        logger.exception("run %s attempt %s", run.pk, attempt)
        return _failed(run, faults.ours("worker-error", detail=f"{type(error).__name__}: {error}"))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class _Gone(Exception):
    """The run is no longer this attempt's."""


def arguments(run: Run, out: Path) -> list[str]:
    """The command line of a run, behind the program; ``out`` is the record's folder."""
    submission = run.submission
    reference = submission.name if submission.is_reference else str(conf.uploads() / submission.path)
    argv = ["score", f"{reference}:{run.twin}" if run.twin else reference]
    argv += ["--benchmark", run.benchmark.identifier, "--device", conf.DEVICE()]
    argv += ["--out", str(out), "--progress", "json"]
    if run.readout != run.benchmark.readout:
        argv += ["--readout", run.readout]
    if run.dry:
        argv.append("--no-controls")
    if submission.format in RUNS_CODE:
        argv.append("--isolated")
    return argv


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Those of ``variables`` that a child may know."""

    def is_passed(name: str) -> bool:
        return name in _PASSED or (name.startswith(_PASSED_PREFIXES) and not any(word in name for word in _SECRET))

    return {name: value for name, value in variables.items() if is_passed(name)}


def _evaluate(
    run: Run,
    scratch: Path,
    progress: Progress,
    is_stopping: Callable[[], bool],
    standby: Standby | None,
) -> faults.Fault | None:
    """Run the child and keep its record; the fault if there is none."""
    variables = environment(os.environ)
    if run.submission.format not in RUNS_CODE:
        standby = None
    else:
        findings = examine()
        if not may_be_held(run.submission, findings.tier):
            return faults.ours(
                "sandbox-tier", detail=f"{findings}; {conf.LEAST_TIER()!r} is the least that is allowed"
            )
        if not attempts.note_sandbox(run.pk, run.attempt, findings.tier):
            raise _Gone
        log.note(run.pk, run.attempt, f"The model is held by the sandbox {findings.tier!r}.")
        # The child finds out for itself, and must not find less.
        variables[LEAST] = findings.tier
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    errors = log.CappedFile(log.run_folder(run.pk) / "stderr.txt", conf.LOG_BYTES())
    with closing(errors):
        argv = arguments(run, scratch / "record")
        ready = standby and standby.take(argv, environment=variables, errors=errors, folder=scratch)
        cold = partial(Child, environment=variables, errors=errors, folder=scratch)
        with ready or cold([*conf.SCORE_COMMAND(), *argv]) as child:
            at_work = partial(standby.start, variables) if standby else (lambda: None)
            in_time = _attend(run, child, progress, is_stopping, at_work=at_work)
            status = child.end()
        said = child.said
    if not in_time:
        limit = conf.WALL_CLOCK_SECONDS()
        return faults.submitters(
            "time-limit",
            f"the evaluation took longer than {limit:.0f} seconds.",
            mend="Read fewer layers (`layers` in gyral.toml), or send a smaller model.",
        )
    if said.error is not None:
        return faults.said(said.error, status)
    if status != 0 or not said.record:
        return faults.ours("child-died", detail=f"exit status {status}, record {said.record!r}")
    try:
        kept = attempts.finish(run.pk, run.attempt, scratch / "record")
    except (GyralError, OSError) as error:
        return faults.ours("record", detail=f"{type(error).__name__}: {error}")
    if not kept:
        raise _Gone
    return None


def _attend(
    run: Run,
    child: Child,
    progress: Progress,
    is_stopping: Callable[[], bool],
    *,
    at_work: Callable[[], None],
) -> bool:
    """Watch the child until it ends; False where it took too long. ``at_work`` is told when it has done its imports.

    Raises
    ------
    _Gone
        The run was cancelled or taken away.
    Interrupted
        This worker should go.
    """
    account = _Account(run)
    deadline = time.monotonic() + conf.WALL_CLOCK_SECONDS()
    while not child.has_ended(_TICK):
        if time.monotonic() > deadline:
            return False
        if is_stopping():
            raise Interrupted
        if child.said.steps:
            at_work()
        _tell(child.said.steps, account, progress)
    _tell(child.said.steps, account, progress)
    return True


def _tell(steps: tuple[Step, ...], account: "_Account", progress: Progress) -> None:
    if steps:
        progress(steps[-1]["step"], steps[-1]["done"], steps[-1]["total"])
    if not account.settle(steps):
        raise _Gone


class _Account:
    """What was said, as the row and the log hold it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._known: tuple[Step, ...] = ()
        self._renewed = time.monotonic()

    def settle(self, steps: tuple[Step, ...]) -> bool:
        """Bring row and log up to date; False where the run is no longer ours.

        A database that is busy for a moment is asked again at the next tick: the lease is what counts.
        """
        try:
            return self._settle(steps)
        except OperationalError as error:
            logger.warning("run %s: %s", self._run.pk, error)
            return True

    def _settle(self, steps: tuple[Step, ...]) -> bool:
        run_id, attempt, now = self._run.pk, self._run.attempt, time.monotonic()
        if steps != self._known:
            held = attempts.report(run_id, attempt, steps)
            for step in steps[max(0, len(self._known) - 1) :]:
                if step["step"] not in {known["step"] for known in self._known}:
                    log.note(run_id, attempt, f"{step['step']} ...")
            self._known, self._renewed = steps, now
            return held
        if now - self._renewed > conf.LEASE_SECONDS() / 4:
            self._renewed = now
            return attempts.renew_lease(run_id, attempt)
        return attempts.is_held(run_id, attempt)


def _failed(run: Run, fault: faults.Fault) -> State | None:
    if fault.reference:
        # The number and what happened meet here and in stderr.txt, and nowhere a submitter can read.
        logger.error("%s: run %s attempt %s: %s", fault.reference, run.pk, run.attempt, fault.detail or fault.code)
        log.note_for_operators(run.pk, f"reference {fault.reference}: {fault.code} {fault.detail}")
    sentence = " ".join(filter(None, (fault.where and f"{fault.where}:", fault.text, fault.mend)))
    log.note(run.pk, run.attempt, f"Failed: {sentence}")
    return State.FAILED if attempts.fail(run.pk, run.attempt, fault) else None
