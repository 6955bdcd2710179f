"""Settings of the submissions app: one table, each with its default and what it means.

A value is looked up as a Django setting first, then as an environment variable of the same name, then the
default stands. ``SETTINGS`` lists them all for the documentation.

>>> UPLOAD_BYTES.name, UPLOAD_BYTES.default
('GYRAL_UPLOAD_BYTES', 1073741824)
"""

import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from gyral.isolation.tier import LEAST, TIERS, Tier
from gyral.places import home

T = TypeVar("T")


@dataclass(frozen=True)
class Setting(Generic[T]):
    """One choice of the operator; calling it gives the value in force.

    Parameters
    ----------
    name : str
        Django setting and environment variable.
    default : T
        Value where neither is set.
    parse : callable
        Turns the environment's text into a value.
    meaning : str
        One line for the documentation, with the physical unit.
    """

    name: str
    default: T
    parse: Callable[[str], T]
    meaning: str

    def __call__(self) -> T:
        """The value in force.

        Raises
        ------
        ImproperlyConfigured
            The environment variable cannot be read.
        """
        if hasattr(settings, self.name):
            value: T = getattr(settings, self.name)
            return value
        text = os.environ.get(self.name)
        if text is None:
            return self.default
        try:
            return self.parse(text)
        except ValueError as error:
            raise ImproperlyConfigured(f"{self.name}={text!r}: {error}") from None


def count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError("must be 0 or more")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise ValueError("must be more than 0")
    return number


def _not_negative(text: str) -> float:
    number = float(text)
    if not number >= 0:
        raise ValueError("must be 0 or more")
    return number


def _tier(text: str) -> Tier:
    for tier in TIERS:
        if text == tier:
            return tier
    raise ValueError(f"must be one of {', '.join(TIERS)}")


UPLOAD_BYTES = Setting("GYRAL_UPLOAD_BYTES", 1 << 30, count, "largest upload, bytes, counted while it streams")
UPLOAD_HOURS = Setting(
    "GYRAL_UPLOAD_HOURS", 24.0, _positive, "hours after which an upload in pieces is removed if no piece comes"
)
OPEN_UPLOADS = Setting("GYRAL_OPEN_UPLOADS", 3, count, "uploads in pieces a person may have open")
RUNS_PER_DAY = Setting("GYRAL_RUNS_PER_DAY", 20, count, "evaluations a person may start in one day (UTC)")
DRY_RUNS_PER_DAY = Setting("GYRAL_DRY_RUNS_PER_DAY", 10, count, "dry runs a person may start in one day (UTC)")
TAKEN_NAMES_PER_DAY = Setting(
    "GYRAL_TAKEN_NAMES_PER_DAY",
    10,
    count,
    "names that a person may be told are somebody else's in one day (UTC); 0: any",
)
ANSWERS = Setting(
    "GYRAL_ANSWERS",
    50,
    count,
    "submissions of one person that a benchmark with private data scores, ever; 0: any",
)
HOLDOUT_LEAST = Setting(
    "GYRAL_HOLDOUT_LEAST",
    10,
    count,
    "models below which nothing is said of a benchmark's held-back part (at least 3)",
)
HOLDOUT_NEW = Setting("GYRAL_HOLDOUT_NEW", 5, count, "new models before a report of held-back parts is made anew")
HOLDOUT_DAYS = Setting(
    "GYRAL_HOLDOUT_DAYS", 30.0, _not_negative, "days before a report of held-back parts is made anew"
)
ACTIVE_RUNS = Setting("GYRAL_ACTIVE_RUNS", 20, count, "runs a person may have queued or running, twins included")
LEAST_TIER: Setting[Tier] = Setting(
    LEAST,
    "landlock",
    _tier,
    "weakest sandbox that people's models are run in, unless they are staff (process, landlock, bubblewrap, docker)",
)
LEASE_SECONDS = Setting(
    "GYRAL_LEASE_SECONDS", 60.0, _positive, "a run nobody renewed for this long is taken up again"
)
MAX_ATTEMPTS = Setting("GYRAL_MAX_ATTEMPTS", 3, count, "attempts before a run whose workers vanish is given up")
WALL_CLOCK_SECONDS = Setting("GYRAL_WALL_CLOCK_SECONDS", 7200.0, _positive, "longest evaluation, seconds")
REPUBLISH_SECONDS = Setting(
    "GYRAL_REPUBLISH_SECONDS",
    120.0,
    _positive,
    "a queued run whose message seems lost is published again after this",
)
SWEEP_SECONDS = Setting("GYRAL_SWEEP_SECONDS", 10.0, _positive, "pause between two rounds of the sweeper")
WARM_SECONDS = Setting(
    "GYRAL_WARM_SECONDS",
    600.0,
    _not_negative,
    "how long a worker keeps its next child ready after a run of an upload, seconds (about 1 GiB of memory); 0: never",
)
LOG_BYTES = Setting("GYRAL_LOG_BYTES", 1 << 18, count, "longest log kept of a run, bytes")
DEVICE = Setting("GYRAL_DEVICE", "cpu", str, "device evaluations run on (cpu, cuda, cuda:0)")
SCORE_COMMAND: Setting[list[str]] = Setting(
    "GYRAL_SCORE_COMMAND", [sys.executable, "-m", "gyral.cli.main"], shlex.split, "command line that scores"
)

SETTINGS: tuple[Setting[int] | Setting[Tier] | Setting[float] | Setting[str] | Setting[list[str]], ...] = (
    UPLOAD_BYTES,
    UPLOAD_HOURS,
    OPEN_UPLOADS,
    RUNS_PER_DAY,
    DRY_RUNS_PER_DAY,
    TAKEN_NAMES_PER_DAY,
    ACTIVE_RUNS,
    ANSWERS,
    HOLDOUT_LEAST,
    HOLDOUT_NEW,
    HOLDOUT_DAYS,
    LEAST_TIER,
    LEASE_SECONDS,
    MAX_ATTEMPTS,
    WALL_CLOCK_SECONDS,
    REPUBLISH_SECONDS,
    SWEEP_SECONDS,
    WARM_SECONDS,
    LOG_BYTES,
    DEVICE,
    SCORE_COMMAND,
)


def uploads() -> Path:
    """Folder of accepted model folders (``GYRAL_HOME/uploads``)."""
    return _made(home() / "uploads")


def incoming() -> Path:
    """Folder of uploads not yet accepted; on the file system of ``uploads``, so that a rename is atomic."""
    return _made(uploads() / ".incoming")


def runs() -> Path:
    """Folder of logs and records, one folder a run (``GYRAL_HOME/runs``)."""
    return _made(home() / "runs")


def held_back() -> Path:
    """Folder of parts that benchmarks hold back, and of errors in scoring them (``GYRAL_HOME/holdout``)."""
    folder = _made(home() / "holdout")
    folder.chmod(0o700)
    return folder


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
