"""Commands as processes of their own: told to end, they hand back what they hold."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from database_url import database_url
from gyral_submissions import conf
from gyral_submissions.enums import State
from gyral_submissions.models import Benchmark, Run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fake_score")]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts ``manage.py`` with the test's database and home."""
    started: list[subprocess.Popen[str]] = []

    def run(*argv: str) -> "subprocess.Popen[str]":
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "gyral_portal.settings",
            "DATABASE_URL": database_url(),
            "GYRAL_SCORE_COMMAND": " ".join(conf.SCORE_COMMAND()),
            "GYRAL_FAKE_MODELS": str(tmp_path),
        }
        command = [sys.executable, "-m", "django", *argv]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=pipe,
            stderr=pipe,
            text=True,
            preexec_fn=_hear_interrupts,  # noqa: PLW1509 - the tests run in one thread
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def _hear_interrupts() -> None:
    """Tests started in the background by a shell inherit an ignored SIGINT, and so would their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_scoring_told_to_end_hands_its_run_back(
    number: signal.Signals, start: Start, benchmark_row: Benchmark, tmp_path: Path
) -> None:
    (tmp_path / "pixels").mkdir()
    (tmp_path / "pixels" / "behaviour.json").write_text('{"sleep": 600}')
    command = start("score_reference_models", "--model", "pixels", "--benchmark", "cortex@0")
    wait_for(lambda: Run.objects.filter(state=State.RUNNING, step="ridge").exists())
    command.send_signal(number)
    _, err = command.communicate(timeout=10)
    assert command.returncode == (130 if number == signal.SIGINT else 128 + number)
    assert "Traceback" not in err
    run = Run.objects.get()
    assert run.state == State.RUNNING and run.lease_until is not None and run.lease_until <= timezone.now()
    (tmp_path / "pixels" / "behaviour.json").write_text("{}")
    again = start("score_reference_models", "--model", "pixels")
    assert again.communicate(timeout=30)[0] == "reference models: 1 scored\n"
    assert Run.objects.values_list("state", "attempt").get() == (State.FINISHED, 2)


def test_sweeper_ends_when_told(start: Start, benchmark_row: Benchmark) -> None:
    Benchmark.objects.update(ranks_wanted=timezone.now() - timedelta(days=1))
    command = start("sweep", "--every", "0.2")
    wait_for(lambda: not Benchmark.objects.filter(ranks_wanted__isnull=False).exists(), 60)
    assert command.poll() is None
    command.send_signal(signal.SIGTERM)
    out, err = command.communicate(timeout=5)
    assert (command.returncode, out, err) == (0, "", "")


def test_unknown_model_is_said_with_the_nearest_name(start: Start, benchmark_row: Benchmark) -> None:
    command = start("score_reference_models", "--model", "pixel")
    _, err = command.communicate(timeout=30)
    assert command.returncode == 1
    assert "unknown model 'pixel'. Did you mean 'pixels'?" in err and "Traceback" not in err
