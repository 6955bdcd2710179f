"""Which response functions delays recover, and what word rate does without centring: the tables of docs/stories.md.

    python tests/benchmarks/stories.py [--seeds 3] [--stories 6] [--samples 150]

Mean r over units and held-out stories of simulated BOLD at a TR of 2 s (`tests/support/planted_stories.py`); the signal has a
share of .2 of the variance, so that r reaches .447 at best.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LinearRegression

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from gyral.datasets.dataset import Dataset
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.timeline import Timeline
from gyral.features.features import Features
from gyral.features.timed import Placement, Timed
from gyral.fitting import fit_layers
from gyral.readouts.ridge import Ridge
from gyral.scores.problem import problem_of
from planted_stories import heard, planted_stories, words_in_time


def mean_r(dataset: Dataset, features: Features) -> float:
    """Over units and folds."""
    problem = problem_of(dataset, "none")
    predicted = fit_layers({"words": features}, problem, Ridge()).predictions[0]
    found = []
    for fold in problem.split.folds:
        pairs = zip(predicted[fold.test].T, problem.responses[fold.test].T, strict=True)
        found += [np.corrcoef(p, y)[0, 1] if np.ptp(p) else 0.0 for p, y in pairs]
    return float(np.mean(found))


def delays(peak: float, stories: int, samples: int, seed: int) -> tuple[float, float, float]:
    """r with delays of 2 to 8 s, with the response function that peaks at 5 s, and without a delay."""
    dataset, vectors = planted_stories(peak=peak, stories=stories, samples=samples, seed=seed)
    timeline = dataset.timeline
    if timeline is None:
        raise SystemExit("planted stories have a timeline")
    words = Features("words", vectors)
    fir = mean_r(dataset, Timed.of(words, Placement.of(timeline, dataset.stimuli)))
    at_once = replace(dataset, timeline=replace(timeline, delays=(0,)))
    none = mean_r(at_once, Timed.of(words, Placement.of(replace(timeline, delays=(0,)), dataset.stimuli)))
    names = list(dataset.stimuli.groups or ())
    canonical = heard(vectors, names, dataset.stimuli.columns["onset"], 5.0, samples, timeline.period)
    return fir, mean_r(dataset, Features("", canonical.astype(np.float32))), none


def leak(seed: int) -> tuple[float, float]:
    """R2 of words a volume, from random vectors with a mean of their own: as they are, and centred in training."""
    rng = np.random.default_rng(seed)
    names, onsets = words_in_time(1, 800.0, rng)
    stimuli = StimulusSet.from_texts(["word"] * len(names), groups=names, columns={"onset": onsets})
    placement = Placement.of(Timeline(2.0, ("story-0",) * 400, (1,), start=1.0), stimuli)
    vectors = rng.standard_normal((len(names), 50)) + rng.standard_normal(50)
    counted = np.bincount((onsets / 2.0).astype(int), minlength=400)
    layer = Timed.of(Features("words", vectors.astype(np.float32)), placement)
    found = []
    for features in (layer.array, layer.within(np.arange(300)).flat()):
        model = LinearRegression().fit(features[:300], counted[:300])
        found.append(float(model.score(features[310:], counted[310:])))
    return found[0], found[1]


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--stories", type=int, default=6)
    parser.add_argument("--samples", type=int, default=150)
    asked = parser.parse_args()
    print("| peak | delays of 2 to 8 s | canonical, peak at 5 s | no delay |\n|---|---|---|---|")
    for peak in (3.0, 5.0, 8.0):
        runs = [delays(peak, asked.stories, asked.samples, seed) for seed in range(asked.seeds)]
        print(f"| {peak:g} s | " + " | ".join(f"{m:.3f}" for m in np.mean(runs, axis=0)) + " |", flush=True)
    leaks = np.array([leak(seed) for seed in range(asked.seeds)])
    print(f"\nwords a volume, R2: as they are {leaks[:, 0].min():.2f} to {leaks[:, 0].max():.2f}, ", end="")
    print(f"centred {leaks[:, 1].min():.2f} to {leaks[:, 1].max():.2f}")


if __name__ == "__main__":
    main()
