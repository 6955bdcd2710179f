"""Bands of hearing: level in frequency bands over time, and how strongly each band fluctuates at slow rates."""

from itertools import pairwise

import numpy as np

from gyral.datasets.sound import Floats, Sound
from gyral.datasets.spectrogram import BANDS, FRAMES, decibels, in_parts, powers

PARTS = 8
# Edges of octaves of modulation, Hz: syllables lie at 2 to 8, roughness above 16.
RATES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
WIDTH = BANDS * (PARTS + len(RATES) - 1)


def described(sound: Sound) -> Floats:
    """Level and modulation of each band.

    The first ``32 x 8`` numbers are the level (dB) of 32 bands of equivalent rectangular bandwidth, 50 Hz to 8 kHz,
    in eight equal parts of the sound, however long it is. The other ``32 x 5`` are the `modulation` of each band.

    Parameters
    ----------
    sound : Sound

    Returns
    -------
    array, 416
    """
    power = powers(sound)
    level = decibels(in_parts(power, PARTS))
    return np.concatenate([level.ravel(), modulation(power).ravel()])


def modulation(power: Floats) -> Floats:
    """Modulation energy in five octaves, 1 to 32 Hz: logarithm of the power spectrum of the compressed envelope.

    The envelope is power to .15, which is amplitude to .3 (as McDermott and Simoncelli 2011,
    doi:10.1016/j.neuron.2011.06.032, compress it), over its mean: a louder sound is not a more modulated one.
    Bands of modulation in octaves: Dau et al. (1997), doi:10.1121/1.420344.

    Parameters
    ----------
    power : array, ... x frames
        100 frames a second.

    Returns
    -------
    array, ... x 5
    """
    envelope = (power.astype(np.float64) + 1e-12) ** 0.15
    mean = envelope.mean(axis=-1, keepdims=True)
    moving = envelope / mean - 1
    frames = max(power.shape[-1], 2 * FRAMES)  # padded to two seconds, so that every octave has a frequency
    spectrum = np.abs(np.fft.rfft(moving, frames, axis=-1)) ** 2 / (power.shape[-1] * frames)
    rates = np.fft.rfftfreq(frames, 1 / FRAMES)
    octaves = [(rates >= low) & (rates < high) for low, high in pairwise(RATES)]
    energy = np.stack([2 * spectrum[..., one].sum(axis=-1) for one in octaves], axis=-1)
    return np.asarray(np.log10(energy + 1e-6), np.float32)
