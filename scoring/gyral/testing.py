"""Testing: manners that a third party's metric or readout is held to, for its own tests.

Each check raises AssertionError with what is wrong, and costs a second or two::

    from gyral.testing import check_metric, check_readout

    def test_my_readout() -> None:
        check_readout(MyReadout())
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import contiguous
from gyral.features.features import Features
from gyral.metrics.correlation import pearson_r
from gyral.readouts.readout import FittedReadout, Readout

Array = NDArray[np.floating[Any]]

_SAMPLES, _TRAIN, _UNITS = 90, 60, 4


def check_metric(metric: Any) -> None:
    """Check a metric: same answer twice whatever the global random state, input untouched, the truth best, 1 at most.

    Parameters
    ----------
    metric : callable or object with ``similarity``
        ``(measured, predicted) -> one number a unit``, or with the training mean of each unit as a third argument; or
        ``similarity(measured, predicted)`` of dissimilarities, matrices x pairs.
    """
    measured, predicted = metric_inputs()
    for array in (measured, predicted):
        array.flags.writeable = False
    try:
        check_repeatable(metric)
        called(metric, measured, predicted)
    except ValueError as error:
        if "read-only" in str(error):
            raise AssertionError("the metric writes into its input") from error
        raise
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


def check_repeatable(metric: Any) -> None:
    """Check that a metric gives one answer to one question, and does not read the global random state."""
    np.random.seed(1)  # what a careless metric would draw from
    first = called(metric, *metric_inputs())
    np.random.seed(2)
    if not np.array_equal(first, called(metric, *metric_inputs()), equal_nan=True):
        raise AssertionError("the metric draws without a seed: asked twice, it gave two answers")


def metric_inputs() -> tuple[Array, Array]:
    """Responses and predictions, samples x units; 28 rows are the pairs of eight stimuli."""
    rng = np.random.default_rng(0)
    predicted = np.abs(rng.standard_normal((28, 3)))
    return predicted + np.abs(rng.standard_normal((28, 3))), predicted


def called(metric: Any, measured: Array, predicted: Array) -> Array:
    """What a metric gives: arrays of units, or comparators of RDMs."""
    if hasattr(metric, "similarity"):
        return np.asarray(metric.similarity(measured.T, predicted.T))
    return np.asarray(metric(measured, predicted, *([measured.mean(axis=0)] if _arguments(metric) == 3 else [])))


def _arguments(metric: Callable[..., Any]) -> int:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = inspect.signature(metric).parameters.values()
    return sum(p.default is p.empty and p.kind in kinds for p in found)


def check_readout(readout: Readout, features: Features | None = None, *, least: float = 0.3) -> None:
    """Check a readout of one layer: it learns from training rows only, the same from the same seed, and something.

    Parameters
    ----------
    readout : Readout
    features : Features, optional
        A layer of at least 90 samples that it can read; default 12 flat features, or 4 channels on a grid of 3 x 3.
    least : float
        Correlation with planted responses (mean over units) that held-out predictions must reach.
    """
    if not isinstance(readout, Readout):
        missing = [n for n in ("name", "needs", "by_region", "fit", "working_bytes") if not hasattr(readout, n)]
        what = f"{type(readout).__name__} is no readout: it has no {', '.join(missing)}"
        raise AssertionError(what)  # noqa: TRY004 - as every other check
    layer = _layer(readout) if features is None else features
    y = _planted(layer)
    train, test = np.arange(_TRAIN), np.arange(_TRAIN, len(layer))
    kept = y.copy(), layer.array.copy()
    fitted, first = _predicted(readout, layer, y, train, test)
    if not (np.array_equal(y, kept[0]) and np.array_equal(layer.array, kept[1])):
        raise AssertionError("fitting changed its input")
    if first.shape != (len(test), _UNITS):
        raise AssertionError(
            f"predictions have shape {first.shape}; samples x units, {(len(test), _UNITS)}, is expected"
        )
    if np.shape(fitted.inner_r2) != (_UNITS,):
        raise AssertionError(f"inner_r2 has shape {np.shape(fitted.inner_r2)}; one number a unit is expected")
    for name, values in fitted.traits.items():
        if np.shape(values) != (_UNITS,):
            raise AssertionError(f"trait {name!r} has shape {np.shape(values)}; one number a unit is expected")
    if not np.array_equal(first, _predicted(readout, layer, y, train, test)[1]):
        raise AssertionError("the same seed gave other predictions")
    hidden = y.copy()
    hidden[test] = np.nan
    if not np.array_equal(first, _predicted(readout, layer, hidden, train, test)[1]):
        raise AssertionError("held-out responses changed what was learned")
    reached = float(np.nanmean(pearson_r(y[test], first)))
    if not reached >= least:
        raise AssertionError(
            f"planted responses are predicted with r = {reached:.2f}; {least:g} at least is expected"
        )


def _layer(readout: Readout) -> Features:
    rng = np.random.default_rng(2)
    shape = {"features": (_SAMPLES, 12), "positions": (_SAMPLES, 4, 3, 3), "tokens": (_SAMPLES, 10, 4)}[
        readout.needs
    ]
    return Features("layer", rng.standard_normal(shape).astype(np.float32))


def _planted(layer: Features) -> Array:
    """Units that read the first position of a layer (all of a flat one), and a little noise."""
    rng = np.random.default_rng(3)
    x = layer.array
    seen = x if x.ndim == 2 else x[:, 0] if x.ndim == 3 else x.reshape(*x.shape[:2], -1)[:, :, 0]
    y = seen @ rng.standard_normal((seen.shape[1], _UNITS))
    return np.asarray(y / y.std(axis=0) + 0.3 * rng.standard_normal(y.shape))


def _predicted(
    readout: Readout, layer: Features, y: Array, train: NDArray[np.int64], test: NDArray[np.int64]
) -> tuple[FittedReadout, Array]:
    fitted = readout.fit(layer, y, train, contiguous(len(train), 3).folds, seed=0)
    return fitted, np.asarray(fitted.predict(layer, test))
