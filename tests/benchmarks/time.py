"""Encoding over time: ridge for all sensors and times at once against scikit-learn's RidgeCV time by time.

    python tests/benchmarks/time.py                        1000 trials x 270 sensors x 100 times, 512 features
    python tests/benchmarks/time.py --times 20 --sensors 64

Eleven penalties, a penalty per unit, 1000 training trials, predictions of 200 held-out ones. Each solver runs in a process of its
own, in CPU seconds of one thread; peak memory is beside the inputs. RidgeCV chooses by leave-one-out, ours by five folds or by
generalised cross-validation; held-out r is the mean over units that carry signal.
"""

import argparse
import os
from dataclasses import dataclass
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
from measured import measured

from gyral.datasets.split import contiguous
from gyral.features.features import Features
from gyral.readouts.ridge import PENALTIES, Ridge

HELD_OUT, FEATURES = 200, 512


@dataclass(frozen=True, eq=False)
class Inputs:
    """Trials with planted signal: a bump in time that travels over sensors."""

    features: np.ndarray
    responses: np.ndarray  # trials x sensors x times
    carries: np.ndarray  # sensors x times


def planted(trials: int, sensors: int, times: int) -> Inputs:
    """1/f noise in time; each sensor reads five of the features' directions."""
    rng = np.random.default_rng(0)
    every = trials + HELD_OUT
    x = rng.standard_normal((every, FEATURES), dtype=np.float32) * np.arange(1, FEATURES + 1) ** -0.5
    x = (x @ np.linalg.qr(rng.standard_normal((FEATURES, FEATURES)))[0]).astype(np.float32)
    clean = x @ rng.standard_normal((FEATURES, sensors), dtype=np.float32)
    clean /= clean.std(axis=0)
    clock = np.arange(times)
    course = np.exp(
        -((clock - times * (0.2 + 0.6 * np.arange(sensors)[:, None] / sensors)) ** 2) / (times / 8) ** 2
    )
    y = np.empty((every, sensors, times), np.float32)
    scale = 1 / np.sqrt(np.maximum(np.fft.rfftfreq(times), 1 / times))
    for s in range(sensors):
        white = np.fft.rfft(rng.standard_normal((every, times)), axis=1)
        noise = np.fft.irfft(white * scale, times, axis=1)
        y[:, s] = clean[:, [s]] * course[s] + 2 * noise / noise.std()
    return Inputs(x, y, course > 0.5)


class Ours:
    """One fit: a unit is a sensor at a time."""

    def __init__(self, selection: str) -> None:
        self.ridge = Ridge(selection=selection, exchangeable=selection == "gcv")

    def __call__(self, inputs: Inputs) -> Any:
        count = len(inputs.responses) - HELD_OUT
        rows, held = np.arange(count), np.arange(count, count + HELD_OUT)
        features = Features("layer", inputs.features)
        flat = inputs.responses.reshape(len(inputs.responses), -1)
        fitted = self.ridge.fit(features, flat, rows, contiguous(count, 5).folds)
        return fitted.predict(features, held).reshape(HELD_OUT, *inputs.responses.shape[1:])


def scikit_learn(inputs: Inputs) -> Any:
    """RidgeCV (leave-one-out, a penalty per target) at each time."""
    from sklearn.linear_model import RidgeCV

    count = len(inputs.responses) - HELD_OUT
    mean, scale = inputs.features[:count].mean(axis=0), inputs.features[:count].std(axis=0)
    x = (inputs.features - mean) / scale
    out = np.empty((HELD_OUT, *inputs.responses.shape[1:]), np.float32)
    for t in range(inputs.responses.shape[2]):
        model = RidgeCV(alphas=PENALTIES, alpha_per_target=True)
        out[:, :, t] = model.fit(x[:count], inputs.responses[:count, :, t]).predict(x[count:])
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--sensors", type=int, default=270)
    parser.add_argument("--times", type=int, default=100)
    options = parser.parse_args()
    sizes = (options.trials, options.sensors, options.times)
    inputs = planted(*sizes)
    held = inputs.responses[options.trials :]
    calls = {"ours": Ours("kfold"), "ours, gcv": Ours("gcv"), "scikit-learn RidgeCV per time": scikit_learn}
    print(f"{sizes[0]} trials x {sizes[1]} sensors x {sizes[2]} times, {FEATURES} features")
    print("| solver | CPU s | over ours | peak MiB | held-out r where planted |")
    print("|---|---|---|---|---|")
    first = None
    for name, call in calls.items():
        found = measured(planted, call, *sizes)
        first = first or found
        r = correlation(held, found.result)[inputs.carries].mean()
        print(
            f"| {name} | {found.seconds:.1f} | {found.seconds / first.seconds:.1f} | {found.peak * 1024:.0f} | {r:.4f} |",
            flush=True,
        )


def correlation(measured_: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """r over trials, sensors x times."""
    a, b = measured_ - measured_.mean(axis=0), predicted - predicted.mean(axis=0)
    scale = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.where(scale > 0, (a * b).sum(axis=0) / np.where(scale > 0, scale, 1), 0.0)


if __name__ == "__main__":
    main()
