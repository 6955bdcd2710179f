"""What a readout is held to."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import contiguous
from gyral.features.features import Features
from gyral.metrics.correlation import pearson_r
from gyral.readouts.readout import FittedReadout, Readout

Array = NDArray[np.floating[Any]]

_SAMPLES, _TRAIN, _UNITS = 90, 60, 4


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
