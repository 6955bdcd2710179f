"""Guests that misbehave: each ends in an error the submitter can read, and leaves nothing behind."""

import time
from pathlib import Path

import numpy as np
import pytest

from guests import HELD, TIERS, gone, hostile, jobs_left, run, working_in
from gyral.errors import BadFeatures, BadUpload, OutOfResources, UserError
from gyral.isolation.limits import Limits
from gyral.isolation.tier import Tier


@pytest.fixture(params=TIERS)
def tier(request: pytest.FixtureRequest) -> Tier:
    """Each tier in turn."""
    return request.param  # type: ignore[no-any-return]


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


@pytest.mark.parametrize("does", ["hang-early", "hang", "spin"])
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
        ("memory", OutOfResources, "memory-limit"),
        ("threads", OutOfResources, "task-limit"),
    ],
)
def test_guest_that_floods_is_stopped(
    does: str, kind: type[UserError], code: str, tmp_path: Path, tier: Tier, cold_cache: Path
) -> None:
    limits = Limits(memory=700 << 20, batch=32 << 20, log=1 << 20, wire=1 << 20, tasks=100)
    with pytest.raises(kind) as caught:
        run(hostile(tmp_path, does, tier, limits), tmp_path)
    assert caught.value.code == code
    assert jobs_left(cold_cache) == []


def test_memory_that_is_touched_is_seen_where_addresses_are_not_bounded(tmp_path: Path) -> None:
    # On an accelerator only the host's watch stands: drivers reserve more addresses than there is memory.
    model = hostile(tmp_path, "memory", limits=Limits(memory=700 << 20))
    model.device = "cuda"
    with pytest.raises(OutOfResources) as caught:
        model.layers()
    assert caught.value.code == "memory-limit"


def test_processes_without_end_meet_the_limit(tmp_path: Path, cold_cache: Path) -> None:
    model = hostile(tmp_path, "fork-bomb", "process", Limits(tasks=20))
    with pytest.raises(OutOfResources) as caught:
        model.layers()
    assert caught.value.code == "task-limit"
    # None was born between the last look and the kill.
    assert gone(working_in(cold_cache))


@pytest.mark.parametrize("held", HELD)
def test_held_guest_cannot_start_a_process(held: Tier, tmp_path: Path) -> None:
    with pytest.raises(BadUpload) as caught:
        hostile(tmp_path, "fork-bomb", held, Limits(tasks=100)).layers()
    assert caught.value.code == "model-died"


def test_log_is_kept_clean_and_short(tmp_path: Path) -> None:
    model = hostile(tmp_path, "flood-log", limits=Limits(log=1 << 20))
    with pytest.raises(BadUpload):
        model.layers()
    assert "spam and eggs" in model.log
    assert len(model.log) <= 64 << 10
