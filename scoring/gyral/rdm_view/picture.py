"""Picture: two RDMs side by side with their groups and one colour bar, as one SVG file."""

import io
from base64 import b64encode
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gyral.brain.ramp import STEPS, colour_numbers
from gyral.brain.text import LETTER, SIZE, SOFT, cut, heading, mark, svg_text
from gyral.rdm_view.view import RdmView

_WIDTH, _EDGE, _GAP, _TOP = 460.0, 8.0, 16.0, 24.0
_SIDE = (_WIDTH - 2 * _EDGE - _GAP) / 2
_MISSING = (200, 200, 200)


def rdm_svg(view: RdmView) -> str:
    """A file of its own, with a white ground and no style, script or outside file."""
    lefts = (_EDGE, _EDGE + _SIDE + _GAP)
    whose = f"mean of {view.subjects} subjects" if view.subjects > 1 else "measured"
    heads = (f"{view.region_title}, {whose}", f"{view.scored}, layer {view.layer}")
    pieces = [svg_text(x, _TOP - 8, cut(head, int(_SIDE / LETTER))) for x, head in zip(lefts, heads, strict=True)]
    for x, cells in zip(lefts, (view.measured, view.model), strict=True):
        pieces.append(
            f'<image x="{x:g}" y="{_TOP:g}" width="{_SIDE:g}" height="{_SIDE:g}" image-rendering="pixelated" '
            f'href="data:image/png;base64,{b64encode(_png(cells)).decode()}"/>'
        )
        pieces += _lines(view, x)
    foot = _TOP + _SIDE + 14
    pieces += _bar(foot)
    pieces += [svg_text(_EDGE, foot + 64 + 15 * k, line, colour=SOFT) for k, line in enumerate(_legend(view))]
    title, head = heading(view.title, _WIDTH, _EDGE)
    height = head + foot + 62 + 15 * len(_legend(view))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {height:g}" width="{_WIDTH * 1.6:g}" '
        f'height="{height * 1.6:g}" role="img" aria-labelledby="rdm-title rdm-says" '
        f'font-family="system-ui, sans-serif" font-size="{SIZE}">'
        f'<title id="rdm-title">{escape(view.title)}</title><desc id="rdm-says">{escape(says(view))}</desc>'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(title)}'
        f'<g transform="translate(0 {head:g})">{"".join(pieces)}</g></svg>'
    )


def says(view: RdmView) -> str:
    """The picture in words: how far apart groups are in each."""
    value = "" if view.value is None else f" Their similarity ({view.metric}, layers chosen) is {view.value:.3f}."
    text = f"Ranks of the dissimilarities of {view.stimuli} stimuli, {_of_subjects(view)}, beside those of the model.{value}"
    if view.between is not None:
        measured, model = view.between
        text += f" Mean rank of pairs between groups: {measured:.2f} measured, {model:.2f} model. Inside groups: "
        text += "; ".join(
            f"{g.name} {g.measured:.2f} and {g.model:.2f}"
            for g in view.groups
            if g.measured is not None and g.model is not None
        )
        text += "."
    return text


def _of_subjects(view: RdmView) -> str:
    return f"measured, mean of {view.subjects} subjects" if view.subjects > 1 else "measured"


def _png(cells: NDArray[np.float64]) -> bytes:
    colours = colour_numbers(cells.ravel(), 0.0, 1.0)
    colours = np.where(np.isfinite(colours), colours, _MISSING).round().astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(colours.reshape(*cells.shape, 3)).save(out, "PNG", optimize=True)
    return out.getvalue()


def _lines(view: RdmView, left: float) -> list[str]:
    """Between groups, and the number of each beside the diagonal."""
    pieces, done = [], 0
    for n, group in enumerate(view.groups):
        start, done = done, done + group.count
        middle = (start + done) / 2 / view.stimuli * _SIDE
        if done < view.stimuli:
            at = done / view.stimuli * _SIDE
            pieces.append(
                f'<path d="M{left:g} {_TOP + at:.1f}h{_SIDE:g}M{left + at:.1f} {_TOP:g}v{_SIDE:g}" '
                f'stroke="#ffffff" stroke-width="1.2"/>'
            )
        if len(view.groups) > 1:
            pieces.append(mark(left + middle, _TOP + middle + 4, n + 1))
    return pieces


def _bar(top: float) -> list[str]:
    stops = "".join(f'<stop offset="{k / (len(STEPS) - 1):.4f}" stop-color="{c}"/>' for k, c in enumerate(STEPS))
    left, wide = 60.0, _WIDTH - 120
    return [
        f'<defs><linearGradient id="rdm-ramp">{stops}</linearGradient></defs>',
        f'<rect x="{left:g}" y="{top:g}" width="{wide:g}" height="10" fill="url(#rdm-ramp)"/>',
        svg_text(left, top + 24, "0: the most alike pair"),
        svg_text(left + wide, top + 24, "1: the least alike", anchor="end"),
        svg_text(_WIDTH / 2, top + 41, "rank of the dissimilarity among all pairs", anchor="middle"),
    ]


def _legend(view: RdmView) -> list[str]:
    """Names of groups, as many a line as fit."""
    lines = [""]
    for n, group in enumerate(view.groups):
        entry = f"{n + 1} {cut(group.name, 40)} ({group.count})"
        if lines[-1] and len(lines[-1]) + len(entry) + 3 > (_WIDTH - 2 * _EDGE) / LETTER:
            lines.append("")
        lines[-1] += f"{'; ' if lines[-1] else ''}{entry}"
    if not view.groups:
        lines = [f"{view.stimuli} stimuli in the order of the dataset."]
    if len(view.measured) < view.stimuli:
        lines.append(
            f"Each cell is the mean over about {round(view.stimuli / len(view.measured))} stimuli each way."
        )
    return [*lines, "Simulated data."] if view.simulated else lines
