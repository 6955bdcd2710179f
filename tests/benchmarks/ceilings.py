"""How fast are ceilings over subjects, against a curve fit a unit, and do both find the same?

    python tests/benchmarks/ceilings.py                        200 units
    python tests/benchmarks/ceilings.py --units 1000

The rivals are the plain way: scipy's ``curve_fit`` for each unit and redraw of stimuli, as Brain-Score extrapolates, and
a loop over subjects and units for leave-one-subject-out. Both sides run one after the other in one process, with one
thread, on the same numbers; the ratio is what counts. Then both curves extrapolate over six subjects of six noisy units each, five
seeds, where .48 is planted.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.optimize import curve_fit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from gyral.between import extrapolation, posed
from gyral.scores.asymptote import LATEST_BEND, asymptote
from gyral.scores.subjects import between_subjects
from planted_subjects import dataset_of, planted_subjects

Array = np.ndarray
SUBJECTS, ROWS = 8, 400


def timed(work: Callable[[], Array]) -> tuple[float, Array]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def scores(units: int, redraws: int) -> tuple[Array, Array]:
    """Pool sizes, and noisy scores (sizes x redraws x units) that saturate at .3 to .9."""
    rng = np.random.default_rng(0)
    sizes = np.arange(1, SUBJECTS)
    top, bend = rng.uniform(0.3, 0.9, units), rng.uniform(0.5, 3.0, units)
    truth = top * np.sqrt(sizes[:, None] / (sizes[:, None] + bend))
    return sizes, truth[:, None] + 0.005 * rng.standard_normal((len(sizes), redraws, units))


CURVES = {
    "spearman-brown": lambda s, v0, k: v0 * np.sqrt(s / (s + k)),
    "exponential": lambda s, v0, k: v0 * (1 - np.exp(-s / k)),
}


def one_by_one(sizes: Array, values: Array, curve: str) -> Array:
    """The asymptote of each redraw and unit by scipy, within the same bounds."""
    latest = LATEST_BEND[curve] * sizes.max()
    out = np.empty(values.shape[1:])
    for place in np.ndindex(out.shape):
        own = values[(slice(None), *place)]
        best = curve_fit(CURVES[curve], sizes, own, p0=(0.5, 1.0), bounds=([0, 0.01], [1, latest]))
        out[place] = best[0][0]
    return out


def subject_after_subject(data: list[Array]) -> Array:
    """ISC^2 over the reliability of the others' mean, a loop over subjects and units."""
    out = []
    for s, own in enumerate(data):
        others = [d for t, d in enumerate(data) if t != s]
        for v in range(own.shape[1]):
            group = np.stack([(o[:, v] - o[:, v].mean()) / o[:, v].std() for o in others])
            isc = np.corrcoef(own[:, v], group.mean(axis=0))[0, 1]
            n, q = len(group), np.corrcoef(group)[np.triu_indices(len(group), 1)].mean()
            out.append(np.sign(isc) * isc**2 / (n * q / (1 + (n - 1) * q)))
    return np.array(out)


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=200)
    parser.add_argument("--redraws", type=int, default=20)
    asked = parser.parse_args()
    sizes, values = scores(asked.units, asked.redraws)
    print(f"{'what':<44}{'ours':>9}{'rival':>9}{'ratio':>8}{'largest difference':>20}")
    for curve in CURVES:
        ours, found = timed(lambda c=curve: asymptote(sizes, values, curve=c)[0])
        rival, slow = timed(lambda c=curve: one_by_one(sizes, values, c))
        report(f"{curve}, {values[0].size} fits", ours, rival, found, slow)
    rng = np.random.default_rng(1)
    shared = rng.standard_normal((ROWS, asked.units))
    data = [shared + rng.standard_normal(shared.shape) for _ in range(SUBJECTS)]
    evidence, every = between_subjects(data), np.arange(SUBJECTS * asked.units)
    blocks, fold_of, once = [np.arange(ROWS)], np.zeros(1, np.int64), np.ones((1, 1))
    ours, found = timed(lambda: evidence.under(blocks, fold_of, once, every)[0])
    rival, slow = timed(lambda: subject_after_subject(data))
    report(f"leave one of {SUBJECTS} subjects out, {len(every)} units", ours, rival, found, slow)
    planted()


def planted() -> None:
    """What the two curves find of planted subjects, mean over units, seed by seed."""
    found: dict[str, list[float]] = {curve: [] for curve in CURVES}
    for seed in range(5):
        dataset = dataset_of(planted_subjects(6, 300, 6, latents=4, share=0.6, seed=seed))
        problem = posed(dataset, "extrapolation")
        folds = [fold.test for fold in problem.split.folds]
        for curve, values in found.items():
            values.append(
                float(extrapolation(dataset, problem, curve=curve).reliability(folds).noise_ceiling.mean())
            )
    for curve, values in found.items():
        print(f"planted .480, {curve:<16}", *(f"{value:.3f}" for value in values), flush=True)


def report(what: str, ours: float, rival: float, found: Array, slow: Array) -> None:
    print(f"{what:<44}{ours:8.3f}s{rival:8.2f}s{rival / ours:8.0f}{np.abs(found - slow).max():20.1e}", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as cache:
        os.environ["GYRAL_CACHE"] = cache
        main()
