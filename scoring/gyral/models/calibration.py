"""Calibration: 64 made images, 64 made sentences and 64 made sounds, the same everywhere, outside every benchmark.

Untrained twins measure the scale of their outputs on them.
"""

from functools import cache

import numpy as np
from PIL import Image

from gyral.datasets.sound import Sound

COUNT = 64
_SIDE = 256
_RATE, _SECONDS = 20_000, 4

_DETERMINERS = ("the", "a", "this", "every", "our", "one")
_ADJECTIVES = ("quiet", "heavy", "green", "sudden", "narrow", "old", "broken", "warm", "useful", "pale")
_NOUNS = ("river", "teacher", "engine", "window", "garden", "letter", "market", "dog", "story", "doctor")
_VERBS = ("follows", "lifts", "forgets", "repairs", "watches", "sells", "paints", "answers", "hides", "needs")
_ENDINGS = ("near the station", "before noon", "without a word", "in winter", "again", "for a friend")


def images(count: int = COUNT) -> list[Image.Image]:
    """The first of 64 RGB images of 256 x 256 pixels: coloured 1/f noise with soft-edged shapes on it."""
    return [_image(i) for i in range(count)]


def sentences() -> list[str]:
    """64 sentences of five to nine common words.

    >>> len(set(sentences()))
    64
    """
    generator = np.random.default_rng(20_240_602)
    made: dict[str, None] = {}
    while len(made) < COUNT:
        one, two = (
            " ".join(str(generator.choice(words)) for words in (_DETERMINERS, _ADJECTIVES, _NOUNS))
            for _ in range(2)
        )
        text = f"{one} {generator.choice(_VERBS)} {two} {generator.choice(_ENDINGS)}."
        made[text[0].upper() + text[1:]] = None
    return list(made)


def sounds(count: int = COUNT) -> list[Sound]:
    """The first of 64 sounds of four seconds at 20 kHz: 1/f noise and a harmonic tone, each rising and falling at a rate of its own."""
    return [_sound(i) for i in range(count)]


@cache
def _sound(number: int) -> Sound:
    generator = np.random.default_rng([20_240_603, number])
    count = _RATE * _SECONDS
    times = np.arange(count) / _RATE
    frequency = np.fft.rfftfreq(count, 1 / _RATE)
    spectrum = np.fft.rfft(generator.standard_normal(count)) / np.sqrt(np.maximum(frequency, 20.0))
    noise = np.fft.irfft(spectrum, count)
    pitch, harmonics = 80 * 2 ** generator.uniform(0, 4), np.arange(1, 6)
    phases = generator.uniform(0, 2 * np.pi, len(harmonics))
    tone = (np.sin(2 * np.pi * pitch * np.outer(times, harmonics) + phases) / harmonics).sum(axis=1)
    parts = []
    for part in (noise, tone):
        rate, depth, phase = 2 ** generator.uniform(0, 5), generator.uniform(0, 1), generator.uniform(0, 2 * np.pi)
        parts.append((1 + depth * np.sin(2 * np.pi * rate * times + phase)) * part / part.std())
    share = generator.uniform(0, 1)
    mixed = share * parts[0] + (1 - share) * parts[1]
    level = 0.1 * 2 ** generator.uniform(-2, 0)
    return Sound((level * mixed / mixed.std()).astype(np.float32), _RATE)


@cache
def _image(number: int) -> Image.Image:
    generator = np.random.default_rng([20_240_601, number])
    field = np.stack([_noise(generator) for _ in range(3)], axis=2)
    # Natural images have correlated colour channels: mix most of the first into the others.
    field[..., 1:] = 0.8 * field[..., :1] + 0.6 * field[..., 1:]
    image = 0.5 + 0.18 * field
    rows, columns = np.mgrid[0:_SIDE, 0:_SIDE] / _SIDE
    for _ in range(int(generator.integers(2, 7))):
        centre, radii = generator.uniform(0.1, 0.9, 2), generator.uniform(0.05, 0.35, 2)
        power = generator.choice([1.0, 2.0, 8.0])  # diamond, ellipse, rounded box
        inside = sum(
            np.abs((axis - c) / r) ** (2 * power)
            for axis, c, r in zip((rows, columns), centre, radii, strict=True)
        )
        cover = 1 / (1 + np.exp(np.clip(20 * (inside - 1), -50, 50)))[..., None]
        colour, texture = generator.uniform(0, 1, 3), 0.1 * _noise(generator)[..., None]
        image = (1 - cover) * image + cover * (colour + texture)
    return Image.fromarray((255 * image.clip(0, 1)).round().astype(np.uint8))


def _noise(generator: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """1/f noise of unit variance."""
    frequency = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE)[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(generator.standard_normal((_SIDE, _SIDE))) / frequency
    made = np.fft.irfft2(spectrum, s=(_SIDE, _SIDE))
    return np.asarray((made - made.mean()) / made.std())
