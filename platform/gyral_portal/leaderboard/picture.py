"""Pictures drawn on the server: a model's profile over regions as SVG shapes (no inline style: see the CSP)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

from gyral_submissions.domain.queries.board import Cell
from gyral_submissions.domain.queries.profile import Profile

WIDTH, LABEL, RIGHT, ROW, TOP, BOTTOM = 520.0, 196.0, 56.0, 26.0, 6.0, 24.0

LONGEST = 27  # characters of a label; the table beside the picture has the whole title


@dataclass(frozen=True)
class Bar:
    """One region; x positions in the picture's units, None where the number is missing."""

    title: str
    label: str
    y: float
    middle: float
    base: float
    start: float
    width: float
    low: float | None
    high: float | None
    twin: float | None
    ceiling: float | None
    cell: Cell


@dataclass(frozen=True)
class Picture:
    """A profile, ready for the template."""

    width: float
    height: float
    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, str]]
    zero: float
    foot: float


def draw_profile(profile: Profile) -> Picture:
    """Bars from zero, whiskers for the interval, a circle for the twin, a dashed line for a ceiling in r.

    A ceiling in r2 is drawn at its square root, which bounds the correlation.
    """
    cells = list(profile.cells.values())
    titles = {r["name"]: r.get("title") or r["name"] for r in profile.benchmark.regions}
    numbers = [n for c in cells for n in (c.value, c.low, c.high, c.twin, _bound(c)) if n is not None]
    least, most = min(0.0, *numbers, 0.0), max(0.1, *numbers, 0.1)
    step = _step(most - least)
    least, most = floor(least / step) * step, ceil(most / step) * step

    def x(value: float) -> float:
        return round(LABEL + (value - least) / (most - least) * (WIDTH - LABEL - RIGHT), 1)

    def maybe(value: float | None) -> float | None:
        return None if value is None else x(value)

    bars = []
    for n, cell in enumerate(cells):
        value = cell.value or 0.0
        title = str(titles.get(cell.region, cell.region))
        bars.append(
            Bar(
                title=title,
                label=title if len(title) <= LONGEST else f"{title[: LONGEST - 1]}…",
                y=TOP + n * ROW,
                middle=TOP + n * ROW + ROW / 2,
                base=TOP + n * ROW + ROW / 2 + 4,
                start=min(x(0), x(value)),
                width=round(abs(x(value) - x(0)), 1),
                low=maybe(cell.low),
                high=maybe(cell.high),
                twin=maybe(cell.twin),
                ceiling=maybe(_bound(cell)),
                cell=cell,
            )
        )
    foot = TOP + len(cells) * ROW
    count = round((most - least) / step)
    ticks = [(x(least + i * step), f"{least + i * step:.1f}".replace("-", "−")) for i in range(count + 1)]
    return Picture(WIDTH, foot + BOTTOM, bars, ticks, x(0), foot)


def _bound(cell: Cell) -> float | None:
    if cell.ceiling is None:
        return None
    return max(0.0, cell.ceiling) ** 0.5 if cell.ceiling_unit == "r2" else cell.ceiling


def _step(span: float) -> float:
    return next((s for s in (0.1, 0.2, 0.5) if span / s <= 6), 1.0)
