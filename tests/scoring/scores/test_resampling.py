"""Redraws of blocks: against copied rows, streamed, and blind to what should not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gyral.datasets.split import contiguous, grouped
from gyral.errors import BadArrays
from gyral.metrics.correlation import pearson_r
from gyral.scores.blocks import Blocks, block_sums, held_out_blocks
from gyral.scores.ceiling import Ceiling, from_repeats
from gyral.scores.conditional import redraws
from gyral.scores.repeats import ncsnr
from gyral.scores.resampling import Scored, Statistic, block_weights, unit_scores

SPLIT = contiguous(200, 5)
BLOCKS = held_out_blocks(SPLIT, 25)


def data(units: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.standard_normal((200, units))
    return np.linspace(0.1, 0.8, units) * p + rng.standard_normal((200, units)), p


def blocks(units: int = 6, seed: int = 0) -> Blocks:
    return block_sums(*data(units, seed), *BLOCKS)


def everything(y: np.ndarray, p: np.ndarray, statistic: Statistic | None = None) -> np.ndarray:
    """Value, redraws and interval in one row."""
    found = redraws(Scored(block_sums(y, p, *BLOCKS), statistic), draws=100)
    interval = found.intervals()[0]
    return np.concatenate([found.values, found.drawn[:, 0], [interval.low, interval.high, interval.se]])


def test_weighting_blocks_is_copying_their_rows() -> None:
    y, p = data()
    (weights,) = block_weights(25, 8)
    found = unit_scores(blocks(), weights)
    rows, fold_of = BLOCKS
    for k, w in enumerate(weights):
        r, size = [], []
        for fold in range(5):
            copied = np.concatenate([np.tile(rows[b], w[b]) for b in np.flatnonzero(fold_of == fold)]).astype(int)
            if len(copied):
                r.append(pearson_r(y[copied], p[copied]))
                size.append(len(copied))
        np.testing.assert_allclose(found[k], np.average(r, axis=0, weights=size), atol=1e-9)


def test_left_out_is_the_score_of_the_other_rows() -> None:
    y, p = data()
    rows, fold_of = BLOCKS
    left = Scored(blocks(), Statistic("mean")).left_out()
    for b in (0, 7, 24):
        r, size = [], []
        for fold in SPLIT.folds:
            kept = np.setdiff1d(fold.test, rows[b])
            r.append(pearson_r(y[kept], p[kept]))
            size.append(len(kept))
        assert left[b, 0] == pytest.approx(np.average(np.mean(r, axis=1), weights=size), abs=1e-9)


def test_draws_are_seeded_and_do_not_depend_on_the_chunk() -> None:
    whole = Scored(blocks(), memory=1 << 28).drawn(200, seed=3)
    streamed = Scored(blocks(), memory=8 * 16 * 6 * 7).drawn(200, seed=3)
    np.testing.assert_allclose(whole, streamed, atol=1e-12)
    assert not np.array_equal(whole, Scored(blocks()).drawn(200, seed=4))


def test_more_draws_than_memory_allows_are_streamed() -> None:
    scored = Scored(blocks(), memory=8 * 16 * 6)
    assert scored.chunk == 1
    assert scored.drawn(50).shape == (50, 1)
    with pytest.raises(BadArrays, match="does not fit"):
        Scored(blocks(), memory=8 * 16 * 6 - 1)


def test_parts_are_scored_together_as_they_are_alone() -> None:
    parts = [np.array([0, 1]), np.array([2, 3, 4, 5])]
    both = Scored(blocks(), parts=parts)
    for k, part in enumerate(parts):
        alone = Scored(blocks().of(part))
        assert both.values[k] == pytest.approx(alone.values[0])
        np.testing.assert_allclose(both.drawn(30)[:, k], alone.drawn(30)[:, 0])


def test_median_skips_missing_units() -> None:
    values = np.array([[0.3, np.nan, 0.1, 0.2, np.nan], [np.nan] * 5, [0.4, 0.1, 0.2, 0.3, np.nan]])
    np.testing.assert_allclose(Statistic().of(values), [0.2, np.nan, 0.25])
    np.testing.assert_allclose(Statistic("mean").of(values), [0.2, np.nan, 0.25])


def test_ceiled_scores_are_those_of_the_ceiling() -> None:
    rng = np.random.default_rng(1)
    nc, admitted = rng.uniform(0.0, 0.9, 6), rng.random((5, 6)) < 0.7
    admitted[:, 2], nc[3] = False, 0.04
    ceiling = Ceiling("ncsnr", nc, nc, nc, np.where(admitted.any(axis=0), nc, np.nan), admitted)
    y, p = data()
    r = np.stack([pearson_r(y[f.test], p[f.test]) for f in SPLIT.folds])
    expected = ceiling.ceiled(r, np.full(5, 40))
    assert np.isnan(expected).any() or (expected > 0).all()
    np.testing.assert_allclose(unit_scores(blocks(), np.ones((1, 25)), ceiling)[0], expected, atol=1e-10)
    with pytest.raises(BadArrays, match="ceiling has 6 units"):
        Scored(blocks(4), Statistic(ceiling=ceiling))


def test_the_ceiling_is_redrawn_where_repeats_are_known() -> None:
    rng = np.random.default_rng(2)
    signal = rng.standard_normal((200, 6))
    repeats = signal[:, None] + rng.standard_normal((200, 4, 6))
    repeats[::3, 3] = np.nan  # mixed repeats
    y, p = np.nanmean(repeats, axis=1), signal + rng.standard_normal((200, 6))
    ceiling = from_repeats(repeats, SPLIT)
    known = block_sums(y, p, *BLOCKS, repeats=repeats)
    held, redrawn = Statistic(ceiling=ceiling), Scored(known, Statistic(ceiling=ceiling))
    # On the rows as they are, both are the score of the ceiling itself.
    np.testing.assert_allclose(redrawn.units, Scored(block_sums(y, p, *BLOCKS), held).units, atol=1e-10)
    assert redrawn.drawn(50).std() != Scored(block_sums(y, p, *BLOCKS), held).drawn(50).std()
    # One draw by hand: rows copied, ceilings estimated anew.
    (weights,) = block_weights(25, 1)
    rows, fold_of = BLOCKS
    r, drawn, size = [], [], []
    for fold in range(5):
        copied = np.concatenate([np.tile(rows[b], weights[0, b]) for b in np.flatnonzero(fold_of == fold)]).astype(
            int
        )
        if len(copied):
            r.append(pearson_r(y[copied], p[copied]))
            drawn.append(copied)
            size.append(len(copied))
    mean = np.average(r, axis=0, weights=size)
    expected = np.sign(mean) * mean**2 / ncsnr(repeats, drawn).noise_ceiling
    np.testing.assert_allclose(unit_scores(known, weights, ceiling)[0], expected, atol=1e-9)
    np.testing.assert_allclose(known.merged(10).noise.sum(axis=0), known.noise.sum(axis=0))
    np.testing.assert_allclose(known.of(np.array([2, 4])).noise, known.noise[:, :, [2, 4]])


def test_constant_predictions_say_nothing_and_constant_responses_are_missing() -> None:
    y, p = data()
    p[:, 0] = 3.7
    y[:40, 1] = 1e4  # constant in the first fold
    scored = Scored(block_sums(y, p, *BLOCKS), Statistic("mean"))
    assert scored.units[0] == 0
    assert np.isnan(scored.units[1])
    alive = np.array([0, 2, 3, 4, 5])
    np.testing.assert_allclose(scored.drawn(20), Scored(blocks_of(y, p, alive), Statistic("mean")).drawn(20))


def blocks_of(y: np.ndarray, p: np.ndarray, units: np.ndarray) -> Blocks:
    return block_sums(y[:, units], p[:, units], *BLOCKS)


@settings(max_examples=15, deadline=None)
@given(
    scale=st.floats(1e-6, 1e6),
    shift=st.floats(-1e4, 1e4),
    other=st.floats(1e-2, 1e3),
    over=st.sampled_from(["median", "mean"]),
    seed=st.integers(0, 99),
)
def test_scaling_and_shifting_a_unit_changes_nothing(scale, shift, other, over, seed) -> None:
    y, p = data(seed=seed)
    base = everything(y, p, Statistic(over))
    z, q = y.copy(), p.copy()
    z[:, 2] = scale * (z[:, 2] + shift)
    q[:, 2] = other * q[:, 2] - shift
    np.testing.assert_allclose(everything(z, q, Statistic(over)), base, atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), over=st.sampled_from(["median", "mean"]))
def test_permuting_units_or_taking_all_of_them_twice_changes_nothing(seed, over) -> None:
    y, p = data(seed=seed)
    base = everything(y, p, Statistic(over))
    order = np.random.default_rng(seed).permutation(6)
    np.testing.assert_allclose(everything(y[:, order], p[:, order], Statistic(over)), base, atol=1e-9)
    twice = np.tile(np.arange(6), 2)
    np.testing.assert_allclose(everything(y[:, twice], p[:, twice], Statistic(over)), base, atol=1e-9)


def test_duplicating_one_unit_moves_a_median_by_half_a_step_at_most() -> None:
    y, p = data(units=7)
    before = Scored(block_sums(y, p, *BLOCKS))
    ordered = np.sort(before.units)
    for unit in range(7):
        twice = np.append(np.arange(7), unit)
        after = Scored(block_sums(y[:, twice], p[:, twice], *BLOCKS))
        np.testing.assert_allclose(after.units[:7], before.units)
        step = np.diff(ordered[2:5]).max() / 2
        assert abs(after.values[0] - before.values[0]) <= step + 1e-12


def test_weights_draw_groups_whole() -> None:
    split = grouped(np.repeat(np.arange(12), 3), 3)
    rows, fold_of = held_out_blocks(split)
    assert len(rows) == 12
    (weights,) = block_weights(12, 50)
    assert (weights.sum(axis=1) == 12).all()
