"""Sheet: the finished runs of one benchmark as arrays, which boards order, filter and average without asking again.

What everybody sees is kept in the process under the benchmark's edition, which moves in the transaction of every change
(`gyral_submissions.domain.standing.renew`). What some see alone is never kept: it is read for each of them.
"""

import json
import threading
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from numpy.typing import NDArray

from gyral_submissions.domain.queries.facts import Facts, facts_of
from gyral_submissions.domain.queries.lasting import collector_waits, keep
from gyral_submissions.domain.queries.visible import visible_runs
from gyral_submissions.enums import State, Twin, Visibility
from gyral_submissions.models import Benchmark, Run
from gyral_submissions.rules import Viewer

_MOST_KEPT = 400  # of about 2 MB each, at 10,000 models and 10 regions
_kept: OrderedDict[tuple[int, uuid.UUID], "Sheet"] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class Sheet:
    """Finished runs, oldest first.

    Parameters
    ----------
    submissions : int array, runs
        Whose they are.
    runs : sequence of UUID
        Their ids.
    finished : float array, runs
        When, in seconds since 1970.
    values : float array, runs x regions
        Scores over all subjects, in the order of the benchmark's regions; NaN where there is none.
    scores : int array, runs x regions
        Ids of these scores; 0 where there is none.
    borda : float array, runs
        Borda points; NaN where there are none.
    compute : float array, runs
        Multiply-adds of one stimulus; NaN where not known.
    twins : sequence of (int, float)
        Finished runs of untrained twins, oldest first: submission, when.
    twin_values, twin_spreads : float array, twins x regions
        Their scores (mean over draws) and standard deviations over draws; NaN where there is none.
    facts : dict of int to Facts
        Of the submissions.
    own : frozenset of int
        Submissions that not everybody sees.
    """

    submissions: NDArray[np.int64]
    runs: Sequence[uuid.UUID]
    finished: NDArray[np.float64]
    values: NDArray[np.float64]
    scores: NDArray[np.int64]
    borda: NDArray[np.float64]
    compute: NDArray[np.float64]
    twins: Sequence[tuple[int, float]]
    twin_values: NDArray[np.float64]
    twin_spreads: NDArray[np.float64]
    facts: dict[int, Facts]
    own: frozenset[int] = frozenset()


def public_sheet(benchmark: Benchmark) -> Sheet:
    """What everybody sees; two queries where the edition is new to this process, else none."""
    key = (benchmark.pk, benchmark.edition)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    everybody = Q(submission__visibility=Visibility.PUBLIC)
    with collector_waits():
        sheet = _read(benchmark, visible_runs().filter(everybody))
    keep(len(sheet.runs))
    with _lock:
        for old in [k for k in _kept if k[0] == benchmark.pk]:
            del _kept[old]
        _kept[key] = sheet
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return sheet


def own_sheets(benchmarks: Sequence[Benchmark], viewer: Viewer) -> dict[int, Sheet]:
    """By benchmark: what ``viewer`` sees and not everybody does; at most two queries, none for visitors."""
    if viewer is None or not viewer.is_authenticated:
        return {}
    seen = visible_runs(viewer).exclude(submission__visibility=Visibility.PUBLIC)
    there = set(
        seen.filter(benchmark__in=benchmarks, state=State.FINISHED)
        .order_by()
        .values_list("benchmark_id", flat=True)
    )
    return {b.pk: _read(b, seen, own=True) for b in benchmarks if b.pk in there}


def joined(first: Sheet, second: Sheet) -> Sheet:
    """Both, oldest first."""
    order = np.argsort(np.concatenate([first.finished, second.finished]), kind="stable")
    runs, twins = [*first.runs, *second.runs], [*first.twins, *second.twins]
    by_time = sorted(range(len(twins)), key=lambda i: twins[i][1])
    return Sheet(
        np.concatenate([first.submissions, second.submissions])[order],
        [runs[i] for i in order],
        np.concatenate([first.finished, second.finished])[order],
        np.concatenate([first.values, second.values])[order],
        np.concatenate([first.scores, second.scores])[order],
        np.concatenate([first.borda, second.borda])[order],
        np.concatenate([first.compute, second.compute])[order],
        [twins[i] for i in by_time],
        np.concatenate([first.twin_values, second.twin_values])[by_time],
        np.concatenate([first.twin_spreads, second.twin_spreads])[by_time],
        {**first.facts, **second.facts},
        first.own | second.own,
    )


def _read(benchmark: Benchmark, seen: "QuerySet[Run]", *, own: bool = False) -> Sheet:
    found = (
        seen.filter(benchmark=benchmark, readout=benchmark.readout, state=State.FINISHED)
        .filter(twin__in=(Twin.NONE, Twin.UNTRAINED), finished__isnull=False)
        .order_by("finished", "id")
        .values_list(
            "submission_id",
            "id",
            Cast("finished", TextField()),
            "twin",
            "borda",
            Cast("by_region", TextField()),
            Cast("submission__changed", TextField()),
            "multiply_adds",
        )
    )
    rows = [(*row[:2], _moment(row[2]), *row[3:6], _moment(row[6]), row[7]) for row in found]
    models = [row for row in rows if row[3] == Twin.NONE]
    twins = [row for row in rows if row[3] != Twin.NONE]
    scores, values, _ = _cells([row[5] for row in models], benchmark.region_names)
    _, twin_values, twin_spreads = _cells([row[5] for row in twins], benchmark.region_names)
    facts = facts_of({row[0]: row[6] for row in rows})
    return Sheet(
        np.array([row[0] for row in models], np.int64),
        [row[1] for row in models],
        np.array([row[2].timestamp() for row in models], np.float64),
        values,
        scores,
        np.array([row[4] for row in models], np.float64),
        np.array([row[7] for row in models], np.float64),
        [(row[0], row[2].timestamp()) for row in twins],
        twin_values,
        twin_spreads,
        facts,
        frozenset(row[0] for row in rows) if own else frozenset(),
    )


def _cells(
    texts: Sequence[str | None], names: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Ids, values and spreads, runs x regions, of `gyral_submissions.models.Run.by_region` as JSON."""
    # All texts at once: parsing them one by one would cost more than the query.
    given = json.loads(f"[{','.join(text or 'null' for text in texts)}]")
    none = (0, None, None)
    told = [[(found or {}).get(name, none) for name in names] for found in given]
    cells = np.array(told, np.float64).reshape(len(texts), len(names), 3)
    # Copies, so that none keeps all three.
    return cells[..., 0].astype(np.int64), cells[..., 1].copy(), cells[..., 2].copy()


def _moment(text: str) -> datetime:
    """A moment as either database writes it. Django's own conversion takes ten times as long, for every row of a site."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
