"""Launch: the command and environment of a guest, and how its scratch is reached."""

from pathlib import Path

import pytest

from gyral.isolation.launch import command, environment
from gyral.isolation.limits import Limits
from gyral.isolation.places import Places


def test_environment_holds_nothing_of_the_hosts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = environment("process", Places(tmp_path, tmp_path))
    assert "DATABASE_URL" not in found
    assert found["OMP_NUM_THREADS"] == "3"
    assert found["HOME"] == f"{tmp_path}/scratch"


def test_bubblewrap_binds_nothing_of_the_hosts_to_be_written(tmp_path: Path) -> None:
    places = Places(tmp_path / "job-1", tmp_path / "secret-place" / "net")
    limits = Limits(batch=1 << 20)
    argv = command("bubblewrap", places, limits=limits)
    assert argv[-1] == "/job"
    assert "--bind" not in argv
    assert argv[argv.index("/job/scratch") - 3 : argv.index("/job/scratch")] == [
        "--size",
        str(limits.scratch),
        "--tmpfs",
    ]
    assert {"--unshare-all", "--die-with-parent", "--cap-drop"} <= set(argv)
    assert not any(word in ("--dev-bind-try", "--share-net") for word in argv)
    written = [argv[i + 1] for i, word in enumerate(argv) if word == "--remount-ro"]
    assert written == ["/", "/dev"]


@pytest.mark.parametrize("tier", ["process", "landlock"])
def test_other_tiers_start_the_interpreter_itself(tier: str, tmp_path: Path) -> None:
    argv = command(tier, Places(tmp_path, tmp_path / "net"))  # type: ignore[arg-type]
    assert argv[1:4] == ["-I", "-B", "-m"]
    assert argv[-1] == str(tmp_path)
