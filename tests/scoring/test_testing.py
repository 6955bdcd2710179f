"""The conformance suite passes what is in order and finds what is not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gyral.features.features import Features
from gyral.metrics.correlation import pearson_r, r2_score
from gyral.readouts import READOUTS
from gyral.readouts.ridge import Ridge
from gyral.testing import check_metric, check_readout


@pytest.mark.parametrize("metric", [pearson_r, r2_score])
def test_bundled_metrics_conform(metric: Callable[..., Any]) -> None:
    check_metric(metric)


@pytest.mark.parametrize("name", ["ridge", "pls"])
def test_bundled_readouts_conform(name: str) -> None:
    check_readout(READOUTS.load(name)())


def draws(measured: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return pearson_r(measured, predicted) + 1e-3 * np.random.standard_normal(measured.shape[1])


def writes(measured: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    predicted -= predicted.mean(axis=0)
    return pearson_r(measured, predicted)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (draws, "draws without a seed"),
        (writes, "writes into its input"),
        (lambda y, p: pearson_r(y, p).mean(), "one number a unit"),
        (lambda y, p: ((y - p) ** 2).mean(axis=0), "to the truth itself"),
        (lambda y, p: np.ones(y.shape[1]), "noise as much as the truth"),
    ],
)
def test_careless_metrics_are_found_out(metric: Callable[..., Any], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_metric(metric)


class Peeking(Ridge):
    """Centres by all responses, those held out included."""

    def fit(self, features: Features, responses: Any, rows: Any, inner: Any, **named: Any) -> Any:
        return super().fit(features, responses - np.nanmean(responses, axis=0), rows, inner, **named)


class Restless(Ridge):
    """Draws without a seed."""

    def fit(self, features: Features, responses: Any, rows: Any, inner: Any, **named: Any) -> Any:
        return super().fit(features, responses + np.random.standard_normal(responses.shape), rows, inner, **named)


class Deaf(Ridge):
    """Learns from nothing but noise."""

    def fit(self, features: Features, responses: Any, rows: Any, inner: Any, **named: Any) -> Any:
        noise = np.random.default_rng(0).standard_normal(responses.shape)
        return super().fit(features, noise, rows, inner, **named)


@pytest.mark.parametrize(
    ("readout", "words"),
    [
        (Peeking(), "held-out responses changed"),
        (Restless(), "the same seed gave other"),
        (Deaf(), "planted responses are predicted"),
        (object(), "object is no readout: it has no name"),
    ],
)
def test_careless_readouts_are_found_out(readout: Any, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_readout(readout)
