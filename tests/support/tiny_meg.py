"""A small M/EEG dataset: two subjects, six sensors, four times."""

import numpy as np
import pandas as pd

from gyral.datasets.dataset import About, Dataset
from gyral.datasets.region import Region
from gyral.datasets.responses import Responses
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.time_axis import TimeAxis

SENSORS, TIMES = 6, 4


def recorded(
    texts: list[str], subjects: tuple[str, ...] = ("a", "b"), values: np.ndarray | None = None
) -> Dataset:
    """Each text once a subject; the unit table names times first, sensors second, to be put in order."""
    rng = np.random.default_rng(0)
    axis = TimeAxis(tuple(np.arange(TIMES) / 10), (0.0, 0.3))
    table = pd.DataFrame(
        [
            {
                "subject": s,
                "unit": f"{c}@{t}",
                "sensor": f"c{c}",
                "time": axis.times[t],
                "x": c / 10,
                "y": 0.1,
                "z": 0.0,
            }
            for s in subjects
            for t in range(TIMES)
            for c in range(SENSORS)
        ]
    )
    shape = (len(texts), SENSORS * TIMES)
    made = {s: np.asarray(rng.standard_normal(shape) if values is None else values, np.float32) for s in subjects}
    return Dataset(
        about=About(name="tiny-meg", title="Tiny", description="Made.", simulated=True, ordered=False),
        stimuli=StimulusSet.from_texts(texts),
        responses=Responses("MEG", "fT", made, {}),
        rdms={},
        units=table,
        regions=(Region("all", np.arange(len(table))),),
        time=axis,
    )
