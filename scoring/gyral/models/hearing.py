"""Hearing: from a file to the samples a model hears, as `SoundInput` declares."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gyral.datasets.sound import Floats, Sound, read_sound, resampled
from gyral.models.card import SoundInput


def fitted(sound: Sound, spec: SoundInput) -> Floats:
    """One sound at the card's rate, cut or with silence behind it, and of its loudness.

    The root mean square is that of what is kept, before silence is put behind it.
    """
    samples, length = resampled(sound, spec.rate), spec.length
    if length is not None and len(samples) > length:
        spare = len(samples) - length
        start = {"end": 0, "start": spare, "both": spare // 2}[spec.cut]
        samples = samples[start : start + length]
    if spec.normalise == "rms":
        loud = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))
        # Where only silence is kept of a sound there is nothing to divide.
        samples = samples / np.float32(loud) if loud > 0 else samples
    if length is not None and len(samples) < length:
        samples = np.pad(samples, (0, length - len(samples)))
    return np.ascontiguousarray(samples, np.float32)


def load_sounds(files: Sequence[Path], spec: SoundInput) -> Floats:
    """Files as one batch, ``samples x times``, float32; ``spec`` has a duration."""
    return np.stack([fitted(read_sound(file), spec) for file in files])
