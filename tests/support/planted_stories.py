"""Stories with planted truth: words in time, and responses that follow them as slowly as blood does."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import gamma

from gyral.datasets.dataset import About, Dataset
from gyral.datasets.region import Region
from gyral.datasets.responses import Responses
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.timeline import Timeline, fir_delays

_STEP = 0.1  # seconds; grid on which words are convolved


def words_in_time(
    stories: int, seconds: float, rng: np.random.Generator, rate: float = 2.5
) -> tuple[list[str], NDArray[np.float64]]:
    """Story and onset of each word, at a rate that wanders as that of speech does."""
    names, onsets = [], []
    for story in range(stories):
        gaps = rng.gamma(2.0, 1 / (2 * rate), int(seconds * rate * 3))
        gaps *= np.repeat(rng.uniform(0.5, 2.0, len(gaps) // 10 + 1), 10)[: len(gaps)]
        own = np.cumsum(gaps)
        own = own[own < seconds - 1]
        names += [f"story-{story}"] * len(own)
        onsets.append(own)
    return names, np.concatenate(onsets)


def blood(peak: float, seconds: float = 24.0) -> NDArray[np.float64]:
    """A gamma response that peaks at ``peak`` seconds, on the fine grid."""
    t = np.arange(0, seconds, _STEP)
    return np.asarray(gamma.pdf(t, peak + 1.0))


def heard(
    vectors: NDArray[Any], names: list[str], onsets: NDArray[Any], peak: float, samples: int, period: float
) -> NDArray[np.float64]:
    """Word vectors as the blood response carries them, samples of all stories x features."""
    found = []
    kernel = blood(peak)
    for story in dict.fromkeys(names):
        mine = np.array(names) == story
        fine = np.zeros((int(samples * period / _STEP), vectors.shape[1]))
        np.add.at(fine, (onsets[mine] / _STEP).astype(int), vectors[mine])
        slow = np.stack([np.convolve(column, kernel)[: len(fine)] for column in fine.T], axis=1)
        found.append(slow[(np.arange(samples) * period / _STEP).astype(int)])
    return np.concatenate(found)


def planted_stories(
    *,
    peak: float = 5.0,
    stories: int = 6,
    samples: int = 80,
    period: float = 2.0,
    units: int = 20,
    features: int = 10,
    signal: float = 0.2,
    seed: int = 0,
    **changes: Any,
) -> tuple[Dataset, NDArray[np.float32]]:
    """A dataset and the word vectors its responses follow; ``signal`` is their share of the variance."""
    rng = np.random.default_rng(seed)
    names, onsets = words_in_time(stories, samples * period, rng)
    vectors = rng.standard_normal((len(names), features))
    slow = heard(vectors, names, onsets, peak, samples, period)
    carried = slow @ rng.standard_normal((features, units))
    carried *= np.sqrt(signal) / carried.std(axis=0)
    responses = carried + np.sqrt(1 - signal) * rng.standard_normal(carried.shape)
    fields: dict[str, Any] = {
        "about": About(name="planted-stories", title="Planted stories", description="Made.", simulated=True),
        "stimuli": StimulusSet.from_texts(
            [f"word{i % 50}" for i in range(len(names))], groups=names, columns={"onset": onsets}
        ),
        "responses": Responses("simulated", "z", {"s1": responses.astype(np.float32)}, {}),
        "rdms": {},
        "units": pd.DataFrame({"subject": ["s1"] * units, "unit": [f"u{i}" for i in range(units)]}),
        "regions": (Region("all", np.arange(units)),),
        "split_kind": "leave-one-group-out",
        "split_folds": 2,
        "timeline": Timeline(
            period=period,
            stories=tuple(s for s in dict.fromkeys(names) for _ in range(samples)),
            delays=fir_delays(period),
        ),
    }
    return Dataset(**(fields | changes)), vectors.astype(np.float32)
