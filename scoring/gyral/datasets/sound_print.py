"""Prints of sounds: levels in bands and parts, by which two recordings are seen to be one (`gyral.datasets.near`)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gyral.datasets.sound import Floats, read_sound
from gyral.datasets.spectrogram import in_parts, powers
from gyral.progress import Progress, silent

PARTS = 16
RANGE = 50.0  # dB below the loudest cell that count
DURATION = 0.1  # difference of durations, as a share of the longer, up to which sounds may be the same


def sound_prints(files: Sequence[Path], *, progress: Progress = silent) -> Floats:
    """Prints of sound files: seconds, then levels (dB) in 32 bands and sixteen equal parts, centred, of unit length.

    Levels more than 50 dB below the loudest are raised to that: what an encoder leaves of silence is no likeness.

    Returns
    -------
    array, items x 513

    Raises
    ------
    BadDataset
        A file is missing or no sound; named.
    """
    made = []
    for i, file in enumerate(files):
        progress("listen to sounds", i, len(files))
        sound = read_sound(file)
        power = in_parts(powers(sound), PARTS).ravel().astype(np.float64)
        level = 10 * np.log10(np.maximum(power / max(power.max(), 1e-30), 10 ** (-RANGE / 10)))
        level -= level.mean()
        made.append(np.append(sound.seconds, level / max(float(np.linalg.norm(level)), 1e-9)))
    progress("listen to sounds", len(files), len(files))
    return np.asarray(made, np.float32).reshape(len(files), -1)


def likeness(first: Floats, second: Floats) -> Floats:
    """Correlation of levels of every sound of one set with every sound of another; -1 where durations are unlike."""
    a, b = first[:, :1], second[:, 0]
    alike = np.abs(a - b) <= DURATION * np.maximum(a, b)
    return np.where(alike, first[:, 1:] @ second[:, 1:].T, np.float32(-1))
