"""Timed: features of words as features of response samples.

    words x features -> centred over training words -> placed on samples (`gyral.features.downsample`)
                     -> delayed inside each story -> samples x (delays * features)

Centring comes first, because the sum over the words of a sample carries their number: random vectors with a mean of their own
predict words per volume with R2 = .86 after Lanczos, below 0 once centred. The mean is that of the words that begin
during training samples, so it is taken anew in every fold (`Features.within`); nothing else here depends on data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.timeline import Timeline
from gyral.features.downsample import sample_of, weights
from gyral.features.features import Array, Features

# Share of its greatest value below which the spread of a feature over training words is rounding.
_NOTHING = 1e-6


def delayed(values: Array, spans: Sequence[slice], delays: Sequence[int]) -> Array:
    """Columns delayed by each number of samples, inside each story, zeros where nothing came yet.

    Parameters
    ----------
    values : array, samples x features
    spans : sequence of slice
        Rows of each story.
    delays : sequence of int
        A negative one looks ahead.

    Returns
    -------
    float32 array, samples x (delays * features)
        Delay after delay.

    Examples
    --------
    >>> delayed(np.array([[1.0], [2.0], [3.0], [4.0]]), [slice(0, 2), slice(2, 4)], [0, 1]).tolist()
    [[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [4.0, 3.0]]
    """
    wide = values.shape[1]
    out = np.zeros((len(values), wide * len(delays)), np.float32)
    for n, delay in enumerate(delays):
        columns = slice(n * wide, (n + 1) * wide)
        for span in spans:
            own = values[span]
            if abs(delay) >= len(own):
                continue
            into, source = out[span, columns], own
            if delay > 0:
                into, source = into[delay:], own[:-delay]
            elif delay < 0:
                into, source = into[:delay], own[-delay:]
            into[:] = source
    return out


@dataclass(frozen=True, eq=False)
class Placement:
    """How the stimuli of one dataset come onto its samples; one for all layers.

    Parameters
    ----------
    timeline : Timeline
    weights : sparse array, samples x stimuli
    sample_of : int array, one a stimulus
        Sample during which it begins.
    """

    timeline: Timeline
    weights: csr_array
    sample_of: NDArray[np.int64]

    @classmethod
    def of(cls, timeline: Timeline, stimuli: StimulusSet) -> "Placement":
        """Of a dataset's timeline and stimuli.

        Raises
        ------
        BadDataset
            As `gyral.datasets.timeline.check_timeline`.
        """
        return cls(timeline, weights(timeline, stimuli), sample_of(timeline, stimuli))

    @property
    def rate(self) -> Array:
        """Stimuli a sample, through the same filter."""
        return np.asarray(self.weights.sum(axis=1), np.float32)

    def delayed(self, values: Array) -> Array:
        """`delayed` over the stories and delays of the timeline."""
        return delayed(values, list(self.timeline.spans.values()), self.timeline.delays)

    def all(self, features: Mapping[str, Features]) -> dict[str, Features]:
        """Every layer over samples."""
        return {name: Timed.of(layer, self) for name, layer in features.items()}


@dataclass(frozen=True, eq=False)
class Timed(Features):
    """One layer over response samples.

    Rows are samples; ``array`` (samples x features) is placed, but neither centred nor delayed: `within` gives what a
    readout sees.
    """

    words: Features = field(kw_only=True)
    placement: Placement = field(kw_only=True)

    @classmethod
    def of(cls, words: Features, placement: Placement) -> "Timed":
        """Of a layer's features of stimuli, flattened where they have positions."""
        placed = np.asarray(placement.weights @ words.flat().astype(np.float64), np.float32)
        return cls(words.layer, placed, words=words, placement=placement)

    @property
    def width(self) -> int:
        """Number of columns that a readout sees: features times delays."""
        return self.channels * len(self.placement.timeline.delays)

    def flat(self, rows: NDArray[np.integer[Any]] | slice = slice(None)) -> Array:
        """As `within` all rows."""
        return self.within(np.arange(len(self))).flat(rows)

    def within(self, rows: NDArray[np.integer[Any]]) -> Features:
        """Centred over the words that begin during samples ``rows``, placed and delayed: samples x (delays * features)."""
        place = self.placement
        words = self.words.flat().astype(np.float64)
        known = np.isin(place.sample_of, rows)
        if known.any():  # a fold may train where nobody speaks: then there is no mean to take out
            words -= words[known].mean(axis=0)
            spread = words[known].std(axis=0)
            # What never changes in training would be scaled up from rounding errors.
            words[:, spread <= _NOTHING * np.abs(words).max(axis=0)] = 0.0
        return Features(self.layer, place.delayed(place.weights @ words))
