"""Extract a layer and die, unasked and without a word, when the third batch is wanted."""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

import numpy as np

from array_model import ArrayModel
from gyral.datasets.stimulus import StimulusSet
from gyral.features.extract import extract


class Doomed(dict[str, np.ndarray]):
    """Arrays whose third reading kills the process."""

    read = 0

    def __getitem__(self, name: str) -> np.ndarray:
        self.read += 1
        if self.read == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(name)


stimuli = StimulusSet.from_texts([f"sentence {i}" for i in range(30)])
rng = np.random.default_rng(0)
rng.standard_normal((30, 4, 3, 3))
flat = rng.standard_normal((30, 5)).astype(np.float32)
extract(ArrayModel(stimuli.ids, Doomed(maps=flat, flat=flat)), stimuli, ["flat"])
