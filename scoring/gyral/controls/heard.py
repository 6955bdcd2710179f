"""Heard: what of a sound a listener could tell without knowing what it is; the bands of `gyral.controls.bands`."""

import numpy as np

from gyral.datasets.sound import Floats, Sound
from gyral.datasets.spectrogram import centres, decibels, erb_number, in_parts, powers
from gyral.models.spectrogram import modulation

SOUND_BANDS = ("duration", "envelope", "rate", "spectrum")
_PARTS = 4


def heard(sound: Sound) -> dict[str, Floats]:
    """Bands of one sound.

    Parameters
    ----------
    sound : Sound

    Returns
    -------
    dict of name to array
        ``duration``: log10 of seconds. ``envelope``: level over all frequencies (dB): of the whole sound, its
        standard deviation over frames of 10 ms, and of each quarter. ``rate``: `modulation` of that envelope in
        five octaves from 1 to 32 Hz. ``spectrum``: centroid and standard deviation of the mean spectrum, in steps of
        `erb_number`.
    """
    power = powers(sound)
    envelope, spectrum = power.sum(axis=0), power.mean(axis=1)
    level = decibels(np.append(envelope.mean(), in_parts(envelope, _PARTS)).astype(np.float32))
    return {
        "duration": np.array([np.log10(sound.seconds)], np.float32),
        "envelope": np.append(level, decibels(envelope).std()).astype(np.float32),
        "rate": modulation(envelope),
        "spectrum": _moments(spectrum),
    }


def _moments(spectrum: Floats) -> Floats:
    places, share = erb_number(centres()), spectrum / max(float(spectrum.sum()), 1e-12)
    centroid = float(share @ places)
    return np.array([centroid, np.sqrt(max(float(share @ (places - centroid) ** 2), 0.0))], np.float32)
