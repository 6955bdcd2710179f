"""Audit: whether a dataset under a split may score a board, and how much of it can be predicted at all.

The canaries (`gyral.canaries`) and the ceilings of every region, as one report that a site shows beside the benchmark.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from gyral import __version__
from gyral.benchmarks.benchmark import CEILINGS
from gyral.between import corrected_for_both, posed
from gyral.canaries.battery import run_canaries
from gyral.canaries.finding import Finding, Verdict
from gyral.datasets.dataset import Dataset
from gyral.datasets.folder import whole_folder
from gyral.datasets.pack import read_pack
from gyral.datasets.responses import RegionRdms
from gyral.datasets.split import Split, contiguous, shuffled
from gyral.dissimilarities import measured_rdms
from gyral.errors import BadDataset, UnknownName, UserError
from gyral.fitting import MEMORY
from gyral.hashing import hash_json
from gyral.metrics import METRICS
from gyral.places import cache
from gyral.progress import Progress, silent
from gyral.provenance import code_hash
from gyral.room import make_room, touch
from gyral.rsa.bounds import bound_intervals
from gyral.scores.bound import Bound, region_bounds
from gyral.scores.ceiling import FLOOR
from gyral.scores.confidence import Interval
from gyral.scores.problem import Problem
from gyral.triplets import choice_bounds

SplitName = Literal["declared", "contiguous", "grouped", "leave-one-group-out", "shuffled"]
# Where no benchmark names another.
RDM_METRIC = "rsa-spearman"
_FILE = "audit.json"
# What a ceiling of responses is made of.
_BOUNDED_BY = {"ncsnr": "repeats", "published": "published values", "loso": "subjects who share stimuli"}
_WORST: tuple[Verdict, ...] = ("refuse", "warn", "pass")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_Kept = TypeVar("_Kept", bound=_Table)


class _Findings(_Table):
    findings: tuple[Finding, ...]


class RegionCeiling(_Table):
    """Noise ceiling of one region, and of its units.

    Parameters
    ----------
    region : str
    kind : str
        The estimator; "none" where nothing bounds the region.
    unit : {"r", "r2"}
        What it bounds.
    value, low, high : float, optional
        As boards have it, a mean over subjects, with its 95 % interval; for dissimilarities the upper bound.
    median, lower_quartile, upper_quartile : float, optional
        Over units of all subjects, quartiles of several; for dissimilarities the upper and lower bound of the region.
    units : int
        Units (for dissimilarities, subjects).
    left_out : int
        Units that do not enter a ceiled score: no fold's training rows admit them, or the held-out ceiling is below .05.
    """

    region: str
    kind: str
    unit: Literal["r", "r2"] = "r2"
    value: float | None = None
    low: float | None = None
    high: float | None = None
    median: float | None = None
    lower_quartile: float | None = None
    upper_quartile: float | None = None
    units: int
    left_out: int


class Audit(_Table):
    """Report of one dataset under one split.

    Parameters
    ----------
    schema_version : int
    dataset, title, content_hash, simulated
        Of the dataset.
    split, split_hash : str
    declared : bool
        True for the split the dataset declares.
    samples, units, subjects : int
    findings : tuple of Finding
        One a canary.
    ceilings : tuple of RegionCeiling
    ceiling_note : str
        Why there are no ceilings; else empty.
    seed : int
    made_by : str
    """

    schema_version: Literal[2] = 2
    dataset: str
    title: str
    content_hash: str
    simulated: bool
    split: str
    split_hash: str
    declared: bool
    samples: int
    units: int
    subjects: int
    findings: tuple[Finding, ...]
    ceilings: tuple[RegionCeiling, ...]
    ceiling_note: str = ""
    seed: int = 0
    made_by: str = ""

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of a canary that applies."""
        said = {finding.verdict for finding in self.findings}
        return next((v for v in _WORST if v in said), "not-applicable")

    @property
    def refused(self) -> tuple[Finding, ...]:
        """The findings for which the split must not score a board."""
        return tuple(f for f in self.findings if f.verdict == "refuse")

    def require_fit(self) -> None:
        """Refuse a dataset and split whose canaries sing.

        Raises
        ------
        BadDataset
            ``leaky-split``; names the first canary, what it saw and what to do.
        """
        if (fault := self.fault()) is not None:
            raise fault

    def fault(self) -> BadDataset | None:
        """What `require_fit` raises, or None."""
        if not self.refused:
            return None
        first, more = self.refused[0], len(self.refused) - 1
        return BadDataset(
            f"the canary {first.canary!r} refuses split {self.split!r}"
            + (f", and {more} other{'s' if more > 1 else ''} with it" if more else "")
            + f": {first.reason}",
            where=f"dataset {self.dataset!r}",
            mend=f"{first.mend} `gyral audit` prints the whole report.",
            code="leaky-split",
        )


def audit(
    dataset: Dataset,
    split: Split | None = None,
    *,
    ceiling: str | None = None,
    metric: str = RDM_METRIC,
    rdm: str | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Audit:
    """Run all canaries and estimate the ceilings; the report is kept in the cache.

    Parameters
    ----------
    dataset : Dataset
    split : Split, optional
        Default: the declared one. Another is only for an audit: ceilings are those of the declared split.
    ceiling : str, optional
        One of `gyral.benchmarks.benchmark.CEILINGS`; default: what the data allow (repeats, publications, subjects).
    metric : str
        Of the bounds of dissimilarities.
    rdm : str, optional
        What dissimilarities are made of responses by (`gyral.benchmarks.benchmark.Benchmark`).
    seed : int
    progress : Progress

    Raises
    ------
    BadDataset
        The split cannot be made, or a file of the pack cannot be read.
    UnknownName
        No such ceiling.
    """
    known = sorted({kind for kinds in CEILINGS.values() for kind in kinds})
    if ceiling is not None and ceiling not in known:
        raise UnknownName("ceiling", ceiling, known)
    chosen = dataset.split() if split is None else split
    kind = _ceiling_kind(dataset) if ceiling is None else ceiling
    # A leak belongs to data and split: changes of the engine do not make kept reports stale.
    made = {
        "canaries": code_hash("canaries"),
        "gyral": __version__,
        "audit": Audit.model_fields["schema_version"].default,
    }
    facts = [dataset.content_hash, dataset.about.ordered, chosen.content_hash, kind, metric, seed]
    if dataset.triplets is not None:  # kept reports from before said that nobody took part
        facts.append(len(_subjects(dataset)))
    if _is_of_metric(dataset, kind):  # kept reports from before said that nothing bounds the responses
        facts.append("of this metric")
    if rdm is not None:
        facts.append(rdm)
    if kind == "consistency":  # kept reports from before did not say how alike brains are
        facts.append("corrected for both")
    folder = cache() / "audits" / hash_json([made, facts])[:32]
    if dataset.content_hash and (kept := _kept(Audit, folder)) is not None:
        return kept
    findings = _findings(dataset, chosen, made, seed, progress)
    ceilings, note = _ceilings(dataset, kind, metric, rdm)
    responses = dataset.responses
    report = Audit(
        dataset=dataset.name,
        title=dataset.about.title,
        content_hash=dataset.content_hash,
        simulated=dataset.about.simulated,
        split=chosen.name,
        split_hash=chosen.content_hash,
        declared=chosen.content_hash == dataset.split().content_hash,
        samples=dataset.samples,
        units=0 if responses is None else responses.n_units,
        subjects=len(_subjects(dataset)),
        findings=findings,
        ceilings=ceilings,
        ceiling_note=note,
        seed=seed,
        made_by=f"gyral {__version__}",
    )
    if dataset.content_hash:
        _keep(report, folder)
    return report


def _findings(
    dataset: Dataset, split: Split, made: dict[str, Any], seed: int, progress: Progress
) -> tuple[Finding, ...]:
    """Of all canaries; benchmarks of one dataset and split share them, whatever their ceilings."""
    facts = [dataset.content_hash, dataset.about.ordered, split.content_hash, seed]
    folder = cache() / "canaries" / hash_json([made, facts])[:32]
    if dataset.content_hash and (kept := _kept(_Findings, folder)) is not None:
        return kept.findings
    findings = run_canaries(dataset, split, seed=seed, progress=progress)
    if dataset.content_hash:
        _keep(_Findings(findings=findings), folder)
    return findings


def audit_pack(folder: Path, *, progress: Progress = silent) -> Audit:
    """Audit the declared split of a pack, with the ceiling its ``[benchmark]`` asks for.

    Raises
    ------
    BadDataset
        As `gyral.datasets.pack.read_pack`.
    """
    dataset = read_pack(folder)
    asked = dataset.extra.get("benchmark") or {}
    metric = asked.get("metric") if asked.get("task") == "rsa" else None
    return audit(
        dataset,
        ceiling=asked.get("ceiling"),
        metric=metric or RDM_METRIC,
        rdm=asked.get("rdm"),
        progress=progress,
    )


def split_of(
    dataset: Dataset, kind: SplitName = "declared", *, folds: int | None = None, gap: int = 0, seed: int = 0
) -> Split:
    """A split of a dataset by name, for an audit.

    Raises
    ------
    BadDataset
        Groups asked for and absent, or too few samples or groups.
    """
    count = dataset.split_folds if folds is None else folds
    if kind == "declared":
        return dataset.split()
    if kind == "shuffled":
        ordered = dataset.about.ordered or dataset.sample_groups is not None
        return shuffled(dataset.samples, count, seed=seed, ordered=ordered, audit=True)
    if kind == "contiguous":
        return contiguous(dataset.samples, count, gap=gap)
    return replace(dataset, split_kind=kind, split_folds=count).split()


def _kept(kind: type[_Kept], folder: Path) -> _Kept | None:
    with suppress(FileNotFoundError, ValidationError):
        table = kind.model_validate_json((folder / _FILE).read_text("utf-8"))
        touch(folder)
        return table
    return None


def _keep(table: _Table, folder: Path) -> None:
    with whole_folder(folder) as scratch:
        (scratch / _FILE).write_text(table.model_dump_json(indent=1), "utf-8")
    make_room(keep=folder)


def _ceiling_kind(dataset: Dataset) -> str:
    """The estimator that the data allow."""
    responses = dataset.responses
    if responses is None:
        return "rdm-bounds"
    if responses.repeats and set(responses.repeats) == set(responses.values):
        return "ncsnr"
    if dataset.published:
        return "published"
    shapes = {v.shape for v in responses.values.values()}
    return "loso" if len(responses.values) > 2 and len(shapes) == 1 else "none"


def _is_of_metric(dataset: Dataset, kind: str) -> bool:
    """True where a benchmark goes without a ceiling that the responses would allow."""
    return kind == "none" and _ceiling_kind(dataset) in _BOUNDED_BY


def _ceilings(dataset: Dataset, kind: str, metric: str, rdm: str | None) -> tuple[tuple[RegionCeiling, ...], str]:
    if (triplets := dataset.triplets) is not None:
        low, high = choice_bounds(triplets)
        people = len(np.unique(triplets.participants))
        return tuple(
            RegionCeiling(region=r.name, kind="none", units=people, left_out=0) for r in dataset.regions
        ), (
            f"Naming what most other people chose of the same three reaches {low:.3f}, naming what most people chose, the one "
            f"in question included, {high:.3f}; no model can be above the second."
        )
    if kind == "rdm-bounds" or dataset.responses is None:
        return tuple(_rdm_ceilings(measured_rdms(dataset, rdm, memory=MEMORY).rdms, metric)), ""
    try:
        problem = posed(dataset, kind)
    except UserError as error:
        return (), str(error)
    ceiling = problem.ceiling
    if ceiling is None and _is_of_metric(dataset, kind):
        return (), (
            "Nothing bounds this metric: the benchmark has no ceiling of it. "
            f"The data have {_BOUNDED_BY[_ceiling_kind(dataset)]}, by which others can be bounded."
        )
    if ceiling is None:
        return (
            (),
            "Nothing bounds these responses: there are no repeats, no shared subjects and no published value.",
        )
    values = ceiling.value()
    with np.errstate(invalid="ignore"):
        entering = ceiling.admitted.any(axis=0) & (ceiling.divisor >= FLOOR)
    found = []
    for region in dataset.regions:
        known = values[region.units][np.isfinite(values[region.units])]
        bound = region_bounds(problem, region.units, problem.members(region))[0]
        lower, upper = np.quantile(known, (0.25, 0.75)).tolist() if known.size > 1 else (None, None)
        found.append(
            RegionCeiling(
                region=region.name,
                kind=ceiling.kind if known.size else "none",
                **_interval(bound),
                median=float(np.median(known)) if known.size else None,
                lower_quartile=lower,
                upper_quartile=upper,
                units=len(region),
                left_out=int((~entering[region.units]).sum()),
            )
        )
    return tuple(found), _alike(dataset, problem) if kind == "consistency" else ""


def _alike(dataset: Dataset, problem: Problem) -> str:
    """How well brains predict each other with the noise of both out, in words."""
    found = corrected_for_both(dataset, problem)
    known = {r.name: found[r.units][np.isfinite(found[r.units])] for r in dataset.regions}
    said = [
        f"{name} {np.median(values):.2f} ({values.size} units)" for name, values in known.items() if values.size
    ]
    if not said:
        return "Responses are too noisy to say how alike the brains are."
    return (
        "With the noise of both sides taken out, each unit correlates with what all others predict by, median over units: "
        f"{', '.join(said)} (Nayebi et al. 2023). The ceiling keeps the noise of the predicted side, which no model can know."
    )


def _rdm_ceilings(rdms: Mapping[str, RegionRdms], metric: str) -> Iterator[RegionCeiling]:
    comparator = METRICS.load(metric)
    for name, region in rdms.items():
        lower, upper = bound_intervals(region.pooled(), comparator)
        known = bool(np.isfinite(upper.value))
        yield RegionCeiling(
            region=name,
            kind="rdm-bounds" if known else "none",
            unit="r",
            **_interval(upper),
            median=upper.value if known else None,
            lower_quartile=lower.value if known else None,
            units=len(region.subjects),
            left_out=0 if known else len(region.subjects),
        )


def _interval(found: Bound | Interval) -> dict[str, float | None]:
    """Value and bounds; None where they are not known."""
    told = {"value": found.value, "low": found.low, "high": found.high}
    return {name: float(v) if np.isfinite(v) else None for name, v in told.items()}


def _subjects(dataset: Dataset) -> tuple[Any, ...]:
    if dataset.responses is not None:
        return dataset.responses.subjects
    if dataset.triplets is not None:
        return tuple(np.unique(dataset.triplets.participants).tolist())
    return tuple(dict.fromkeys(s for r in dataset.rdms.values() for s in r.subjects))
