"""The Alice recording, from the copy a user has."""

import os
from pathlib import Path

import numpy as np
import pytest
from nilearn.glm.first_level import spm_hrf

from gyral.canaries.battery import run_canaries
from gyral.datasets.catalogue import open_dataset
from gyral.datasets.dataset import Dataset
from gyral.datasets.recipes.alice import GAP, REGIONS
from gyral.scores.problem import problem_of

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GYRAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        return open_dataset("alice")


def test_words_stand_where_the_authors_had_them(listeners: Dataset) -> None:
    """Rate of words through a response function, against the regressor of the authors: r = .990 by METHODS."""
    assert listeners.timeline is not None and listeners.samples == 362 and len(listeners.stimuli) == 2127
    assert listeners.timeline.delays == (1, 2, 3, 4)
    folder = Path(os.environ["GYRAL_MIRROR"]) / "alice_fmri_rois"
    theirs = np.load(folder / "timecourses.npz")["word_rate"][0]
    fine = np.bincount((listeners.stimuli.columns["onset"] / 0.1).astype(int), minlength=7240)
    ours = np.convolve(fine, spm_hrf(2.0, oversampling=20))[:7240]
    found = {shift: np.corrcoef(np.roll(ours, 10 * shift)[::20][10:], theirs[10:])[0, 1] for shift in (-1, 0, 1)}
    assert found[0] > 0.98
    assert max(found[-1], found[1]) < 0.96  # a second earlier or later


def test_listeners_agree_as_far_as_published(listeners: Dataset) -> None:
    assert listeners.responses is not None
    values = np.stack(list(listeners.responses.values.values()))
    others = values.sum(axis=0) - values
    agreement = np.array(
        [[np.corrcoef(values[s, :, r], others[s, :, r])[0, 1] for s in range(27)] for r in range(len(REGIONS))]
    ).mean(axis=1)
    assert 0.17 < agreement.min() < agreement.max() < 0.42
    assert dict(zip(REGIONS, agreement, strict=True))["LPTL"] == agreement.max()


def test_the_mean_listener_has_its_ceiling_from_halves_of_the_listeners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GYRAL_CACHE", str(tmp_path))
    ceiling = problem_of(open_dataset("alice-group"), "split-half").ceiling
    assert ceiling is not None
    assert 0.5 < ceiling.value().min() < ceiling.value().max() < 0.9


def test_segments_leave_ten_seconds_out_on_either_side(listeners: Dataset) -> None:
    for fold in listeners.split().folds:
        assert np.abs(fold.train[:, None] - fold.test).min() == GAP + 1


@pytest.mark.slow
def test_no_canary_refuses_its_segments(listeners: Dataset) -> None:
    findings = {f.canary: f for f in run_canaries(listeners)}
    assert not [name for name, f in findings.items() if f.verdict in ("refuse", "warn")]
    assert findings["lag-scan"].verdict == "pass"
