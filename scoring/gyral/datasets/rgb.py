"""RGB: an image file as eight-bit colours, transparency laid on a background."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from gyral.errors import BadDataset


def read_rgb(path: Path, background: tuple[int, int, int]) -> Image.Image:
    """Decode an image to RGB, transparency composited on ``background`` (0..255).

    Sixteen-bit greyscale is scaled to eight bits; the orientation tag is not applied.

    Raises
    ------
    BadDataset
        The file is missing or not an image.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return _as_rgb(image, background)
    except FileNotFoundError:
        raise BadDataset("the stimulus file is missing.", where=str(path), code="stimulus-missing") from None
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise BadDataset(f"not a readable image: {error}.", where=str(path), code="stimulus-image") from None


def _as_rgb(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Any Pillow image as RGB, transparency composited on ``background``."""
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        # Pillow clips these to 255 instead of scaling them.
        image = Image.fromarray((np.asarray(image, np.float64).clip(0, 65535) / 257).round().astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        front = image.convert("RGBA")
        back = Image.new("RGBA", front.size, (*background, 255))
        return Image.alpha_composite(back, front).convert("RGB")
    return image.convert("RGB")
