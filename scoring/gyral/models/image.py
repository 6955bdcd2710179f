"""Images: from a file to the array a vision model sees, as `ImageInput` declares."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from gyral.errors import BadDataset
from gyral.models.card import ImageInput

Floats = NDArray[np.float32]


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
            return as_rgb(image, background)
    except FileNotFoundError:
        raise BadDataset("the stimulus file is missing.", where=str(path), code="stimulus-missing") from None
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise BadDataset(f"not a readable image: {error}.", where=str(path), code="stimulus-image") from None


def as_rgb(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Any Pillow image as RGB, transparency composited on ``background``."""
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        # Pillow clips these to 255 instead of scaling them.
        image = Image.fromarray((np.asarray(image, np.float64).clip(0, 65535) / 257).round().astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        front = image.convert("RGBA")
        back = Image.new("RGBA", front.size, (*background, 255))
        return Image.alpha_composite(back, front).convert("RGB")
    return image.convert("RGB")


def square(image: Image.Image, size: int, crop: float) -> Image.Image:
    """Resize the shorter side to ``size / crop`` (bicubic, antialiased) and cut the centre square."""
    short = round(size / crop)
    scale = short / min(image.size)
    width, height = (max(short, round(side * scale)) for side in image.size)
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    return image.crop((left, top, left + size, top + size))


def normalised(image: Image.Image, spec: ImageInput) -> Floats:
    """One RGB image as ``channels x height x width`` (or ``height x width x channels``), float32."""
    pixels = np.asarray(square(image, spec.size, spec.crop), np.float32) / np.float32(255)
    values = (pixels - np.asarray(spec.mean, np.float32)) / np.asarray(spec.std, np.float32)
    if spec.layout == "NCHW":
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values, np.float32)


def load_images(files: Sequence[Path], spec: ImageInput) -> Floats:
    """Files as one batch, ``samples x channels x height x width`` (or channels last), float32."""
    return np.stack([normalised(read_rgb(file, spec.background), spec) for file in files])
