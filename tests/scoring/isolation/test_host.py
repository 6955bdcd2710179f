"""IsolatedModel: the same features as in process, and faults of real models in words."""

import fcntl
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest

import uploads
from guests import HELD, TIERS, jobs_left, run
from gyral.errors import BadFeatures, BadUpload, OutOfResources, UnknownName
from gyral.isolation.host import IsolatedModel, check, isolated
from gyral.isolation.limits import Limits
from gyral.isolation.tier import Tier
from gyral.models.model import Reduction
from gyral.models.upload import open_folder


@pytest.fixture(params=TIERS)
def tier(request: pytest.FixtureRequest) -> Tier:
    """Each tier in turn."""
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "twin"), [("conv", None), ("conv", "untrained"), ("vit", None), ("bert", "untrained")]
)
def test_isolated_features_are_those_of_the_process_itself(
    name: str, twin: str | None, tmp_path: Path, cold_cache: Path
) -> None:
    stimuli = uploads.sentences() if name == "bert" else uploads.pictures(tmp_path)
    here = open_folder(uploads.GOOD / name, twin=twin, seed=2)
    there = IsolatedModel(uploads.GOOD / name, twin=twin, seed=2)
    assert (there.layers(), there.card, there.hash) == (here.layers(), here.card, here.hash)
    settings = {"reduction": Reduction(3), "memory": 1 << 16}
    mine, theirs = (list(m.batches(stimuli, here.layers(), **settings)) for m in (here, there))
    assert [b.start for b in mine] == [b.start for b in theirs]
    for a, b in zip(mine, theirs, strict=True):
        assert list(a.arrays) == list(b.arrays)
        for layer in a.arrays:
            assert a.arrays[layer].dtype == b.arrays[layer].dtype == np.float32
            np.testing.assert_array_equal(a.arrays[layer], b.arrays[layer])
    assert jobs_left(cold_cache) == []


def test_words_asked_of_an_isolated_model_are_those_of_the_process_itself(
    tmp_path: Path, cold_cache: Path
) -> None:
    stimuli, reduction = uploads.sentences(), Reduction(None, words=5)
    here = open_folder(uploads.GOOD / "bert")
    there = IsolatedModel(uploads.GOOD / "bert", tier="process")
    mine, theirs = (list(m.batches(stimuli, here.layers(), reduction=reduction)) for m in (here, there))
    for a, b in zip(mine, theirs, strict=True):
        for layer in here.layers():
            assert b.arrays[layer].shape[1] == 5
            np.testing.assert_array_equal(a.arrays[layer], b.arrays[layer])


@pytest.mark.parametrize("held", HELD)
def test_isolated_features_are_the_same_however_the_guest_is_held(held: Tier, tmp_path: Path) -> None:
    found = [run(IsolatedModel(uploads.GOOD / "conv", tier=tier), tmp_path) for tier in ("process", held)]
    for a, b in zip(*found, strict=True):
        for layer in a.arrays:
            np.testing.assert_array_equal(a.arrays[layer], b.arrays[layer])


def test_features_upload_goes_through_a_guest_too() -> None:
    model = IsolatedModel(uploads.GOOD / "features")
    rows = [len(b) for b in model.batches(uploads.sentences(), ["late"], reduction=Reduction())]
    assert sum(rows) == 8
    assert model.hash == open_folder(uploads.GOOD / "features").hash


def test_model_can_be_asked_again_after_a_pass(tmp_path: Path) -> None:
    model = IsolatedModel(uploads.GOOD / "conv", tier="process")
    first, again = run(model, tmp_path), run(model, tmp_path)
    np.testing.assert_array_equal(first[0].arrays["head"], again[0].arrays["head"])


def test_unknown_layer_is_named_before_anything_runs() -> None:
    model = IsolatedModel(uploads.GOOD / "conv", tier="process")
    with model, pytest.raises(UnknownName, match="Did you mean 'head'"):
        next(model.batches(uploads.sentences(), ["heads"], reduction=Reduction()))


def test_hash_needs_no_guest_and_a_missing_file_is_named_by_one(tmp_path: Path) -> None:
    model = IsolatedModel(uploads.GOOD / "bert")
    assert len(model.hash) == 64
    assert model._guest is None
    folder = uploads.good("bert", tmp_path)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(BadUpload, match="tokenizer"):
        _ = IsolatedModel(folder).hash


def test_path_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadUpload, match="no such file"):
        IsolatedModel(tmp_path / "nothing")


def test_fault_found_by_the_guest_reaches_the_host_in_words(tmp_path: Path, tier: Tier) -> None:
    folder = uploads.edit_onnx(uploads.good("conv", tmp_path), uploads.with_unknown_operator)
    with pytest.raises(BadUpload, match="'Rellu'") as caught:
        IsolatedModel(folder, tier=tier).layers()
    assert caught.value.code == "onnx-operator"
    assert caught.value.where == "model.onnx"
    assert str(tmp_path) not in str(caught.value)


def test_nan_of_a_real_graph_names_layer_and_stimulus(tmp_path: Path) -> None:
    folder = uploads.edit_onnx(uploads.good("conv", tmp_path), uploads.with_nan)
    with pytest.raises(BadFeatures, match="picture-") as caught:
        run(IsolatedModel(folder), tmp_path)
    assert caught.value.code == "features-finite"


def test_endless_graph_ends_with_the_time_limit(tmp_path: Path) -> None:
    folder = uploads.edit_onnx(uploads.good("conv", tmp_path), uploads.with_endless_loop)
    began = time.monotonic()
    with pytest.raises(OutOfResources) as caught:
        IsolatedModel(folder, limits=Limits(opening=6)).layers()
    assert caught.value.code == "time-limit"
    assert time.monotonic() - began < 15


def test_memory_bomb_of_a_real_graph_ends_with_the_memory_limit(tmp_path: Path, tier: Tier) -> None:
    # 600 M elements a row pass the check of declared shapes, and need 7 GB for the probe's three rows.
    folder = uploads.edit_onnx(uploads.good("conv", tmp_path), uploads.with_expansion(600_000_000))
    with pytest.raises(OutOfResources) as caught:
        IsolatedModel(folder, limits=Limits(memory=1 << 30), tier=tier).layers()
    assert caught.value.code == "memory-limit"


def test_check_finds_faults_in_a_guest(tmp_path: Path, tier: Tier, cold_cache: Path) -> None:
    witness = tmp_path / "opened"
    folder = uploads.good("bert", tmp_path)
    uploads.write_pickle(folder / "pytorch_model.bin", witness)
    report = check(folder, tier=tier)
    assert not report["ok"]
    assert [fault["code"] for fault in report["faults"]] == ["pickle"]
    assert check(uploads.GOOD / "bert", tier=tier)["ok"]
    assert not witness.exists()
    assert jobs_left(cold_cache) == []


def test_draws_are_started_one_ahead_and_give_what_each_gives_alone(tmp_path: Path) -> None:
    draws = isolated(uploads.GOOD / "conv", twin="untrained", seeds=(0, 1, 2))
    assert [draw._guest is not None for draw in draws] == [True, False, False]
    stimuli = uploads.pictures(tmp_path)
    for number, draw in enumerate(draws):
        passing = draw.batches(stimuli, ["head"], reduction=Reduction())
        ours = next(passing)
        assert [d._guest is not None for d in draws] == [number == 0, number in (0, 1), number in (1, 2)]
        assert list(passing) == []
        alone = open_folder(uploads.GOOD / "conv", twin="untrained", seed=number)
        (theirs,) = alone.batches(stimuli, ["head"], reduction=Reduction())
        np.testing.assert_array_equal(ours.arrays["head"], theirs.arrays["head"])
    assert [draw._guest for draw in draws] == [None] * 3


def test_guest_that_was_ready_in_time_may_be_asked_late() -> None:
    model = IsolatedModel(uploads.GOOD / "conv", tier="process")
    model.start_ahead()
    guest = model._guest
    assert guest is not None
    waiting, until = b"", time.monotonic() + 60
    while len(waiting) != 4 or int.from_bytes(waiting, sys.byteorder) < 60:  # more than that it is confined
        assert time.monotonic() < until
        time.sleep(0.05)
        waiting = fcntl.ioctl(guest.process._out, termios.FIONREAD, bytes(4))
    guest.deadline = time.monotonic() - 1  # the host was busy with imports and data of its own
    with model:
        assert model.layers() == ("stem", "body", "head")


def test_fault_of_a_guest_started_ahead_is_said_when_it_is_asked(tmp_path: Path) -> None:
    folder = uploads.edit_onnx(uploads.good("conv", tmp_path), uploads.with_unknown_operator)
    (model,) = isolated(folder)
    with pytest.raises(BadUpload, match="'Rellu'"):
        model.layers()
