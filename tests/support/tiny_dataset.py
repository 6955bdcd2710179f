"""A small dataset with everything a pack can hold."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gyral.datasets.dataset import About, Dataset
from gyral.datasets.region import Region
from gyral.datasets.reliability import Published
from gyral.datasets.responses import RegionRdms, Responses
from gyral.datasets.simulated_images import png
from gyral.datasets.stimulus import StimulusSet

SAMPLES = 12


def tiny_dataset(folder: Path, **changes: Any) -> Dataset:
    """Twelve images, two subjects with repeats, overlapping and nested regions, one RDM set.

    ``changes`` replace fields of the Dataset.
    """
    draw = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"picture {i}.PNG" for i in range(SAMPLES)]
    for file in files:
        file.write_bytes(png(draw.integers(0, 256, size=(4, 4, 3), dtype=np.uint8)))
    stimuli = StimulusSet.from_files(
        files,
        [f"item/{i}" if i == 3 else f"item-{i}" for i in range(SAMPLES)],  # one id that is no file name
        groups=[f"run-{i // 3}" for i in range(SAMPLES)],
        columns={
            "size": draw.normal(size=SAMPLES),
            "rank": np.arange(SAMPLES),
            "animate": np.arange(SAMPLES) % 2 == 0,
            "category": np.array(["face", "house", "cät"] * (SAMPLES // 3)),
        },
    )
    repeats = {"s1": draw.normal(size=(SAMPLES, 3, 4)), "s2": draw.normal(size=(SAMPLES, 2, 2))}
    repeats["s1"][::2, 2] = np.nan
    values = {s: np.nanmean(r, axis=1) for s, r in repeats.items()}
    values["s2"][:, 1] = 2.5  # a constant unit
    rdm = np.abs(draw.normal(size=(2, 1, SAMPLES, SAMPLES)))
    rdm = rdm + rdm.swapaxes(-1, -2)
    rdm[..., np.arange(SAMPLES), np.arange(SAMPLES)] = 0
    fields: dict[str, Any] = {
        "about": About(
            name="tiny", title="Tiny", description="For tests.", licence="CC0", citation="Nobody (2026)."
        ),
        "stimuli": stimuli,
        "responses": Responses("fMRI", "z", values, repeats),
        "rdms": {"V4": RegionRdms("V4", "spikes", rdm, ("m1", "m2"))},
        "units": pd.DataFrame(
            {
                "subject": ["s1"] * 4 + ["s2"] * 2,
                "unit": [f"u{i}" for i in range(6)],
                "vertex": np.arange(6),
                "x": [0.5, np.nan, 1.5, 2.0, 2.5, 3.0],
            }
        ),
        "regions": (
            Region("visual", np.arange(6), ("visual",), "Visual cortex"),
            Region("V4", np.array([1, 2, 4]), ("visual", "ventral", "V4")),
            Region("ventral", np.array([0, 1, 2]), ("visual", "ventral")),
        ),
        "published": (Published("V4", 0.5, "r2", "a paper"),),
        "split_kind": "grouped",
        "split_folds": 4,
        "extra": {"provenance": "made for tests\n", "note": "kept", "truth": np.arange(6.0)},
    }
    return Dataset(**(fields | changes))
