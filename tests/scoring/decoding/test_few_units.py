"""LDA over a few units by moments against the same by covariances."""

import numpy as np
import pytest

from gyral.datasets.split import contiguous
from gyral.decoding._few_units import MOST_UNITS, FewUnits, are_few
from gyral.decoding.labels import Labels, folds_of
from gyral.decoding.lda import cross_decisions

RUNS = np.repeat(np.arange(6), [20, 24, 16, 20, 22, 18])


def planted(units, *, scale=1.0, offset=0.0, times=7):
    rng = np.random.default_rng(units)
    y = rng.integers(0, 2, len(RUNS))
    x = rng.standard_normal((len(RUNS), units, times)) + 0.6 * y[:, None, None] + offset
    if units > 1:
        x[:, 1] += x[:, 0]
    return scale * x, y


@pytest.mark.parametrize("units", range(1, MOST_UNITS + 1))
@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (1e-6, 0.0), (1.0, 100.0)])
def test_decisions_are_those_of_all_covariances(units, scale, offset):
    x, y = planted(units, scale=scale, offset=offset)
    folds = folds_of(RUNS)
    few = FewUnits(x, folds)
    rng = np.random.default_rng(1)
    for codes in (y, rng.permutation(y), rng.permutation(y)):
        expected = cross_decisions(x, Labels.of(codes), folds)
        found = few.decisions(Labels.of(codes).codes)
        np.testing.assert_allclose(found, expected, atol=1e-9 * np.abs(expected).max())


def test_a_unit_that_stands_still_is_left_unscaled_as_there():
    x, y = planted(3)
    x[:, 2, 4] = 1.0
    folds = folds_of(RUNS)
    expected = cross_decisions(x, Labels.of(y), folds)
    np.testing.assert_allclose(FewUnits(x, folds).decisions(Labels.of(y).codes), expected, atol=1e-9)


def test_folds_with_gaps_or_many_units_go_the_other_way():
    folds = folds_of(RUNS)
    samples = len(RUNS)
    assert are_few((samples, MOST_UNITS, 9), folds)
    assert not are_few((samples, MOST_UNITS + 1, 9), folds)
    assert not are_few((samples, MOST_UNITS, 100_000), folds)
    assert not are_few((samples, 2, 9), folds[:-1])
    assert not are_few((60, 2, 9), contiguous(60, 3, gap=4).folds)
