"""Spectrogram: power of a sound in bands as wide as those of the ear, over time."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.sound import Floats, Sound, resampled

RATE = 20_000  # Hz to which sounds are brought
BANDS = 32
LOWEST, HIGHEST = 50.0, 8_000.0  # Hz
FRAMES = 100  # a second
SILENCE = 1e-8  # power added before a logarithm: 80 dB below a square wave of full scale

_WINDOW = 512  # samples, 25.6 ms
_TRANSFORM = 1_024


def erb_number(frequency: NDArray[np.floating]) -> NDArray[np.float64]:
    """Place of a frequency (Hz) on the scale of equivalent rectangular bandwidths.

    ``21.4 log10(1 + 0.00437 f)``: Glasberg and Moore (1990), doi:10.1016/0378-5955(90)90170-T, equation 4.
    """
    return np.asarray(21.4 * np.log10(1 + 0.00437 * np.asarray(frequency, np.float64)))


def centres() -> NDArray[np.float64]:
    """Centre frequencies of the bands, Hz, evenly spaced on `erb_number`."""
    low, high = erb_number(np.array([LOWEST, HIGHEST]))
    steps = np.linspace(low, high, BANDS + 2)[1:-1]
    return np.asarray((10 ** (steps / 21.4) - 1) / 0.00437)


def powers(sound: Sound) -> Floats:
    """Power in each band and frame.

    A Hann window of 25.6 ms every 10 ms; the power spectrum is summed under half periods of a squared cosine on
    `erb_number`, each over two steps, so that neighbours add up to 1 (after McDermott and Simoncelli 2011,
    doi:10.1016/j.neuron.2011.06.032). From 50 Hz to 8 kHz; what lies outside is not heard.

    Parameters
    ----------
    sound : Sound

    Returns
    -------
    array, bands x frames
        The mean over frames and sum over bands is about the mean square of the samples within the range; one frame
        for every 10 ms that have begun.
    """
    samples = resampled(sound, RATE)
    step = RATE // FRAMES
    count = max(1, -(-len(samples) // step))
    padded = np.zeros((count - 1) * step + _WINDOW, np.float32)
    # Half a window of silence ahead: frames are centred on their times.
    start = (_WINDOW - step) // 2
    kept = samples[: len(padded) - start]
    padded[start : start + len(kept)] = kept
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::step]
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    spectra = np.abs(np.fft.rfft(frames * window, _TRANSFORM)) ** 2
    scale = 2 / (_TRANSFORM * float((window**2).sum()))
    return np.asarray((spectra @ _weights().T).T * scale, np.float32)


def in_parts(values: Floats, parts: int) -> Floats:
    """Means over equal parts of the last axis, however long it is.

    >>> in_parts(np.array([[1.0, 1, 4, 6]], np.float32), 2).tolist()
    [[1.0, 5.0]]
    """
    length = values.shape[-1]
    edges = [(i * length // parts, -(-(i + 1) * length // parts)) for i in range(parts)]
    return np.stack([values[..., start:stop].mean(axis=-1) for start, stop in edges], axis=-1)


def decibels(power: Floats) -> Floats:
    """``10 log10`` of power, silence at -80 dB."""
    return np.asarray(10 * np.log10(power + SILENCE), np.float32)


@cache
def _weights() -> NDArray[np.float64]:
    """``bands x frequencies``."""
    places = erb_number(np.fft.rfftfreq(_TRANSFORM, 1 / RATE))
    middle = erb_number(centres())
    distance = (places - middle[:, None]) / (middle[1] - middle[0])
    return np.where(np.abs(distance) < 1, np.cos(np.pi / 2 * distance) ** 2, 0.0)
