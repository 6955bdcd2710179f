"""Badge: one number of one model as a small SVG, for a README or a project's page."""

from dataclasses import dataclass
from html import escape

from gyral_portal.leaderboard.lettering import cut, width
from gyral_portal.templatetags.gyral import metric_name, score
from gyral_submissions.domain.queries.board import Cell, cells_of
from gyral_submissions.domain.queries.facts import Facts
from gyral_submissions.domain.queries.grid import Grid, read_grid
from gyral_submissions.enums import Tier
from gyral_submissions.models import Benchmark

_SIZE, _HEIGHT, _PAD, _WIDEST = 11, 22, 7, 340
_LEFT, _RIGHT, _SIMULATED = "#444b54", "#2d5d8f", "#8a5a00"


@dataclass(frozen=True)
class Badge:
    """What a badge says: where, and how much."""

    label: str
    value: str
    simulated: bool

    @property
    def words(self) -> str:
        """The whole of it, for those who do not see it."""
        return f"{self.label}: {self.value}"


def badge_of(name: str, benchmark: Benchmark, region: str = "") -> Badge | None:
    """The badge of the model that everybody finds on the board; None where nobody does, or it has no score there.

    What its owner alone sees has none, for its owner neither: a badge is for others.
    """
    grid = read_grid([benchmark])
    column = next((n for n, c in enumerate(grid.columns) if c.name == (region or benchmark.main_region)), None)
    row = next((n for n, facts in enumerate(grid.facts) if facts.name == name), None)
    if column is None or row is None:
        return None
    cell = cells_of(grid, [row], [column], twins=False).get((row, column))
    if cell is None or cell.value is None:
        return None
    title = grid.columns[column].title
    label = f"{benchmark.title}, {title}{' (simulated)' if benchmark.simulated else ''}"
    return Badge(label, _value(cell, grid.facts[row], grid), benchmark.simulated)


def draw_badge(badge: Badge) -> str:
    """SVG of two halves; no style, script or outside file."""
    label, value = cut(badge.label, _WIDEST, _SIZE), cut(badge.value, _WIDEST, _SIZE)
    left, right = (round(width(text, _SIZE)) + 2 * _PAD for text in (label, value))
    colour = _SIMULATED if badge.simulated else _RIGHT
    words = escape(badge.words, quote=True)
    # The lengths are given, so that another font of the reader's fills the same room.
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" role="img" aria-label="{words}">'
        f"<title>{words}</title>"
        f'<rect width="{left + right}" height="{_HEIGHT}" rx="3" fill="{_LEFT}"/>'
        f'<path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v{_HEIGHT - 6}a3 3 0 0 1 -3 3h-{right - 3}z" fill="{colour}"/>'
        f'<g fill="#fff" font-family="DejaVu Sans,Verdana,Geneva,sans-serif" font-size="{_SIZE}">'
        f'<text x="{_PAD}" y="15" textLength="{left - 2 * _PAD}" lengthAdjust="spacingAndGlyphs">{escape(label)}</text>'
        f'<text x="{left + _PAD}" y="15" textLength="{right - 2 * _PAD}" lengthAdjust="spacingAndGlyphs">{escape(value)}</text>'
        "</g></svg>"
    )


def _value(cell: Cell, facts: Facts, grid: Grid) -> str:
    said = f"{metric_name(cell.metric)} {score(cell.value)}"
    if cell.low is not None and cell.high is not None:
        said += f" ({score(cell.low)} to {score(cell.high)})"
    if cell.rank is not None:
        best, worst = cell.rank
        said += f", rank {best if best == worst else f'{best}–{worst}'} of {len(grid.facts)}"
    return said + (", self-reported" if facts.tier == Tier.SELF_REPORTED else "")
