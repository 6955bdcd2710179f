"""A model that hears runs in every sandbox: the library that reads sounds is let in, and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from guests import TIERS, jobs_left
from gyral.isolation.host import IsolatedModel, check
from gyral.isolation.tier import Tier
from gyral.models.model import Reduction
from gyral.models.upload import open_folder
from hearing_net import hearing_folder
from made_sounds import sounds


@pytest.mark.parametrize("tier", TIERS)
def test_sounds_are_heard_in_the_sandbox_as_outside(tier: Tier, tmp_path: Path, cold_cache: Path) -> None:
    folder, stimuli = hearing_folder(tmp_path / "net"), sounds(tmp_path / "heard", 6)
    here, there = open_folder(folder), IsolatedModel(folder, tier=tier)
    assert there.layers() == here.layers()
    assert there.hash == here.hash
    (mine,), (theirs,) = (list(m.batches(stimuli, here.layers(), reduction=Reduction())) for m in (here, there))
    for layer in here.layers():
        np.testing.assert_allclose(mine.arrays[layer], theirs.arrays[layer], rtol=1e-4, atol=1e-5)
    assert jobs_left(cold_cache) == []


def test_an_upload_that_hears_is_checked_in_the_sandbox(tmp_path: Path, cold_cache: Path) -> None:
    report = check(hearing_folder(tmp_path / "net"))
    assert report["ok"] and report["layers"] == ["filters", "norm", "mix", "head"]
