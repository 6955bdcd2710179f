"""Faces and houses under four electrodes of a consumer headset: 13 runs of four people. A page, no board."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from gyral.datasets.dataset import About, Dataset
from gyral.datasets.manifest import SplitEntry
from gyral.datasets.recipe import Recipe, SourceFile, listed_hashes
from gyral.datasets.recipe import Source as Files
from gyral.datasets.source import (
    EpochsSource,
    RegionSource,
    ResponsesSource,
    Source,
    StimuliSource,
)
from gyral.datasets.source_build import read_files
from gyral.datasets.source_parts import JoinSource
from gyral.errors import BadDataset

ABOUT = About(
    name="n170",
    title="Faces and houses, EEG of four electrodes",
    description=(
        "Four people saw faces and houses for 200 ms each while a four-electrode headset (TP9, AF7, AF8, TP10) recorded: 13 "
        "runs of two minutes. Band 1 to 30 Hz, -100 to 600 ms at 64 Hz, baseline before onset, trials beyond 75 µV peak to peak left "
        "out. Which image was shown on a trial was not recorded, only face or house, so this set is for decoding and has a page, "
        "no board. The delay of the markers is unknown: times are not to be read as latencies."
    ),
    version="0",
    licence="BSD-3-Clause (recordings), CC BY-SA 3.0 (images)",
    citation=(
        "NeuroTechX (2018). EEG notebooks, N170. Images: Haxby et al. (2001). Distributed and overlapping "
        "representations of faces and objects in ventral temporal cortex. Science 293, 2425-2430."
    ),
    url="https://github.com/NeuroTechX/eeg-notebooks_v0.1",
    species="human",
    display="none",
)

SOURCE = Source(
    source=1,
    about=ABOUT,
    stimuli=StimuliSource(
        modality="label",
        columns=("onset",),
        join=(JoinSource(table="people.csv", on="group", columns=("person",)),),
    ),
    responses=ResponsesSource(
        reader="mne",
        kind="EEG",
        unit="µV",
        subjects=("four-people",),
        files="*_raw.fif",
        decimals=3,  # the last digits of a filter differ between machines
    ),
    # Images follow each other after .5 to 1.3 s; runs are held out whole, so that trials which share samples stay together.
    epochs=EpochsSource(
        start=-0.1,
        stop=0.6,
        window=(0.1, 0.5),  # everything after the first response, since when exactly is not known
        events={1: "house", 2: "face"},
        low=1.0,
        high=30.0,
        rate=64.0,
        most=75.0,
        overlap=True,
    ),
    regions=(
        RegionSource(name="all sensors", path=("sensors",), title="All four electrodes", all=True),
        RegionSource(name="temporal", path=("sensors",), title="TP9 and TP10", sensors=("TP9", "TP10")),
        RegionSource(name="frontal", path=("sensors",), title="AF7 and AF8", sensors=("AF7", "AF8")),
    ),
    split=SplitEntry(kind="leave-one-group-out", folds=13, gap=0),
)

_RAW = (
    "https://raw.githubusercontent.com/NeuroTechX/eeg-notebooks_v0.1/5ee39e4f91080937ead13c208a65089cbb13b7f6/"
    "data/visual/N170/"
)
# Run and its file in the repository.
_PUBLIC = {
    "sub-01_ses-01_run-01": "subject1/session1/data_2017-09-13-15.30.01.csv",
    "sub-01_ses-01_run-02": "subject1/session1/data_2017-09-13-15.32.50.csv",
    "sub-01_ses-01_run-03": "subject1/session1/data_2017-09-13-15.35.26.csv",
    "sub-01_ses-01_run-04": "subject1/session1/data_2017-09-13-15.40.17.csv",
    "sub-01_ses-01_run-05": "subject1/session1/data_2017-09-13-15.42.33.csv",
    "sub-01_ses-01_run-06": "subject1/session1/data_2017-09-13-15.45.08.csv",
    "sub-02_ses-01_run-01": "subject2/session1/data_2018-04-15-21.18.48.csv",
    "sub-02_ses-01_run-02": "subject2/session1/data_2018-04-15-21.21.20.csv",
    "sub-03_ses-01_run-01": "subject3/session1/data_2018-05-14-19.14.37.csv",
    "sub-03_ses-01_run-02": "subject3/session1/data_2018-05-14-19.38.10.csv",
    "sub-03_ses-02_run-01": "subject3/session2/data_2018-05-14-19.35.55.csv",
    "sub-03_ses-03_run-01": "subject3/session3/recording_2018-05-29-20.14.04.csv.csv",
    "sub-11_ses-01_run-01": "subject11/session1/recording_2018-06-06-18.42.19.csv.csv",
}
_SENSORS = ("TP9", "AF7", "AF8", "TP10")
RECIPE = Recipe(
    name=ABOUT.name,
    title=ABOUT.title,
    about=ABOUT,
    content_hash="e0f27016a8a11769d77f8856d9a99b30bf4a5062b169ea9cb04725e2733d75ca",
    licence=ABOUT.licence,
    mirror=Files(
        folder="eegnb_n170_faces_houses",
        files=listed_hashes("gyral.datasets.recipes", "n170.sha256"),
        reader="gyral.datasets.recipes.n170:read_mirror",
    ),
    public=Files(
        folder="n170",
        files=tuple(SourceFile(f"{run}.csv", None, _RAW + path) for run, path in _PUBLIC.items()),
        reader="gyral.datasets.recipes.n170:read_public",
        verified=False,
    ),
)

PROVENANCE = """# Face/house EEG (N170 task), four-channel headset, four people

- From: github NeuroTechX/eeg-notebooks_v0.1, commit 5ee39e4f91080937ead13c208a65089cbb13b7f6, data/visual/N170; the mirror holds
  the recordings as FIF (float32, montage standard_1005), 256 Hz, volts. 13 runs of subjects 1, 2, 3 and 11.
- Licence: BSD 3-Clause (c) 2017 Alexandre Barachant for the repository; images CC BY-SA 3.0.
- Changed here: band 1 to 30 Hz (mne's FIR filter, zero phase, which spreads over tens of milliseconds), cut -100 to 600 ms, mean of
  the time before onset taken off, every fourth sample, trials beyond 75 microvolts peak to peak left out, rounded to 3 decimals, float32.
"""


def read_mirror(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from the mirror's FIF runs."""
    return _dataset({Path(n).name: path for n, path in files.items() if n.endswith("_raw.fif")}, scratch)


def read_public(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from the repository's tables: a column a sensor in microvolts, and a column of markers."""
    import mne  # slow import, only when this is made

    kept = {}
    for name, path in files.items():
        table = pd.read_csv(path)
        marker = next((c for c in table.columns if c.lower().startswith("marker")), None)
        if marker is None or not set(_SENSORS) <= set(table.columns):
            raise BadDataset(f"columns {list(table.columns)!r} are not those of a run.", where=str(path))
        info = mne.create_info([*_SENSORS, "STI"], 256.0, ["eeg"] * len(_SENSORS) + ["stim"])
        values = np.column_stack([table[list(_SENSORS)].to_numpy() * 1e-6, table[marker].to_numpy()])
        raw = mne.io.RawArray(values.T.astype(np.float32).astype(np.float64), info, verbose="error")
        raw.set_montage("standard_1005", verbose="error")
        kept[f"{Path(name).stem}_raw.fif"] = scratch / f"{Path(name).stem}_raw.fif"
        raw.save(kept[f"{Path(name).stem}_raw.fif"], fmt="single", overwrite=True, verbose="error")
    return _dataset(kept, scratch)


def _dataset(files: Mapping[str, Path], scratch: Path) -> Dataset:
    people = scratch / "people.csv"
    people.write_text(people_of(files), "utf-8")
    return read_files(SOURCE, {**files, people.name: people}, scratch, provenance=PROVENANCE)


def people_of(names: Iterable[str]) -> str:
    """The table ``people.csv``: who was recorded in each run."""
    runs = sorted(name[: len("sub-01_ses-01_run-01")] for name in names)
    return "group,person\n" + "".join(f"{run},{run[: len('sub-01')]}\n" for run in runs)
