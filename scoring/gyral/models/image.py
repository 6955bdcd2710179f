"""Images: from a file to the array a vision model sees, as `ImageInput` declares."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gyral.datasets.rgb import read_rgb
from gyral.models.card import ImageInput

Floats = NDArray[np.float32]

_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}


def square(image: Image.Image, spec: ImageInput) -> Image.Image:
    """An image as the square of the card: resized (antialiased) by its shorter side and cut, or resized whole."""
    filtering = _FILTERS[spec.interpolation]
    if spec.resize == "square":
        return image.resize((spec.size, spec.size), filtering)
    short = round(spec.size / spec.crop)
    scale = short / min(image.size)
    width, height = (max(short, round(side * scale)) for side in image.size)
    if (width, height) != image.size:
        image = image.resize((width, height), filtering)
    left, top = (width - spec.size) // 2, (height - spec.size) // 2
    return image.crop((left, top, left + spec.size, top + spec.size))


def normalised(image: Image.Image, spec: ImageInput) -> Floats:
    """One RGB image as ``channels x height x width`` (or ``height x width x channels``), float32."""
    pixels = np.asarray(square(image, spec), np.float32) / np.float32(255)
    values = (pixels - np.asarray(spec.mean, np.float32)) / np.asarray(spec.std, np.float32)
    if spec.layout == "NCHW":
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values, np.float32)


def load_images(files: Sequence[Path], spec: ImageInput) -> Floats:
    """Files as one batch, ``samples x channels x height x width`` (or channels last), float32."""
    return np.stack([normalised(read_rgb(file, spec.background), spec) for file in files])
