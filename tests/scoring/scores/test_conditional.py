"""Calibrated redraws: what they are centred on, how far they are stretched, and which interval they give."""

import numpy as np
import pytest

from gyral.datasets.split import contiguous, grouped, leave_one_group_out
from gyral.errors import BadArrays
from gyral.scores.blocks import block_sums, held_out_blocks
from gyral.scores.conditional import Redraws, redraws, with_training
from gyral.scores.confidence import percentile_interval, t_quantile
from gyral.scores.jackknife import jackknife_variance
from gyral.scores.resampling import Scored, Statistic


def scored(groups: int, folds: int | None, units: int = 5, over: str = "mean") -> Scored:
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(groups), 12)
    split = leave_one_group_out(codes) if folds is None else grouped(codes, folds)
    p = rng.standard_normal((len(codes), units)) + rng.standard_normal((groups, units))[codes]
    y = 0.5 * p + rng.standard_normal(p.shape) + rng.standard_normal((groups, units))[codes]
    return Scored(block_sums(y, p, *held_out_blocks(split)), Statistic(over))  # type: ignore[arg-type]


def test_redraws_are_centred_on_the_value() -> None:
    found = redraws(scored(30, 5, over="median"), draws=300)
    assert found.drawn.mean() == pytest.approx(found.values[0])
    assert (found.groups, found.kind) == (30, "conditional")


def test_standard_error_is_between_bootstrap_and_jackknife() -> None:
    base = scored(10, 5)
    jackknife = float(np.sqrt(jackknife_variance(base.left_out())[0]))
    bootstrap = base.drawn(4000).std() * np.sqrt(10 / 9)
    found = redraws(base, draws=4000).drawn.std()
    assert bootstrap < 0.9 * jackknife  # two groups a fold
    assert found == pytest.approx(np.sqrt(bootstrap * jackknife), rel=0.05)


def test_few_groups_get_a_t_interval_and_more_get_percentiles() -> None:
    few = redraws(scored(8, None), draws=500).intervals()[0]
    assert few.high - few.value == pytest.approx(few.value - few.low)
    assert few.high - few.value == pytest.approx(t_quantile(0.975, 7) * few.se)
    many = redraws(scored(40, 5), draws=500).intervals()[0]
    assert many.method == "bootstrap"
    assert many.high - many.value != pytest.approx(many.value - many.low, rel=1e-6)
    assert many.low < many.value < many.high


def test_a_wider_level_is_wider() -> None:
    found = redraws(scored(40, 5), draws=500)
    narrow, wide = found.intervals(0.8)[0], found.intervals(0.99)[0]
    assert wide.low < narrow.low < narrow.high < wide.high


def test_one_block_has_no_interval() -> None:
    rng = np.random.default_rng(1)
    p = rng.standard_normal((10, 2))
    blocks = block_sums(p + rng.standard_normal((10, 2)), p, [np.arange(10)], np.zeros(1, np.int64))
    found = redraws(Scored(blocks), draws=50).intervals()[0]
    assert np.isfinite(found.value)
    assert np.isnan([found.low, found.high]).all()


def test_a_region_without_score_has_no_interval() -> None:
    p = np.random.default_rng(2).standard_normal((50, 2))
    y = p.copy()
    y[:, 1] = 1.0
    blocks = block_sums(y, p, *held_out_blocks(contiguous(50, 5)))
    right, nothing = redraws(Scored(blocks, parts=[np.array([0]), np.array([1])]), draws=50).intervals()
    assert right.value == pytest.approx(1.0)
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()


def test_training_stretches_by_the_ratio_of_standard_errors() -> None:
    rng = np.random.default_rng(3)
    base = Redraws(np.array([0.3, 0.2]), np.array([0.3, 0.2]) + 0.1 * rng.standard_normal((200, 2)), 100)
    fixed = rng.standard_normal((20, 2))
    found = with_training(base, fixed, fixed * [0.75, 0.0])
    np.testing.assert_allclose(found.drawn - found.values, (base.drawn - base.values) * [1.25, 1.0])
    assert (found.kind, found.groups) == ("procedure", 20)
    assert found.intervals()[0].kind == "procedure"
    with pytest.raises(BadArrays, match="left-out means"):
        with_training(base, fixed[:2], fixed[:2])
    with pytest.raises(BadArrays, match="left-out means"):
        with_training(base, fixed, fixed[:, :1])


def test_an_interval_holds_its_value_where_nearly_all_redraws_are_one_number() -> None:
    drawn = np.zeros(1000)
    drawn[:20] = -1.0
    found = percentile_interval("conditional", 0.0, drawn - drawn.mean(), groups=100)
    assert found.low <= 0.0 <= found.high
    smooth = np.random.default_rng(0).standard_normal(1000)
    low, high = np.quantile(smooth, [0.0237, 0.9763])
    ours = percentile_interval("conditional", 0.0, smooth, groups=100)
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.05)
