"""Rank correlations of columns: against scipy, how often intervals hold the truth, and what is refused."""

import numpy as np
import pytest
from scipy import stats

from gyral.errors import BadArrays
from gyral.scores.association import LEAST_SHARED, associations


def test_values_are_spearmans_over_the_rows_both_columns_have() -> None:
    rng = np.random.default_rng(0)
    table = rng.standard_normal((40, 3)).round(1)  # with ties
    table[:, 1] += table[:, 0]
    table[:7, 1] = np.nan
    table[30:, 2] = np.nan
    found = associations(table)
    for i in range(3):
        for j in range(3):
            both = np.isfinite(table[:, i]) & np.isfinite(table[:, j])
            assert found.shared[i, j] == both.sum()
            assert found.value[i, j] == pytest.approx(stats.spearmanr(table[both, i], table[both, j]).statistic)
    assert (found.low <= found.value + 1e-12).all() and (found.value <= found.high + 1e-12).all()


@pytest.mark.parametrize(("count", "rho"), [(6, 0.0), (10, 0.6), (40, 0.9)])
def test_intervals_hold_the_true_value(count: int, rho: float) -> None:
    rng = np.random.default_rng(count)
    true, held = 6 / np.pi * np.arcsin(rho / 2), 0
    for _ in range(400):
        found = associations(rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], count))
        held += found.low[0, 1] <= true <= found.high[0, 1]
    assert 0.91 <= held / 400 <= 0.995


def test_five_models_in_one_order_do_not_prove_that_columns_agree() -> None:
    found = associations(np.repeat(np.arange(5.0)[:, None], 2, axis=1))
    assert found.value[0, 1] == 1 and found.high[0, 1] == 1
    assert found.low[0, 1] < 0.3


def test_too_few_shared_rows_and_a_constant_column_have_no_value() -> None:
    table = np.random.default_rng(1).standard_normal((9, 3))
    table[LEAST_SHARED - 1 :, 1] = np.nan
    table[:, 2] = 0.5
    found = associations(table)
    assert found.shared[0, 1] == LEAST_SHARED - 1
    assert np.isnan([found.value[0, 1], found.low[0, 1], found.value[0, 2], found.high[2, 0]]).all()


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(BadArrays, match="rows x columns"):
        associations(np.zeros(4))
