"""Metric: which task it scores, what pages call it, and which package it is from.

A third party's metric (entry point group ``gyral.metrics``) is an object that says so itself: ``task``, ``title`` and
``description``, and is

- of ``"encoding"``, a function of measured and predicted responses of one held-out fold (`UnitMetric`);
- of ``"rsa"``, a `gyral.rsa.comparator.Product`: RDMs mapped to unit vectors;
- of ``"triplets"``, a function of features, samples x features, that gives similarities, samples x samples.

Higher is better, and 1 is what the truth itself gets.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from gyral.errors import UnknownName, UserError
from gyral.metrics import METRICS

Array = NDArray[np.floating[Any]]
Task = Literal["encoding", "rsa", "triplets"]
TASKS: tuple[Task, ...] = get_args(Task)
LONGEST = 40  # characters of a name, as sites keep it

_KINDS = ("2way", "top1", "top5", "top10", "rank")
# What can be computed for each task, the default first. r2 stands beside scores, and is no board's metric.
_OURS: dict[Task, tuple[str, ...]] = {
    "encoding": ("pearson", *(f"identification-{way}{kind}" for way in ("", "features-") for kind in _KINDS)),
    "rsa": (
        *("rsa-spearman", "rsa-pearson", "rsa-cosine"),
        *("trsa-0-100", "trsa-20-80", "trsa-40-60", "trsa-0-30"),
    ),
    "triplets": ("triplet-cosine", "triplet-dot", "triplet-correlation"),
}
_TITLES = {
    "pearson": "Pearson r",
    "r2": "R²",
    "identification-2way": "Two-way identification",
    "identification-top1": "Identification, top 1",
    "identification-top5": "Identification, top 5",
    "identification-top10": "Identification, top 10",
    "identification-rank": "Identification, 1 − median relative rank",
    "identification-features-2way": "Two-way identification from responses",
    "identification-features-top1": "Identification, top 1 from responses",
    "identification-features-top5": "Identification, top 5 from responses",
    "identification-features-top10": "Identification, top 10 from responses",
    "identification-features-rank": "Identification, 1 − median relative rank from responses",
    "triplet-cosine": "Odd-one-out accuracy (cosine)",
    "triplet-dot": "Odd-one-out accuracy (dot product)",
    "triplet-correlation": "Odd-one-out accuracy (correlation)",
    "rsa-spearman": "Rank correlation (ρ-a) of dissimilarities",
    "rsa-pearson": "Correlation of dissimilarities",
    "rsa-cosine": "Cosine of dissimilarities",
    "trsa-0-100": "Correlation of dissimilarity ranks",
    "trsa-20-80": "Geo-topological similarity (.2 to .8)",
    "trsa-40-60": "Topological similarity (.4 to .6)",
    "trsa-0-30": "Local geo-topological similarity (0 to .3)",
}


class UnitMetric(Protocol):
    """A third party's metric of encoding."""

    @property
    def title(self) -> str:
        """What boards call it: a few words."""
        ...

    @property
    def description(self) -> str:
        """What it says, in a sentence."""
        ...

    @property
    def task(self) -> Task:
        """``"encoding"``."""
        ...

    def __call__(self, measured: Array, predicted: Array) -> Array:
        """One number a unit, at most 1; NaN where it is undefined. Both are samples x units, float64, and nothing is missing.

        What guessing gives may stand in an attribute ``chance``, a number.
        """
        ...


@dataclass(frozen=True)
class Told:
    """What pages and records say of a metric.

    Parameters
    ----------
    title, description : str
    package : str
        A third party's package and version; empty for one of ours.
    """

    title: str
    description: str
    package: str = ""


def metrics_of(task: str) -> tuple[str, ...]:
    """Metrics that score a task, the default first, those of third parties last; broken ones are left out."""
    return (*_OURS.get(task, ()), *(n for n in METRICS.own() if _task_or_none(n) == task))  # type: ignore[call-overload]


def task_of(name: str) -> Task | None:
    """The task that a metric scores; None for one that stands beside scores only.

    Raises
    ------
    UnknownName, UserError
        As `open_metric`.
    """
    if METRICS.origin(name):
        found: Task = open_metric(name).task
        return found
    return next((task for task, names in _OURS.items() if name in names), None)


def open_metric(name: str) -> Any:
    """A metric by its name, a third party's looked at first.

    Raises
    ------
    UnknownName
        No such metric.
    UserError
        A third party's cannot be loaded (``plugin-broken``), or is none (``plugin-failed``): the message says what it lacks.
    """
    found = METRICS.load(name)
    if not (package := METRICS.origin(name)):
        return found
    wrong = f"its name has more than {LONGEST} characters" if len(name) > LONGEST else why_no_metric(found)
    if wrong:
        raise UserError(f"{wrong}.", where=f"metric {name!r} of {package}", code="plugin-failed")
    return found


def why_no_metric(found: Any) -> str:
    """What an object lacks to be a third party's metric; empty where nothing is."""
    from gyral.rsa.comparator import Product  # nested: not needed to list names

    for field in ("title", "description"):
        text = getattr(found, field, None)
        if not isinstance(text, str) or not text.strip():
            return f"its {field} is {text!r}, and a text is expected: boards show it"
    task = getattr(found, "task", None)
    if task not in TASKS:
        return f"its task is {task!r}, and one of {', '.join(map(repr, TASKS))} is expected"
    if isinstance(found, type):
        return "it is a class, and an object is expected: register an instance"
    if task == "rsa" and not isinstance(found, Product):
        return "a metric of RDMs must be a gyral.rsa.comparator.Product"
    if task != "rsa" and not callable(found):
        return "it cannot be called"
    return ""


def told_of(name: str) -> Told:
    """Title, description and package of a metric; a third party's that is not here keeps its identifier.

    >>> told_of("pearson").title, told_of("other").title
    ('Pearson r', 'other')
    """
    if name in METRICS.table:
        return Told(_TITLES[name], METRICS.summaries[name])
    return _told_of_other(name) if name in METRICS.own() else Told(name, "")


def title_of(name: str) -> str:
    """What pages call a metric."""
    return _TITLES.get(name) or _title_of_other(name)


@cache
def _title_of_other(name: str) -> str:  # kept: entry points are looked up on the disk
    return told_of(name).title


def _told_of_other(name: str) -> Told:
    try:
        found = open_metric(name)
    except UserError:
        return Told(name, "")
    return Told(found.title.strip(), found.description.strip(), METRICS.origin(name))


def _task_or_none(name: str) -> Task | None:
    try:
        return task_of(name)
    except (UnknownName, UserError):
        return None
