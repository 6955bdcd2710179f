"""The front of Pareto, against its definition."""

import numpy as np

from gyral.scores.front import pareto_front


def _beaten(values: np.ndarray, k: int) -> bool:
    return any((v >= values[k]).all() and (v > values[k]).any() for v in values if np.isfinite(v).all())


def test_front_is_what_nothing_beats_in_both() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        values = rng.integers(0, 6, (30, 2)).astype(float)  # ties in one, the other and both
        values[rng.random(30) < 0.1, rng.integers(2)] = np.nan
        wanted = [bool(np.isfinite(v).all()) and not _beaten(values, k) for k, v in enumerate(values)]
        assert pareto_front(values).tolist() == wanted


def test_front_of_nothing_is_empty() -> None:
    assert pareto_front(np.empty((0, 2))).shape == (0,)
    assert not pareto_front(np.full((3, 2), np.nan)).any()
