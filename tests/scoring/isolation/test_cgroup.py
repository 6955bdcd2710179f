"""Control groups: made only below what was handed over, limited, joined and cleared away."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import uploads
from gyral.errors import Unavailable
from gyral.isolation.cgroup import join
from gyral.isolation.host import IsolatedModel
from gyral.isolation.limits import Limits, family

_PIDS = Path("/sys/fs/cgroup/pids")


def test_none_is_made_where_none_was_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GYRAL_CGROUP", raising=False)
    group = join(Limits())
    assert group.folders == ()
    group.add(1)
    group.remove()


@pytest.mark.parametrize(
    ("files", "memory"),
    [(("memory.limit_in_bytes", "cgroup.procs"), "memory.limit_in_bytes"), (("memory.max", "pids.max", "memory.swap.max", "cgroup.procs"), "memory.max")],
    ids=["v1", "v2"],
)  # fmt: skip
def test_limits_are_written_as_the_version_has_them(
    files: tuple[str, ...], memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Path.mkdir

    def mkdir(
        folder: Path, *args: object, **kwargs: object
    ) -> None:  # as the kernel does: a group comes with files
        made(folder, *args, **kwargs)  # type: ignore[arg-type]
        for name in files:
            (folder / name).touch()

    monkeypatch.setenv("GYRAL_CGROUP", str(tmp_path))
    monkeypatch.setattr(Path, "mkdir", mkdir)
    limits = Limits(memory=1 << 30, batch=1 << 20, tasks=77)
    group = join(limits)
    group.add(4321)
    (folder,) = group.folders
    assert int((folder / memory).read_text()) == limits.memory + limits.scratch
    assert (folder / "cgroup.procs").read_text() == "4321\n"
    if memory == "memory.max":
        assert (folder / "pids.max").read_text() == "77\n"
        assert (folder / "memory.swap.max").read_text() == "0\n"


def test_a_group_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GYRAL_CGROUP", str(tmp_path / "absent"))
    with pytest.raises(Unavailable, match="absent") as caught:
        join(Limits())
    assert caught.value.code == "cgroup"


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A group of the pids controller (version 1) that is ours, where this machine lets us make one."""
    folder = _PIDS / "gyral-test"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error.strerror}")
    monkeypatch.setenv("GYRAL_CGROUP", str(folder))
    yield folder
    folder.rmdir()


@pytest.mark.sandbox
def test_a_guest_and_all_its_threads_are_in_the_group_until_it_ends(handed_over: Path) -> None:
    with IsolatedModel(uploads.GOOD / "conv", tier="bubblewrap", limits=Limits(tasks=50)) as model:
        model.layers()
        assert model._guest is not None
        (group,) = [folder for folder in handed_over.iterdir() if folder.is_dir()]
        members = {int(line) for line in (group / "cgroup.procs").read_text().split()}
        assert members == set(family(model._guest.process.pid))
        assert (group / "pids.max").read_text() == "50\n"
    assert [folder for folder in handed_over.iterdir() if folder.is_dir()] == []


def test_remove_kills_what_is_left(handed_over: Path) -> None:
    group = join(Limits())
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as child:
        group.add(child.pid)
        child.kill()
        child.wait()
        group.remove()
    assert [folder for folder in handed_over.iterdir() if folder.is_dir()] == []
