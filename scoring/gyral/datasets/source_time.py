"""Timeline of a source: rows that are samples on a clock, with the stories and signals of the trials table."""

from collections.abc import Sequence

import numpy as np

from gyral.datasets.readers.recording import Recording, signal_columns
from gyral.datasets.source import TimelineSource
from gyral.datasets.timeline import Signal, Timeline, fir_delays
from gyral.errors import BadDataset


def read_timeline(source: TimelineSource, recordings: Sequence[Recording]) -> Timeline:
    """The grid of samples; all subjects must have the same stories, sample by sample. Signals are those of the first subject.

    Raises
    ------
    BadDataset
        No story is named, subjects differ (``timeline-stories``), or a signal holds no numbers.
    """
    first, *others = recordings
    if "story" not in first.shown:
        raise BadDataset(
            "no column says which story a sample belongs to.",
            where="responses.story",
            mend='story = "story" names the column of the trials table.',
            code="timeline-stories",
        )
    stories = tuple(str(s) for s in first.shown["story"])
    for other in others:
        if tuple(str(s) for s in other.shown["story"]) != stories:
            raise BadDataset(
                f"samples of subject {other.subject!r} ({len(other.shown)}) differ from those of {first.subject!r} "
                f"({len(stories)}) in number or story.",
                where="responses.story",
                mend="Cut all recordings to the same samples.",
                code="timeline-stories",
            )
    signals = {
        name: Signal(np.asarray(values, np.float32), delayed=name not in source.convolved)
        for name, values in signal_columns(first, source.signals).items()
    }
    return Timeline(
        period=source.period,
        stories=stories,
        delays=source.delays or fir_delays(source.period),
        placement=source.placement,
        window=source.window,
        start=source.start,
        signals=signals,
    )
