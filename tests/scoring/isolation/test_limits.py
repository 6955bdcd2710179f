"""Limits: what the guest binds itself to, and what the host sees."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gyral.isolation.limits import Limits, family, folder_bytes, usage

_CODE = """
from gyral.isolation.limits import Limits, bind_self
bind_self(Limits(memory=64 << 20, batch=1 << 20, wall=1, opening=0))
import os
{body}
"""


def bound(body: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _CODE.format(body=body)], capture_output=True, text=True, check=False
    )


def test_limits_survive_the_job_file() -> None:
    limits = Limits(memory=5, wall=1.5)
    assert Limits.from_dict(limits.as_dict()) == limits


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not bound addresses")
def test_absurd_request_for_memory_fails_inside() -> None:
    done = bound("bytearray(16 << 30)")
    assert "MemoryError" in done.stderr


def test_large_file_fails_inside(tmp_path: Path) -> None:
    done = bound(f"open({str(tmp_path / 'large')!r}, 'wb').write(bytes(4 << 20))")
    assert "File too large" in done.stderr


def test_processor_time_runs_out() -> None:
    done = bound("import signal\nwhile True: pass")
    assert done.returncode < 0


def test_family_sees_children_that_left_the_group() -> None:
    code = "import subprocess, sys; subprocess.Popen(['sleep', '60'], start_new_session=True); print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        members = family(child.pid)
        assert len(members) == 2
        assert usage(child.pid).resident > 1 << 20
        assert usage(child.pid).tasks == 2
        for member in members:
            os.kill(member, 9)


def test_folder_bytes_counts_blocks_and_entries_but_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "data").write_bytes(b"x" * (1 << 20))
    assert 1 << 20 <= folder_bytes(tmp_path) < 2 << 20
    (tmp_path / "all").symlink_to("/usr")
    for number in range(10):
        (tmp_path / f"empty-{number}").touch()
    assert folder_bytes(tmp_path) < 3 << 20
    assert folder_bytes(tmp_path) >= (1 << 20) + 11 * (64 << 10)
