"""Legend: what the numbers of a record are, in words."""

from collections.abc import Collection, Sequence

from gyral.errors import UserError
from gyral.metrics.metric import Task, task_of
from gyral.record import CHOSEN, BenchmarkRef, Record, Row
from gyral.scores.pvalue import SHORTEST_RUN

_COUNTED: dict[Task, str] = {"encoding": "units", "rsa": "subjects", "triplets": "participants"}

# What each kind of interval redraws.
_FITTED = {
    "conditional": "conditional (fitted maps, new stimuli)",
    "subjects": "over new subjects and new stimuli",
}
_REDRAWN: dict[Task, dict[str, str]] = {
    "encoding": _FITTED,
    "rsa": _FITTED | {"conditional": "over new stimuli"},
    "triplets": {"conditional": "over new stimuli and new participants"},
}


def record_task(record: Record) -> Task:
    """What was done; of a third party's metric that is no longer here, by whether anything was fitted."""
    try:
        found = task_of(record.benchmark.metric)
    except UserError:
        found = None
    return found or ("rsa" if record.rows[0].readout == "none" else "encoding")


def counted(record: Record) -> str:
    """What a row's ``n_units`` counts: units of responses, subjects with an RDM, or participants who chose."""
    return _COUNTED[record_task(record)]


def legend(record: Record, rows: Sequence[Row], columns: Collection[str] | None = None) -> str:
    """What score, interval and ceiling of a table are, and what was fitted, on one line.

    Parameters
    ----------
    record : Record
    rows : sequence of Row
        Those shown; a column without a number in any of them is passed over.
    columns : collection of str, optional
        Those shown, as `gyral show` heads them; default all. What is left stands with its controls (`gyral.cli.beside`).
    """
    task = record_task(record)
    said = {
        "score": f"{record.benchmark.metric}, {_over(record.benchmark, task)}",
        "95 % interval": _interval(rows, _REDRAWN[task]),
        "ceiling": _ceiling(rows, task),
        "score/ceiling": _over_ceiling(rows),
    }
    there = {
        "ceiling": any(row.ceiling is not None for row in rows),
        "score/ceiling": any(row.ceiled is not None for row in rows),
    }
    parts = [
        f"{name}: {text}"
        for name, text in said.items()
        if there.get(name, True) and (columns is None or name in columns)
    ]
    return "; ".join([*parts, f"readout {record.rows[0].readout}" if task == "encoding" else "nothing is fitted"])


def no_p_lines(record: Record, rows: Sequence[Row]) -> list[str]:
    """Why values with chosen layers have no p, a line for each reason; ``rows`` are those shown."""
    of: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.layer == CHOSEN and row.value is not None and row.p is None:
            of.setdefault(_why_no_p(record, row), {})[row.region] = None
    return [f"no p of {', '.join(regions)}: {why}" for why, regions in of.items()]


def _why_no_p(record: Record, row: Row) -> str:
    task, metric = record_task(record), record.benchmark.metric
    if record.model.twin:
        return "the value is a mean over redrawn models, and one model is tested"
    if task == "rsa":
        return (
            "stimuli stand in an order or in groups, so that they cannot be permuted, and RDMs have no other test"
        )
    if row.null_kind is not None:
        return "no unit has all responses"
    if metric.startswith("identification-"):
        return f"samples are in an order, and held-out stretches of fewer than {SHORTEST_RUN} are too short for a test"
    return (
        f"samples are in an order, and held-out stretches (fewer than {SHORTEST_RUN} samples) are too short for a test "
        "and groups too few"
    )


def _ceiling(rows: Sequence[Row], task: Task) -> str:
    bounded = [row for row in rows if row.ceiling is not None]
    units = " or ".join(dict.fromkeys(row.ceiling_unit or "r" for row in bounded))
    if task == "rsa":
        return f"{units} of a subject with the mean of the others .. the most that any model reaches"
    kinds = ", ".join(dict.fromkeys(row.ceiling_kind for row in bounded))
    return f"the {units} that the data let a perfect model reach ({kinds}), median over units"


def _over_ceiling(rows: Sequence[Row]) -> str:
    few = any(row.ceiled is not None and row.n_ceiled != row.n_units for row in rows)
    which = "the units reliable enough for it (ceiled)" if few else "units"
    return f"r2 with the sign of r, over the ceiling, median over {which}"


def _interval(rows: Sequence[Row], redrawn: dict[str, str]) -> str:
    """What intervals cover, by region where some cover other things than others; the conditional one where rows say nothing."""
    of: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.interval_kind:
            of.setdefault(row.interval_kind, {})[row.region] = None
    if len(of) < 2:
        return redrawn[next(iter(of), "conditional")]
    return ", ".join(f"{redrawn[kind]} ({', '.join(regions)})" for kind, regions in of.items())


def _over(benchmark: BenchmarkRef, task: Task) -> str:
    """What the score is a mean or a share of."""
    if task == "triplets":
        return "share of human choices named"
    if task == "rsa":
        made = f"RDMs by {benchmark.rdm}, " if benchmark.rdm else ""
        return f"{made}mean over subjects, on pairs with a held-out stimulus"
    if benchmark.metric.startswith("identification-"):
        return "over held-out stimuli, each among those of its fold"
    return "median over units, mean over held-out folds"
