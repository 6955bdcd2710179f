"""Spare: a guest that waits for its model gives the same features, is used once, and is never left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import uploads
from guests import HELD, gone, jobs_left, working_in
from gyral.errors import BadUpload
from gyral.isolation.host import IsolatedModel, isolated
from gyral.isolation.limits import Limits
from gyral.isolation.spare import Spare
from gyral.isolation.tier import Tier, probe
from gyral.models.model import Reduction
from gyral.models.upload import open_folder

pytestmark = pytest.mark.skipif(probe() == "process", reason="no guest can be held here")


def _pass(model: IsolatedModel, tmp_path: Path, name: str) -> dict[str, np.ndarray]:
    stimuli = uploads.sentences() if name == "bert" else uploads.pictures(tmp_path / "pictures")
    found = list(model.batches(stimuli, model.layers(), reduction=Reduction(3)))
    return {layer: np.concatenate([batch.arrays[layer] for batch in found]) for layer in model.layers()}


@pytest.mark.parametrize("name", ["conv", "bert", "conv/model.onnx"])
@pytest.mark.parametrize("held", HELD)
def test_features_of_a_guest_that_waited_are_the_same(
    name: str, held: Tier, tmp_path: Path, cold_cache: Path
) -> None:
    spare = Spare(tier=held)
    assert spare.wait()
    waiting = working_in(cold_cache)
    there = IsolatedModel(uploads.GOOD / name, tier=held, spare=spare)
    there.start_ahead()
    assert working_in(cold_cache) == waiting, "another guest was started"
    here = open_folder(uploads.GOOD / name)
    mine, theirs = _pass(here, tmp_path, name), _pass(there, tmp_path, name)  # type: ignore[arg-type]
    assert list(mine) == list(theirs)
    for layer, values in mine.items():
        np.testing.assert_array_equal(values, theirs[layer])
    assert jobs_left(cold_cache) == [] and gone(waiting)


def test_a_guest_is_used_once(tmp_path: Path, cold_cache: Path) -> None:
    spare = Spare()
    first, second = isolated(uploads.GOOD / "conv", twin="untrained", seeds=(0, 1), spare=spare)
    waiting = working_in(cold_cache)
    assert first._guest is not None and second._guest is None
    _pass(first, tmp_path / "a", "conv")
    assert gone(waiting), "it outlived its model"
    again = IsolatedModel(uploads.GOOD / "vit", spare=spare)
    again.layers()
    assert not working_in(cold_cache) & waiting
    again.close()
    second.close()
    assert jobs_left(cold_cache) == []


@pytest.mark.parametrize("change", [{"limits": Limits(wall=7)}, {"program": ("-m", "gyral.isolation.trial")}])
def test_a_guest_held_otherwise_than_is_asked_is_ended(change: dict[str, object], cold_cache: Path) -> None:
    spare = Spare(**change)  # type: ignore[arg-type]
    waiting = working_in(cold_cache)
    model = IsolatedModel(uploads.GOOD / "conv", spare=spare)
    assert model.layers() and gone(waiting)
    model.close()


def test_a_guest_that_died_is_replaced(cold_cache: Path) -> None:
    spare = Spare()
    assert spare._guest is not None and spare.wait()
    os.kill(spare._guest.process.pid, signal.SIGKILL)
    spare._guest.process._child.wait()
    with IsolatedModel(uploads.GOOD / "conv", spare=spare) as model:
        assert model.layers()


def test_a_model_on_another_disk_is_opened_by_a_new_guest(
    cold_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuses)
    with IsolatedModel(uploads.GOOD / "conv", spare=Spare()) as model:
        assert model.layers()
    assert jobs_left(cold_cache) == []


def test_faults_are_said_without_our_paths(tmp_path: Path, cold_cache: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"no graph")
    (folder / "gyral.toml").write_text('name = "broken"\nmodality = "vision"\n')
    with pytest.raises(BadUpload) as caught:
        IsolatedModel(folder, spare=Spare()).layers()
    assert caught.value.code == "onnx-unreadable" and str(cold_cache) not in str(caught.value)


def test_nothing_waits_without_a_wall(cold_cache: Path) -> None:
    spare = Spare(tier="process")
    assert not spare.wait() and working_in(cold_cache) == set()


def test_a_spare_ends_with_its_process(cold_cache: Path) -> None:
    held = (
        "import sys\nfrom gyral.isolation.spare import Spare\nspare = Spare()\nassert spare.wait()\n"
        "print('ready', flush=True)\nsys.stdin.read()\n"
    )
    host = subprocess.Popen([sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert host.stdout is not None and host.stdout.readline() == b"ready\n"
    waiting = working_in(cold_cache)
    assert waiting
    host.kill()
    host.communicate()
    assert gone(waiting)
