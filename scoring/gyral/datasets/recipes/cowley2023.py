"""Cowley et al. 2023, session 210325: 640 images, 50 neurons of macaque V4."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.dataset import About, Dataset
from gyral.datasets.readers.archive import unpack_images
from gyral.datasets.recipe import Recipe, Source, SourceFile
from gyral.datasets.region import Region
from gyral.datasets.responses import Responses
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset

ANIMAL = "PE"
_RAW = (
    "https://raw.githubusercontent.com/cowleygroup/V4_compact_models/f4552ad9d34a466ebc66658f72a08a8e5038f1cf"
    "/data_V4_responses/"
)

ABOUT = About(
    name="cowley2023-v4",
    title="Macaque V4, 640 images",
    description=(
        "Spike counts in 100 ms bins of 50 neurons on an array in V4 of one fixating macaque (PE, session 210325), "
        "while it saw 640 rendered objects on backgrounds (112 x 112 pixels), each 6 to 10 times."
    ),
    version="0",
    licence="GPL-3 (repository)",
    citation=(
        "Cowley, Stan, Pillow & Smith (2023). Compact deep neural network models of visual cortex. bioRxiv. "
        "Images: Bashivan, Kar & DiCarlo (2019)."
    ),
    url="https://github.com/cowleygroup/V4_compact_models",
    species="macaque",
    display="none",
    drawn_from=("bashivan2019",),
)

RECIPE = Recipe(
    name=ABOUT.name,
    title=ABOUT.title,
    about=ABOUT,
    content_hash="0e3ce443a9e62b20db072742b181b09e17776b43d02868b7d646e714485d26fd",
    licence="GPL-3",
    mirror=Source(
        folder="cowley_macaque_v4",
        files=(
            SourceFile("images_210325.zip", "de30a33f716d4767525dcf7bb855259bfdc7adf158d88bcfa27dfacbc2bb574a"),
            SourceFile("responses_210325.npz", "8063a6b99b0ceaa870ead5b2f658a84a117cc30efff7882a7d569e57886329cd"),
        ),
        reader="gyral.datasets.recipes.cowley2023:read_mirror",
    ),
    public=Source(
        folder="cowley2023-v4",
        files=(
            SourceFile("images_210325.zip", None, _RAW + "images/images_210325.zip"),
            SourceFile("raw.npy", None, _RAW + "responses_raw/responses_210325.npy"),
            SourceFile("averaged.npy", None, _RAW + "responses_repeat_averaged/responses_210325.npy"),
        ),
        reader="gyral.datasets.recipes.cowley2023:read_public",
        verified=False,
    ),
)

PROVENANCE = """# Macaque V4, session 210325 (Cowley et al. 2023)

- From: github cowleygroup/V4_compact_models, commit f4552ad9d34a466ebc66658f72a08a8e5038f1cf, data_V4_responses.
- Responses: spike counts in 100 ms bins; 640 images x 50 neurons, single presentations and their mean.
- Images: 112 x 112 jpg, bytes as published; sorted names are the rows.
- Changed here: transposed to samples first, float32.
"""


def read_mirror(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from the mirror's ``.npz`` (samples x units, samples x units x repeats) and zip."""
    with np.load(files["responses_210325.npz"], allow_pickle=False) as arrays:
        mean, trials = arrays["responses_mean"], arrays["responses_trials"]
    return _dataset(files["images_210325.zip"], mean, trials.transpose(0, 2, 1), scratch)


def read_public(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from the repository's ``.npy`` files (units x samples, units x samples x repeats) and zip."""
    mean = np.load(files["averaged.npy"], allow_pickle=False)
    trials = np.load(files["raw.npy"], allow_pickle=False)
    return _dataset(files["images_210325.zip"], mean.T, trials.transpose(1, 2, 0), scratch)


def _dataset(archive: Path, mean: NDArray[Any], repeats: NDArray[Any], scratch: Path) -> Dataset:
    images = unpack_images(archive, scratch / "images")
    if len(images) != len(mean):
        raise BadDataset(f"{len(images)} images for {len(mean)} rows of responses.", where=str(archive))
    units = mean.shape[1]
    return Dataset(
        about=ABOUT,
        stimuli=StimulusSet.from_files(images),
        responses=Responses(
            "spikes",
            "spikes / 100 ms",
            {ANIMAL: mean.astype(np.float32)},
            {ANIMAL: repeats.astype(np.float32)},
        ),
        rdms={},
        units=pd.DataFrame({"subject": ANIMAL, "unit": [f"neuron-{i + 1:02d}" for i in range(units)]}),
        regions=(Region("V4", np.arange(units), ("visual", "ventral", "V4"), "V4"),),
        split_kind="contiguous",
        split_folds=5,
        extra={"provenance": PROVENANCE},
    )
