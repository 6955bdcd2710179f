"""Grid: models by columns of one or more benchmarks, as one viewer may see them on one day."""

import bisect
import threading
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral_submissions.domain.queries.facts import Facts
from gyral_submissions.domain.queries.lasting import collector_waits, keep
from gyral_submissions.domain.queries.sheet import Sheet, joined, own_sheets, public_sheet
from gyral_submissions.models import Benchmark
from gyral_submissions.rules import Viewer

_MOST_KEPT = 12  # of 16 MB each, at 10,000 models and 200 columns
_kept: OrderedDict[Any, "Grid"] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class Column:
    """One region of one benchmark.

    Parameters
    ----------
    key : str
        ``REGION`` on a board of one benchmark, ``NAME@VERSION/REGION`` on one of several.
    benchmark : Benchmark
        Where.
    place : int
        Of the benchmark, in the grid.
    number : int
        Of the region, in the benchmark.
    region : dict
        As `gyral_submissions.models.Benchmark.regions` has it.
    """

    key: str
    benchmark: Benchmark
    place: int
    number: int
    region: dict[str, Any]

    @property
    def name(self) -> str:
        """Of the region."""
        return str(self.region["name"])

    @property
    def title(self) -> str:
        """Of the region, as pages show it."""
        return str(self.region.get("title") or self.name)

    @property
    def is_main(self) -> bool:
        """True for the region its benchmark is known by."""
        return self.name == self.benchmark.main_region


@dataclass(frozen=True, eq=False)
class Grid:
    """A row is one model: its newest version with a score in any of the benchmarks, and of that version alone.

    Parameters
    ----------
    benchmarks : sequence of Benchmark
        In the order of the columns.
    columns : sequence of Column
        One for each region of each benchmark.
    facts : sequence of Facts
        One for each row, by name.
    values : float array, rows x columns
        NaN where there is no score.
    sheets : sequence of Sheet
        One for each benchmark.
    runs, twins : sequence of dict
        For each benchmark: place in the sheet of the run, and of the twin's run, by submission.
    borda : sequence of dict
        For each benchmark: points by submission.
    compute : sequence of dict
        For each benchmark: multiply-adds of one stimulus by submission, where they are known.
    own : bool array, rows
        What not everybody sees.
    scored_twin : bool array, rows
        Whether an untrained twin has a score in any of the benchmarks.
    """

    benchmarks: Sequence[Benchmark]
    columns: Sequence[Column]
    facts: Sequence[Facts]
    values: NDArray[np.float64]
    sheets: Sequence[Sheet]
    runs: Sequence[dict[int, int]]
    twins: Sequence[dict[int, int]]
    borda: Sequence[dict[int, float]]
    compute: Sequence[dict[int, float]]
    own: NDArray[np.bool_]
    scored_twin: NDArray[np.bool_]

    def run(self, place: int, submission: int) -> uuid.UUID | None:
        """The run that stands for a submission on the benchmark at ``place``; None where there is none."""
        at = self.runs[place].get(submission)
        return None if at is None else self.sheets[place].runs[at]


def read_grid(benchmarks: Sequence[Benchmark], viewer: Viewer = None, *, on: date | None = None) -> Grid:
    """What stands on the boards of ``benchmarks``.

    Parameters
    ----------
    benchmarks : sequence of Benchmark
        In the order of the columns.
    viewer : user or None
        Whose own models stand among everybody's.
    on : date, optional
        As it was at the end of that day (UTC). A model hidden since then stays hidden; one that was not shown yet is not
        shown.

    Returns
    -------
    Grid
        No queries where nothing changed since this process last read it, and nothing is the viewer's own.
    """
    own = own_sheets(benchmarks, viewer)
    if own:
        sheets = [joined(public_sheet(b), own[b.pk]) if b.pk in own else public_sheet(b) for b in benchmarks]
        return _compose(benchmarks, sheets, on)
    key = (tuple((b.pk, b.edition) for b in benchmarks), on)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    sheets = [public_sheet(b) for b in benchmarks]
    with collector_waits():
        grid = _compose(benchmarks, sheets, on)
    keep(len(grid.facts))
    with _lock:
        of = [pk for pk, _ in key[0]]
        for old in [k for k in _kept if k[1] == on and [pk for pk, _ in k[0]] == of]:
            del _kept[old]  # an edition that is over
        _kept[key] = grid
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return grid


def columns_of(benchmarks: Sequence[Benchmark]) -> list[Column]:
    """All columns, benchmark by benchmark."""
    alone = len(benchmarks) == 1
    return [
        Column(str(r["name"]) if alone else f"{b.identifier}/{r['name']}", b, place, n, r)
        for place, b in enumerate(benchmarks)
        for n, r in enumerate(b.regions)
    ]


def _compose(benchmarks: Sequence[Benchmark], sheets: Sequence[Sheet], on: date | None) -> Grid:
    until = _end_of(on)
    cuts = [bisect.bisect_left(sheet.finished, until) for sheet in sheets]
    facts = {pk: one for sheet in sheets for pk, one in sheet.facts.items() if one.since.timestamp() < until}
    # Runs are ordered by time: of several runs of one version the last stays.
    newest = [
        {pk: i for i, pk in enumerate(sheet.submissions[:cut].tolist()) if pk in facts}
        for sheet, cut in zip(sheets, cuts, strict=True)
    ]
    standing: dict[str, Facts] = {}
    for pk in set().union(*newest):
        shown = standing.get(facts[pk].name)
        if shown is None or shown.version < facts[pk].version:
            standing[facts[pk].name] = facts[pk]
    rows = [standing[name] for name in sorted(standing)]
    values = [_lined_up(sheet, found, rows) for sheet, found in zip(sheets, newest, strict=True)]
    twins = [{pk: i for i, (pk, when) in enumerate(sheet.twins) if when < until} for sheet in sheets]
    own = frozenset().union(*(sheet.own for sheet in sheets))
    return Grid(
        benchmarks,
        columns_of(benchmarks),
        rows,
        np.concatenate(values, axis=1) if values else np.empty((0, 0)),
        sheets,
        newest,
        twins,
        [_told(sheet.borda, found) for sheet, found in zip(sheets, newest, strict=True)],
        [_told(sheet.compute, found) for sheet, found in zip(sheets, newest, strict=True)],
        np.array([row.pk in own for row in rows], bool),
        np.array([any(row.pk in found for found in twins) for row in rows], bool),
    )


def _lined_up(sheet: Sheet, newest: dict[int, int], rows: Sequence[Facts]) -> NDArray[np.float64]:
    places = np.array([newest.get(row.pk, -1) for row in rows], np.intp)
    out = np.full((len(rows), sheet.values.shape[1]), np.nan)
    out[places >= 0] = sheet.values[places[places >= 0]]
    return out


def _told(numbers: NDArray[np.float64], newest: dict[int, int]) -> dict[int, float]:
    """By submission, where there is a number."""
    return {pk: float(numbers[i]) for pk, i in newest.items() if numbers[i] == numbers[i]}


def _end_of(on: date | None) -> float:
    if on is None:
        return float("inf")
    return (datetime(on.year, on.month, on.day, tzinfo=UTC) + timedelta(days=1)).timestamp()
