"""Profile: everything scored of one submission, and of one run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from gyral_submissions.domain.queries.board import ALL, CHOSEN, Cell, cell_of
from gyral_submissions.enums import Format, State, Twin
from gyral_submissions.models import Benchmark, Run, Score, Submission


@dataclass(frozen=True)
class Profile:
    """One submission on one benchmark.

    Parameters
    ----------
    benchmark : Benchmark
        Where.
    run, twin_run : Run or None
        Newest finished run, else the newest of any state; the same of the untrained twin.
    cells : mapping of region to Cell
        In the benchmark's order of regions; empty without a finished run.
    """

    benchmark: Benchmark
    run: Run | None
    twin_run: Run | None
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class LayerMap:
    """Score of every layer in every region.

    Parameters
    ----------
    layers, regions : tuple of str
        Rows (from input to output) and columns (in the benchmark's order).
    values : tuple of tuple of float or None
        ``values[layer][region]``.
    chosen : mapping of region to mapping of layer to int
        Folds (times draws) in which a layer was chosen inside training rows.
    """

    layers: tuple[str, ...]
    regions: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    chosen: Mapping[str, Mapping[str, int]]


def submission_runs(submission: Submission) -> QuerySet[Run]:
    """All runs of a submission, newest first, with benchmarks, without records."""
    return submission.runs.select_related("submission", "benchmark").defer("record").order_by("-created")


def submission_profile(submission: Submission, *, subject: str = ALL) -> list[Profile]:
    """Scores by benchmark, in the order of benchmarks; two queries. Callers check who may see it."""
    runs = list(submission_runs(submission).filter(dry=False))
    pairs: dict[int, dict[str, Run]] = {}
    for run in runs:
        kept = pairs.setdefault(run.benchmark_id, {})
        if run.twin not in kept or (kept[run.twin].state != State.FINISHED and run.state == State.FINISHED):
            kept[run.twin] = run
    shown = [run.pk for pair in pairs.values() for run in pair.values()]
    scores: dict[object, dict[str, Score]] = {}
    for score in Score.objects.filter(run__in=shown, subject=subject, layer=CHOSEN):
        scores.setdefault(score.run_id, {})[score.region] = score
    profiles = [_profile(pair, scores) for pair in pairs.values()]
    return sorted(profiles, key=lambda p: (p.benchmark.simulated, p.benchmark.name, -p.benchmark.version))


def layer_maps(runs: Sequence[Run], *, subject: str = ALL) -> dict[UUID, LayerMap]:
    """The layer x region map of each of some finished runs, by run; one query."""
    found = Score.objects.filter(run__in=runs, subject=subject).order_by("id")
    scores: dict[UUID, list[_LayerScore]] = {run.pk: [] for run in runs}
    for pk, *score in found.values_list("run_id", *_LayerScore._fields):
        scores[pk].append(_LayerScore(*score))
    return {run.pk: _layer_map(run.benchmark, scores[run.pk]) for run in runs}


class _LayerScore(NamedTuple):
    layer: str
    region: str
    value: float | None
    layers_chosen: dict[str, int]


def _layer_map(benchmark: Benchmark, scores: Sequence[_LayerScore]) -> LayerMap:
    layers = tuple(dict.fromkeys(s.layer for s in scores if s.layer != CHOSEN))
    regions = _in_order(benchmark, {s.region for s in scores})
    values = {(s.layer, s.region): s.value for s in scores}
    return LayerMap(
        layers,
        regions,
        tuple(tuple(values.get((layer, region)) for region in regions) for layer in layers),
        {s.region: s.layers_chosen for s in scores if s.layer == CHOSEN},
    )


def scores_by_subject(run: Run) -> dict[str, dict[str, Cell]]:
    """``{subject: {region: cell}}`` of a finished run with layers chosen inside training rows; one query."""
    found: dict[str, dict[str, Cell]] = {}
    for score in Score.objects.filter(run=run, layer=CHOSEN).order_by("id"):
        found.setdefault(score.subject, {})[score.region] = cell_of(score)
    return found


def queue_place(run: Run) -> int | None:
    """1 for the run that is next in its own queue, of uploads or of reference models; None unless it is queued."""
    if run.state != State.QUEUED:
        return None
    waiting = Run.objects.filter(state=State.QUEUED, created__lt=run.created)
    same = Q(submission__format=Format.REFERENCE)
    return waiting.filter(same if run.submission.is_reference else ~same).count() + 1


def expected_seconds(run: Run) -> float | None:
    """What an evaluation on the run's benchmark took lately, median of at most nine of its kind; None before the first."""
    if not run.is_active:
        return None
    same = Run.objects.filter(
        benchmark=run.benchmark_id, state=State.FINISHED, twin=run.twin, dry=run.dry, started__isnull=False
    )
    took = [
        (finished - started).total_seconds()
        for started, finished in same.order_by("-finished").values_list("started", "finished")[:9]
        if finished is not None and started is not None
    ]
    return median(took) if took else None


def versions_of(submissions: QuerySet[Submission], name: str) -> list[Submission]:
    """Versions of the model called ``name`` among ``submissions``, newest first."""
    return list(submissions.filter(name=name).order_by("-version"))


def _profile(pair: Mapping[str, Run], scores: Mapping[object, Mapping[str, Score]]) -> Profile:
    run, twin = pair.get(Twin.NONE), pair.get(Twin.UNTRAINED)
    benchmark = next(iter(pair.values())).benchmark
    own = scores.get(run.pk, {}) if run else {}
    control = scores.get(twin.pk, {}) if twin else {}
    cells = {name: cell_of(own[name], control.get(name)) for name in _in_order(benchmark, set(own))}
    return Profile(benchmark, run, twin, cells)


def _in_order(benchmark: Benchmark, regions: set[str]) -> tuple[str, ...]:
    known: Sequence[str] = benchmark.region_names
    return (*(r for r in known if r in regions), *sorted(regions.difference(known)))
