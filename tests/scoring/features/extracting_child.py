"""Extract two layers slowly into the shared cache, in one of several processes; print what was shown and what came of it."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

import numpy as np

from array_model import ArrayModel
from gyral.datasets.stimulus import StimulusSet
from gyral.features.extract import extract
from gyral.hashing import hash_array


class Slow(dict[str, np.ndarray]):
    """Arrays that take a while to give."""

    def __getitem__(self, name: str) -> np.ndarray:
        time.sleep(0.03)
        return super().__getitem__(name)


rng = np.random.default_rng(0)
arrays: Mapping[str, np.ndarray] = Slow(
    maps=rng.standard_normal((30, 4, 3, 3)).astype(np.float32),
    flat=rng.standard_normal((30, 5)).astype(np.float32),
)
stimuli = StimulusSet.from_texts([f"sentence {i}" for i in range(30)])
model = ArrayModel(stimuli.ids, dict.copy(arrays) if len(sys.argv) > 1 else arrays)
layers = sys.argv[1:] or ["maps", "flat"]
hashes = []
for _ in range(5):
    found = extract(model, stimuli, layers)
    hashes.append({name: hash_array(np.asarray(f.array)) for name, f in found.items()})
print(json.dumps({"shown": len(model.shown), "hashes": hashes}))
