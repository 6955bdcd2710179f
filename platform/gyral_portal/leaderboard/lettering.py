"""Lettering: the font of pictures that are drawn on the server, and how wide words are in it."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont


@lru_cache(maxsize=32)
def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which Matplotlib ships: it has the letters of European languages, Greek and Cyrillic.

    Matplotlib itself is not imported: that takes a second.
    """
    spec = find_spec("matplotlib")
    assert spec is not None and spec.origin is not None  # noqa: S101 - a dependency
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / name, size)


def width(text: str, size: int, *, bold: bool = False) -> float:
    """Pixels that a text takes."""
    return float(font(size, bold=bold).getlength(text))


def cut(text: str, most: float, size: int, *, bold: bool = False) -> str:
    """A text that takes at most so many pixels, with an ellipsis where it was longer."""
    text = " ".join(text.split())[:400]
    if width(text, size, bold=bold) <= most:
        return text
    while text and width(f"{text}…", size, bold=bold) > most:
        text = text[:-1]
    return f"{text.rstrip()}…"
