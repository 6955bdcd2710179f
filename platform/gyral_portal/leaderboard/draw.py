"""Draw: rows and cells of a board as HTML.

In Python, not in templates: a page has more than a thousand cells, and the template engine takes a hundred times as long.
Everything that people wrote is escaped here; the rest is numbers and words of ours.
"""

from collections.abc import Sequence
from html import escape
from uuid import UUID

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from gyral_portal.leaderboard.columns import Shown
from gyral_portal.leaderboard.mean import Mean
from gyral_portal.leaderboard.table import Line, Table
from gyral_portal.templatetags.gyral import metric_name, percent, score
from gyral_submissions.domain.queries.board import Cell
from gyral_submissions.domain.queries.grid import Column
from gyral_submissions.enums import Tier
from gyral_submissions.models import Benchmark

_DAGGER = '<abbr title="self-reported features: nobody here ran the model">†</abbr>'
_ANY = UUID(int=0)
_MISSING = '<td class="cell missing">–</td>'
_OF = {"conditional": "over new stimuli", "subjects": "over new subjects and stimuli"}


def draw_rows(table: Table, lines: Sequence[Line]) -> SafeString:
    """The body of the table."""
    drawer = _Drawer(table)
    return mark_safe("".join(drawer.row(line) for line in lines))  # noqa: S308 - escaped below


class _Drawer:
    """What is the same in all rows."""

    def __init__(self, table: Table) -> None:
        self.look, self.columns = table.look, table.columns
        # Addresses are made once, for a thousand cells: reversing each would take longer than drawing it.
        self.record = reverse("leaderboard:record", args=[_ANY]).split(str(_ANY))
        self.model = reverse("leaderboard:model-version", args=["NAME", 0])
        self.said: dict[tuple[object, ...], str] = {}

    def row(self, line: Line) -> str:
        cells = "".join(self.column(line, n, shown) for n, shown in enumerate(self.columns))
        mean = "" if line.mean is None else _mean(line.mean)
        return f"<tr>{self.head(line)}{mean}{cells}</tr>\n"

    def head(self, line: Line) -> str:
        f = line.facts
        address = self.model.replace("NAME", f.name).replace("v0", f"v{f.version}")
        version = f" <small>version {f.version}</small>" if f.version > 1 else ""
        private = f'<span class="badge private">{f.visibility}</span> ' if line.is_private else ""
        said = [escape(f.family)] if f.family else []
        if f.tier == Tier.SELF_REPORTED:
            said.append("self-reported †")
        elif f.tier == Tier.REFERENCE:
            said.append("reference")
        more = ", ".join(said)
        if self.look.twins and not f.has_twin:
            more += "; no twin"
        if line.borda is not None:
            more += f"; Borda {score(line.borda, 2)}"
        tick = f'<input type="checkbox" name="model" value="{f.name}" form="compare" aria-label="Compare {escape(f.shown)}"> '
        return f'<th scope="row">{tick}<a href="{address}">{escape(f.shown)}</a>{version} <small>{private}{more}</small></th>'

    def column(self, line: Line, n: int, shown: Shown) -> str:
        has, of = line.covered.get(n, 0), len(shown.members)
        if shown.column is None:
            return f'<td class="cell cover">{has} of {of}</td>' if has else _MISSING
        cell = line.cells.get(shown.index)
        if cell is None or cell.value is None:
            hidden = f'<td class="cell cover">{has} of {of}<span class="share">when opened</span></td>'
            return hidden if has else _MISSING
        address = str(line.runs[shown.column.place]).join(self.record)
        twin = _twin(cell) if self.look.twins and line.facts.has_twin else ""
        left = _left(cell) if cell.unique_r2 is not None or cell.partial is not None else ""
        return (
            f'<td class="cell h{line.heat[shown.index]}"><a href="{address}" title="{self.title(cell, shown.column)}">'
            f"{_value(cell, line)}{_rank(cell, line)}{twin}{left}</a></td>"
        )

    def title(self, cell: Cell, column: Column) -> str:
        """What the numbers are; most cells of a column say the same of the stimuli and units."""
        key = (column.place, cell.metric, cell.n_units, cell.n_samples, cell.interval_kind)
        said = self.said.get(key)
        if said is None:
            said = self.said[key] = escape(_said(cell, column.benchmark))
        ceiled = ""
        if cell.ceiled is not None and cell.n_ceiled:
            word = _units(cell.n_units, column.benchmark)
            ceiled = f"; {percent(cell.ceiled)} of ceiling, {cell.n_ceiled} of {cell.n_units} {word}"
        return f"{said}{ceiled}. Opens the record."


def _mean(mean: Mean) -> str:
    if mean.value is None:
        return f'<td class="cell mean missing">– <span class="share">{mean.has} of {mean.of}</span></td>'
    return f'<td class="cell mean"><span class="value">{score(mean.value)}</span><span class="share">{mean.has} of {mean.of}</span></td>'


def unit_of(benchmark: Benchmark) -> str:
    """What a region of the benchmark has several of."""
    return {"rsa": "RDM", "triplets": "participant"}.get(benchmark.task, "unit")


def _units(count: int, benchmark: Benchmark) -> str:
    return unit_of(benchmark) + ("" if count == 1 else "s")


def _said(cell: Cell, benchmark: Benchmark) -> str:
    word = _units(cell.n_units, benchmark)
    if cell.metric.startswith("identification-"):
        over = f"patterns of {cell.n_units} {word}"
    else:
        over = f"{'median' if benchmark.task == 'encoding' else 'mean'} over {cell.n_units} {word}"
    interval = f"; 95 % interval {_OF[cell.interval_kind]}" if cell.interval_kind in _OF else ""
    return f"{metric_name(cell.metric)}, {over}, {cell.n_samples} stimuli{interval}"


def _value(cell: Cell, line: Line) -> str:
    mark = _DAGGER if line.facts.tier == Tier.SELF_REPORTED else ""
    between = "" if cell.low is None else f'<span class="interval">{score(cell.low)} to {score(cell.high)}</span>'
    return f'<span class="value">{score(cell.value)}{mark}</span>{between}'


def _rank(cell: Cell, line: Line) -> str:
    said = ""
    if cell.rank is not None:
        best, worst = cell.rank
        ties = ""
        if cell.ties:
            ties = (
                f' <span title="Models that share a letter cannot be told apart here">{escape(cell.ties)}</span>'
            )
        said = _share(f"rank {best}{ties}" if best == worst else f"rank {best}–{worst}{ties}")
    elif line.is_private:
        said = _share(f"{line.facts.visibility}: no rank")
    return said if cell.ceiled is None else said + _share(f"{percent(cell.ceiled)} of ceiling")


def _share(said: str) -> str:
    return f'<span class="share">{said}</span>'


def _twin(cell: Cell) -> str:
    if cell.twin is None:
        return _share("twin not scored")
    spread = "" if cell.twin_spread is None else f" ± {score(cell.twin_spread)}"
    return _share(f"twin {score(cell.twin)}{spread}")


def _left(cell: Cell) -> str:
    badge = _share('<span class="badge nothing">nothing left</span>') if cell.nothing_left else ""
    if cell.partial is not None:
        said = f'title="partial correlation: nuisances are held constant">beyond nuisances {score(cell.partial)}'
    else:
        said = (
            'title="median over units of R² with the model less that of nuisances alone">'
            f"beyond nuisances <var>R²</var> {score(cell.unique_r2)}"
        )
    return f'{badge}<span class="share" {said}</span>'
