"""Manners of every registered metric, and of every statistic that draws: same seed, same numbers.

A third party's metric (entry point group ``gyral.metrics``) is held to the same: one that draws without a seed is found
out by being asked twice.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gyral.datasets.split import contiguous
from gyral.metrics import METRICS
from gyral.registry import Registry
from gyral.rsa.comparator import COMPARATORS
from gyral.scores.blocks import block_sums, held_out_blocks
from gyral.scores.conditional import redraws
from gyral.scores.difference import compare_models
from gyral.scores.halves import split_half
from gyral.scores.pvalue import significance
from gyral.scores.resampling import Scored, block_weights
from gyral.testing import check_metric

SPLIT = contiguous(160, 4)
# They take no two arrays of one shape: held to their own manners beside their own tests.
OTHERS = ("identification-", "triplet-")
EVERY = [(METRICS, n) for n in METRICS.names() if not n.startswith(OTHERS)] + [
    (COMPARATORS, n) for n in COMPARATORS.names()
]
every = pytest.mark.parametrize(("kind", "name"), EVERY, ids=[f"{k.kind} {n}" for k, n in EVERY])


@every
def test_registered_metrics_conform(kind: Registry, name: str) -> None:
    check_metric(kind.load(name))


@pytest.mark.parametrize("draw", [np.random.standard_normal, np.random.default_rng().standard_normal])
def test_a_metric_without_a_seed_is_refused(draw: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def unseeded(measured: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return np.asarray((measured * predicted).mean(axis=0) + draw(measured.shape[1]))

    table = {"careless": f"{__name__}:unseeded"}
    monkeypatch.setattr(Registry, "load", lambda self, name: unseeded)
    with pytest.raises(AssertionError, match="draws without a seed"):
        check_metric(Registry("metric", table).load("careless"))


def everything(seed: int) -> dict[str, np.ndarray]:
    """Every statistic that draws, by name."""
    rng = np.random.default_rng(5)
    p = rng.standard_normal((160, 3))
    y = p + rng.standard_normal((160, 3))
    sums = [block_sums(y, q, *held_out_blocks(SPLIT, 20)) for q in (p, p + 0.1 * rng.standard_normal(p.shape))]
    scored = [Scored(s) for s in sums]
    runs = [f.test for f in SPLIT.folds]
    found = {
        "redraws": redraws(scored[0], draws=120, seed=seed).drawn,
        "weights": np.concatenate(list(block_weights(20, 120, seed))),
        "halves": split_half(y[:, None] + rng.standard_normal((160, 4, 3)), seed).noise_ceiling,
    }
    nulls = ("permutation", "block", "shift", "phase")
    found["p"] = np.concatenate(
        [significance(p, y[::-1], runs, n, block=5 if n == "block" else 1, draws=99, seed=seed).p for n in nulls]
    )
    comparison = compare_models([redraws(s, draws=120, seed=seed) for s in scored])
    found["differences"] = np.asarray(comparison.p)
    return found


def test_statistics_are_decided_by_their_seed() -> None:
    first, again, other = (everything(seed) for seed in (3, 3, 4))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name], err_msg=name)
    assert all(not np.array_equal(first[name], other[name]) for name in ("redraws", "weights", "halves", "p"))
