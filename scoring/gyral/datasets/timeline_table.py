"""Timeline as it rests in a pack: ``samples.parquet`` and the ``[timeline]`` of ``dataset.toml``."""

from typing import Any

import numpy as np
import pandas as pd

from gyral.datasets.manifest import SignalEntry, TimelineEntry
from gyral.datasets.timeline import Signal, Timeline
from gyral.datasets.writer import plain
from gyral.errors import BadDataset
from gyral.hashing import hash_array

SAMPLES = "samples.parquet"
_STORY = "story"


def samples_frame(timeline: Timeline) -> pd.DataFrame:
    """Story of each sample, and a column for each of a signal's."""
    columns: dict[str, Any] = {_STORY: list(timeline.stories)}
    for name, signal in timeline.signals.items():
        values = plain(signal.values)
        columns |= {f"{name}:{k}": values[:, k] for k in range(values.shape[1])}
    return pd.DataFrame(columns)


def timeline_entry(timeline: Timeline) -> TimelineEntry:
    """What ``dataset.toml`` says of a timeline."""
    return TimelineEntry(
        period=timeline.period,
        start=timeline.start,
        delays=timeline.delays,
        placement=timeline.placement,
        window=timeline.window,
        signals=tuple(
            SignalEntry(name=name, columns=np.shape(signal.values)[1], delayed=signal.delayed)
            for name, signal in timeline.signals.items()
        ),
    )


def timeline_from(frame: pd.DataFrame, entry: TimelineEntry, where: str) -> Timeline:
    """The timeline behind a table and its entry.

    Raises
    ------
    BadDataset
        A column is missing, or holds no numbers (``timeline-signals``).
    """
    signals = {}
    names = {s.name: [f"{s.name}:{k}" for k in range(s.columns)] for s in entry.signals}
    if missing := [c for c in (_STORY, *(c for own in names.values() for c in own)) if c not in frame]:
        raise BadDataset(f"columns {missing!r} are missing.", where=where, code="timeline-signals")
    for signal in entry.signals:
        try:
            values = frame[names[signal.name]].to_numpy(np.float32)
        except (TypeError, ValueError):
            raise BadDataset(
                f"signal {signal.name!r} holds other things than numbers.", where=where, code="timeline-signals"
            ) from None
        signals[signal.name] = Signal(values, delayed=signal.delayed)
    return Timeline(
        period=entry.period,
        stories=tuple(frame[_STORY].astype(str)),
        delays=entry.delays,
        placement=entry.placement,
        window=entry.window,
        start=entry.start,
        signals=signals,
    )


def timeline_facts(timeline: Timeline) -> dict[str, Any]:
    """All of a timeline that decides a score, for the content hash."""
    return {
        "period": float(timeline.period).hex(),
        "start": float(timeline.start).hex(),
        "delays": list(timeline.delays),
        "placement": [timeline.placement, timeline.window],
        "stories": timeline.stories,
        "signals": [[n, s.delayed, hash_array(plain(s.values))] for n, s in timeline.signals.items()],
    }
