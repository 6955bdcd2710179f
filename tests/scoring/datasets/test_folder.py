import shutil
import subprocess
import sys

import pytest

from gyral.datasets.folder import sweep, whole_folder
from needs import absent

# Writes 64 KiB files into a pack-like folder until something stops it; then says what, and what is left.
_FILLER = """
import os, sys
from pathlib import Path
from gyral.datasets.folder import whole_folder
from gyral.errors import UserError
target = Path(sys.argv[1]) / "pack"
if sys.argv[2] == "limit":
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 15, resource.RLIM_INFINITY))
try:
    with whole_folder(target) as scratch:
        for i in range(100):
            (scratch / str(i)).write_bytes(bytes(1 << 16))
except UserError as error:
    print(error.code, error)
print(sorted(p.name for p in target.parent.iterdir()))
"""


def fill(folder, how, *, before=()):
    command = [*before, sys.executable, "-c", _FILLER, str(folder), how]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_whole_folder_appears_whole(tmp_path):
    target = tmp_path / "deep" / "pack"
    with whole_folder(target) as scratch:
        (scratch / "a").write_text("1")
        assert not target.exists()
    assert (target / "a").read_text() == "1"
    assert [p.name for p in target.parent.iterdir()] == ["pack"]


def test_whole_folder_that_fails_leaves_the_old_one(tmp_path):
    target = tmp_path / "pack"
    with whole_folder(target) as scratch:
        (scratch / "a").write_text("old")
    with pytest.raises(ZeroDivisionError), whole_folder(target) as scratch:
        (scratch / "a").write_text("new")
        raise ZeroDivisionError
    assert (target / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["pack"]


def test_whole_folder_on_a_file_size_limit_leaves_nothing(tmp_path):
    done = fill(tmp_path, "limit")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("disk-full ")
    assert "nothing half-written was kept" in done.stdout
    assert done.stdout.endswith("[]\n")


@pytest.fixture
def mounted(tmp_path):
    """Prefix of a command that runs with a small file system over ``tmp_path``, given mount options."""

    def prefix(options):
        mount = f'mount -t tmpfs -o {options} tmpfs "$0" && exec "$@"'
        command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(tmp_path)]
        if not shutil.which("unshare") or subprocess.run([*command, "true"], check=False).returncode:
            absent("sandbox", "a file system of our own needs unshare and user namespaces")
        return command

    return prefix


def test_whole_folder_on_a_full_disk_leaves_nothing(tmp_path, mounted):
    done = fill(tmp_path, "disk", before=mounted("size=300k"))
    assert done.returncode == 0, done.stderr
    assert "No space left on device" in done.stdout
    assert "GYRAL_CACHE" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_whole_folder_says_where_it_may_not_write(tmp_path, mounted):
    done = fill(tmp_path, "disk", before=mounted("ro"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"not-writable {tmp_path}/pack: this place may not be written")


def test_sweep_removes_what_killed_processes_left(tmp_path):
    left, other = tmp_path / ".pack.abc.part", tmp_path / ".packs.abc.part"
    left.mkdir()
    other.mkdir()
    sweep(tmp_path / "pack")
    assert not left.exists()
    assert other.exists()
