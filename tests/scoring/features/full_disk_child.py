"""Extract under a limit on file size, which refuses writes as a full disk does; print the error as JSON."""

import json
import resource
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

import numpy as np

from array_model import ArrayModel
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import OutOfResources
from gyral.features.extract import extract


class Filling(dict[str, np.ndarray]):
    """Arrays whose second reading finds the disk full: room for one batch and a half."""

    read = 0

    def __getitem__(self, name: str) -> np.ndarray:
        self.read += 1
        if self.read == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        return super().__getitem__(name)


stimuli = StimulusSet.from_texts([f"sentence {i}" for i in range(30)])
model = ArrayModel(stimuli.ids, Filling(wide=np.ones((30, 20_000), np.float32)))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    extract(model, stimuli, ["wide"])
except OutOfResources as error:
    print(json.dumps(error.as_dict()))
