"""A folder of BIDS-iEEG: BrainVision recordings whose types only channels.tsv says, electrodes with places and anatomy."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from source_folder import write_csv

RATE = 100
ANATOMY = {"LG1": "fusiform", "LG2": "fusiform", "LG3": "V1", "LG4": "n/a"}
EVENTS = ((2.0, "face"), (3.0, "house"), (4.0, "face"))


def brainvision(path: Path, values: Any, names: list[str]) -> None:
    """Channels x samples in µV, as BrainVision lays them (all are EEG to it)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stem = path.name.removesuffix(".vhdr")
    channels = [f"Ch{k + 1}={n},,1,µV" for k, n in enumerate(names)]
    head = [
        "Brain Vision Data Exchange Header File Version 1.0",
        "[Common Infos]",
        "Codepage=UTF-8",
        f"DataFile={stem}.eeg",
        f"MarkerFile={stem}.vmrk",
        "DataFormat=BINARY",
        "DataOrientation=MULTIPLEXED",
        f"NumberOfChannels={len(names)}",
        f"SamplingInterval={1_000_000 // RATE}",
        "[Binary Infos]",
        "BinaryFormat=IEEE_FLOAT_32",
        "[Channel Infos]",
        *channels,
    ]
    path.write_text("\n".join([*head, ""]), "utf-8")
    np.asarray(values, "<f4").T.tofile(path.with_suffix(".eeg"))
    markers = ["Brain Vision Data Exchange Marker File, Version 1.0", "[Common Infos]", "Codepage=UTF-8"]
    markers += [f"DataFile={stem}.eeg", "[Marker Infos]", "Mk1=New Segment,,1,1,0"]
    path.with_suffix(".vmrk").write_text("\n".join([*markers, ""]), "utf-8")


def ieeg(folder: Path, subjects: tuple[str, ...] = ("sub-01", "sub-02"), runs: int = 2) -> None:
    """Six seconds a run of four electrodes, a reference and an ECG; the last electrode is bad in the second run.

    At .1 s after an event, electrode k (from 0) has ``(k + 1) * run`` µV, doubled for houses.
    """
    names = [*ANATOMY, "REF", "ECG"]
    for subject in subjects:
        home = folder / subject / "ieeg"
        for run in range(1, runs + 1):
            values = np.zeros((len(names), 6 * RATE))
            for onset, kind in EVENTS:
                at = round((onset + 0.1) * RATE)
                values[: len(ANATOMY), at] = run * np.arange(1, len(ANATOMY) + 1) * (2 if kind == "house" else 1)
            stem = f"{subject}_task-see_run-{run}"
            brainvision(home / f"{stem}_ieeg.vhdr", values, names)
            write_csv(
                home / f"{stem}_events.tsv",
                onset=[o for o, _ in EVENTS],
                duration=[0.5] * len(EVENTS),
                trial_type=[k for _, k in EVENTS],
            )
            write_csv(
                home / f"{stem}_channels.tsv",
                name=names,
                type=["ECOG"] * len(ANATOMY) + ["REF", "ECG"],
                units=["µV"] * len(names),
                status=["good"] * 3 + ["bad" if run == 2 else "good", "good", "good"],
            )
        write_csv(
            home / f"{subject}_electrodes.tsv",
            name=[*reversed(ANATOMY), "unused"],
            x=[1.0, 2.0, 3.0, 4.0, "n/a"],
            y=[10.0] * 4 + ["n/a"],
            z=[-5.0] * 4 + ["n/a"],
            group=["LG"] * 4 + ["RG"],
            anatomy=[*reversed(ANATOMY.values()), "nowhere"],
        )
        (home / f"{subject}_coordsystem.json").write_text(
            json.dumps({"iEEGCoordinateSystem": "MNI152NLin2009bAsym", "iEEGCoordinateUnits": "mm"})
        )
