"""The procedure interval: refits without groups of training rows."""

import numpy as np
import pytest

from gyral import evaluate_arrays
from gyral.errors import BadArrays


def planted(samples: int = 120, units: int = 6, features: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, features))
    return x, x @ rng.standard_normal((features, units)) / 4 + rng.standard_normal((samples, units))


def test_redrawn_training_widens_the_interval_around_the_same_value() -> None:
    x, y = planted()
    plain = evaluate_arrays(x, y, exchangeable=True).record.main("all units")
    row = evaluate_arrays(x, y, exchangeable=True, procedure=True).record.main("all units")
    assert plain is not None
    assert row is not None
    assert (plain.procedure_low, plain.procedure_high) == (None, None)
    assert (row.value, row.low, row.high) == (plain.value, plain.low, plain.high)
    assert row.procedure_low is not None and row.procedure_high is not None
    assert row.procedure_low < row.low < row.value < row.high < row.procedure_high
    assert row.procedure_high - row.procedure_low < 4 * (row.high - row.low)


def test_procedure_intervals_repeat_with_the_seed() -> None:
    x, y = planted()
    first, again = (evaluate_arrays(x, y, procedure=True, seed=5).record for _ in range(2))
    assert first.same_scores_as(again)


def test_two_groups_are_too_few_to_delete() -> None:
    x, y = planted()
    with pytest.raises(BadArrays, match="at least 3"):
        evaluate_arrays(x, y, groups=np.repeat([0, 1], 60), folds=2, procedure=True)
