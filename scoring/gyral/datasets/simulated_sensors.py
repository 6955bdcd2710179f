"""Simulated M/EEG: planted sources at known latencies, mixed into sensors, with noise that is alike in neighbours.

A response is written as sources x time courses: every ``Level`` of planted features drives a few sources of its own, all
of which rise and fall round one latency. Everything here is simulated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.region import Region
from gyral.datasets.responses import Responses
from gyral.datasets.simulated_cortex import REPEATS, Array, mean_repeat, mixed, shown, standardised, stream
from gyral.datasets.time_axis import TimeAxis

_SOURCES = 5  # of each level and subject
_REACH = 0.06  # m: how far a source is seen
_STRONGEST = 5  # sensors that a level is scaled by
_NOISE_REACH = 0.035  # m: how far noise is shared
_WARM_UP = 24  # times before the first, so that the spectrum of the noise has no seam in the epoch
_BEST = 0.85  # ceiling of the best unit of a subject with all repeats
_JITTER = 0.006  # s: latencies differ between subjects
_DECIMALS = 4


@dataclass(frozen=True, eq=False)
class Level:
    """Planted features and when, and where, they drive the response.

    Parameters
    ----------
    name : str
    latency, width : float
        Peak and standard deviation of the time course, seconds after onset; nothing happens before onset.
    anchor : tuple of three floats
        Middle of its sources in head coordinates (x right, y front, z up), metres.
    features : array, samples x features
    """

    name: str
    latency: float
    width: float
    anchor: tuple[float, float, float]
    features: Array


@dataclass(frozen=True, eq=False)
class Helmet:
    """Sensors of a system.

    Parameters
    ----------
    names : tuple of str
    places : array, sensors x 3
        Metres in head coordinates.
    groups : tuple of str
        Group of each sensor.
    kind : {"MEG", "EEG"}
    type : str
        "mag" or "eeg".
    physical_unit : str
    titles : dict of group to title
    """

    names: tuple[str, ...]
    places: Array
    groups: tuple[str, ...]
    kind: Any
    type: str
    physical_unit: str
    titles: Mapping[str, str]


def record(
    name: str, levels: Sequence[Level], helmet: Helmet, axis: TimeAxis, subjects: Sequence[str], seed: int
) -> tuple[Responses, pd.DataFrame, tuple[Region, ...]]:
    """Measure the levels with all subjects.

    A repeat of a unit is ``signal + noise``. Noise is 1/f in time, normal, of variance 1 and alike in sensors that are
    close; a unit's mean over n_i repeats has the planted ceiling (r2) ``v / (v + mean(1 / n_i))``, v the signal's variance.
    """
    values, repeats, tables = {}, {}, []
    for subject in subjects:
        signal, level = subject_signal(name, levels, helmet, axis, subject, seed)
        samples = len(signal)
        there = shown(samples, stream(seed, name, subject, "shown"), subject)
        noisy = signal[:, None] + _noise(
            helmet, len(axis), (samples, REPEATS), stream(seed, name, subject, "noise")
        )
        single = np.round(noisy, _DECIMALS).reshape(samples, REPEATS, -1)
        single[~there] = np.nan
        repeats[subject] = single.astype(np.float32)
        values[subject] = mean_repeat(repeats[subject])
        variance = signal.reshape(samples, -1).var(axis=0)
        ceiling = variance / (variance + (1 / there.sum(axis=1)).mean())
        tables.append(_units(helmet, axis, subject, level, ceiling))
    units = pd.concat(tables, ignore_index=True)
    inside = axis.inside[np.tile(np.arange(len(axis)), len(units) // len(axis))]
    regions = tuple(
        Region(group, np.flatnonzero((units["group"] == group) & inside), ("sensors", group), title)
        for group, title in helmet.titles.items()
    )
    return Responses(helmet.kind, helmet.physical_unit, values, repeats), units, regions


def subject_signal(
    name: str, levels: Sequence[Level], helmet: Helmet, axis: TimeAxis, subject: str, seed: int
) -> tuple[Array, NDArray[np.str_]]:
    """Noiseless responses, samples x sensors x times, and the level that moves each sensor at each time most."""
    parts = []
    for level in levels:
        rng = stream(seed, name, subject, level.name, "sources")
        weights = rng.normal(size=(level.features.shape[1], _SOURCES))
        driven = standardised(mixed(level.features, weights))
        places = np.array(level.anchor) + rng.normal(0, 0.012, size=(_SOURCES, 3))
        seen = _seen(helmet.places, places, rng)
        course = _course(np.asarray(axis.times), level.latency + rng.uniform(-_JITTER, _JITTER), level.width)
        reached = mixed(driven, seen.T)
        # Each level is as strong in the sensors that see it best.
        parts.append((reached / np.sqrt(np.sort(reached.var(axis=0))[-_STRONGEST:].mean()))[:, :, None] * course)
    total = np.sum(parts, axis=0)
    strongest = np.argmax([part.var(axis=0) for part in parts], axis=0)
    scale = np.sqrt(_BEST / (1 - _BEST) / REPEATS / total.var(axis=0).max())
    named = np.array([level.name for level in levels])[strongest]
    return scale * total, np.where(total.var(axis=0) > 0, named, "nothing")


def _seen(sensors: Array, sources: Array, rng: np.random.Generator) -> Array:
    """How each sensor sees each source, sensors x sources: near ones more, and with either sign."""
    apart = ((sensors[:, None] - sources) ** 2).sum(axis=2)
    turned = rng.normal(size=(len(sources), 3))
    direction = ((sensors[:, None] - sources) * turned).sum(axis=2) / np.sqrt(apart * (turned**2).sum(axis=1))
    return np.asarray((0.5 + direction) * np.exp(-apart / (2 * _REACH**2)))


def _course(times: Array, latency: float, width: float) -> Array:
    course = np.exp(-((times - latency) ** 2) / (2 * width**2))
    return np.asarray(np.where(times > 0, course, 0.0))


def _noise(helmet: Helmet, times: int, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """samples x repeats x sensors x times, variance 1 for each sensor and time."""
    long = times + _WARM_UP
    white = rng.normal(size=(*shape, len(helmet.names), long))
    frequency = np.fft.rfftfreq(long)
    amplitude = 1 / np.sqrt(np.maximum(frequency, frequency[1]))
    pink = np.fft.irfft(np.fft.rfft(white, axis=-1) * amplitude, long, axis=-1)[..., _WARM_UP:]
    # Of a stationary series of unit white noise the variance is the mean of the squared gains.
    power = np.concatenate([amplitude, amplitude[1 : (long + 1) // 2][::-1]]) ** 2
    apart = ((helmet.places[:, None] - helmet.places) ** 2).sum(axis=2)
    mixing = np.exp(-apart / (2 * _NOISE_REACH**2)) + 0.7 * np.eye(len(apart))
    mixing /= np.sqrt((mixing**2).sum(axis=1, keepdims=True))
    return np.asarray(np.einsum("ij,srjt->srit", mixing, pink, optimize=False) / np.sqrt(power.mean()))


def _units(helmet: Helmet, axis: TimeAxis, subject: str, level: NDArray[np.str_], ceiling: Array) -> pd.DataFrame:
    count = len(axis)
    table = pd.DataFrame(
        {
            "subject": subject,
            "unit": [f"{s.replace(' ', '')}@{t * 1000:.0f}ms" for s in helmet.names for t in axis.times],
            "sensor": np.repeat(helmet.names, count),
            "time": np.tile(axis.times, len(helmet.names)),
            "sensor_type": helmet.type,
            "group": np.repeat(helmet.groups, count),
        }
    )
    table[["x", "y", "z"]] = np.round(np.repeat(helmet.places, count, axis=0), 4)
    return table.assign(truth=level.ravel(), planted_ceiling=np.round(ceiling, 6))
