"""Made images: a dim textured ground, grey gratings, and one colourful object anywhere (all simulated).

Every image is a pure function of the seed and its number, and so are the bytes of its file (`gyral.datasets.png`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.png import Pixels, png
from gyral.datasets.simulated_cortex import Array, stream

SIDE = 96  # pixels
SHAPES = ("disc", "square", "triangle", "ring", "cross", "star")
TEXTURES = ("plain", "stripes", "checks", "dots")
_LUMA = np.array([0.299, 0.587, 0.114])  # weights of R, G, B in luminance (Rec. 601)


@dataclass(frozen=True, eq=False)
class Picture:
    """One made image and what was drawn.

    Parameters
    ----------
    pixels : uint8 array, height x width x 3
        RGB.
    shape, texture : str
        Of the object (`SHAPES`, `TEXTURES`).
    hue : float
        Of the object, 0 .. 1 round the colour circle.
    x, y, size : float
        Centre and radius of the object as shares of the side; y grows downwards.
    """

    pixels: Pixels
    shape: str
    texture: str
    hue: float
    x: float
    y: float
    size: float


def draw(number: int, seed: int) -> Picture:
    """Draw picture ``number`` of the set with this seed."""
    rng = stream(seed, "picture", str(number))
    image = _ground(rng)
    for _ in range(int(rng.integers(0, 4))):
        image = _grating(image, rng)
    radius = rng.uniform(0.11, 0.2)
    x, y = rng.uniform(radius, 1 - radius, size=2)
    shape, texture, hue = SHAPES[rng.integers(6)], TEXTURES[rng.integers(4)], float(rng.uniform())
    image = _object(image, rng, (x, y, radius), shape, texture, hue)
    pixels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return Picture(pixels, shape, texture, round(hue, 4), round(x, 4), round(y, 4), round(radius, 4))


def write_pictures(pictures: list[Picture], folder: Path) -> list[Path]:
    """Write ``sim-0001.png`` ... into ``folder`` and return the paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"sim-{i + 1:04d}.png" for i in range(len(pictures))]
    for file, picture in zip(files, pictures, strict=True):
        file.write_bytes(png(picture.pixels))
    return files


def _grid() -> tuple[Array, Array]:
    centre = (np.arange(SIDE) + 0.5) / SIDE
    y, x = np.meshgrid(centre, centre, indexing="ij")
    return x, y


def _noise(rng: np.random.Generator) -> Array:
    """Texture with a random spectral slope and a random preferred orientation, zero mean, sd 1."""
    fy, fx = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE), indexing="ij")
    radius = np.hypot(fx, fy)
    radius[0, 0] = np.inf  # no constant term
    bias = rng.uniform(0, 3) * np.cos(2 * (np.arctan2(fy, fx) - rng.uniform(0, np.pi)))
    amplitude = radius ** -rng.uniform(0.5, 2.0) * np.exp(bias)
    noise = np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIDE, SIDE))) * amplitude).real
    return np.asarray((noise - noise.mean()) / noise.std())


def _ground(rng: np.random.Generator) -> Array:
    """Two textures side by side along a soft edge, nearly grey."""
    x, y = _grid()
    angle = rng.uniform(0, 2 * np.pi)
    side = np.cos(angle) * (x - rng.uniform(0.25, 0.75)) + np.sin(angle) * (y - rng.uniform(0.25, 0.75))
    share = np.clip(side / 0.1 + 0.5, 0, 1)
    halves = [rng.uniform(0.25, 0.75) + rng.uniform(0.02, 0.2) * _noise(rng) for _ in range(2)]
    grey = share * halves[0] + (1 - share) * halves[1]
    tint = rng.normal(0, 0.02, size=3)
    return np.asarray(np.clip(grey[..., None] + tint - tint.mean(), 0, 1))


def _wave(angle: float, cycles: float, phase: float) -> Array:
    x, y = _grid()
    return np.asarray(np.cos(2 * np.pi * cycles * (x * np.cos(angle) + y * np.sin(angle)) + phase))


def _grating(image: Array, rng: np.random.Generator) -> Array:
    """A grey grating in a soft round window: it draws the eye of an energy model, not of the routed region."""
    x, y = _grid()
    centre, radius = rng.uniform(0.1, 0.9, size=2), rng.uniform(0.08, 0.25)
    window = np.clip((radius - np.hypot(x - centre[0], y - centre[1])) / 0.04 + 0.5, 0, 1)[..., None]
    wave = _wave(rng.uniform(0, np.pi), rng.uniform(4, 20), rng.uniform(0, 2 * np.pi))
    grey = rng.uniform(0.25, 0.75) + rng.uniform(0.1, 0.4) * wave
    return np.asarray(image * (1 - window) + np.clip(grey, 0, 1)[..., None] * window)


def _object(
    image: Array,
    rng: np.random.Generator,
    place: tuple[float, float, float],
    shape: str,
    texture: str,
    hue: float,
) -> Array:
    x, y = _grid()
    turn = rng.uniform(0, 2 * np.pi)
    dx, dy = (x - place[0]) / place[2], (y - place[1]) / place[2]
    u, v = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    # A pixel is 1 / (SIDE * radius) object units wide: edges are soft over about one pixel.
    mask = np.clip(_inside(shape, u, v) * SIDE * place[2] + 0.5, 0, 1)[..., None]
    light, contrast = rng.uniform(0.3, 0.7), rng.uniform(0.5, 1.0)
    paint = _coloured(hue, light) * (1 - contrast * _texture(texture, u, v, rng.uniform(2, 5)))[..., None]
    return np.asarray(image * (1 - mask) + np.clip(paint, 0, 1) * mask)


def _inside(shape: str, u: Array, v: Array) -> Array:
    """Distance to the edge in object units, positive inside (near the edge; good enough to soften it)."""
    radius, angle = np.hypot(u, v), np.arctan2(v, u)
    if shape == "disc":
        return np.asarray(1 - radius)
    if shape == "square":
        return np.asarray(0.85 - np.maximum(np.abs(u), np.abs(v)))
    if shape == "triangle":
        sides = [u * np.cos(a) + v * np.sin(a) for a in (0, 2 * np.pi / 3, 4 * np.pi / 3)]
        return np.asarray(0.55 - np.maximum.reduce(sides))
    if shape == "ring":
        return np.asarray(0.28 - np.abs(radius - 0.72))
    if shape == "cross":
        bar = np.minimum(np.maximum(np.abs(u), np.abs(v) * 3.2), np.maximum(np.abs(v), np.abs(u) * 3.2))
        return np.asarray(1 - bar)
    return np.asarray(0.7 + 0.3 * np.cos(5 * angle) - radius)


def _texture(texture: str, u: Array, v: Array, cycles: float) -> Array:
    """Darkening by the object's texture, 0 .. 1."""
    wave, across = np.sin(np.pi * cycles * u), np.sin(np.pi * cycles * v)
    if texture == "stripes":
        return np.asarray(0.5 + 0.5 * np.clip(3 * wave, -1, 1))
    if texture == "checks":
        return np.asarray(0.5 + 0.5 * np.clip(6 * wave * across, -1, 1))
    if texture == "dots":
        return np.asarray(np.clip(2 * (np.abs(wave * across) - 0.4), 0, 1))
    return np.zeros_like(u)


def _coloured(hue: float, light: float) -> NDArray[Any]:
    """A saturated colour of the given hue and luminance."""
    colour = 0.5 + 0.5 * np.cos(2 * np.pi * (hue - np.array([0, 1, 2]) / 3))
    colour = colour**1.5 + 0.02
    return np.asarray(colour * light / (colour @ _LUMA))
