"""Parallelism and cross-condition generalisation of planted geometries."""

import numpy as np
import pytest

from gyral.errors import BadArrays
from gyral.rsa.geometry import factor_geometry


def stimuli(seed: int, *, parallel: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    factor, context = np.tile([0, 1], 60), np.repeat(np.arange(6), 20)
    coding = np.tile(rng.standard_normal(40), (6, 1)) if parallel else rng.standard_normal((6, 40))
    places = 3 * rng.standard_normal((6, 40))
    x = places[context] + factor[:, None] * coding[context] + 0.3 * rng.standard_normal((120, 40))
    return x, factor, context


def test_same_coding_in_every_context_is_parallel_and_generalises() -> None:
    found = factor_geometry(*stimuli(0, parallel=True))
    assert found.parallelism > 0.9
    assert found.decoding > 0.99
    assert found.contexts == 6


def test_coding_of_its_own_in_each_context_decodes_and_does_not_generalise() -> None:
    found = [factor_geometry(*stimuli(seed, parallel=False)) for seed in range(20)]
    assert abs(np.mean([f.parallelism for f in found])) < 0.1
    assert np.mean([f.decoding for f in found]) > 0.99
    assert np.mean([f.generalisation for f in found]) == pytest.approx(0.5, abs=0.1)


def test_generalisation_is_high_where_contexts_lie_close() -> None:
    x, factor, context = stimuli(1, parallel=True)
    flat = x - np.stack([x[context == c].mean(axis=0) for c in range(6)])[context]
    assert factor_geometry(flat, factor, context).generalisation > 0.99


def test_what_has_no_geometry_is_told() -> None:
    x, factor, context = stimuli(2, parallel=True)
    with pytest.raises(BadArrays, match="a factor of 6 values"):
        factor_geometry(x, context, factor)
    with pytest.raises(BadArrays, match="0 contexts have both values"):
        factor_geometry(x, factor, np.arange(120))
    with pytest.raises(BadArrays, match="do not share samples"):
        factor_geometry(x[:-1], factor, context)
