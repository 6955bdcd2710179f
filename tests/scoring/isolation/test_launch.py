"""Launch: which tier works here, and what the command and environment of a guest are."""

from pathlib import Path

import pytest

from gyral.isolation.launch import Places, command, environment, probe


@pytest.mark.sandbox
def test_probe_finds_bubblewrap_where_namespaces_work() -> None:
    probe.cache_clear()
    assert probe() == "bubblewrap"


def test_probe_falls_back_where_bwrap_is_not_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    probe.cache_clear()
    assert probe() == "process"
    probe.cache_clear()


@pytest.mark.parametrize("script", ["exit 1", "echo inside; exit 1", "echo outside", "sleep 0; exit 0"])
def test_probe_believes_only_an_interpreter_that_ran_inside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    bwrap = tmp_path / "bwrap"
    bwrap.write_text(f"#!/bin/sh\n{script}\n")
    bwrap.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    probe.cache_clear()
    assert probe() == "process"
    probe.cache_clear()


def test_environment_holds_nothing_of_the_hosts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = environment("process", Places(tmp_path, tmp_path))
    assert "DATABASE_URL" not in found
    assert found["OMP_NUM_THREADS"] == "3"
    assert found["HOME"] == f"{tmp_path}/scratch"


def test_bubblewrap_hides_the_hosts_paths_and_opens_only_the_scratch(tmp_path: Path) -> None:
    places = Places(tmp_path / "job-1", tmp_path / "secret-place" / "net")
    argv = command("bubblewrap", places)
    assert argv[-1] == "/job"
    assert [argv[i + 1 : i + 3] for i, word in enumerate(argv) if word == "--bind"] == [
        [str(tmp_path / "job-1" / "scratch"), "/job/scratch"]
    ]
    assert {"--unshare-all", "--die-with-parent", "--cap-drop"} <= set(argv)
    assert not any(word in ("--dev-bind-try", "--share-net") for word in argv)
