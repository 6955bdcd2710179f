"""The same tests where a grown site lives: PostgreSQL and Redis."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parent
_TESTS = (
    "test_tasks.py",
    "domain/test_quota.py::test_quota_cannot_be_raced",
    "domain/test_life.py",
    "domain/test_quota.py::test_one_evaluation_is_active_once",
    "domain/test_transition.py::test_event_of_an_old_attempt_matches_nothing",
    "domain/test_execution.py::test_worker_that_died_after_the_rename_leaves_one_outcome",
    "domain/queries/test_among.py",
    "domain/queries/test_board.py",
)


@pytest.mark.services
def test_runs_and_boards_on_postgresql_and_redis(tmp_path: Path) -> None:
    services = {
        "DATABASE_URL": "postgres://postgres@127.0.0.1:5432/postgres",
        "BROKER_URL": "redis://127.0.0.1:6379/14",
        "GYRAL_HOME": str(tmp_path),
    }
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *(str(_HERE / name) for name in _TESTS),
    ]
    done = subprocess.run(
        argv, env=os.environ | services, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout and " skipped" not in done.stdout
