"""Reductions: fitted on training rows, through scikit-learn, named in the record."""

import numpy as np
import pytest

from gyral.datasets.split import contiguous
from gyral.errors import UserError
from gyral.features.features import Features
from gyral.readouts.reduced import reduced
from gyral.readouts.ridge import GapRidge, Ridge

TRAIN, TEST = np.arange(120), np.arange(120, 160)
INNER = contiguous(120, 5).folds


@pytest.fixture
def problem():
    """Responses that live in five strong directions of 400 columns."""
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((160, 5))
    x = (latent @ rng.standard_normal((5, 400)) + 0.1 * rng.standard_normal((160, 400))).astype(np.float32)
    return x, (latent @ rng.standard_normal((5, 6))).astype(np.float32)


@pytest.mark.parametrize("spec", ["pca:10", "srp:100"])
def test_reduction_keeps_what_is_in_few_directions(problem, spec: str) -> None:
    x, y = problem
    readout = reduced(Ridge(), spec)
    fitted = readout.fit(Features("a", x), y, TRAIN, INNER)
    predicted = fitted.predict(Features("a", x), TEST)
    assert np.corrcoef(predicted.ravel(), y[TEST].ravel())[0, 1] > 0.97
    assert readout.name == f"ridge+{spec.replace(':', '')}"


@pytest.mark.parametrize("spec", ["pca:10", "srp:100"])
def test_reduction_reads_training_rows_only(problem, spec: str) -> None:
    x, y = problem
    spoiled = x.copy()
    spoiled[TEST] = np.nan
    before = reduced(Ridge(), spec).fit(Features("a", x), y, TRAIN, INNER, seed=1)
    after = reduced(Ridge(), spec).fit(Features("a", spoiled), y, TRAIN, INNER, seed=1)
    np.testing.assert_array_equal(before.predict(Features("a", x), TEST), after.predict(Features("a", x), TEST))


def test_narrow_layers_stay_as_they_are(problem) -> None:
    x, y = problem
    narrow = Features("a", x[:, :8])
    a = reduced(Ridge(), "pca:50").fit(narrow, y, TRAIN, INNER).predict(narrow, TEST)
    np.testing.assert_array_equal(a, Ridge().fit(narrow, y, TRAIN, INNER).predict(narrow, TEST))


@pytest.mark.parametrize("spec", ["pca", "pca:", "pca:0", "tsne:5", "srp:x"])
def test_what_is_no_reduction_is_refused(spec: str) -> None:
    with pytest.raises(UserError, match="pca:WIDTH or srp:WIDTH"):
        reduced(Ridge(), spec)


def test_families_with_positions_are_refused() -> None:
    with pytest.raises(UserError, match="readout 'gap' reads positions"):
        reduced(GapRidge(), "pca:5")
