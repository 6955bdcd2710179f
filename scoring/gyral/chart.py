"""Chart: axes, and marks between them, as one SVG element without style, script or outside file.

Colours are of middle lightness, so that they hold 3:1 on a light page and on a dark one; text takes the page's own colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from math import ceil, floor, isfinite, log10

GREY = "#808890"
INK = "#3b82c4"
# Told apart by people who tell few colours apart, and by shape as well.
SERIES = (
    (INK, "circle"),
    ("#c8720a", "square"),
    ("#2a9158", "triangle"),
    ("#9a62c4", "diamond"),
    ("#c4497a", "cross"),
    ("#7a7f87", "ring"),
)
_FONT = 13
_LETTER = 7.2  # width of a usual letter of that size
_STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Axis:
    """One direction of a chart.

    Parameters
    ----------
    title : str
        What the numbers are, with their unit.
    least, most : float
        Its ends; ``least`` may be the larger.
    ticks : sequence of (float, str)
        Where a line is drawn, and what it says.
    is_log : bool
        Whether equal steps are equal factors.
    """

    title: str
    least: float
    most: float
    ticks: Sequence[tuple[float, str]]
    is_log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, 0 at ``least`` and 1 at ``most``."""
        value, least, most = (log10(v) if self.is_log else v for v in (value, self.least, self.most))
        return (value - least) / (most - least)


def linear_axis(title: str, values: Sequence[float], *, zero: bool = True, most_ticks: int = 6) -> Axis:
    """From the smallest value to the largest, and zero where asked for; ends and ticks are round.

    >>> [text for _, text in linear_axis("r", [-0.04, 0.31]).ticks]
    ['−0.1', '0.0', '0.1', '0.2', '0.3', '0.4']
    """
    known = [v for v in values if isfinite(v)] + ([0.0] if zero else [])
    least, most = min(known, default=0.0), max(known, default=0.0)
    span = max(most - least, 1e-3)
    power = 10.0 ** floor(log10(span / most_ticks))
    step = next(s * power for s in (*_STEPS, 10) if span / (s * power) <= most_ticks)
    first, last = floor(least / step + 1e-9), max(ceil(most / step - 1e-9), floor(least / step + 1e-9) + 1)
    digits = max(0, -floor(log10(step) + 1e-9))
    ticks = [(i * step, written(i * step, digits)) for i in range(first, last + 1)]
    return Axis(title, first * step, last * step, ticks)


def log_axis(title: str, values: Sequence[float]) -> Axis:
    """Whole decades around positive values.

    >>> [text for _, text in log_axis("parameters", [4.3e6, 1.2e8]).ticks]
    ['1 M', '10 M', '100 M', '1 G']
    """
    known = [v for v in values if isfinite(v) and v > 0] or [1.0]
    first = floor(log10(min(known)) + 1e-9)
    last = max(ceil(log10(max(known)) - 1e-9), first + 1)
    return Axis(title, 10.0**first, 10.0**last, [(10.0**k, _large(k)) for k in range(first, last + 1)], True)


def day_axis(title: str, days: Sequence[date]) -> Axis:
    """From the first day to the last, as ordinals (`datetime.date.toordinal`); at most four dates are written."""
    first, last = min(days).toordinal(), max(days).toordinal()
    last = max(last, first + 1)
    count = min(3, last - first)
    at = [first + round(k * (last - first) / count) for k in range(count + 1)]
    return Axis(title, first, last, [(float(d), date.fromordinal(d).isoformat()) for d in at])


def row_axis(labels: Sequence[str]) -> Axis:
    """One row each from the top, at 0.5, 1.5 ..."""
    return Axis("", float(len(labels)), 0.0, [(k + 0.5, label) for k, label in enumerate(labels)])


class Plane:
    """The room between two axes, in the units of an SVG's view box.

    Parameters
    ----------
    across, up : Axis
    width, height : float
        Of the whole picture.
    rows : bool
        Whether ``up`` holds labels of rows, which need room and no lines.
    """

    def __init__(
        self, across: Axis, up: Axis, *, width: float = 460, height: float = 340, rows: bool = False
    ) -> None:
        self.across, self.up, self.width, self.height, self.rows = across, up, width, height, rows
        longest = max((len(text) for _, text in up.ticks), default=0) * _LETTER
        self.left = min(longest + 10, width * 0.45) + (20 if up.title else 0)
        self.right, self.top, self.bottom = width - 14, 10.0, height - (44 if across.title else 26)
        self._marks: list[str] = []
        self._taken: list[tuple[float, float, float, float]] = []

    def x(self, value: float) -> float:
        """Of a value of ``across``."""
        return round(self.left + self.across.share(value) * (self.right - self.left), 1)

    def y(self, value: float) -> float:
        """Of a value of ``up``."""
        return round(self.bottom - self.up.share(value) * (self.bottom - self.top), 1)

    def dot(self, across: float, up: float, says: str, *, colour: str = INK, shape: str = "circle") -> None:
        """A mark that says ``says`` under the pointer."""
        x, y = self.x(across), self.y(up)
        self._taken.append((x - 5, y - 5, x + 5, y + 5))
        self._marks.append(shape_at(x, y, colour, shape, says))

    def dots(self, points: Sequence[tuple[float, float]], *, colour: str = GREY) -> None:
        """Many marks without words, in one element; those on the same spot are drawn once."""
        spots = dict.fromkeys((round(self.x(a)), round(self.y(u))) for a, u in points)
        if spots:
            path = "".join(f"M{x} {y}h0" for x, y in spots)
            self._marks.append(
                f'<path d="{path}" stroke="{colour}" stroke-width="5" stroke-linecap="round" stroke-opacity="0.55" fill="none"/>'
            )

    def line(
        self, points: Sequence[tuple[float, float]], *, colour: str = INK, width: float = 2, dashed: bool = False
    ) -> None:
        """Straight from point to point, broken where one is NaN."""
        path, pen = [], "M"
        for across, up in points:
            known = isfinite(across) and isfinite(up)
            if known:
                path.append(f"{pen}{self.x(across)} {self.y(up)}")
            pen = "L" if known else "M"
        if path:
            dash = ' stroke-dasharray="4 3"' if dashed else ""
            d = "".join(path)
            self._marks.append(f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="{width:g}"{dash}/>')

    def band(self, low: Sequence[tuple[float, float]], high: Sequence[tuple[float, float]]) -> None:
        """Between two lines."""
        edge = "L".join(f"{self.x(a)} {self.y(u)}" for a, u in [*low, *reversed(high)])
        if edge:
            self._marks.append(f'<path d="M{edge}Z" fill="{INK}" fill-opacity="0.25"/>')

    def shade(self, start: float, stop: float) -> None:
        """A stretch of ``across``, from the foot to the top."""
        self._marks.append(self._block(start, stop, self.top, self.bottom - self.top, GREY, 0.12))

    def bar(self, start: float, stop: float) -> None:
        """A mark of a stretch of ``across``, at the foot."""
        self._marks.append(self._block(start, stop, self.bottom, 3, INK, 1.0))

    def _block(self, start: float, stop: float, y: float, height: float, colour: str, opacity: float) -> str:
        x, end = self.x(start), self.x(stop)
        return (
            f'<rect x="{x:g}" y="{y:g}" width="{end - x:.1f}" height="{height:g}" fill="{colour}" '
            f'fill-opacity="{opacity:g}"/>'
        )

    def label(self, across: float, up: float, text: str, *, left: bool = False, most: int = 24) -> None:
        """A name above a point, to its right or left; left out where it would lie on another name or on a mark."""
        text = _cut(text, most)
        x, y, wide = self.x(across), max(self.y(up) - 7, self.top + _FONT), len(text) * _LETTER
        for start in (x - 7 - wide, x + 7) if left else (x + 7, x - 7 - wide):
            box = (start, y - _FONT, start + wide, y + 3)
            inside = self.left <= start and start + wide <= self.width
            if inside and not any(_overlap(box, taken) for taken in self._taken):
                self._taken.append(box)
                self._marks.append(f'<text x="{start:.1f}" y="{y:.1f}">{escape(text)}</text>')
                return

    def svg(self, name: str, title: str, says: str, *, alone: bool = False) -> str:
        """The picture.

        Parameters
        ----------
        name : str
            Begins the ids of its parts; another one for each picture of a page.
        title, says : str
            What a screen reader says first, and what the picture shows.
        alone : bool
            For a file of its own: with a size and a white ground.
        """
        size = f' width="{self.width:g}" height="{self.height:g}" color="#17202a"' if alone else ""
        ground = '<rect width="100%" height="100%" fill="#ffffff"/>' if alone else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" aria-labelledby="{name}-title {name}-says" '
            f'viewBox="0 0 {self.width:g} {self.height:g}"{size} font-family="system-ui, sans-serif" font-size="{_FONT}" '
            f'fill="currentColor"><title id="{name}-title">{escape(title)}</title><desc id="{name}-says">{escape(says)}</desc>'
            f"{ground}{''.join(self._frame())}{''.join(self._marks)}</svg>"
        )

    def _frame(self) -> list[str]:
        drawn = []
        for value, text in self.across.ticks:
            x = self.x(value)
            # The ends of the axis are written inside it.
            half = len(text) * _LETTER / 2
            at = min(max(x, half + 2), self.width - half - 2)
            drawn.append(_rule(x, x, self.top, self.bottom, strong=value == 0 and not self.across.is_log))
            drawn.append(
                f'<text x="{at:.1f}" y="{self.bottom + 17:.1f}" text-anchor="middle">{escape(text)}</text>'
            )
        for value, text in self.up.ticks:
            y = self.y(value)
            if not self.rows:
                drawn.append(_rule(self.left, self.right, y, y, strong=value == 0))
            short = _cut(text, int((self.left - 8) / _LETTER))
            drawn.append(
                f'<text x="{self.left - 7:.1f}" y="{y + 4.5:.1f}" text-anchor="end">{escape(short)}</text>'
            )
        if self.across.title:
            middle = (self.left + self.right) / 2
            drawn.append(
                f'<text x="{middle:.1f}" y="{self.height - 8:g}" text-anchor="middle">{escape(self.across.title)}</text>'
            )
        if self.up.title:
            middle = (self.top + self.bottom) / 2
            drawn.append(
                f'<text transform="rotate(-90 14 {middle:.1f})" x="14" y="{middle:.1f}" text-anchor="middle">'
                f"{escape(self.up.title)}</text>"
            )
        return drawn


def shape_at(x: float, y: float, colour: str, shape: str, says: str = "") -> str:
    """One mark; also for legends."""
    d = {
        "square": f"M{x - 4} {y - 4}h8v8h-8z",
        "triangle": f"M{x} {y - 5.5}l5.5 9.5h-11z",
        "diamond": f"M{x} {y - 6}l6 6l-6 6l-6 -6z",
        "cross": f"M{x - 4} {y - 4}l8 8M{x + 4} {y - 4}l-8 8",
    }.get(shape)
    said = f"<title>{escape(says)}</title>" if says else ""
    if shape == "cross":
        return f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="3">{said}</path>'
    if d is not None:
        return f'<path d="{d}" fill="{colour}">{said}</path>'
    paint = f'fill="none" stroke="{colour}" stroke-width="2.5"' if shape == "ring" else f'fill="{colour}"'
    return f'<circle cx="{x}" cy="{y}" r="{4 if shape == "ring" else 4.5}" {paint}>{said}</circle>'


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _rule(x1: float, x2: float, y1: float, y2: float, *, strong: bool) -> str:
    paint = f'stroke="{GREY}" stroke-width="1.5"' if strong else f'stroke="{GREY}" stroke-opacity="0.25"'
    return f'<line x1="{x1:g}" x2="{x2:g}" y1="{y1:g}" y2="{y2:g}" {paint}/>'


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: max(most - 1, 1)]}…"


def written(value: float, digits: int) -> str:
    """A number with a real minus sign, and none before a zero.

    >>> written(-0.0181, 3), written(-0.0004, 3)
    ('−0.018', '0.000')
    """
    text = f"{abs(value):.{digits}f}"
    return f"−{text}" if value < 0 and float(text) else text


def _large(power: int) -> str:
    """A power of ten with k, M, G or T."""
    for above, unit in ((12, " T"), (9, " G"), (6, " M"), (3, " k"), (0, "")):
        if power >= above:
            return f"{10 ** (power - above)}{unit}"
    return f"{10.0**power:g}"
