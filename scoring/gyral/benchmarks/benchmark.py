"""Benchmark: Dataset x Metric x Split x readout family under ``name@version``."""

from dataclasses import asdict, dataclass, replace
from typing import Literal

from gyral.errors import UnknownName, UserError
from gyral.hashing import hash_json
from gyral.metrics import METRICS
from gyral.metrics.metric import Task, metrics_of, task_of
from gyral.models.card import Sense
from gyral.readouts import READOUTS

LEAST_GRID = 7
CEILINGS: dict[str, tuple[str, ...]] = {
    "encoding": ("ncsnr", "split-half", "loso", "extrapolation", "consistency", "published", "none"),
    "rsa": ("rdm-bounds",),
    "triplets": ("none",),
}


@dataclass(frozen=True)
class Benchmark:
    """A recipe for a score; knows names only.

    Parameters
    ----------
    name : str
        Identifier ("tuckute2024").
    version : int
        0 while it may still change.
    title : str
        Heading on pages.
    modality : {"vision", "language", "audio"}
        Which models it scores.
    dataset : str
        Name in the dataset catalogue (or of an installed pack).
    task : {"encoding", "rsa", "triplets"}
        Whether responses are predicted, RDMs compared, or the odd one of three stimuli named.
    metric : str
        The board's metric: one of `gyral.metrics.metric.metrics_of` the task.
    readout : str
        Default readout; "none" for RSA.
    ceiling : str
        Reliability estimator the ceiling is made from (one of the task's `CEILINGS`).
    main_region : str
        Region whose score stands for the benchmark in overviews.
    grid : int or None
        Largest side of a channel map, 7 or more (`gyral.models.model.Reduction`).
    channels : int or None
        Most channels at a position; more are projected to so many by a random matrix that knows no data.
    context : {"item", "group"}
        How texts are shown: each by itself, or behind the earlier ones of its group (story, passage).
    rdm : str or None
        For RSA of responses: the dissimilarity (`gyral.rsa.rdm.KINDS`) that RDMs are made by; None where RDMs are published.
    holdout : bool
        True where a part of the data is held back from every score that is shown (`gyral.datasets.holdout`).
    summary : str
        One line for lists.
    simulated : bool
        True where the data are made.
    """

    name: str
    version: int
    title: str
    modality: Sense
    dataset: str
    task: Task
    metric: str
    readout: str
    ceiling: str
    main_region: str
    grid: int | None = 7
    summary: str = ""
    simulated: bool = False
    channels: int | None = None
    context: Literal["item", "group"] = "item"
    rdm: str | None = None
    holdout: bool = False

    def __post_init__(self) -> None:
        # A map of fewer positions would no longer show where a unit reads.
        if self.grid is not None and self.grid < LEAST_GRID:
            raise ValueError(f"{self.id}: grid = {self.grid}; {LEAST_GRID} is the least, or None")
        if self.context == "group" and self.modality != "language":
            raise ValueError(f"{self.id}: only texts are shown in context")

    @property
    def id(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    def content_hash(self, dataset_hash: str) -> str:
        """Hex sha256 of all that decides a score: this recipe, the dataset's content, and packages of others that it names.

        Raises
        ------
        UnknownName
            Its metric or readout is not here.
        """
        # What came later is left out at its default, so that what was hashed before keeps its hash.
        later = {"channels": None, "context": "item", "rdm": None}
        told = {k: v for k, v in asdict(self).items() if k not in {"title", "summary", "holdout"}}
        fields = {k: v for k, v in told.items() if k not in later or v != later[k]}
        family = self.readout.partition(":")[0]
        origins = {
            "metric_package": METRICS.origin(self.metric),
            "readout_package": "" if family == "none" else READOUTS.origin(family),
        }
        foreign = {k: v for k, v in origins.items() if v}
        return hash_json({**fields, **foreign, "dataset_hash": dataset_hash})


def measured_by(benchmark: Benchmark, metric: str | None) -> Benchmark:
    """The benchmark with another metric of its task: another recipe, with a hash of its own.

    Raises
    ------
    UnknownName
        There is no such metric.
    UserError
        The metric is of another task, or stands beside scores only (``unknown-metric``); names those of this one.
    """
    if metric is None or metric == benchmark.metric:
        return benchmark
    known = metrics_of(benchmark.task)
    if metric not in known and metric in METRICS:
        of = task_of(metric)
        what = f"is a metric of {of}" if of else "stands beside every score and is no benchmark's metric"
        raise UserError(
            f"{metric!r} {what}; {benchmark.id} is scored by metrics of {benchmark.task}.",
            where="metric",
            mend=f"It takes {', '.join(known)}.",
            code="unknown-metric",
        )
    if metric not in known:
        raise UnknownName(f"metric of {benchmark.task}", metric, known)
    return replace(benchmark, metric=metric)
