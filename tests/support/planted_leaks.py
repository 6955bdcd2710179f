"""Datasets without any signal, and with leaks that were planted in them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.canaries.noise import autoregressive
from gyral.datasets.dataset import About, Dataset
from gyral.datasets.region import Region
from gyral.datasets.responses import Responses
from gyral.datasets.stimulus import StimulusSet

STORIES, LENGTH, VOXELS = 4, 60, 12

# Of the dataset that `told` makes.
BENCHMARK = {
    "name": "told-benchmark",
    "version": 0,
    "title": "Told",
    "modality": "language",
    "dataset": "told",
    "task": "encoding",
    "metric": "pearson",
    "readout": "ridge",
    "ceiling": "none",
    "main_region": "all",
}


def told(
    values: NDArray[Any],
    *,
    groups: Sequence[str] | None = None,
    texts: Sequence[str] | None = None,
    ordered: bool = True,
    **changes: Any,
) -> Dataset:
    """A dataset of one subject and one region; ``changes`` replace its fields."""
    count, units = values.shape
    words = [f"sentence number {i} of {count * (i + 7) % 9973}" for i in range(count)]
    fields: dict[str, Any] = {
        "about": About(name="told", title="Told", description="For tests.", simulated=True, ordered=ordered),
        "stimuli": StimulusSet.from_texts(words if texts is None else texts, groups=groups),
        "responses": Responses("simulated", "z", {"s1": values.astype(np.float32)}, {}),
        "rdms": {},
        "units": pd.DataFrame({"subject": "s1", "unit": [f"u{i}" for i in range(units)]}),
        "regions": (Region("all", np.arange(units)),),
        "split_kind": "contiguous" if groups is None else "leave-one-group-out",
    }
    return Dataset(**(fields | changes))


def stories(phi: float = 0.9, *, seed: int = 0, voxels: int = VOXELS, **changes: Any) -> Dataset:
    """Four stories and voxels that drift by themselves: nothing in them has anything to do with any stimulus."""
    codes = np.repeat(np.arange(STORIES), LENGTH)
    noise = autoregressive(len(codes), voxels, np.random.default_rng(seed), codes, phi)
    return told(noise, groups=[f"story-{k}" for k in codes], **changes)
