"""Subjects who share a signal, with known ceilings; as a dataset, and as an installed benchmark."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gyral.datasets.dataset import About, Dataset
from gyral.datasets.pack import content_hash, write_pack
from gyral.datasets.region import Region
from gyral.datasets.responses import Responses
from gyral.datasets.stimulus import StimulusSet
from gyral.places import home


def planted_subjects(
    subjects: int = 5,
    rows: int = 300,
    units: int = 30,
    *,
    latents: int = 4,
    share: float = 0.6,
    noise: float = 1.0,
    repeats: int = 4,
    same_units: bool = False,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Single presentations of each subject, samples x repeats x units.

    A unit's signal has variance 1, of which ``share`` is a mixture of latents that all subjects have in common (the same
    mixture for all where ``same_units``); each presentation adds ``noise`` (variance). A predictor that knows all latents
    reaches an r2 of ``share / (1 + noise / repeats)``.
    """
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((rows, latents))
    found = {}
    mixture = rng.standard_normal((latents, units))
    for s in range(subjects):
        if not same_units:
            mixture = rng.standard_normal((latents, units))
        common = z @ (mixture / np.linalg.norm(mixture, axis=0))
        signal = np.sqrt(share) * common + np.sqrt(1 - share) * rng.standard_normal((rows, units))
        found[f"s{s + 1}"] = signal[:, None] + np.sqrt(noise) * rng.standard_normal((rows, repeats, units))
    return found


def dataset_of(single: Mapping[str, np.ndarray], *, with_repeats: bool = True, **changes: Any) -> Dataset:
    """A text dataset of these presentations: one region of all units."""
    values = {s: np.nanmean(r, axis=1).astype(np.float32) for s, r in single.items()}
    widths = [v.shape[1] for v in values.values()]
    rows = len(next(iter(values.values())))
    words = np.random.default_rng(3).integers(1, 9, rows)
    fields: dict[str, Any] = {
        "about": About(name="planted", title="Planted", description="For tests.", species="simulated"),
        "stimuli": StimulusSet.from_texts([f"{'word ' * n}{i}" for i, n in enumerate(words)]),
        "responses": Responses(
            "simulated",
            "a.u.",
            values,
            {s: r.astype(np.float32) for s, r in single.items()} if with_repeats else {},
        ),
        "rdms": {},
        "units": pd.DataFrame(
            {"subject": np.repeat(list(values), widths), "unit": [f"u{i}" for i in range(sum(widths))]}
        ),
        "regions": (Region("all", np.arange(sum(widths))),),
    }
    made = Dataset(**(fields | changes))
    return Dataset(**(fields | changes | {"content_hash": content_hash(made)}))


def install(dataset: Dataset, ceiling: str) -> str:
    """Put the dataset among the installed packs, as a benchmark with this ceiling; its name."""
    name = dataset.name
    declared = {
        "name": name,
        "version": 0,
        "title": "Planted",
        "modality": "language",
        "dataset": name,
        "task": "encoding",
        "metric": "pearson",
        "readout": "ridge",
        "ceiling": ceiling,
        "main_region": dataset.regions[0].name,
        "simulated": True,
    }
    packs = home() / "packs"
    packs.mkdir(exist_ok=True)
    fields = {k: getattr(dataset, k) for k in ("about", "stimuli", "responses", "rdms", "units", "regions")}
    write_pack(Dataset(**fields, extra={"benchmark": declared}), packs / name)
    return name
