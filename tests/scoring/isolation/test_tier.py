"""Tiers: believed only after a trial, chosen from the strongest down, refused below the least."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gyral.errors import Unavailable, UnknownName
from gyral.isolation import landlock, seccomp
from gyral.isolation.tier import TIERS, Tier, allowed, examine, is_enough, probe, try_out


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What was found is looked up again, before and after."""
    examine.cache_clear()
    yield
    examine.cache_clear()


@pytest.fixture
def no_bwrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A PATH without bubblewrap."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.sandbox
def test_bubblewrap_is_found_where_namespaces_work(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "gyral.isolation"):
        assert probe() == "bubblewrap"
    assert caplog.messages == ["guests are held by bubblewrap"]


@pytest.mark.landlock
def test_landlock_is_next_and_the_log_says_why(no_bwrap: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert probe() == "landlock"
    assert caplog.messages == ["guests are held by landlock; not by bubblewrap: bwrap is not installed"]


@pytest.mark.parametrize("script", ["exit 1", "echo inside; exit 1", "echo '[]'; exit 1", "sleep 0; exit 0"])
def test_a_bwrap_that_starts_no_guest_is_not_believed(no_bwrap: Path, script: str) -> None:
    bwrap = no_bwrap / "bwrap"
    bwrap.write_text(f"#!/bin/sh\n{script}\n")
    bwrap.chmod(0o755)
    reason = try_out("bubblewrap")
    assert reason is not None
    assert reason.startswith("no guest comes up")


def test_a_bwrap_that_holds_nobody_is_found_out(no_bwrap: Path) -> None:
    bwrap = no_bwrap / "bwrap"
    # It runs the guest as it is, in the host's folders.
    bwrap.write_text(
        f"#!{sys.executable}\n"
        "import json, os, sys\n"
        "argv = sys.argv\n"
        "os.write(int(argv[argv.index('--info-fd') + 1]), json.dumps({'child-pid': os.getpid()}).encode())\n"
        "os.read(int(argv[argv.index('--block-fd') + 1]), 1)\n"
        "job = os.path.dirname(os.getcwd())\n"
        "facts = json.load(open(job + '/job.json')) | {'model': job + '/../model'}\n"
        "json.dump(facts, open(job + '/job.json', 'w'))\n"
        "program = argv[argv.index('--') + 1 : -1]\n"
        "os.execv(program[0], [*program, job])\n"
    )
    bwrap.chmod(0o755)
    reason = try_out("bubblewrap")
    assert reason is not None
    for name in ("a file of the host", "the job folder", "AF_INET", "a process of its own", "the parent"):
        assert name in reason


@pytest.mark.landlock
def test_a_landlock_without_the_filter_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "machine", lambda: None)
    assert "no system call filter" in (try_out("landlock") or "")


def test_nothing_is_left_where_the_kernel_is_old(no_bwrap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 2)
    assert probe() == "process"
    assert examine().lacking["landlock"] == "the kernel's Landlock is of version 2, 3 is needed"


@pytest.mark.parametrize("least", ["landlock", "bubblewrap"])
def test_a_machine_below_the_least_tier_refuses(
    least: str, no_bwrap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    monkeypatch.setenv("GYRAL_LEAST_TIER", least)
    with pytest.raises(Unavailable, match="bwrap is not installed") as caught:
        allowed()
    assert caught.value.code == "sandbox-tier"
    monkeypatch.setenv("GYRAL_LEAST_TIER", "process")
    assert allowed() == "process"


def test_a_least_tier_nobody_knows_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GYRAL_LEAST_TIER", "bubblewarp")
    with pytest.raises(UnknownName, match="Did you mean 'bubblewrap'"):
        allowed()


def test_tiers_are_ordered() -> None:
    def as_strong(least: Tier) -> list[bool]:
        return [is_enough(tier, least) for tier in TIERS]

    assert as_strong("process") == [True, True, True, True]
    assert as_strong("landlock") == [False, True, True, True]
    assert as_strong("bubblewrap") == [False, False, True, True]
    assert as_strong("docker") == [False, False, False, True]
