"""Simulated speech under MEG, with planted truth. Everything here is simulated.

Each item (a few seconds of speech) has a target vector; sources follow it through one time course, whose latency differs from
trial to trial. Every subject has sources in other places and of other signs, so that sensors mix in another way, and some
windows hold an artefact a thousand times the signal.
"""

from dataclasses import dataclass

import numpy as np

from gyral.retrieval.segments import Floats, Segments

_REACH = 0.16  # how far a source is seen, of the width of the helmet
_RATE = 20.0  # Hz


@dataclass(frozen=True)
class Speech:
    """What is simulated.

    Parameters
    ----------
    items, subjects, features, times : int
        Times are at 20 Hz.
    noise : float
        Standard deviation, against signals of variance about 1 at the sensors that see them best.
    jitter : float
        Seconds; latencies of single trials differ by up to so much either way.
    artefacts : float
        Share of windows with an artefact.
    strength : float
        Scale of artefacts, which are Cauchy distributed.
    """

    items: int = 500
    subjects: int = 3
    features: int = 8
    times: int = 40
    noise: float = 0.7
    jitter: float = 0.8
    artefacts: float = 0.1
    strength: float = 1000.0


def simulated_speech(speech: Speech | None = None, *, seed: int = 0) -> tuple[Segments, Floats]:
    """Windows and the targets they were made from, items x features x 1, standardised.

    Sensors are the 102 magnetometer places of the Vectorview system as mne has them, every second one.
    """
    speech = speech or Speech()
    rng = np.random.default_rng([seed, 0x5BEEC4])
    places = _places()
    targets = rng.standard_normal((speech.items, speech.features))
    windows, subjects = [], []
    for subject in range(speech.subjects):
        mixing = _mixing(places, speech.features, rng)
        course = _courses(speech, rng)  # items x times
        signal = np.einsum("sf,if,it->ist", mixing, targets, course)
        noise = _pink((speech.items, len(places), speech.times), rng)
        windows.append(signal + speech.noise * noise + _artefacts(speech, len(places), rng))
        subjects.append(np.full(speech.items, subject))
    items = np.tile(np.arange(speech.items), speech.subjects)
    found = Segments(np.concatenate(windows).astype(np.float32), np.concatenate(subjects), items, places)
    return found, np.asarray(targets[:, :, None], np.float32)


def _places() -> Floats:
    from mne.channels import read_layout  # slow import

    layout = read_layout("Vectorview-mag")
    seen = np.asarray(layout.pos[::2, :2], np.float64)
    return np.asarray((seen - seen.min(axis=0)) / np.ptp(seen, axis=0))


def _mixing(places: Floats, features: int, rng: np.random.Generator) -> Floats:
    """Sensors x features: two sources a feature, of either sign, where this subject has them."""
    out = np.zeros((len(places), features))
    for column in out.T:
        for _ in range(2):
            distance = np.linalg.norm(places - rng.uniform(0.1, 0.9, 2), axis=1)
            column += rng.choice([-1, 1]) * np.exp(-0.5 * (distance / _REACH) ** 2)
    return out


def _courses(speech: Speech, rng: np.random.Generator) -> Floats:
    """A wave of 150 ms around the middle of the window, earlier or later in each trial: items x times."""
    seconds = np.arange(speech.times) / _RATE
    late = seconds[speech.times // 2] + rng.uniform(-speech.jitter, speech.jitter, speech.items)
    return np.asarray(np.exp(-0.5 * ((seconds - late[:, None]) / 0.15) ** 2))


def _pink(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """1/f noise of variance 1 along the last axis."""
    spectrum = np.fft.rfft(rng.standard_normal(shape), axis=-1)
    spectrum /= np.sqrt(np.maximum(np.arange(spectrum.shape[-1]), 1))
    made = np.fft.irfft(spectrum, shape[-1], axis=-1)
    return np.asarray(made / made.std())


def _artefacts(speech: Speech, sensors: int, rng: np.random.Generator) -> Floats:
    """A pulse over all sensors in some windows, of a size without a mean."""
    out = np.zeros((speech.items, sensors, speech.times))
    for item in np.flatnonzero(rng.random(speech.items) < speech.artefacts):
        start = rng.integers(0, speech.times - 4)
        size = speech.strength * rng.standard_cauchy()
        out[item, :, start : start + 4] = size * rng.standard_normal((sensors, 1))
    return out
