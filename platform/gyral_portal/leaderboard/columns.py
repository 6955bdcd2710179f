"""Columns: modality > dataset > region > metric and readout, as groups that open and close.

A closed group never shows a mean that nobody asked for. A closed dataset shows its main region, a closed region the first
of its metrics, and a closed modality how many of its datasets have a score.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gyral_portal.leaderboard.look import Look
from gyral_portal.templatetags.gyral import metric_name
from gyral_submissions.domain.queries.grid import Column, Grid

WIDEST = 12  # columns beside one another; a wider board is leafed through
_FEW = 12  # columns that need no groups closed at first


@dataclass(frozen=True)
class Shown:
    """One column as shown: one of the grid, or the coverage of a closed group.

    Parameters
    ----------
    column : Column or None
        None for a coverage.
    index : int
        Of the column in the grid; -1 for a coverage.
    members : sequence of int
        Main columns of the group whose coverage this is; of a column that stands for a closed group, all of the group's.
    groups : sequence of Group
        It stands in, from the outermost.
    """

    column: Column | None
    index: int
    members: Sequence[int]
    groups: "Sequence[Group]"


@dataclass(frozen=True)
class Group:
    """A group of columns.

    Parameters
    ----------
    key, title : str
        In addresses, and for people.
    level : str
        "modality", "dataset" or "region".
    is_open : bool
        Whether its columns are shown.
    size : int
        How many columns it has in all.
    simulated : bool
        Whether all of them are of data made by code.
    """

    key: str
    title: str
    level: str
    is_open: bool
    size: int
    simulated: bool


@dataclass(frozen=True)
class Head:
    """A cell of the table's head over ``span`` columns; ``group`` is None over columns that stand alone."""

    group: Group | None
    span: int


def picked(grid: Grid, look: Look) -> list[int]:
    """Indices of the columns that were picked, else all."""
    wanted = set(look.columns)
    return [n for n, c in enumerate(grid.columns) if not wanted or c.key in wanted]


def lay_out(grid: Grid, look: Look) -> list[Shown]:
    """All columns that are shown, in order, before the board is cut to its width."""
    chosen = picked(grid, look)
    if len(grid.benchmarks) == 1:
        return [Shown(grid.columns[n], n, (), ()) for n in chosen]
    if look.opened is not None:
        opened = set(look.opened)
    else:
        opened = {key for n in chosen for key in _keys(grid.columns[n])[: 3 if len(chosen) <= _FEW else 1]}
    return list(_level(grid, chosen, opened, (), 0))


def all_groups(grid: Grid, look: Look) -> tuple[str, ...]:
    """Keys of every group: what `Look.opened` is with all of them open."""
    return tuple(dict.fromkeys(key for n in picked(grid, look) for key in _keys(grid.columns[n])))


def open_groups(columns: Sequence[Shown]) -> tuple[str, ...]:
    """Keys of the groups that are open now."""
    return tuple(dict.fromkeys(g.key for shown in columns for g in shown.groups if g.is_open))


def heads(columns: Sequence[Shown]) -> list[list[Head]]:
    """The head's rows above the columns themselves, outermost first; empty where there are no groups."""
    depth = max((len(shown.groups) for shown in columns), default=0)
    rows = []
    for level in range(depth):
        row: list[Head] = []
        for shown in columns:
            group = shown.groups[level] if level < len(shown.groups) else None
            if row and group is not None and row[-1].group == group:
                row[-1] = Head(group, row[-1].span + 1)
            else:
                row.append(Head(group, 1))
        rows.append(row)
    return rows


def readout_words(column: Column) -> str:
    """Metric and readout of a column."""
    readout = "" if column.benchmark.readout == "none" else f", {column.benchmark.readout}"
    return f"{metric_name(column.benchmark.metric)}{readout}"


def bare_title(column: Column) -> str:
    """Its title without “(simulated)”, for where a badge says so."""
    return column.title.removesuffix(" (simulated)") if column.benchmark.simulated else column.title


def _keys(column: Column) -> tuple[str, str, str]:
    benchmark = column.benchmark
    return (benchmark.modality, benchmark.dataset, f"{benchmark.dataset}.{column.name}")


def _level(
    grid: Grid, members: Sequence[int], opened: set[str], above: Sequence[Group], level: int
) -> Iterator[Shown]:
    """Columns of one group, group by group of the next level."""
    found: dict[str, list[int]] = {}
    for n in members:
        found.setdefault(_keys(grid.columns[n])[level], []).append(n)
    for key, inside in found.items():
        columns = [grid.columns[n] for n in inside]
        if level == 2 and len(inside) == 1:
            yield Shown(columns[0], inside[0], (), above)
            continue
        simulated = all(c.benchmark.simulated for c in columns)
        group = Group(
            key,
            _title(columns[0], level),
            ("modality", "dataset", "region")[level],
            key in opened,
            len(inside),
            simulated,
        )
        around = (*above, group)
        if not group.is_open:
            yield _closed(grid, inside, around, level)
        elif level == 2:
            yield from (Shown(grid.columns[n], n, (), around) for n in inside)
        else:
            yield from _level(grid, inside, opened, around, level + 1)


def _closed(grid: Grid, inside: Sequence[int], around: Sequence[Group], level: int) -> Shown:
    main = [n for n in inside if grid.columns[n].is_main]
    if level == 0:
        return Shown(None, -1, main or inside, around)
    first = (main or inside)[0]
    return Shown(grid.columns[first], first, inside if len(inside) > 1 else (), around)


def _title(column: Column, level: int) -> str:
    if level == 0:
        return column.benchmark.modality.capitalize()
    return column.benchmark.title if level == 1 else bare_title(column)
