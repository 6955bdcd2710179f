"""Best over time: what stood at the head of a board at the end of each day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

import numpy as np

from gyral_submissions.domain.queries.board import ALL, CHOSEN
from gyral_submissions.domain.queries.facts import Facts
from gyral_submissions.domain.queries.sheet import Sheet, public_sheet
from gyral_submissions.domain.queries.visible import visible_runs
from gyral_submissions.models import Benchmark, Score


@dataclass(frozen=True)
class Best:
    """The head of a board from a day on.

    Parameters
    ----------
    day : date
        First day (UTC) at whose end it stood there.
    value : float
    low, high : float or None
        Its 95 % interval.
    facts : Facts
        The model.
    run : UUID
        Where the value is from.
    """

    day: date
    value: float
    low: float | None
    high: float | None
    facts: Facts
    run: UUID


def best_over_time(benchmark: Benchmark, *, region: str = "") -> list[Best]:
    """Every change at the head of the public board in ``region`` (the main one by default), oldest first; at most three queries.

    Days are those of `gyral_submissions.domain.queries.grid.read_grid` with ``on``: what was scored and public by the end of
    the day, each model with its newest version. So the best value can fall, where a newer version does worse. What only
    its owner sees moves nothing.
    """
    names = benchmark.region_names
    region = region or benchmark.main_region
    if region not in names:
        return []
    sheet = public_sheet(benchmark)
    heads = list(_heads(sheet, names.index(region)))
    # Who may see a run is asked again, so that nothing that was kept too long shows what was hidden since.
    seen = visible_runs().filter(pk__in={sheet.runs[i] for _, i in heads}).order_by().values("pk")
    scores = Score.objects.filter(run__in=seen, region=region, subject=ALL, layer=CHOSEN).order_by()
    ends = {run: (low, high) for run, low, high in scores.values_list("run_id", "low", "high")}
    column = sheet.values[:, names.index(region)]
    return [
        Best(day, float(column[i]), *ends[run], sheet.facts[int(sheet.submissions[i])], run)
        for day, i in heads
        if (run := sheet.runs[i]) in ends
    ]


def _heads(sheet: Sheet, column: int) -> Iterator[tuple[date, int]]:
    """Days on which another run came to stand first, and its place in the sheet; of equal values the earlier stays."""
    values = sheet.values[:, column]
    facts = [sheet.facts[pk] for pk in sheet.submissions.tolist()]
    # A run is on the board once it has finished and its model may be seen.
    days = [_day(max(when, f.since.timestamp())) for when, f in zip(sheet.finished.tolist(), facts, strict=True)]

    def said(i: int) -> tuple[int, float]:
        return facts[i].pk, float(values[i])

    standing: dict[str, int] = {}
    head: int | None = None
    shown: int | None = None
    order = sorted(range(len(days)), key=lambda i: days[i])
    for k, i in enumerate(order):
        before = standing.get(facts[i].name)
        if before is None or facts[before].version <= facts[i].version:
            standing[facts[i].name] = i
            if before is not None and before == head:
                head = _first(standing, values)
            elif np.isfinite(values[i]) and (head is None or values[i] > values[head]):
                head = i
        if (k + 1 == len(order) or days[order[k + 1]] != days[i]) and head != shown:
            # Another run of the same version with the same value is no change.
            if head is not None and (shown is None or said(head) != said(shown)):
                yield days[i], head
            shown = head


def _first(standing: dict[str, int], values: np.ndarray) -> int | None:
    there = [i for i in standing.values() if np.isfinite(values[i])]
    return max(there, key=lambda i: (values[i], -i), default=None)


def _day(moment: float) -> date:
    return datetime.fromtimestamp(moment, UTC).date()
