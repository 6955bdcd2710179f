"""Board: scores by model and region, as a leaderboard shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, F, Q, When, Window
from django.db.models.functions import RowNumber

from gyral_submissions.domain.queries.visible import visible_runs
from gyral_submissions.enums import State, Twin
from gyral_submissions.models import Benchmark, Run, Score, Submission
from gyral_submissions.rules import Viewer

CHOSEN = "chosen"  # layer of a row whose layers were picked inside training rows
ALL = "all"  # subject of a row over all subjects
LEAST_LEFT = 0.005  # as in `gyral.record`, which would load pandas


@dataclass(frozen=True)
class Cell:
    """One model in one region; missing numbers are None.

    Parameters
    ----------
    region, metric : str
        What was scored, and how.
    value, low, high : float or None
        The score and its 95 % interval.
    ceiling, ceiling_low, ceiling_high, ceiling_lower : float or None
        The ceiling, its 95 % interval, and for RSA the lower bound, in ``ceiling_unit`` ("r" or "r2").
    ceiling_kind : str
        Its estimator, or "none".
    ceiled : float or None
        Share of the ceiling that is reached.
    r2 : float or None
        Out-of-sample R2.
    n_units, n_ceiled, n_samples : int
        Units, those that entered the ceiled score, and stimuli.
    rank : (int, int) or None
        Best and worst rank among the public models of the board; None until it is ranked.
    ties : str
        Models that share a letter cannot be told apart.
    twin, twin_spread : float or None
        Score of the untrained twin (mean over draws), and its standard deviation over draws.
    unique_r2, unique_low, unique_high : float or None
        R2 that is left when nuisances are taken out, and its 95 % interval.
    omega : float or None
        Share of the model's R2 that nuisances explain as well.
    """

    region: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    ceiling: float | None
    ceiling_low: float | None
    ceiling_high: float | None
    ceiling_lower: float | None
    ceiling_unit: str
    ceiling_kind: str
    ceiled: float | None
    r2: float | None
    n_units: int
    n_ceiled: int
    n_samples: int
    rank: tuple[int, int] | None = None
    ties: str = ""
    twin: float | None = None
    twin_spread: float | None = None
    unique_r2: float | None = None
    unique_low: float | None = None
    unique_high: float | None = None
    omega: float | None = None

    @property
    def nothing_left(self) -> bool:
        """True where what is left without nuisances is next to nothing, or its interval reaches 0 or below."""
        return self.unique_low is not None and (self.unique_low <= 0 or (self.unique_r2 or 0.0) < LEAST_LEFT)


@dataclass(frozen=True)
class BoardRow:
    """One model on one board: its newest version with a score.

    Parameters
    ----------
    submission : Submission
        That version.
    run : Run
        Its newest finished run, with benchmark and submission loaded.
    twin_run : Run or None
        Newest finished run of its untrained twin.
    twin_state : str
        State of ``twin_run``, else of the twin's newest run; empty where it was never asked for.
    cells : mapping of region to Cell
        Regions that were scored.
    """

    submission: Submission
    run: Run
    twin_run: Run | None
    twin_state: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class Best:
    """A model that was best on the day its score came."""

    date: datetime
    value: float
    submission: Submission
    run: Run


def board_rows(benchmark: Benchmark, viewer: Viewer = None, *, subject: str = ALL) -> list[BoardRow]:
    """All models scored on ``benchmark`` that ``viewer`` may see, best in the main region first; two queries.

    A model stands with the newest version that has a score and may be seen; missing scores come last.
    """
    newest = _newest(benchmark, viewer)
    models = {run.submission_id: run for run in newest if run.twin == Twin.NONE}
    twins = {run.submission_id: run for run in newest if run.twin == Twin.UNTRAINED}
    standing: dict[str, Run] = {}
    for run in models.values():
        shown = standing.get(run.submission.name)
        if shown is None or shown.submission.version < run.submission.version:
            standing[run.submission.name] = run
    pairs = [(run, twins.get(run.submission_id)) for run in standing.values()]
    scores = _chosen([r.pk for pair in pairs for r in pair if r is not None], subject)
    rows = [_row(run, twin, scores) for run, twin in pairs]
    return sorted(rows, key=lambda row: _order(row, benchmark.main_region))


def best_over_time(benchmark: Benchmark, viewer: Viewer = None, *, region: str = "") -> list[Best]:
    """The staircase of best scores in ``region`` (the main one by default), oldest first; one query."""
    runs = visible_runs(viewer).filter(benchmark=benchmark, state=State.FINISHED, twin=Twin.NONE)
    scored = Score.objects.filter(
        run__in=runs, region=region or benchmark.main_region, subject=ALL, layer=CHOSEN, value__isnull=False
    )
    steps: list[Best] = []
    for score in (
        scored.select_related("run__submission").defer("run__record", "run__steps").order_by("run__finished")
    ):
        finished, value = score.run.finished, score.value
        if finished is not None and value is not None and (not steps or value > steps[-1].value):
            steps.append(Best(finished, value, score.run.submission, score.run))
    return steps


def _row(run: Run, twin: Run | None, scores: Mapping[Any, Sequence[Score]]) -> BoardRow:
    scored = twin if twin is not None and twin.state == State.FINISHED else None
    cells = _cells(scores.get(run.pk, []), scores.get(scored.pk, []) if scored else [])
    return BoardRow(run.submission, run, scored, str(twin.state) if twin else "", cells)


def _newest(benchmark: Benchmark, viewer: Viewer) -> Sequence[Run]:
    """Newest finished run of each model and twin; of a twin without one the newest of any state."""
    is_finished = Q(state=State.FINISHED)
    newest_first = Window(
        RowNumber(),
        partition_by=[F("submission_id"), F("twin")],
        order_by=[
            Case(When(is_finished, then=0), default=1),
            Case(When(is_finished, then=F("finished")), default=F("created")).desc(),
            F("id").desc(),
        ],
    )
    runs = visible_runs(viewer).filter(benchmark=benchmark, readout=benchmark.readout)
    runs = runs.filter(is_finished | Q(twin=Twin.UNTRAINED))
    return list(runs.annotate(age=newest_first).filter(age=1).order_by())


def _chosen(runs: Sequence[Any], subject: str) -> dict[Any, list[Score]]:
    found: dict[Any, list[Score]] = {}
    for score in Score.objects.filter(run__in=runs, subject=subject, layer=CHOSEN).defer("layers_chosen"):
        found.setdefault(score.run_id, []).append(score)
    return found


def _cells(scores: Sequence[Score], twins: Sequence[Score]) -> dict[str, Cell]:
    controls = {score.region: score for score in twins}
    return {score.region: cell_of(score, controls.get(score.region)) for score in scores}


def cell_of(score: Score, twin: Score | None = None) -> Cell:
    """The cell of one score, with its twin's where there is one."""
    return Cell(
        region=score.region,
        metric=score.metric,
        value=score.value,
        low=score.low,
        high=score.high,
        ceiling=score.ceiling,
        ceiling_low=score.ceiling_low,
        ceiling_high=score.ceiling_high,
        ceiling_lower=score.ceiling_lower,
        ceiling_unit=score.ceiling_unit,
        ceiling_kind=score.ceiling_kind,
        ceiled=score.ceiled,
        r2=score.r2,
        n_units=score.n_units,
        n_ceiled=score.n_ceiled,
        n_samples=score.n_samples,
        rank=None if score.rank_best is None or score.rank_worst is None else (score.rank_best, score.rank_worst),
        ties=score.tie_letters,
        twin=twin.value if twin is not None else None,
        twin_spread=twin.spread if twin is not None else None,
        unique_r2=score.unique_r2,
        unique_low=score.unique_low,
        unique_high=score.unique_high,
        omega=score.omega,
    )


def _order(row: BoardRow, region: str) -> tuple[bool, float, str]:
    cell = row.cells.get(region)
    value = cell.value if cell is not None else None
    return (value is None, -(value or 0.0), row.submission.name)
