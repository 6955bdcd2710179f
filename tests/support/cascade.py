"""A generated cascade: features of layers that drive sensors one after the other. Tests only."""

import numpy as np
import pandas as pd

from gyral.datasets.dataset import About, Dataset
from gyral.datasets.region import Region
from gyral.datasets.responses import Responses
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.time_axis import TimeAxis
from gyral.features.features import Features


def cascade(
    *,
    layers: int = 6,
    samples: int = 200,
    sensors: int = 5,
    times: int = 14,
    subjects: int = 2,
    strength: float = 1.0,
    reverse: bool = False,
    repeats: int = 0,
    seed: int = 0,
) -> tuple[Dataset, dict[str, Features]]:
    """A dataset and the features behind it: layer k peaks 40 + 25 k ms after onset (times start at -25 ms).

    Neighbouring layers share half of their variance, as those of a network do.
    """
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(layers + 1, samples, 4))
    features = (own[1:] + own[:-1]) / np.sqrt(2)
    axis = TimeAxis(tuple(round(-0.025 + 0.025 * t, 3) for t in range(times)), (0.0, 0.025 * (times - 2)))
    clock = np.asarray(axis.times)
    order = list(reversed(range(layers))) if reverse else list(range(layers))
    values, single, tables = {}, {}, []
    for s in range(subjects):
        signal = np.zeros((samples, sensors, times))
        for k, place in enumerate(order):
            course = np.exp(-((clock - 0.04 - 0.025 * place) ** 2) / (2 * 0.02**2))
            signal += strength * (features[k] @ rng.normal(size=(4, sensors)) / 2)[:, :, None] * course
        noisy = signal[:, None] + rng.normal(size=(samples, max(repeats, 1), sensors, times))
        name = f"s{s}"
        values[name] = noisy.mean(axis=1).reshape(samples, -1).astype(np.float32)
        if repeats:
            single[name] = noisy.reshape(samples, repeats, -1).astype(np.float32)
        tables.append(
            pd.DataFrame(
                {
                    "subject": name,
                    "unit": [f"c{c}@{t}" for c in range(sensors) for t in range(times)],
                    "sensor": np.repeat([f"c{c}" for c in range(sensors)], times),
                    "time": np.tile(axis.times, sensors),
                }
            )
        )
    units = pd.concat(tables, ignore_index=True)
    inside = np.flatnonzero(units["time"].between(*axis.window))
    dataset = Dataset(
        about=About("cascade", "Cascade", "Generated.", simulated=True, ordered=False),
        stimuli=StimulusSet.from_texts([f"t{i}" for i in range(samples)], [f"i{i}" for i in range(samples)]),
        responses=Responses("MEG", "a.u.", values, single),
        rdms={},
        units=units,
        regions=(Region("sensors", inside, ("sensors",)),),
        time=axis,
    )
    return dataset, {f"layer{k}": Features(f"layer{k}", f.astype(np.float32)) for k, f in enumerate(features)}
