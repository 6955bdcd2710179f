"""Card: the picture that stands beside a link to a page of the site (Open Graph), as a PNG.

Only what everybody sees is ever drawn.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from gyral_portal.leaderboard.leaders import leaders
from gyral_portal.leaderboard.lettering import cut, font, width
from gyral_portal.templatetags.gyral import metric_name, score
from gyral_submissions.domain.queries.board import Cell
from gyral_submissions.domain.queries.profile import submission_profile
from gyral_submissions.models import Benchmark, Submission

WIDTH, HEIGHT = 1200, 630
_EDGE, _MOST = 64, 6
_PAGE, _INK, _SOFT, _BAR, _MARK, _LINE = "#ffffff", "#1b1f24", "#57606a", "#7aa5cf", "#8a5a00", "#d0d7de"


@dataclass(frozen=True)
class Bar:
    """One line of the picture, with a smaller one below its label; without an interval where ``low`` is None."""

    label: str
    note: str
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Card:
    """What a picture says."""

    title: str
    words: str
    bars: Sequence[Bar] = ()
    simulated: bool = False


def card_of_benchmark(benchmark: Benchmark) -> Card:
    """The best models in the main region."""
    best = leaders([benchmark], None, most=_MOST)[benchmark.pk]
    words = f"{benchmark.main_title}: {metric_name(benchmark.metric)}, with 95 % intervals"
    bars = [_bar(one.facts.shown, one.facts.family, one.cell) for one in best if one.cell.value is not None]
    return Card(benchmark.title, words if bars else benchmark.summary, bars, benchmark.simulated)


def card_of_model(submission: Submission) -> Card:
    """A public model in the main region of each benchmark; recorded data first, and simulated ones named so."""
    profiles = sorted(submission_profile(submission), key=lambda p: p.benchmark.simulated)
    bars = []
    for profile in profiles:
        b = profile.benchmark
        cell = profile.cells.get(b.main_region)
        if cell is not None and cell.value is not None:
            note = f"{'SIMULATED, ' if b.simulated else ''}{metric_name(b.metric)}"
            bars.append(_bar(b.title, note, cell))
    words = "Main region of each benchmark, with 95 % intervals" if bars else "Not scored yet"
    return Card(submission.title or submission.name, words, bars[:_MOST])


def draw_card(card: Card) -> bytes:
    """PNG, 1200 x 630."""
    image = Image.new("RGB", (WIDTH, HEIGHT), _PAGE)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, WIDTH, 12), fill=_BAR)
    room = WIDTH - 2 * _EDGE
    draw.text((_EDGE, 52), cut(card.title, room, 54, bold=True), font=font(54, bold=True), fill=_INK)
    draw.text((_EDGE, 130), cut(card.words, room, 28), font=font(28), fill=_SOFT)
    if card.bars:
        _bars(draw, card.bars)
    foot = HEIGHT - 62
    draw.text((_EDGE, foot), "Gyral", font=font(30, bold=True), fill=_INK)
    draw.text((_EDGE + 120, foot + 4), "models against brain recordings", font=font(26), fill=_SOFT)
    if card.simulated:
        text = "SIMULATED DATA"
        draw.text(
            (WIDTH - _EDGE - width(text, 28, bold=True), foot + 2), text, font=font(28, bold=True), fill=_MARK
        )
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _bars(draw: ImageDraw.ImageDraw, bars: Sequence[Bar]) -> None:
    start, end, top, step = 560, WIDTH - _EDGE - 170, 200, 58
    ends = [number for b in bars for number in (b.value, b.low, b.high, 0.0) if number is not None]
    least, most = min(ends), max(*ends, 0.01)

    def x(value: float) -> float:
        return start + (value - least) / (most - least) * (end - start)

    draw.line((x(0), top - 6, x(0), top + step * len(bars) - 10), fill=_LINE, width=2)
    for n, bar in enumerate(bars):
        y = top + n * step
        draw.text((_EDGE, y - 5), cut(bar.label, start - _EDGE - 24, 25), font=font(25), fill=_INK)
        draw.text((_EDGE, y + 26), cut(bar.note, start - _EDGE - 24, 17), font=font(17), fill=_SOFT)
        draw.rectangle((min(x(0), x(bar.value)), y, max(x(0), x(bar.value)), y + 40), fill=_BAR)
        if bar.low is not None and bar.high is not None:
            draw.line((x(bar.low), y + 20, x(bar.high), y + 20), fill=_INK, width=3)
        text = score(bar.value)
        draw.text((WIDTH - _EDGE - width(text, 30, bold=True), y + 2), text, font=font(30, bold=True), fill=_INK)


def _bar(label: str, note: str, cell: Cell) -> Bar:
    return Bar(label, note, cell.value or 0.0, cell.low, cell.high)
