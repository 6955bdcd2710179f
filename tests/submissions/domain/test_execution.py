"""One attempt in its child process: scores kept once, faults told apart, nothing left running."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from gyral.isolation.tier import Findings
from gyral.result import load_record
from gyral_submissions import conf
from gyral_submissions.domain import attempt, execution, log, run, sweeper
from gyral_submissions.enums import Fault, Format, State, Tier
from gyral_submissions.models import Benchmark, Run, Score, Submission

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fake_score")]


def queued(submission: Submission, benchmark: Benchmark, **options: Any) -> Run:
    return run.create(submission, [benchmark], publish=False, **({"twin": False} | options))[0]


def reread(found: Run) -> Run:
    return Run.objects.get(pk=found.pk)


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def test_execute_stores_scores_record_and_state(submission: Submission, benchmark_row: Benchmark) -> None:
    found = queued(submission, benchmark_row)
    assert execution.execute(found.pk, 1) == State.FINISHED
    after = reread(found)
    assert after.state == State.FINISHED
    assert after.record_path == f"{found.pk}/record-1"
    record = load_record(conf.runs() / after.record_path)
    assert after.scores.count() == len(record.rows) == 12
    stored = after.scores.get(region="V4", subject="all", layer="chosen")
    assert (stored.value, stored.ceiling_unit, stored.layers_chosen) == (0.5, "r2", {"conv1": 2, "conv2": 3})
    assert after.record == record.model_dump(mode="json", exclude={"rows"})
    assert sorted(p.name for p in log.run_folder(found.pk).iterdir()) == ["log.txt", "record-1", "stderr.txt"]


def test_execute_of_a_twin_asks_for_the_untrained_one(submission: Submission, benchmark_row: Benchmark) -> None:
    runs = run.create(submission, [benchmark_row], publish=False)
    assert [r.twin for r in runs] == ["", "untrained"]
    assert [execution.execute(r.pk, 1) for r in runs] == [State.FINISHED, State.FINISHED]
    assert Score.objects.get(run=runs[1], region="V1", subject="all", layer="chosen").spread == 0.02


def test_steps_and_log_tell_where_it_stands(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark
) -> None:
    submission = make_submission(does={"steps": [["features", 3], ["ridge", 2]], "pause": 0.4})
    found = queued(submission, benchmark_row)
    told: list[tuple[str, int, int]] = []
    execution.execute(found.pk, 1, progress=lambda *step: told.append(step))
    assert [(s["step"], s["done"], s["total"]) for s in reread(found).steps] == [
        ("features", 3, 3),
        ("ridge", 2, 2),
    ]
    assert "features" in {step for step, _, _ in told}
    words = [line.split("] ", 1)[1] for line in log.read_log(found.pk).splitlines()]
    assert words[1].startswith("The model is held by the sandbox ")
    assert words[2:] == ["features ...", "ridge ...", "Finished; the scores are stored."]


def test_tier_that_holds_the_model_is_stored_told_and_asked_of_the_child(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "examine", lambda: Findings("landlock"))
    found = queued(make_submission(does={"tell": "GYRAL_LEAST_TIER"}), benchmark_row)
    assert execution.execute(found.pk, 1) == State.FINISHED
    assert reread(found).sandbox == "landlock"
    assert "held by the sandbox 'landlock'" in log.read_log(found.pk)
    assert log.read_errors(found.pk) == "GYRAL_LEAST_TIER=landlock\n"


def test_strangers_model_is_not_run_where_the_sandbox_is_too_weak(
    submission: Submission, benchmark_row: Benchmark, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GYRAL_LEAST_TIER = "landlock"
    lacking = {"landlock": "the kernel is old"}
    monkeypatch.setattr(execution, "examine", lambda: Findings("process", lacking))  # type: ignore[arg-type]
    found = queued(submission, benchmark_row)
    assert execution.execute(found.pk, 1) == State.FAILED
    after = reread(found)
    assert (after.fault, after.fault_code, after.sandbox) == (Fault.SITE, "sandbox-tier", "")
    assert after.reference and "kernel" not in after.fault_text
    assert "the kernel is old" in log.read_errors(found.pk)
    assert not after.scores.exists()


def test_second_start_on_one_job_changes_nothing(submission: Submission, benchmark_row: Benchmark) -> None:
    found = queued(submission, benchmark_row)
    outcomes = [execution.execute(found.pk, 1), execution.execute(found.pk, 1)]
    assert outcomes == [State.FINISHED, None]
    assert Score.objects.count() == 12


def test_submitters_fault_keeps_code_and_words_without_paths(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark
) -> None:
    what = f"cannot read {conf.uploads()}/secret/model.onnx\x07 from /etc/site/conf.toml."
    error = {
        "code": "onnx-operator",
        "what": what,
        "where": f"{conf.runs()}/x/model.onnx",
        "mend": "Export again.",
    }
    found = queued(make_submission(does={"error": error}), benchmark_row)
    assert execution.execute(found.pk, 1) == State.FAILED
    after = reread(found)
    assert (after.fault, after.fault_code) == (Fault.SUBMITTER, "onnx-operator")
    assert after.fault_text == "cannot read model.onnx from conf.toml."
    assert (after.fault_where, after.fault_mend, after.reference) == ("model.onnx", "Export again.", "")


def test_our_fault_shows_a_reference_and_nothing_else(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark
) -> None:
    secret = "Traceback: responses.npy of subject seven"
    error = {"code": "engine-error", "reference": "abcd1234", "what": secret}
    submission = make_submission(does={"error": error, "status": 70, "print": secret})
    found = queued(submission, benchmark_row)
    assert execution.execute(found.pk, 1) == State.FAILED
    after = reread(found)
    assert (after.fault, after.reference) == (Fault.SITE, "abcd1234")
    shown = json.dumps([after.fault_text, after.fault_where, after.fault_mend, log.read_log(found.pk)])
    assert "subject seven" not in shown and "abcd1234" in shown
    assert secret in log.read_errors(found.pk) and "abcd1234" in log.read_errors(found.pk)


@pytest.mark.parametrize("code", ["unavailable", "bad-dataset", "stimulus-missing", "disk-full"])
def test_missing_data_are_the_sites_fault(
    code: str, make_submission: Callable[..., Submission], benchmark_row: Benchmark
) -> None:
    found = queued(make_submission(does={"error": {"code": code, "what": "no."}}), benchmark_row)
    execution.execute(found.pk, 1)
    assert (reread(found).fault, reread(found).fault_code) == (Fault.SITE, code)


@pytest.mark.parametrize(
    "does", [{"status": 0}, {"status": 3}, {"status": 1}, {"noise": '{"record": 7}\n[1]\n{"step":'}]
)
def test_child_that_says_nothing_useful_is_our_fault_or_harmless(
    does: dict[str, Any], make_submission: Callable[..., Submission], benchmark_row: Benchmark
) -> None:
    found = queued(make_submission(does=does), benchmark_row)
    outcome = execution.execute(found.pk, 1)
    if "noise" in does:
        assert outcome == State.FINISHED
    else:
        assert (outcome, reread(found).fault, reread(found).fault_code) == (State.FAILED, Fault.SITE, "child-died")


def test_record_of_another_benchmark_is_refused(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark
) -> None:
    found = queued(make_submission(does={"hash": "f" * 64}), benchmark_row)
    assert execution.execute(found.pk, 1) == State.FAILED
    assert (reread(found).fault_code, Score.objects.count()) == ("record", 0)
    assert not (log.run_folder(found.pk) / "record-1").exists()


def test_wall_clock_ends_the_child(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark, settings: Any, tmp_path: Path
) -> None:
    settings.GYRAL_WALL_CLOCK_SECONDS = 1.5
    pid_file = tmp_path / "pid"
    found = queued(make_submission(does={"sleep": 600, "spawn": str(pid_file)}), benchmark_row)
    assert execution.execute(found.pk, 1) == State.FAILED
    assert (reread(found).fault, reread(found).fault_code) == (Fault.SUBMITTER, "time-limit")
    wait_for(lambda: not is_alive(int(pid_file.read_text())), 5)


def test_cancel_ends_the_whole_process_group(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark, tmp_path: Path
) -> None:
    pid_file = tmp_path / "pid"
    found = queued(make_submission(does={"sleep": 600, "spawn": str(pid_file)}), benchmark_row)

    def cancel_once_it_runs() -> None:
        try:
            wait_for(lambda: pid_file.exists() and pid_file.read_text())
            assert run.cancel(found)
        finally:
            connection.close()

    thread = threading.Thread(target=cancel_once_it_runs)
    thread.start()
    began = time.monotonic()
    assert execution.execute(found.pk, 1) is None
    assert time.monotonic() - began < 10
    thread.join()
    assert reread(found).state == State.CANCELLED
    wait_for(lambda: not is_alive(int(pid_file.read_text())), 5)
    assert not list(log.run_folder(found.pk).glob("scratch-*"))


def test_stopping_worker_releases_the_run(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark, tmp_path: Path
) -> None:
    pid_file = tmp_path / "pid"
    found = queued(make_submission(does={"sleep": 600, "spawn": str(pid_file)}), benchmark_row)
    with pytest.raises(execution.Interrupted):
        execution.execute(found.pk, 1, is_stopping=pid_file.exists)
    wait_for(lambda: not is_alive(int(pid_file.read_text())))
    assert sweeper.sweep().queued_again == 1
    assert (reread(found).state, reread(found).attempt) == (State.QUEUED, 2)


def test_lease_is_renewed_while_the_child_says_nothing(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark, settings: Any
) -> None:
    settings.GYRAL_LEASE_SECONDS = 2.0
    found = queued(make_submission(does={"steps": [], "sleep": 5}), benchmark_row)
    swept: list[sweeper.Swept] = []

    def sweep() -> None:
        try:
            for _ in range(12):
                time.sleep(0.3)
                swept.append(sweeper.sweep())
        finally:
            connection.close()

    thread = threading.Thread(target=sweep)
    thread.start()
    assert execution.execute(found.pk, 1) == State.FINISHED
    thread.join()
    assert {s.queued_again for s in swept} == {0}


def test_worker_that_died_after_the_rename_leaves_one_outcome(
    submission: Submission, benchmark_row: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = queued(submission, benchmark_row)

    def die(*args: Any) -> bool:
        raise SystemExit("killed between the folder's rename and the database's write")

    with monkeypatch.context() as patched:
        patched.setattr(attempt, "_store", die)
        with pytest.raises(SystemExit):
            execution.execute(found.pk, 1)
    assert (log.run_folder(found.pk) / "record-1").is_dir()
    assert (reread(found).state, Score.objects.count()) == (State.RUNNING, 0)
    assert sweeper.sweep().queued_again == 1
    assert execution.execute(found.pk, 1) is None
    assert execution.execute(found.pk, 2) == State.FINISHED
    assert [p.name for p in log.run_folder(found.pk).glob("record-*")] == ["record-2"]
    assert (reread(found).record_path, Score.objects.count()) == (f"{found.pk}/record-2", 12)


def test_scores_and_state_are_written_together(
    submission: Submission, benchmark_row: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = queued(submission, benchmark_row)
    Run.objects.filter(pk=found.pk).update(state=State.RUNNING)
    # A row that is there already makes the second write of the transaction fail.
    Score.objects.create(
        run=found, region="V4", subject="one", layer="conv2", metric="m", readout="r", n_units=1, n_samples=1
    )
    Run.objects.filter(pk=found.pk).update(state=State.QUEUED)
    assert execution.execute(found.pk, 1) == State.FAILED
    after = reread(found)
    assert (after.fault, after.fault_code, after.record_path, after.record) == (
        Fault.SITE,
        "worker-error",
        "",
        None,
    )
    assert Score.objects.count() == 1
    assert "unique" in log.read_errors(found.pk).lower() and "unique" not in log.read_log(found.pk).lower()


def test_late_attempt_keeps_nothing(submission: Submission, benchmark_row: Benchmark, tmp_path: Path) -> None:
    found = queued(submission, benchmark_row)
    execution.execute(found.pk, 1)
    kept = conf.runs() / reread(found).record_path
    late = tmp_path / "late"
    late.mkdir()
    (late / "record.json").write_bytes((kept / "record.json").read_bytes())
    assert not attempt.finish(found.pk, 1, late)
    assert late.is_dir() and Score.objects.count() == 12


def test_database_that_is_away_leaves_the_run_to_the_sweeper(
    submission: Submission, benchmark_row: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = queued(submission, benchmark_row)

    def lock(*args: Any) -> bool:
        raise OperationalError("database is locked")

    monkeypatch.setattr(attempt, "_store", lock)
    with pytest.raises(OperationalError):
        execution.execute(found.pk, 1)
    assert reread(found).state == State.RUNNING


def test_full_disk_is_our_fault_with_a_reference(submission: Submission, benchmark_row: Benchmark) -> None:
    found = queued(submission, benchmark_row)
    # A file where the run's folder should be: nothing can be made below it.
    (conf.runs() / str(found.pk)).write_text("")
    assert execution.execute(found.pk, 1) == State.FAILED
    assert (reread(found).fault, reread(found).fault_code) == (Fault.SITE, "worker-error")
    assert reread(found).reference


def test_child_ends_though_its_log_cannot_be_written(tmp_path: Path) -> None:
    from gyral_submissions.domain.child import Child

    class Full(log.CappedFile):
        def write(self, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    flood = [sys.executable, "-S", "-c", "import sys; sys.stderr.write('x' * 1_000_000); print('{}')"]
    with (
        closing(Full(tmp_path / "f", 10)) as errors,
        Child(flood, environment={}, errors=errors, folder=tmp_path) as child,
    ):
        wait_for(lambda: child.has_ended(0.1))
        assert child.end() == 0


def test_child_knows_no_secret() -> None:
    variables = {
        "PATH": "/bin",
        "GYRAL_HOME": "/h",
        "GYRAL_CACHE": "/c",
        "OMP_NUM_THREADS": "1",
        "DATABASE_URL": "postgres://u:p@h/d",
        "BROKER_URL": "redis://",
        "GYRAL_SECRET_KEY": "s",
        "GYRAL_EMAIL_PASSWORD": "p",
        "DJANGO_SETTINGS_MODULE": "x",
        "AWS_ACCESS_KEY_ID": "a",
    }
    assert set(execution.environment(variables)) == {"PATH", "GYRAL_HOME", "GYRAL_CACHE", "OMP_NUM_THREADS"}


def test_command_isolates_uploads_and_names_reference_models(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark
) -> None:
    out = Path("/tmp/out")
    tail = ["--benchmark", "cortex@0", "--device", "cpu", "--out", "/tmp/out", "--progress", "json"]
    upload = make_submission()
    found = Run(submission=upload, benchmark=benchmark_row, readout="ridge", twin="untrained")
    reference = f"{conf.uploads() / upload.path}:untrained"
    assert execution.arguments(found, out) == ["score", reference, *tail, "--isolated"]
    ours = make_submission("mini", format=Format.REFERENCE, tier=Tier.REFERENCE, owner=None, path="")
    found = Run(submission=ours, benchmark=benchmark_row, readout="gap")
    assert execution.arguments(found, out) == ["score", "mini", *tail, "--readout", "gap"]
    features = make_submission("arrays", format=Format.FEATURES, tier=Tier.SELF_REPORTED)
    found = Run(submission=features, benchmark=benchmark_row, readout="ridge")
    assert "--isolated" not in execution.arguments(found, out)


def test_keeper_ends_the_group_when_its_worker_is_killed(
    make_submission: Callable[..., Submission], tmp_path: Path
) -> None:
    from gyral_submissions.domain.child import Child

    pid_file = tmp_path / "pid"
    folder = conf.uploads() / make_submission(does={"sleep": 600, "spawn": str(pid_file)}).path
    worker = os.fork()
    if worker == 0:
        try:
            errors = log.CappedFile(tmp_path / "errors", 1000)
            argv = [*conf.SCORE_COMMAND(), "score", str(folder), "--benchmark", "a@0", "--device", "cpu"]
            argv += ["--out", str(tmp_path / "out"), "--progress", "json"]
            Child(argv, environment=execution.environment(os.environ), errors=errors, folder=tmp_path)
            time.sleep(600)
        finally:
            os._exit(1)
    grandchild = int(wait_for(lambda: pid_file.exists() and pid_file.read_text()))
    assert is_alive(grandchild)
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    wait_for(lambda: not is_alive(grandchild), 5)
