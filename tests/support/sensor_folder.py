"""Recordings of M/EEG with planted responses, written by mne in the formats of the field."""

from pathlib import Path
from typing import Any

import mne
import numpy as np

RATE = 100.0
SENSORS = ("Oz", "Cz", "Pz")
DELAY = 0.1  # seconds after an event


def made_raw(
    events: tuple[tuple[int, int], ...] = ((200, 1), (300, 2), (400, 1)),
    *,
    sensors: tuple[str, ...] = SENSORS,
    unit: float = 1e-6,
    rate: float = RATE,
    kind: str = "eeg",
    montage: bool = True,
) -> mne.io.RawArray:
    """8 s of silence; `DELAY` after an event, sensor k has (k + 1) times its code for one sample, in ``unit``."""
    values = np.zeros((len(sensors) + 1, int(8 * rate)))
    for sample, code in events:
        values[-1, sample] += code
        values[:-1, sample + round(DELAY * rate)] = code * unit * np.arange(1, len(sensors) + 1)
    info = mne.create_info([*sensors, "STI"], rate, [kind] * len(sensors) + ["stim"])
    raw = mne.io.RawArray(values, info, verbose="error")
    if montage:
        raw.set_montage("standard_1020", verbose="error")
    return raw


def save_fif(path: Path, raw: mne.io.BaseRaw) -> Path:
    """Write FIF with double precision, so that planted numbers come back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw.save(path, fmt="double", overwrite=True, verbose="error")
    return path


def epochs_file(path: Path, labels: dict[str, int], metadata: Any = None, **options: Any) -> Path:
    """Epochs from -.2 to .4 s of `made_raw`."""
    raw = made_raw(**options)
    events = mne.find_events(raw, verbose="error")
    raw.pick(options.get("kind", "eeg"))
    path.parent.mkdir(parents=True, exist_ok=True)
    mne.Epochs(
        raw, events, labels, -0.2, 0.4, baseline=None, metadata=metadata, preload=True, verbose="error"
    ).save(path, fmt="double", verbose="error")
    return path
