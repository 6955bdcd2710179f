"""The table of METHODS: which readout finds which truth, and which it must not find.

Median over units of signed r2 / NC on 600 held-out samples, 300 in training, 16 channels on 8 x 8, NC .5. The first
of the seeds is checked always, the rest with the long tests.
"""

from functools import cache

import numpy as np
import pytest

from gyral.readouts import READOUTS
from gyral.readouts.gaussian import Gaussian
from gyral.readouts.readout import FittedReadout, Readout
from planted_readouts import Planted, Truth, planted

SEEDS = [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))]
FACTORISED = ("fwrf", "factorized", "gaussian-pool")
READERS: dict[str, Readout] = {
    **{name: READOUTS.load(name)() for name in ("ridge", "gap", "fwrf", "factorized", "gaussian", "semantic")},
    **{name: READOUTS.load(name)() for name in ("attention", "attention-full")},
    "gaussian-pool": Gaussian(read="pool"),
}


@cache
def problem(truth: Truth, seed: int) -> Planted:
    return planted(truth, 300, seed)


@cache
def fitted(name: str, truth: Truth, seed: int) -> FittedReadout:
    p = problem(truth, seed)
    return READERS[name].fit(p.features, p.responses, p.train, p.inner, seed=seed)


@cache
def score(name: str, truth: Truth, seed: int) -> float:
    return problem(truth, seed).ceiled(fitted(name, truth, seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_static_fields_are_found_by_the_factorised_family(seed: int) -> None:
    ridge = score("ridge", "field", seed)
    assert score("gap", "field", seed) < ridge
    for name in FACTORISED:
        assert score(name, "field", seed) >= ridge + 0.25
    # One sampled point where the truth is a pool, and warps where nothing moves: behind, but well above ridge.
    assert score("gaussian", "field", seed) >= ridge + 0.08
    assert score("semantic", "field", seed) >= 0.65


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["ridge", "gap", *FACTORISED, "gaussian", "semantic"])
def test_routing_by_content_is_found_by_no_static_readout(name: str, seed: int) -> None:
    assert score(name, "routed", seed) <= 0.10


@pytest.mark.parametrize("seed", SEEDS)
def test_routing_by_content_is_found_by_attention(seed: int) -> None:
    assert score("attention", "routed", seed) >= 0.80
    assert score("attention-full", "routed", seed) >= 0.50


@pytest.mark.parametrize("seed", SEEDS)
def test_queries_shared_by_a_region_lose_to_fields_of_units_on_static_fields(seed: int) -> None:
    for name in ("attention", *([] if seed < 2 else ["attention-full"])):
        assert score(name, "field", seed) <= min(score(other, "field", seed) for other in FACTORISED) - 0.10


@pytest.mark.parametrize("seed", SEEDS)
def test_dense_mixtures_are_found_by_ridge_alone(seed: int) -> None:
    assert score("ridge", "dense", seed) >= 0.25
    for name in ("gap", *FACTORISED, "gaussian", "semantic", "attention"):
        assert score(name, "dense", seed) <= 0.10


@pytest.mark.parametrize("seed", SEEDS)
def test_global_averages_are_found_best_by_the_average(seed: int) -> None:
    gap = score("gap", "average", seed)
    assert gap >= 0.90
    # The exact form has the same average among its pools: it may tie, never win by more than noise.
    for name in ("ridge", *FACTORISED, "gaussian", "semantic", "attention"):
        assert score(name, "average", seed) <= gap + (0.01 if name == "fwrf" else 0.0)
    assert score("fwrf", "average", seed) >= 0.85


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("name", "near", "alike"),
    # Shares of units within one cell, and within a factor 1.5 of the planted size. A softmax mask keeps some weight
    # everywhere; the width of a sampled point is no size (see test_gaussian.py).
    [("fwrf", 0.9, 0.85), ("gaussian-pool", 0.9, 0.85), ("factorized", 0.5, 0.5), ("gaussian", 0.9, None)],
)
def test_planted_receptive_fields_are_recovered(name: str, near: float, alike: float | None, seed: int) -> None:
    p, traits = problem("field", seed), fitted(name, "field", seed).traits
    column, row = traits["rf_x"] * 8 - 0.5, traits["rf_y"] * 8 - 0.5
    away = np.hypot(column - p.centre[:, 0], row - p.centre[:, 1])
    assert np.median(away) <= 1
    assert (away <= 1).mean() >= near
    if alike is not None:
        factor = np.abs(np.log(traits["rf_size"] * 8 / p.size))
        assert np.median(factor) <= np.log(1.5)
        assert (factor <= np.log(1.5)).mean() >= alike
