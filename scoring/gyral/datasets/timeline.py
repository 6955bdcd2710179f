"""Timeline: when responses were sampled, where stimuli are words (or other events) in time.

A dataset with a timeline has a row of responses for every *sample* (volume, sensor sample) and not for every stimulus.
Stimuli then carry their times as columns: ``onset`` and, where known, ``offset``, in seconds after the start of the story
(`StimulusSet.groups`) they belong to. A model is shown the stimuli and nothing of the timeline; how its features reach the
samples (`gyral.features.timed`) is declared here and fits nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset

Placement = Literal["lanczos", "impulse"]
Times = NDArray[np.float64]

ONSET, OFFSET = "onset", "offset"
# Seconds after a word in which its BOLD response is looked for.
HRF = (2.0, 8.0)
# Words that cover less of a story than this were timed by another clock than the samples.
_COVERED = 0.5


@dataclass(frozen=True, eq=False)
class Signal:
    """What else was going on, sample by sample: a sound envelope, its power, the rate of something.

    Parameters
    ----------
    values : array, samples x columns
        float32, finite.
    delayed : bool
        True: enters at every delay, as words do. False: as it is (already convolved with a response function).
    """

    values: NDArray[np.floating[Any]]
    delayed: bool = True


@dataclass(frozen=True, eq=False)
class Timeline:
    """The grid of responses, and how stimuli in time are brought onto it.

    Parameters
    ----------
    period : float
        Seconds between two samples: the TR, or 1 / sampling rate.
    stories : tuple of str
        Story of each sample; the samples of a story stand together, in order.
    delays : tuple of int
        Samples by which features are delayed, ascending; `fir_delays`, `lags`. Negative ones look ahead.
    placement : {"lanczos", "impulse"}
        "lanczos": words are low-passed at half the sampling rate (fMRI: several words a sample). "impulse": a word
        stands at the sample nearest to its onset (M/EEG: many samples a word).
    window : int
        Lobes of the Lanczos window.
    start : float
        Seconds from the start of a story to its first sample.
    signals : mapping of name to Signal
        Nuisances measured over time.
    """

    period: float
    stories: tuple[str, ...]
    delays: tuple[int, ...]
    placement: Placement = "lanczos"
    window: int = 3
    start: float = 0.0
    signals: Mapping[str, Signal] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.stories)

    @cached_property
    def spans(self) -> dict[str, slice]:
        """Rows of each story, in order.

        Raises
        ------
        BadDataset
            The samples of a story do not stand together (``timeline-stories``).
        """
        found: dict[str, slice] = {}
        for row, story in enumerate(self.stories):
            if story in found and found[story].stop != row:
                raise BadDataset(
                    f"the samples of story {story!r} do not stand together: row {row} comes after another story.",
                    where="timeline: stories",
                    code="timeline-stories",
                )
            found[story] = slice(found[story].start if story in found else row, row + 1)
        return found

    @property
    def ids(self) -> tuple[str, ...]:
        """Story and number of each sample, from 1."""
        return tuple(f"{s}:{n + 1}" for s, span in self.spans.items() for n in range(span.stop - span.start))

    def times(self, story: str) -> Times:
        """Seconds after the start of the story at which its samples were taken."""
        span = self.spans[story]
        return self.start + self.period * np.arange(span.stop - span.start, dtype=np.float64)


def fir_delays(period: float) -> tuple[int, ...]:
    """Delays of a finite impulse response of BOLD: every sample from 2 to 8 s after a word.

    Examples
    --------
    >>> fir_delays(2.0), fir_delays(1.5)
    ((1, 2, 3, 4), (2, 3, 4, 5))

    Raises
    ------
    BadDataset
        No sample falls there: ``period`` is longer than 8 s, or no number above 0 (``timeline-period``).
    """
    _check_period(period)
    found = tuple(range(math.ceil(HRF[0] / period - 1e-9), math.floor(HRF[1] / period + 1e-9) + 1))
    if not found:
        raise BadDataset(
            f"no sample of {period!r} s falls 2 to 8 s after a word.",
            where="timeline: period",
            code="timeline-period",
        )
    return found


def lags(first: float, last: float, rate: float) -> tuple[int, ...]:
    """Lags of a temporal response function in samples, from ``first`` to ``last`` milliseconds, at ``rate`` Hz.

    Examples
    --------
    >>> lags(-100, 50, 64)
    (-6, -5, -4, -3, -2, -1, 0, 1, 2, 3)

    Raises
    ------
    BadDataset
        ``rate`` is no number above 0 (``timeline-period``), or no sample falls between the two (``timeline-delays``).
    """
    if not (math.isfinite(rate) and rate > 0):
        raise BadDataset(f"the rate is {rate!r}; Hz above 0 are expected.", where="lags", code="timeline-period")
    found = tuple(range(math.ceil(first * rate / 1000 - 1e-9), math.floor(last * rate / 1000 + 1e-9) + 1))
    if not found:
        raise BadDataset(
            f"no sample at {rate:g} Hz falls between {first:g} and {last:g} ms.",
            where="lags",
            code="timeline-delays",
        )
    return found


def moments(stimuli: StimulusSet, placement: Placement) -> Times:
    """When each stimulus counts, seconds: its middle where its end is known and it is low-passed, else its onset."""
    onset = _column(stimuli, ONSET)
    if placement == "lanczos" and OFFSET in stimuli.columns:
        return (onset + _column(stimuli, OFFSET)) / 2
    return onset


def check_timeline(timeline: Timeline, stimuli: StimulusSet) -> None:
    """Whether times, stories and samples fit each other.

    Raises
    ------
    BadDataset
        With the code of what is wrong: ``timeline-period``, ``timeline-delays``, ``timeline-stories``,
        ``timeline-onsets`` (missing, not finite, unsorted, before the start, in milliseconds, or after the end),
        ``timeline-signals``, ``story-too-short``.
    """
    _check_period(timeline.period)
    delays = timeline.delays
    if not delays or list(delays) != sorted(set(delays)):
        raise BadDataset(
            f"delays must be whole samples, ascending and different; they are {delays!r}.",
            where="timeline: delays",
            code="timeline-delays",
        )
    spans = timeline.spans
    told = stimuli.groups
    if told is None or set(told) != set(spans):
        odd = sorted(set(told or ()) ^ set(spans))[:3]
        raise BadDataset(
            f"stories of stimuli and of samples differ: {odd!r} stand on one side only."
            if told is not None
            else "stimuli name no story (group), so that nobody knows which samples are theirs.",
            where="timeline: stories",
            code="timeline-stories",
        )
    reach = max(abs(d) for d in delays)
    for story, span in spans.items():
        count = span.stop - span.start
        if count <= reach:
            raise BadDataset(
                f"story {story!r} has {count} samples; the longest delay is {reach}.",
                where="timeline: stories",
                mend="Leave the story out, or use shorter delays.",
                code="story-too-short",
            )
    _check_onsets(timeline, stimuli)
    for name, signal in timeline.signals.items():
        values = np.asarray(signal.values)
        if values.ndim != 2 or len(values) != len(timeline) or not np.isfinite(values).all():
            raise BadDataset(
                f"signal {name!r} has shape {values.shape!r}; finite numbers, {len(timeline)} samples x columns, are expected.",
                where="timeline: signals",
                mend="Resample it to the times of the responses first.",
                code="timeline-signals",
            )


def _check_period(period: float) -> None:
    if not (math.isfinite(period) and period > 0):
        raise BadDataset(
            f"the time between samples is {period!r}; seconds above 0 are expected.",
            where="timeline: period",
            code="timeline-period",
        )


def _column(stimuli: StimulusSet, name: str) -> Times:
    if name not in stimuli.columns:
        raise BadDataset(
            f"stimuli have no column {name!r} (seconds after the start of the story).",
            where="stimuli",
            code="timeline-onsets",
        )
    try:
        values = np.asarray(stimuli.columns[name], np.float64)
    except (TypeError, ValueError):
        raise BadDataset(
            f"column {name!r} holds other things than numbers.", where="stimuli", code="timeline-onsets"
        ) from None
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise BadDataset(
            f"{name} of stimulus {stimuli.ids[int(bad[0])]!r} is {values[bad[0]]}; seconds are expected.",
            where="stimuli",
            code="timeline-onsets",
        )
    return values


def _check_onsets(timeline: Timeline, stimuli: StimulusSet) -> None:
    onset, groups = _column(stimuli, ONSET), np.asarray(stimuli.groups)
    offset = _column(stimuli, OFFSET) if OFFSET in stimuli.columns else onset
    for story, span in timeline.spans.items():
        mine = np.flatnonzero(groups == story)
        names = [stimuli.ids[i] for i in mine]
        own, ends = onset[mine], offset[mine]
        _check_sorted(own, ends, names, story)
        lasts = timeline.period * (span.stop - span.start)
        end = timeline.start + lasts
        clock = f"{span.stop - span.start} samples of {timeline.period:g} s end at {end:.1f} s"
        if own[-1] >= end:
            after = int(np.searchsorted(own, end))
            raise BadDataset(
                f"{len(own) - after} of {len(own)} words of story {story!r} begin after the last sample (the last at "
                f"{own[-1]:.1f} s; {clock}).",
                where="stimuli: onset",
                mend=_mend(float(own[-1]) / lasts, own, after),
                code="timeline-onsets",
            )
        covered = min(ends[-1], end) - timeline.start
        if covered < _COVERED * lasts:
            raise BadDataset(
                f"the words of story {story!r} end at {ends[-1]:.1f} s, {clock}.",
                where="timeline: period",
                mend="Check the time between samples, in seconds; cut samples after the story off.",
                code="timeline-period",
            )


def _check_sorted(onset: Times, offset: Times, names: Sequence[str], story: str) -> None:
    for wrong, what in (
        (onset < 0, "begins before the story does"),
        (offset < onset, "ends before it begins"),
        (np.diff(onset, prepend=-np.inf) < 0, "begins before the one ahead of it"),
    ):
        at = np.flatnonzero(wrong)
        if len(at):
            first = int(at[0])
            raise BadDataset(
                f"stimulus {names[first]!r} of story {story!r} {what} (onset {onset[first]:g} s).",
                where="stimuli: onset",
                mend="List the words of a story in the order of their onsets, in seconds after its start.",
                code="timeline-onsets",
            )


def _mend(times: float, onset: Times, after: int) -> str:
    if times > 50 and after < len(onset) / 2:
        return "The onsets look like milliseconds: divide them by 1000."
    return "Check the time between samples (TR), and leave out words nobody was measured at."
