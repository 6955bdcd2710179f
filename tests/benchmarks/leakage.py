"""What a shuffled story does to features that know nothing of it, and how often a canary refuses in error.

    python tests/benchmarks/leakage.py table
    python tests/benchmarks/leakage.py false-refusals [--recordings N]

``table``: six stories of 80 samples and 60 voxels of autocorrelated noise; nothing in them has anything to do with any
feature. Mean r over voxels and seeds, of the engine's ridge, under three splits.

``false-refusals``: recordings without any leak under the rule of `gyral.canaries.verdict`, and how many are refused;
and recordings that leak across borders without a gap.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.canaries import kernel, noise, oasm, position, scored, verdict
from gyral.datasets.region import Region
from gyral.datasets.split import Fold, Rows, Split, contiguous, leave_one_group_out, shuffled
from gyral.scores.problem import Problem

Array = NDArray[np.floating[Any]]

STORIES, LENGTH, VOXELS = 6, 80, 60
PHI = 0.9  # of voxels; noise features drift more slowly (`gyral.canaries.noise.PHI`)
DELAYS = 4
CHUNK = 20
SEEDS = 6


def chunks(samples: int, length: int, folds: int) -> Split:
    """Stretches of ``length`` samples, shuffled over folds: for an audit."""
    codes = np.arange(samples) // length
    order = np.random.default_rng(0).permutation(codes.max() + 1)
    held = [np.flatnonzero(np.isin(codes, part)).astype(np.int64) for part in np.array_split(order, folds)]
    every = np.arange(samples, dtype=np.int64)
    return Split(f"chunks-{length}", tuple(Fold(np.setdiff1d(every, h), h) for h in held), audit=True)


def delayed(features: Array, groups: Rows) -> Array:
    """Features of the 1 to `DELAYS` samples before, side by side; zeros before a story begins."""
    out = np.zeros((DELAYS, *features.shape))
    for d in range(1, DELAYS + 1):
        fine = groups[d:] == groups[:-d]
        out[d - 1, d:][fine] = features[:-d][fine]
    return np.concatenate(list(out), axis=1)


def table() -> None:
    """Print mean r of each kind of features under each split."""
    count = STORIES * LENGTH
    groups = np.repeat(np.arange(STORIES), LENGTH)
    rows = np.arange(count)
    splits = {
        "shuffled": shuffled(count, STORIES, audit=True),
        "20-sample chunks": chunks(count, CHUNK, STORIES),
        "by story": leave_one_group_out(groups),
    }

    def made(seed: int) -> dict[str, Array]:
        rng = np.random.default_rng([seed, 1])
        return {
            "unrelated noise, AR(.95), 4 delays": delayed(noise.autoregressive(count, 50, rng, groups), groups),
            "orthogonal baseline, width 1.5": oasm.blurred(rows, 1.5, groups),
            "shared position": position.radial(position.place_in_group(groups)),
            "white noise": rng.standard_normal((count, 50)),
        }

    found: dict[tuple[str, str], list[float]] = {}
    for seed in range(SEEDS):
        voxels = noise.autoregressive(count, VOXELS, np.random.default_rng([seed, 0]), groups, PHI)
        for where, split in splits.items():
            problem = posed(voxels, split, [np.arange(VOXELS)])
            for cell in scored.cells(problem, made(seed), 0):
                found.setdefault((cell.setting, where), []).append(cell.value)
    print(f"| features, none of which knows anything | {' | '.join(splits)} |")
    print("|---|" + "---|" * len(splits))
    for name in made(0):
        print(f"| {name} | " + " | ".join(f"{np.mean(found[name, s]):.3f}" for s in splits) + " |", flush=True)


@dataclass(frozen=True)
class Recording:
    """A kind of simulated recording: six voxels of three sources each, and own noise."""

    name: str
    samples: int
    phi: float
    split: Split
    groups: Rows | None = None


def posed(voxels: Array, split: Split, parts: Sequence[NDArray[np.integer[Any]]]) -> Problem:
    """The problem of some voxels, each part a region."""
    values = ((voxels - voxels.mean(axis=0)) / voxels.std(axis=0)).astype(np.float32)
    regions = tuple(Region(str(k), units) for k, units in enumerate(parts))
    return Problem(values, split, regions, np.full(values.shape[1], "s1"), None)


def false_refusals(recordings: int) -> None:
    """Print how many recordings each canary refuses, alone (one cell) and as a report does (six cells)."""
    stories = np.repeat(np.arange(STORIES), LENGTH)
    kinds = [
        Recording("independent", 320, 0.0, contiguous(320, 5)),
        Recording("AR(.5), gap 6", 320, 0.5, contiguous(320, 5, gap=6)),
        Recording("AR(.8), gap 15", 320, 0.8, contiguous(320, 5, gap=15)),
        Recording("AR(.8), by story", 480, 0.8, leave_one_group_out(stories), stories),
        Recording("AR(.95), by story", 480, 0.95, leave_one_group_out(stories), stories),
        Recording("leaks: AR(.8), no gap", 320, 0.8, contiguous(320, 5)),
        Recording("leaks: AR(.95), no gap", 320, 0.95, contiguous(320, 5)),
    ]
    print("| recording | canary | mean r | sd | standard error | refused, 1 cell | refused, 6 cells |")
    print("|---|---|---|---|---|---|---|")
    for kind in kinds:
        rng = np.random.default_rng(1)
        voxels = np.concatenate([_region(kind, rng) for _ in range(recordings)], axis=1)
        problem = posed(voxels, kind.split, np.arange(6 * recordings).reshape(-1, 6))
        for name, canary in _canaries(kind).items():
            found = canary(problem)
            values = np.array([c.value for c in found])
            errors = np.sqrt(np.mean([c.se**2 for c in found]))
            share = [np.mean([c.value > verdict.MEAN and c.bound(n) > 0 for c in found]) for n in (1, 6)]
            print(
                f"| {kind.name} | {name} | {values.mean():.3f} | {values.std():.3f} | {errors:.3f} "
                f"| {share[0]:.4f} | {share[1]:.4f} |",
                flush=True,
            )


def _region(kind: Recording, rng: np.random.Generator) -> Array:
    sources = noise.autoregressive(kind.samples, 3, rng, kind.groups, kind.phi)
    own = noise.autoregressive(kind.samples, 6, rng, kind.groups, kind.phi)
    return np.asarray(sources @ rng.standard_normal((3, 6)) + 0.5 * own)


def _canaries(kind: Recording) -> dict[str, Callable[[Problem], list[verdict.Cell]]]:
    rows = np.arange(kind.samples)

    def draw(number: int) -> Array:
        return noise.autoregressive(kind.samples, noise.FEATURES, np.random.default_rng(number), kind.groups)

    return {
        "oasm": lambda p: scored.cells(p, {"": oasm.blurred(rows, 5.0, kind.groups)}, 0),
        "temporal-kernel": lambda p: scored.cells(p, {"": kernel.singular_vectors(rows, 25)}, 0),
        "smooth-noise": lambda p: scored.drawn_cells(p, draw, 0, most=40),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("table", "false-refusals"))
    parser.add_argument("--recordings", type=int, default=400)
    asked = parser.parse_args()
    table() if asked.what == "table" else false_refusals(asked.recordings)
