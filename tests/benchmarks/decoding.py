"""Shrinkage LDA over time against mne, with equal results.

    python tests/benchmarks/decoding.py                    1000 trials x 270 sensors x 100 times, five folds
    python tests/benchmarks/decoding.py --trials 300 --sensors 60 --times 20

``mne.decoding.SlidingEstimator`` and ``GeneralizingEstimator`` over scikit-learn's LDA, scored by ROC AUC in
contiguous folds, and ours on the same arrays, each in a process of its own. CPU seconds of one thread; peak memory is of the whole
process, with interpreter and inputs (``data`` is that of a process that only makes them). AUCs must be equal to 1e-6 and decisions to
1e-6 of their spread, or the script fails.
"""

import argparse
from typing import Any

import numpy as np
from measured import measured
from mne.decoding import GeneralizingEstimator, SlidingEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from gyral.datasets.split import contiguous
from gyral.decoding.accuracy import auc, over_folds
from gyral.decoding.labels import Labels
from gyral.decoding.lda import cross_decisions

FOLDS = 5


def made(trials: int, sensors: int, times: int, *rest: Any) -> tuple[Any, ...]:
    """Two classes that differ in a moving pattern, in noise that sensors share."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(trials) % 2)
    x = rng.standard_normal((trials, sensors, times), dtype=np.float32)
    x += (
        rng.standard_normal((trials, 8, times)).transpose(0, 2, 1) @ rng.standard_normal((8, sensors))
    ).transpose(0, 2, 1)
    patterns = rng.standard_normal((sensors, times)) * np.exp(-(np.linspace(-2, 2, times) ** 2))
    x += (0.1 * patterns * y[:, None, None]).astype(np.float32)
    return x, y, *rest


def nothing(inputs: tuple[Any, ...]) -> None:
    """Only the inputs."""


def theirs(inputs: tuple[Any, ...]) -> tuple[Any, Any]:
    """AUC of every time (or pair of times), and decisions."""
    x, y, generalize, solver, shrinkage = inputs
    kind = GeneralizingEstimator if generalize else SlidingEstimator
    scores, decisions = [], np.empty((len(y), *([x.shape[2]] * (2 if generalize else 1))))
    for train, test in contiguous(len(y), FOLDS).folds:
        model = kind(
            LinearDiscriminantAnalysis(solver=solver, shrinkage=shrinkage), scoring="roc_auc", verbose="error"
        ).fit(x[train], y[train])
        # What `model.score` does, but for its keeping no decisions.
        found = model.decision_function(x[test])
        decisions[test] = found
        flat = found.reshape(len(test), -1)
        scores.append(np.array([roc_auc_score(y[test], column) for column in flat.T]).reshape(found.shape[1:]))
    return np.mean(scores, axis=0), decisions


def ours(inputs: tuple[Any, ...]) -> tuple[Any, Any]:
    """The same."""
    x, y, generalize, _, shrinkage = inputs
    folds = contiguous(len(y), FOLDS).folds
    labels = Labels(y.astype(np.int64), ("0", "1"))
    decisions = cross_decisions(x, labels, folds, shrinkage, generalize=generalize)
    return over_folds(auc, labels.codes, decisions, [f.test for f in folds]), decisions


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--sensors", type=int, default=270)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3, help="runs of ours; the least counts")
    parser.add_argument("--only", choices=("sliding", "generalizing"))
    asked = parser.parse_args()
    shape = (asked.trials, asked.sensors, asked.times)
    print(f"{' x '.join(map(str, shape))}, data {measured(made, nothing, *shape).peak:.2f} GiB\n")
    print(
        "| | shrinkage | mne, solver | CPU s | ours, CPU s | ratio | peak GiB, mne | ours | AUC differs | decisions differ |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, generalize in (("sliding", False), ("generalizing", True)):
        if asked.only not in (None, name):
            continue
        for solver, shrinkage in (("lsqr", "auto"), ("eigen", "auto"), ("lsqr", 0.1)):
            if generalize and (solver, shrinkage) != ("lsqr", "auto"):
                continue  # fitting is all that differs, and that is the first table
            rest = (generalize, solver, shrinkage)
            slow = measured(made, theirs, *shape, *rest)
            runs = [measured(made, ours, *shape, *rest) for _ in range(asked.repeats)]
            fast = min(runs, key=lambda run: run.seconds)
            gaps = [float(np.abs(a - b).max()) for a, b in zip(slow.result, fast.result, strict=True)]
            spread = float(slow.result[1].std())
            print(
                f"| {name} | {shrinkage} | {solver} | {slow.seconds:.1f} | {fast.seconds:.2f} | "
                f"{slow.seconds / fast.seconds:.1f} | {slow.peak:.2f} | {fast.peak:.2f} | {gaps[0]:.0e} | {gaps[1]:.0e} |",
                flush=True,
            )
            assert gaps[0] <= 1e-6, "AUCs differ"
            assert gaps[1] <= 1e-6 * max(1.0, spread), "decisions differ"


if __name__ == "__main__":
    main()
