"""What a metric is held to."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def check_metric(metric: Any) -> None:
    """Check a metric: same answer twice whatever the global random state, input untouched, the truth best, 1 at most.

    One of encoding must say of a unit the same whatever units stand beside it, and must not fail on a few rows or a unit that
    never changes. One of RDMs must say under redraws in which every stimulus comes once what it says without redraws.

    Parameters
    ----------
    metric : callable or Product
        ``(measured, predicted) -> one number a unit``, or with the training mean of each unit as a third argument;
        a `gyral.rsa.comparator.Product` of RDMs; or, where its ``task`` is "triplets", ``features -> similarities``.
    """
    if getattr(metric, "task", None) == "triplets":
        _check_similarities(metric)
        return
    measured, predicted = metric_inputs()
    for array in (measured, predicted):
        array.flags.writeable = False
    _check_untouched(lambda: called(metric, measured, predicted))
    check_repeatable(metric)
    noise = np.abs(np.random.default_rng(1).standard_normal(measured.shape))
    best, worse = called(metric, measured, measured), called(metric, measured, noise)
    if hasattr(metric, "similarity"):
        best, worse = np.diagonal(best), np.diagonal(worse)
    expected = (measured.shape[1],)
    if best.shape != expected:
        raise AssertionError(
            f"the metric gives an array of shape {best.shape}; one number a unit, {expected}, is expected"
        )
    if not np.allclose(best, 1.0, atol=1e-6):
        raise AssertionError(f"the metric gives {best.tolist()} to the truth itself; 1 is expected")
    if not (worse < best).all():
        raise AssertionError("the metric gives noise as much as the truth; higher must be better")
    if hasattr(metric, "similarity"):
        _check_redraws(metric, measured.T, predicted.T)
    else:
        _check_units(metric, measured, predicted)


def check_repeatable(metric: Any) -> None:
    """Check that a metric gives one answer to one question, and does not read the global random state."""
    before = np.random.get_state()
    try:
        np.random.seed(1)  # what a careless metric would draw from
        first = called(metric, *metric_inputs())
        np.random.seed(2)
        second = called(metric, *metric_inputs())
    finally:
        np.random.set_state(before)
    if not np.array_equal(first, second, equal_nan=True):
        raise AssertionError("the metric draws without a seed: asked twice, it gave two answers")


def metric_inputs() -> tuple[Array, Array]:
    """Responses and predictions, samples x units; 28 rows are the pairs of eight stimuli."""
    rng = np.random.default_rng(0)
    predicted = np.abs(rng.standard_normal((28, 3)))
    return predicted + np.abs(rng.standard_normal((28, 3))), predicted


def called(metric: Any, measured: Array, predicted: Array) -> Array:
    """What a metric gives: arrays of units, or comparators of RDMs."""
    if getattr(metric, "task", None) == "triplets":
        return np.asarray(metric(measured))
    if hasattr(metric, "similarity"):
        return np.asarray(metric.similarity(measured.T, predicted.T))
    return np.asarray(metric(measured, predicted, *([measured.mean(axis=0)] if _arguments(metric) == 3 else [])))


def _arguments(metric: Callable[..., Any]) -> int:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = inspect.signature(metric).parameters.values()
    return sum(p.default is p.empty and p.kind in kinds for p in found)


def _check_untouched(ask: Callable[[], Any]) -> None:
    try:
        ask()
    except ValueError as error:
        if "read-only" in str(error):
            raise AssertionError("the metric writes into its input") from error
        raise


def _check_units(metric: Any, measured: Array, predicted: Array) -> None:
    whole = called(metric, measured, predicted)
    alone = np.array([called(metric, measured[:, [k]], predicted[:, [k]])[0] for k in range(measured.shape[1])])
    if not np.allclose(whole, alone, equal_nan=True):
        raise AssertionError(
            "the metric says something else of a unit when other units stand beside it: units with missing responses are "
            "asked about apart"
        )
    still = measured.copy()
    still[:, 0] = 1.0
    for what, y, p in (
        ("a unit that never changes", still, predicted),
        ("three rows", measured[:3], predicted[:3]),
        ("a prediction that never changes", measured, np.ones_like(predicted)),
    ):
        with np.errstate(all="ignore"):
            try:
                found = called(metric, y, p)
            except Exception as error:
                raise AssertionError(
                    f"the metric fails on {what} ({type(error).__name__}: {error}); NaN is expected where it is undefined"
                ) from error
        if np.isposinf(found).any() or (found > 1 + 1e-6).any():
            raise AssertionError(f"the metric gives {found.tolist()} to {what}; 1 is the most that is expected")


def _check_redraws(metric: Any, measured: Array, predicted: Array) -> None:
    once = np.ones((1, 8), np.int64)  # 28 pairs are those of eight stimuli
    plain, redrawn = metric.similarity(measured, predicted), np.asarray(metric.redrawn(measured, predicted, once))
    if redrawn.shape != (1, *plain.shape):
        raise AssertionError(
            f"redrawn gives an array of shape {redrawn.shape}; draws x measured x predicted, {(1, *plain.shape)}, is expected"
        )
    if not np.allclose(redrawn[0], plain, atol=1e-6):
        raise AssertionError("redrawn with every stimulus once gives something else than similarity")
    lower, upper = metric.bounds(measured)
    if not lower <= upper + 1e-9:
        raise AssertionError(f"the lower bound {lower} is above the upper one {upper}")


def _check_similarities(metric: Any) -> None:
    features = np.random.default_rng(0).standard_normal((9, 5)).astype(np.float32)
    features[6:] = features[0] + 0.01 * features[6:]  # three that are much like the first
    features.flags.writeable = False
    _check_untouched(lambda: metric(features))
    check_repeatable(metric)
    found = np.asarray(metric(features))
    if found.shape != (9, 9):
        raise AssertionError(
            f"the metric gives an array of shape {found.shape} to 9 samples; samples x samples is expected"
        )
    if not np.isfinite(found).all():
        raise AssertionError("the metric gives similarities that are not finite")
    if not np.allclose(found, found.T, atol=1e-5):
        raise AssertionError("the similarity of two samples depends on which comes first")
    if not found[0, 6:].min() > found[0, 1:6].max():
        raise AssertionError(
            "samples that are nearly the same are less alike than others; higher must be more alike"
        )
