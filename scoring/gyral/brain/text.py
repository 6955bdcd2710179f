"""Text: the words of a picture, as SVG."""

import re
from html import escape

INK, SOFT, GROUND = "#17202a", "#52606d", "#ffffff"
_DARK = {
    f'fill="{GROUND}"': 'fill="#171d24"',
    f'fill="{INK}"': 'fill="#e6eaee"',
    f'fill="{SOFT}"': 'fill="#a5b1bd"',
    f'stroke="{SOFT}"': 'stroke="#a5b1bd"',
}
SIZE = 12
LETTER = 6.2  # width of a usual letter of that size


def svg_text(
    x: float, y: float, text: str, *, anchor: str = "start", colour: str = INK, bold: bool = False
) -> str:
    """One line; ``anchor`` says which part of it stands at ``x``."""
    weight = ' font-weight="700"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(text)}</text>'


def mark(x: float, y: float, number: int) -> str:
    """A number that is read on any colour, its middle at ``x``."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-size="11" font-weight="700" fill="{INK}" '
        f'stroke="{GROUND}" stroke-width="2.5" paint-order="stroke">{number}</text>'
    )


def on_dark(svg: str) -> str:
    """The same picture on a dark ground: ground, words and lines change, numbers on regions keep their white rim."""
    said = "|".join(map(re.escape, _DARK))
    return re.sub(rf'({said})(?! stroke="{GROUND}")', lambda found: _DARK[found[1]], svg)


def cut(text: str, most: int) -> str:
    """At most so many letters.

    >>> cut("occipital", 5), cut("V4", 5)
    ('occi…', 'V4')
    """
    return text if len(text) <= most else f"{text[: max(most - 1, 1)]}…"


def wrapped(text: str, width: float) -> list[str]:
    """Lines that fit a width, broken between words.

    >>> wrapped("Score of each unit", 70)
    ['Score of', 'each unit']
    """
    lines, room = [""], int(width / LETTER)
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def heading(title: str, width: float, left: float) -> tuple[list[str], float]:
    """The title of a picture over the whole ``width``, and how far down it reaches."""
    # Bold letters are wider.
    lines = wrapped(title, (width - 2 * left) / 1.1)
    return [svg_text(left, 16 + 16 * k, line, bold=True) for k, line in enumerate(lines)], 16.0 * len(lines) + 8
