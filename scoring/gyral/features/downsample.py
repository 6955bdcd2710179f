"""Downsample: weights that bring events in time onto the grid of responses.

Words come several a volume, at no regular times. The Lanczos filter takes from each what lies below half the sampling rate:

    w(t) = sinc(t / period) sinc(t / (period window))     for |t| < period window, else 0

with t the time from word to sample (Duchon 1979, doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2; for language in fMRI
Huth et al. 2016, doi:10.1038/nature17637). A sum over words grows with their number, so that features whose mean is not zero carry
the rate of words, whatever else they say: `gyral.features.timed` takes their mean out first.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.timeline import ONSET, Timeline, Times, check_timeline, moments


def lanczos(seconds: NDArray[np.floating[Any]], period: float, window: int = 3) -> NDArray[np.float64]:
    """Weight of an event so many seconds from a sample; 1 at 0.

    >>> lanczos(np.array([0.0, 1.0, 2.0, 6.0]), 2.0).round(3).tolist()
    [1.0, 0.608, 0.0, 0.0]
    """
    t = np.asarray(seconds, np.float64) / period
    return np.asarray(np.where(np.abs(t) < window, np.sinc(t) * np.sinc(t / window), 0.0))


def weights(timeline: Timeline, stimuli: StimulusSet) -> csr_array:
    """Weight of every stimulus in every sample of its own story, samples x stimuli, sparse.

    Raises
    ------
    BadDataset
        As `gyral.datasets.timeline.check_timeline`.
    """
    check_timeline(timeline, stimuli)
    when, groups = moments(stimuli, timeline.placement), np.asarray(stimuli.groups)
    rows, columns, values = [], [], []
    for story, span in timeline.spans.items():
        mine = np.flatnonzero(groups == story)
        place = _lanczos if timeline.placement == "lanczos" else _impulses
        row, column, value = place(timeline, timeline.times(story), when[mine])
        rows.append(row + span.start)
        columns.append(mine[column])
        values.append(value)
    shape = (len(timeline), len(stimuli))
    return csr_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=shape)


def sample_of(timeline: Timeline, stimuli: StimulusSet) -> NDArray[np.int64]:
    """Row of the sample during which each stimulus begins."""
    onset, groups = np.asarray(stimuli.columns[ONSET], np.float64), np.asarray(stimuli.groups)
    out = np.empty(len(stimuli), np.int64)
    for story, span in timeline.spans.items():
        mine = groups == story
        within = np.floor((onset[mine] - timeline.start) / timeline.period).astype(np.int64)
        out[mine] = span.start + np.clip(within, 0, span.stop - span.start - 1)
    return out


_Places = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def _lanczos(timeline: Timeline, times: Times, when: Times) -> _Places:
    # Samples within the window of each word: so a long story never becomes a dense table.
    first = np.floor((when - times[0]) / timeline.period).astype(np.int64) - timeline.window + 1
    near = first[:, None] + np.arange(2 * timeline.window)
    word = np.broadcast_to(np.arange(len(when))[:, None], near.shape)
    inside = (near >= 0) & (near < len(times))
    row, column = near[inside], word[inside]
    return row, column, lanczos(times[row] - when[column], timeline.period, timeline.window)


def _impulses(timeline: Timeline, times: Times, when: Times) -> _Places:
    row = np.rint((when - times[0]) / timeline.period).astype(np.int64)
    row = np.clip(row, 0, len(times) - 1)
    return row, np.arange(len(when)), np.ones(len(when))
