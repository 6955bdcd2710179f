"""IsolatedModel: the same features as in process, and a readable end for every guest that misbehaves."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

import uploads
from gyral.errors import BadFeatures, BadUpload, OutOfResources, UnknownName, UserError
from gyral.isolation.host import IsolatedModel, check
from gyral.isolation.launch import Tier
from gyral.isolation.limits import Limits, family
from gyral.models.model import Batch, Reduction
from gyral.models.upload import open_folder

HOSTILE = (str(Path(uploads.__file__).with_name("hostile_guest.py")),)
TIERS = [pytest.param("process"), pytest.param("bubblewrap", marks=pytest.mark.sandbox)]
SOON = Limits(wall=5, opening=20, silence=5)


@pytest.fixture(params=TIERS)
def tier(request: pytest.FixtureRequest) -> Tier:
    """Each tier in turn."""
    return request.param  # type: ignore[no-any-return]


def hostile(
    tmp_path: Path, does: str, tier: Tier = "process", limits: Limits = SOON, **told: object
) -> IsolatedModel:
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "behaviour.json").write_text(json.dumps({"does": does, **told}))
    (folder / "model.onnx").write_bytes(b"never read by this guest")
    (folder / "gyral.toml").write_text('name = "hostile"\nmodality = "vision"\n')
    return IsolatedModel(folder, program=HOSTILE, tier=tier, limits=limits)


def run(model: IsolatedModel, tmp_path: Path) -> list[Batch]:
    stimuli = uploads.pictures(tmp_path / "pictures")
    return list(model.batches(stimuli, model.layers(), reduction=Reduction()))


def jobs_left(cache: Path) -> list[Path]:
    return list((cache / "jobs").glob("*"))


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


@pytest.mark.sandbox
def test_isolated_features_are_the_same_under_bubblewrap_and_without(tmp_path: Path) -> None:
    found = [run(IsolatedModel(uploads.GOOD / "conv", tier=tier), tmp_path) for tier in ("process", "bubblewrap")]
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


# Guests that misbehave ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("does", "kind", "code"),
    [
        ("die-early", BadUpload, "model-died"),
        ("segfault", BadUpload, "model-died"),
        ("die", BadUpload, "model-died"),
        ("killed", OutOfResources, "memory-limit"),
        ("garbage-early", BadUpload, "wire-broken"),
        ("nameless-message", BadUpload, "wire-broken"),
        ("layers-doubled", BadUpload, "wire-broken"),
        ("layers-none", BadUpload, "wire-broken"),
        ("layers-strange", BadUpload, "wire-broken"),
        ("card", BadUpload, "card-key"),
        ("nan", BadFeatures, "features-finite"),
        ("shape", BadUpload, "wrong-shape"),
        ("scalar", BadUpload, "wrong-shape"),
        ("dtype", BadUpload, "wrong-dtype"),
        ("object", BadUpload, "wrong-dtype"),
        ("order", BadUpload, "wire-broken"),
        ("too-many", BadUpload, "wire-broken"),
        ("no-count", BadUpload, "wire-broken"),
        ("short", BadUpload, "wire-broken"),
        ("garbage", BadUpload, "wire-broken"),
        ("cut", BadUpload, "wire-broken"),
        ("lying-header", BadUpload, "wire-broken"),
        ("code-header", BadUpload, "wire-broken"),
        ("hardlink", BadUpload, "wire-broken"),
        ("fifo", BadUpload, "wire-broken"),
        ("folder", BadUpload, "wire-broken"),
        ("absent", BadUpload, "wire-broken"),
        ("huge", OutOfResources, "output-limit"),
    ],
)
def test_guest_that_misbehaves_ends_in_a_readable_error(
    does: str, kind: type[UserError], code: str, tmp_path: Path, cold_cache: Path
) -> None:
    model = hostile(tmp_path, does)
    with pytest.raises(kind) as caught:
        run(model, tmp_path)
    assert caught.value.code == code
    assert caught.value.what.endswith(".")
    assert "Traceback" not in str(caught.value)
    assert jobs_left(cold_cache) == []


def test_link_in_the_scratch_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.npy"
    np.save(secret, np.ones((5, 3), np.float32))
    with pytest.raises(BadUpload, match="link") as caught:
        run(hostile(tmp_path, "link", target=str(secret)), tmp_path)
    assert caught.value.code == "wire-broken"
    assert secret.exists()


def test_half_precision_is_widened(tmp_path: Path) -> None:
    (batch,) = run(hostile(tmp_path, "half"), tmp_path)
    assert {a.dtype for a in batch.arrays.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("does", ["hang-early", "hang"])
def test_guest_that_hangs_meets_the_wall_clock(does: str, tmp_path: Path, tier: Tier) -> None:
    began = time.monotonic()
    with pytest.raises(OutOfResources) as caught:
        run(hostile(tmp_path, does, tier, Limits(wall=2, opening=3)), tmp_path)
    assert caught.value.code == "time-limit"
    assert time.monotonic() - began < 12


def test_guest_that_falls_silent_meets_its_own_limit(tmp_path: Path) -> None:
    with pytest.raises(OutOfResources) as caught:
        run(hostile(tmp_path, "hang", limits=Limits(silence=2)), tmp_path)
    assert caught.value.code == "time-limit"


@pytest.mark.parametrize(
    ("does", "kind", "code"),
    [
        ("flood-log", BadUpload, "log-flood"),
        ("flood-wire", BadUpload, "wire-broken"),
        ("flood-line", BadUpload, "wire-broken"),
        ("disk", OutOfResources, "disk-limit"),
        # This guest does not bind itself: the host's watch alone holds it.
        ("memory", OutOfResources, "memory-limit"),
    ],
)
def test_guest_that_floods_is_stopped(
    does: str, kind: type[UserError], code: str, tmp_path: Path, tier: Tier, cold_cache: Path
) -> None:
    limits = Limits(memory=700 << 20, batch=32 << 20, log=1 << 20, wire=1 << 20)
    with pytest.raises(kind) as caught:
        run(hostile(tmp_path, does, tier, limits), tmp_path)
    assert caught.value.code == code
    assert jobs_left(cold_cache) == []


def test_log_is_kept_clean_and_short(tmp_path: Path) -> None:
    model = hostile(tmp_path, "flood-log", limits=Limits(log=1 << 20))
    with pytest.raises(BadUpload):
        model.layers()
    assert "spam and eggs" in model.log
    assert len(model.log) <= 64 << 10


# No orphan ------------------------------------------------------------------------------------------------------


def test_children_of_a_guest_end_with_it(tmp_path: Path, tier: Tier) -> None:
    model = hostile(tmp_path, "spawn", tier, Limits(wall=2))
    model.layers()
    assert model._guest is not None
    members = set(family(model._guest.process.pid))
    assert len(members) >= 3  # the guest, its child, and the one that left the group
    with pytest.raises(OutOfResources):
        run(model, tmp_path)
    assert gone(members)


def test_guest_ends_when_the_pass_is_left_early(tmp_path: Path, cold_cache: Path) -> None:
    model = IsolatedModel(uploads.GOOD / "conv")
    passing = model.batches(uploads.pictures(tmp_path, 40), ["stem"], reduction=Reduction())
    next(passing)
    assert model._guest is not None
    members = set(family(model._guest.process.pid))
    passing.close()  # type: ignore[attr-defined]  # a generator
    assert gone(members)
    assert jobs_left(cold_cache) == []


def test_guest_ends_when_its_model_is_forgotten(cold_cache: Path) -> None:
    model = IsolatedModel(uploads.GOOD / "conv")
    model.layers()
    assert model._guest is not None
    members = set(family(model._guest.process.pid))
    del model
    assert gone(members)
    assert jobs_left(cold_cache) == []


@pytest.mark.parametrize("when", ["starting", "waiting"])
def test_no_orphan_after_the_host_was_killed(when: str, tmp_path: Path, tier: Tier, cold_cache: Path) -> None:
    # Under bubblewrap also a guest that no longer does as our program says (once it is up) must go.
    turned = tier == "bubblewrap" and when == "waiting"
    folder = hostile(tmp_path, "hang", tier).folder if turned else uploads.GOOD / "conv"
    code = (
        "from pathlib import Path\nfrom gyral.isolation.host import Guest\nfrom gyral.isolation.limits import Limits\n"
        f"guest = Guest(Path({str(folder)!r}), 'model', limits=Limits(), tier={tier!r}"
        + (f", program={HOSTILE!r})\n" if turned else ")\n")
        + ("guest.listen(['model'])\n" if when == "waiting" else "")
        + "print('up', flush=True)\nimport time; time.sleep(600)"
    )
    host = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with host:
        assert host.stdout is not None
        assert host.stdout.readline() == "up\n"
        members = set(family(host.pid)) - {host.pid}
        assert members
        host.kill()
    assert gone(members)
    # What the host left behind goes with the next job.
    IsolatedModel(uploads.GOOD / "conv").layers()
    assert len(jobs_left(cold_cache)) <= 1


def gone(members: set[int], within: float = 10) -> bool:
    """Whether every process ends (or is a zombie waiting for its parent) in time."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not any(_runs(pid) for pid in members):
            return True
        time.sleep(0.05)
    for pid in members:  # leave nothing behind, even where the test fails
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return False


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


# What a guest can reach -----------------------------------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of the loopback that answers TCP and UDP."""
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        port = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        tcp.listen()

        def answer_tcp() -> None:
            with contextlib.suppress(OSError):
                connection, _ = tcp.accept()
                with connection:
                    connection.sendall(b"hello")

        def answer_udp() -> None:
            with contextlib.suppress(OSError):
                _, sender = udp.recvfrom(5)
                udp.sendto(b"hello", sender)

        for answer in (answer_tcp, answer_udp):
            Thread(target=answer, daemon=True).start()
        yield port
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):  # let the threads end
            with socket.socket(socket.AF_INET, kind) as last, contextlib.suppress(OSError):
                last.connect(("127.0.0.1", port))
                last.send(b"x")


def reached(tmp_path: Path, tier: Tier, port: int, *writable: str) -> set[str]:
    secret = tmp_path / "secret.txt"
    secret.write_text("responses")
    told = {"port": port, "secrets": [str(secret)], "writable": [str(tmp_path), *writable], "host": os.getpid()}
    with pytest.raises(UserError) as caught:
        hostile(tmp_path, "look", tier, Limits(), **told).layers()
    assert caught.value.code == "found"
    return set(caught.value.what.split("; "))


@pytest.mark.sandbox
def test_bubblewrapped_guest_reaches_nothing(
    tmp_path: Path, listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", "password")
    assert reached(tmp_path, "bubblewrap", listener, "/usr/lib", sys.prefix) == {"nothing"}


def test_process_tier_clears_the_environment_and_promises_no_more(
    tmp_path: Path, listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", "password")
    found = reached(tmp_path, "process", listener)
    assert not any(entry.startswith("variable") for entry in found)
    assert {"tcp", "udp"} <= found  # so the test above would see an open network
