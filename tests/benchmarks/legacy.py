"""PLS and fixed-penalty ridge against scikit-learn's own classes, on Brain-Score's splits.

    python tests/benchmarks/legacy.py                      the tables of docs/speed.md
    python tests/benchmarks/legacy.py --size 300,200,100   one size: samples, features, units

Brain-Score draws ten random splits with 90 % of the stimuli in training and fits each anew; two of them are run
here. Both sides get the same float32 features and float64 responses and give held-out predictions. CPU seconds of
one BLAS thread in one run; peak memory of each solver's process. Differences are the largest over all held-out
predictions, as a share of their standard deviation, against scikit-learn in float64. scikit-learn's `Ridge` stays in
float32 where features are (as from a network), its PLS is always float64.
"""

import argparse
from typing import Any, NamedTuple

import numpy as np
from measured import Measured, measured
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge
from sklearn.model_selection import ShuffleSplit

from gyral.datasets.split import contiguous
from gyral.features.features import Features
from gyral.readouts.legacy import FixedRidge
from gyral.readouts.pls import Pls, PlsExact

SIZES = ((1000, 1024, 5000), (640, 4096, 2000))
SPLITS = 2


class Inputs(NamedTuple):
    features: np.ndarray
    responses: np.ndarray
    splits: list[tuple[np.ndarray, np.ndarray]]


def planted(samples: int, features: int, units: int, splits: int) -> Inputs:
    """Features with a decaying spectrum and an offset; responses from 60 directions of them, and noise."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, features)) * 5 * np.arange(1, features + 1) ** -0.5
    # A random reflection mixes all columns without a decomposition of features x features.
    normal = rng.standard_normal(features)
    x -= 2 * np.outer(x @ normal, normal) / (normal @ normal)
    y = x @ rng.standard_normal((features, 60)) @ rng.standard_normal((60, units)) / np.sqrt(60 * features)
    y += 2 * rng.standard_normal(y.shape)
    folds = ShuffleSplit(splits, train_size=0.9, random_state=1).split(x)
    return Inputs((x + 0.3).astype(np.float32), y, list(folds))


class Ours:
    """One of our readouts; with ``inner`` also the inner r2 that choosing layers takes."""

    def __init__(self, readout: Any, inner: bool = False) -> None:
        self.readout, self.inner = readout, inner

    def __call__(self, inputs: Inputs) -> np.ndarray:
        features = Features("layer", inputs.features)
        out = []
        for train, test in inputs.splits:
            fitted = self.readout.fit(features, inputs.responses, train, contiguous(len(train), 5).folds)
            out.append(fitted.predict(features, test))
            if self.inner:
                assert np.isfinite(fitted.inner_r2).all()
        return np.concatenate(out)


class Theirs:
    """One of scikit-learn's classes."""

    def __init__(self, model: Any, kind: type) -> None:
        self.model, self.kind = model, kind

    def __call__(self, inputs: Inputs) -> np.ndarray:
        x, y = inputs.features.astype(self.kind, copy=False), inputs.responses
        return np.concatenate([self.model.fit(x[a], y[a]).predict(x[b]) for a, b in inputs.splits])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", help="SAMPLES,FEATURES,UNITS")
    options = parser.parse_args()
    sizes = [tuple(int(n) for n in options.size.split(","))] if options.size else SIZES
    for size in sizes:
        _table(
            f"PLS, {size[0]} x {size[1]} -> {size[2]}",
            size,
            {
                "scikit-learn PLSRegression(25, scale=False)": Theirs(PLSRegression(25, scale=False), np.float64),
                "gyral pls": Ours(Pls()),
                "gyral pls with inner r2": Ours(Pls(), inner=True),
                "gyral pls-exact": Ours(PlsExact()),
            },
        )
        _table(
            f"Ridge(1.0), {size[0]} x {size[1]} -> {size[2]}",
            size,
            {
                "scikit-learn Ridge(1.0), float64": Theirs(Ridge(1.0), np.float64),
                "scikit-learn Ridge(1.0), float32": Theirs(Ridge(1.0), np.float32),
                "gyral ridge-fixed": Ours(FixedRidge()),
                "gyral ridge-fixed with inner r2": Ours(FixedRidge(), inner=True),
            },
        )


def _table(title: str, size: tuple[int, ...], calls: dict[str, Any]) -> None:
    found: dict[str, Measured] = {name: measured(planted, call, *size, SPLITS) for name, call in calls.items()}
    reference = next(iter(found.values())).result
    ours = next(m for name, m in found.items() if name.startswith("gyral"))
    print(f"\n{title}, {SPLITS} splits\n")
    print("| solver | CPU s | over ours | peak GiB | largest difference |")
    print("|---|---|---|---|---|")
    for name, (result, seconds, peak) in found.items():
        apart = np.abs(result - reference).max() / reference.std()
        print(f"| {name} | {seconds:.2f} | {seconds / ours.seconds:.1f} | {peak:.2f} | {apart:.1e} |", flush=True)


if __name__ == "__main__":
    main()
