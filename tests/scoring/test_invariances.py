"""What must change no score, through the user's door: scales, offsets, order, copies; and what must leave nothing."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gyral import evaluate_arrays
from gyral.record import Row
from gyral.result import Result

SAMPLES, UNITS, REPEATS = 60, 5, 3
# A few examples: each is a whole evaluation.
few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FIELDS = ("value", "low", "high", "r2", "ceiling", "ceiling_low", "ceiling_high", "ceiled", "p")


@cache
def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features, and single presentations of units that follow them to different degrees."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((SAMPLES, 4))
    signal = x @ rng.standard_normal((4, UNITS)) * np.linspace(0.3, 1.0, UNITS)
    return x, signal[:, None] + rng.standard_normal((SAMPLES, REPEATS, UNITS))


def scored(x: np.ndarray, single: np.ndarray, **options: Any) -> Result:
    return evaluate_arrays(x, single.mean(axis=1), repeats=single, readout="ridge", **options)


@cache
def plain() -> Result:
    return scored(*data())


def main(result: Result, region: str = "all units") -> Row:
    row = result.record.main(region)
    assert row is not None
    return row


def assert_same(one: Row, other: Row, atol: float = 2e-3) -> None:
    for name in FIELDS:
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert a == pytest.approx(b, abs=atol), name
    assert one.n_ceiled == other.n_ceiled


@few
@given(st.lists(st.floats(1e-3, 1e3), min_size=UNITS, max_size=UNITS), st.booleans())
def test_scaling_units_changes_no_score(scales: list[float], negative: bool) -> None:
    x, single = data()
    factor = np.array(scales) * (-1 if negative else 1)
    found = scored(x, single * factor)
    np.testing.assert_allclose(found.units["r"], plain().units["r"], atol=1e-3)
    assert_same(main(found), main(plain()))


@few
@given(st.lists(st.floats(-100, 100), min_size=UNITS, max_size=UNITS))
def test_adding_constants_changes_no_score(offsets: list[float]) -> None:
    x, single = data()
    found = scored(x, single + np.array(offsets))
    np.testing.assert_allclose(found.units["r"], plain().units["r"], atol=1e-3)
    assert_same(main(found), main(plain()))


@few
@given(st.permutations(range(UNITS)))
def test_permuting_units_permutes_their_scores_and_no_more(order: list[int]) -> None:
    x, single = data()
    found = scored(x, single[:, :, order])
    np.testing.assert_allclose(found.units["r"], plain().units["r"].to_numpy()[order], atol=1e-3)
    np.testing.assert_allclose(found.units["ceiling"], plain().units["ceiling"].to_numpy()[order], atol=1e-6)
    assert_same(main(found), main(plain()))


@few
@given(st.integers(0, UNITS - 1))
def test_a_copy_of_a_unit_has_its_score_and_leaves_the_others_alone(unit: int) -> None:
    x, single = data()
    found = scored(x, np.concatenate([single, single[:, :, [unit]]], axis=2)).units
    np.testing.assert_allclose(found["r"][:UNITS], plain().units["r"], atol=1e-3)
    assert found["r"][UNITS] == pytest.approx(found["r"][unit], abs=1e-6)


def test_duplicating_every_unit_changes_no_score() -> None:
    x, single = data()
    doubled = main(scored(x, np.concatenate([single, single], axis=2)))
    once = main(plain())
    for name in set(FIELDS) - {"p"}:
        assert getattr(doubled, name) == pytest.approx(getattr(once, name), abs=2e-3), name
    assert doubled.n_units == 2 * once.n_units


@few
@given(st.integers(2, 4))
def test_doubling_regions_does_not_double_predictions(copies: int) -> None:
    x, single = data()
    every = np.arange(UNITS)
    found = scored(x, single, regions={f"r{k}": every for k in range(copies)})
    once = plain()
    assert found.predictions is not None and once.predictions is not None
    for k in range(copies):
        own = found.predictions[:, :, k * UNITS : (k + 1) * UNITS]
        np.testing.assert_allclose(own, once.predictions, atol=1e-4)
        assert_same(main(found, f"r{k}"), main(once))


def test_permuted_stimuli_give_nothing() -> None:
    """0 within two standard errors, over permutations."""
    x, single = data()
    y = single.mean(axis=1)
    values = []
    for seed in range(20):
        row = evaluate_arrays(x[np.random.default_rng(seed).permutation(SAMPLES)], y).record.main("all units")
        assert row is not None and row.value is not None
        values.append(row.value)
    standard_error = np.std(values, ddof=1) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 2 * standard_error
    assert main(plain()).value > 0.3  # type: ignore[operator]
