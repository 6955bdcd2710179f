"""Picture: six views of a painted brain with its colour bar or its names, as one SVG file."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.brain.mesh import surface
from gyral.brain.painting import Painting
from gyral.brain.ramp import STEPS, colour_numbers, colour_of_name
from gyral.brain.text import GROUND, LETTER, SIZE, SOFT, cut, heading, mark, on_dark, svg_text, wrapped
from gyral.brain.view import VIEWS, WIDE, View, draw_views, face_names, see, top_of
from gyral.chart import linear_axis, written

Array = NDArray[np.floating[Any]]

_WIDTH = 2 * WIDE
_TOP, _LINE = 6.0, 17.0
_MOST = 60  # names in a legend
_SEEN = 40.0  # mm² of a region that a view must show to carry its number


def brain_svg(painting: Painting, *, dark: bool = False) -> str:
    """A file of its own, with a white ground (or a ``dark`` one) and no style, script or outside file.

    Its ``title`` and ``desc`` say what a screen reader says of it.
    """
    png = draw_views(painting)
    title, head = heading(painting.title, _WIDTH, 8)
    pieces = [
        svg_text(_WIDTH * (n % 2 + 0.5) / 2, _place(n) + view.high + 12, view.title, anchor="middle", colour=SOFT)
        for n, view in enumerate(VIEWS)
    ]
    foot = _place(len(VIEWS) + 1) + 6
    if not painting.names:
        bar, foot = _bar(painting, foot)
        pieces += bar
    names, colours, places = _named(painting)
    if names:
        legend, foot = _legend(names, colours, foot)
        pieces += legend
    if 1 < len(names) <= _MOST:
        pieces += [_numbers(places, len(names), view, n) for n, view in enumerate(VIEWS)]
    notes = [line for note in painting.notes for line in wrapped(note, _WIDTH - 16)]
    pieces += [svg_text(8, foot + 4 + k * 15, line, colour=SOFT) for k, line in enumerate(notes)]
    height = head + foot + 8 + 15 * len(notes)
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {height:g}" width="{_WIDTH * 1.6:g}" '
        f'height="{height * 1.6:g}" role="img" aria-labelledby="brain-title brain-says" '
        f'font-family="system-ui, sans-serif" font-size="{SIZE}">'
        f'<title id="brain-title">{escape(painting.title)}</title><desc id="brain-says">{escape(says(painting))}</desc>'
        f'<rect width="100%" height="100%" fill="{GROUND}"/>{"".join(title)}'
        f'<g transform="translate(0 {head:g})">{_images(png)}{"".join(pieces)}</g></svg>'
    )
    return on_dark(drawn) if dark else drawn


def says(painting: Painting) -> str:
    """The picture in words."""
    views = "Inflated cortex of fsaverage5, both hemispheres from outside, from the middle and from below."
    if painting.names:
        what = f"{len(painting.names)} regions: {', '.join(painting.names[:_MOST])}."
    else:
        known = np.concatenate([v[np.isfinite(v)] for v in painting.values.values()])
        between = f", {written(known.min(), 3)} to {written(known.max(), 3)}" if known.size else ""
        what = f"{painting.unit} at {painting.painted} vertices{between}."
        if painting.regions is not None:
            what += f" {len(painting.regions.names)} regions: {', '.join(painting.regions.names[:_MOST])}."
    return " ".join([views, what, *painting.notes])


def _place(n: int) -> float:
    """Upper edge of a view."""
    return _TOP + top_of(n) + n // 2 * _LINE


def _images(png: bytes) -> str:
    """One picture, shown a row at a time, since words stand between the rows."""
    data = b64encode(png).decode()
    shown = "".join(
        f'<svg x="0" y="{_place(n):g}" width="{_WIDTH:g}" height="{VIEWS[n].high:g}" '
        f'viewBox="0 {top_of(n):g} {_WIDTH:g} {VIEWS[n].high:g}"><use href="#brain-views"/></svg>'
        for n in range(0, len(VIEWS), 2)
    )
    high = top_of(len(VIEWS) + 1)
    image = f'<image id="brain-views" width="{_WIDTH:g}" height="{high:g}" href="data:image/png;base64,{data}"/>'
    return f"<defs>{image}</defs>{shown}"


def _named(painting: Painting) -> tuple[tuple[str, ...], list[str], Mapping[str, Array]]:
    """Names in the legend, their colours, and where they are."""
    if painting.names:
        return painting.names, [colour_of_name(n) for n in range(len(painting.names))], painting.values
    if painting.regions is None:
        return (), [], {}
    found = colour_numbers(np.array(painting.regions.numbers), painting.low, painting.high).round().astype(int)
    colours = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in found.tolist()]
    return painting.regions.names, colours, painting.regions.places


def _numbers(places: Mapping[str, Array], count: int, view: View, n: int) -> str:
    """The number of each region, in the middle of what is seen of it."""
    seen = see(view, surface(view.side))
    values = face_names(places, view, seen)
    marks = []
    for number in range(count):
        triangles = seen.corners[values == number]
        if _area(triangles) < _SEEN:
            continue
        own = triangles.mean(axis=1)
        # The triangle nearest to the mean: the mean itself may lie beside a bent region.
        x, y = own[np.argmin(((own - np.median(own, axis=0)) ** 2).sum(axis=1))]
        marks.append(mark(x + n % 2 * WIDE, y + _place(n) + 4, number + 1))
    return "".join(marks)


def _area(triangles: NDArray[np.floating[Any]]) -> float:
    """mm² that triangles take in view."""
    (ax, ay), (bx, by) = ((triangles[:, k] - triangles[:, 0]).T for k in (1, 2))
    return float(np.abs(ax * by - ay * bx).sum() / 2)


def _bar(painting: Painting, top: float) -> tuple[list[str], float]:
    """The colour bar with its unit, and where it ends; ends beyond which values lie have "<" and ">"."""
    low, high = painting.low, painting.high
    axis = linear_axis(painting.unit, [low, high], most_ticks=5)
    left, wide = 60.0, _WIDTH - 120
    stops = "".join(f'<stop offset="{k / (len(STEPS) - 1):.4f}" stop-color="{c}"/>' for k, c in enumerate(STEPS))
    pieces = [
        f'<defs><linearGradient id="brain-ramp">{stops}</linearGradient></defs>',
        f'<rect x="{left:g}" y="{top:g}" width="{wide:g}" height="10" fill="url(#brain-ramp)"/>',
    ]
    for value, text in axis.ticks:
        share = (value - low) / (high - low)
        if -1e-9 <= share <= 1 + 1e-9:
            x = left + share * wide
            pieces.append(f'<path d="M{x:.1f} {top + 10:g}v4" stroke="{SOFT}"/>')
            pieces.append(svg_text(x, top + 26, text, anchor="middle"))
    below, above = painting.beyond
    ticked = [value for value, _ in axis.ticks]
    if below or not np.isclose(ticked, low, atol=1e-9).any():
        pieces.append(svg_text(left - 5, top + 9, f"{'< ' if below else ''}{_end(low)}", anchor="end"))
    if above or not np.isclose(ticked, high, atol=1e-9).any():
        pieces.append(svg_text(left + wide + 5, top + 9, f"{'> ' if above else ''}{_end(high)}"))
    pieces.append(svg_text(_WIDTH / 2, top + 43, painting.unit, anchor="middle"))
    return pieces, top + 62


def _end(value: float) -> str:
    text = written(value, 2)
    return "0" if text == "0.00" else text


def _legend(names: Sequence[str], colours: Sequence[str], top: float) -> tuple[list[str], float]:
    """A chip and a name for each region, and where they end."""
    shown = names[:_MOST]
    longest = max((len(name) for name in shown), default=1)
    columns = max(1, min(4, int((_WIDTH - 16) / ((longest + 4) * LETTER + 22))))
    wide = (_WIDTH - 16) / columns
    rows = -(-len(shown) // columns)
    pieces = []
    for n, name in enumerate(shown):
        x, y = 8 + n // rows * wide, top + n % rows * 18
        pieces.append(
            f'<rect x="{x:.1f}" y="{y:g}" width="12" height="12" fill="{colours[n]}" stroke="{SOFT}" stroke-width="0.5"/>'
        )
        before = f"{n + 1} " if 1 < len(names) <= _MOST else ""
        pieces.append(svg_text(x + 18, y + 10, before + cut(name, int((wide - 30) / LETTER) - len(before))))
    if len(names) > _MOST:
        pieces.append(svg_text(8, top + rows * 18 + 10, f"and {len(names) - _MOST} more"))
        rows += 1
    return pieces, top + rows * 18 + 12
