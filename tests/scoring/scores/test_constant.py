"""Partial correlation from sums over blocks: its value, its redraws, and what it says of what is held constant."""

import numpy as np
import pytest

from gyral.datasets.split import contiguous
from gyral.scores.blocks import held_out_blocks
from gyral.scores.constant import partial_sums, residuals

SAMPLES = 200


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    constant, own = rng.normal(size=(2, SAMPLES, 6))
    measured = constant + 0.5 * own + rng.normal(size=(SAMPLES, 6))
    return measured, (constant + own).astype(np.float32), constant.astype(np.float32)


def held(drawn):
    return drawn[0], drawn[1], list(drawn[2:])


def expected(y, p, *constant):
    """By the definition: correlate what a regression on the others leaves."""
    design = np.stack([np.ones(len(y)), *constant], axis=1)
    rest = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (y, p)]
    return np.corrcoef(*rest)[0, 1]


def test_value_is_the_mean_over_folds_of_the_correlation_of_residuals(drawn):
    split = contiguous(SAMPLES, 4)
    found = partial_sums(*held(drawn), *held_out_blocks(split, 40)).partial(np.ones((1, 40)))[0]
    for unit in range(6):
        folds = [expected(*(v[f.test, unit] for v in drawn)) for f in split.folds]
        assert found[unit] == pytest.approx(np.mean(folds), abs=1e-6)


def test_several_may_be_held_constant(drawn):
    split, rng = contiguous(SAMPLES, 4), np.random.default_rng(3)
    both = (*drawn, (drawn[2] + rng.normal(size=(SAMPLES, 6))).astype(np.float32))
    found = partial_sums(*held(both), *held_out_blocks(split, 40)).partial(np.ones((1, 40)))[0]
    folds = [expected(*(v[f.test, 2] for v in both)) for f in split.folds]
    assert found[2] == pytest.approx(np.mean(folds), abs=1e-6)
    without, more = residuals(*held(both), split)
    test = split.folds[2].test
    rest, beyond = both[0][test, 2] - without[test, 2], more[test, 2] - without[test, 2]
    assert np.corrcoef(rest, beyond)[0, 1] == pytest.approx(folds[2], abs=1e-6)
    twice = (*drawn, drawn[2])
    np.testing.assert_allclose(
        partial_sums(*held(twice), *held_out_blocks(split, 40)).partial(np.ones((1, 40))),
        partial_sums(*held(drawn), *held_out_blocks(split, 40)).partial(np.ones((1, 40))),
    )


def test_a_weighting_is_that_many_copies_of_a_block(drawn):
    split = contiguous(SAMPLES, 2)
    blocks, fold_of = held_out_blocks(split, 20)
    weights = np.random.default_rng(1).multinomial(20, np.full(20, 1 / 20), size=3)
    found = partial_sums(*held(drawn), blocks, fold_of).partial(weights)
    for w, shown in zip(weights, found, strict=True):
        total, value = 0, 0.0
        for k in range(2):
            rows = np.concatenate([np.tile(b, n) for b, n, f in zip(blocks, w, fold_of, strict=True) if f == k])
            value += len(rows) * expected(*(v[rows, 0] for v in drawn))
            total += len(rows)
        assert shown[0] == pytest.approx(value / total, abs=1e-6)


def test_nothing_is_left_of_what_is_held_constant_and_missing_samples_count_for_none(drawn):
    measured, predicted, constant = drawn
    blocks = held_out_blocks(contiguous(SAMPLES, 4), 40)
    same = partial_sums(measured, constant, [constant], *blocks).partial(np.ones((1, 40)))
    np.testing.assert_array_equal(same, 0.0)
    holed = measured.copy()
    holed[:50, 0] = np.nan
    found = partial_sums(holed, predicted, [constant], *blocks).partial(np.ones((1, 40)))[0]
    folds = [f.test for f in contiguous(SAMPLES, 4).folds][1:]
    assert found[0] == pytest.approx(np.mean([expected(*(v[t, 0] for v in drawn)) for t in folds]), abs=1e-6)
    flat = measured.copy()
    flat[:, 1] = 3.0
    assert np.isnan(partial_sums(flat, predicted, [constant], *blocks).partial(np.ones((1, 40)))[0, 1])
    uncovered = predicted.copy()
    uncovered[3, 2] = np.nan
    assert np.isnan(partial_sums(measured, uncovered, [constant], *blocks).partial(np.ones((1, 40)))[0, 2])


def test_redraws_of_a_median_spread_as_new_stimuli_would(drawn):
    rng = np.random.default_rng(2)
    values = []
    for _ in range(150):
        g, own, noise = rng.normal(size=(3, SAMPLES, 6))
        new = partial_sums(g + 0.5 * own + noise, g + own, [g], *held_out_blocks(contiguous(SAMPLES, 4), 100))
        values.append(new.redraws([np.arange(6)]).values[0])
    found = partial_sums(*held(drawn), *held_out_blocks(contiguous(SAMPLES, 4), 100)).redraws([np.arange(6)])
    assert found.drawn.std() == pytest.approx(np.std(values), rel=0.3)


def test_residuals_are_what_the_constant_leaves(drawn):
    measured, predicted, constant = drawn
    split = contiguous(SAMPLES, 4)
    without, more = residuals(measured, predicted, [constant], split)
    test = split.folds[1].test
    rest, beyond = measured[test, 0] - without[test, 0], more[test, 0] - without[test, 0]
    assert np.corrcoef(rest, constant[test, 0])[0, 1] == pytest.approx(0, abs=1e-6)
    assert np.corrcoef(rest, beyond)[0, 1] == pytest.approx(expected(*(v[test, 0] for v in drawn)), abs=1e-6)
