"""Sessions of spikes in NWB, written by pynwb itself."""

import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

AREAS = ("V4", "V4", "IT")


def spikes_after(unit: int, stimulus: int, session: int) -> list[float]:
    """Seconds after a trial's start: ``stimulus + unit`` spikes between .1 and .2 s, one more in later sessions, and one at .4 s."""
    count = stimulus + unit + session
    return [*(0.1 + 0.1 * (k + 0.5) / count for k in range(count)), 0.4]


def nwb_session(
    path: Path,
    shown: list[int],
    *,
    session: int = 0,
    areas: tuple[str, ...] = AREAS,
    intervals: str = "trials",
    start: float = 1.0,
    observed: list[list[float]] | None = None,
    scale: float = 1.0,
) -> Path:
    """Trials a second apart, of stimuli ``item00`` ...; a unit an area, electrodes of their own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of hdmf, about versions of its own
        from pynwb import NWBHDF5IO, NWBFile
        from pynwb.epoch import TimeIntervals

        made = NWBFile(
            session_description="made",
            identifier=path.stem,
            session_start_time=datetime(2026, 1, 1, tzinfo=UTC),
        )
        device = made.create_device(name="array")
        for area in dict.fromkeys(areas):
            made.create_electrode_group(name=f"{area} array", description="made", location=area, device=device)
        for area in areas:
            made.add_electrode(location=area, group=made.electrode_groups[f"{area} array"], x=1.0, y=2.0, z=3.0)
        onsets = [start + t for t in range(len(shown))]
        table: Any = made
        if intervals != "trials":
            table = TimeIntervals(name=intervals, description="made")
            table.add_column("image", "what was shown")
        else:
            made.add_trial_column("image", "what was shown")
        add = made.add_trial if intervals == "trials" else table.add_row
        for onset, stimulus in zip(onsets, shown, strict=True):
            add(start_time=scale * onset, stop_time=scale * (onset + 0.5), image=f"item{stimulus:02d}")
        if intervals != "trials":
            made.add_time_intervals(table)
        made.add_unit_column("quality", "how well it was isolated")
        for unit in range(len(areas)):
            times = [o + s for o, k in zip(onsets, shown, strict=True) for s in spikes_after(unit, k, session)]
            told = {} if observed is None else {"obs_intervals": observed}
            made.add_unit(spike_times=np.array(times), electrodes=[unit], quality="good", id=10 + unit, **told)
        path.parent.mkdir(parents=True, exist_ok=True)
        with NWBHDF5IO(str(path), "w") as stream:
            stream.write(made)
    return path
