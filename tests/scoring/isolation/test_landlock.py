"""Landlock: what was named stays, everything else is closed."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gyral.isolation import landlock

_CODE = """
import ctypes, os, socket, sys
from pathlib import Path
from gyral.isolation import landlock
assert ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) == 0
folder = Path(sys.argv[1])
landlock.restrict(read=[folder / "read", folder / "one.txt", folder / "absent"], write=[folder / "write"])
deeds = {
    "read": lambda: (folder / "read" / "file").read_bytes(),
    "list": lambda: os.listdir(folder / "read"),
    "one": lambda: (folder / "one.txt").read_bytes(),
    "write": lambda: (folder / "write" / "new").write_bytes(b"x"),
    "folder": lambda: (folder / "write" / "below").mkdir(),
    "remove": lambda: (folder / "write" / "new").unlink(),
    "other": lambda: (folder / "other.txt").read_bytes(),
    "list-above": lambda: os.listdir(folder),
    "write-read": lambda: (folder / "read" / "file").write_bytes(b"y"),
    "remove-read": lambda: (folder / "read" / "file").unlink(),
    "truncate-other": lambda: os.truncate(folder / "other.txt", 0),
    "symlink": lambda: (folder / "write" / "link").symlink_to("/etc"),
    "move-in": lambda: os.rename(folder / "read" / "file", folder / "write" / "file"),
    "link-in": lambda: os.link(folder / "one.txt", folder / "write" / "one.txt"),
    "tcp": lambda: socket.create_connection(("127.0.0.1", int(sys.argv[2]))),
    "signal": lambda: os.kill(os.getppid(), 0),
}
for name, deed in deeds.items():
    try:
        deed()
        print(name)
    except OSError:
        pass
"""


@pytest.mark.landlock
def test_only_what_was_named_can_be_reached(tmp_path: Path) -> None:
    for name in ("read", "write"):
        (tmp_path / name).mkdir()
    for name in ("read/file", "one.txt", "other.txt"):
        (tmp_path / name).write_text("here")
    with socket.create_server(("127.0.0.1", 0)) as server:
        argv = [sys.executable, "-c", _CODE, str(tmp_path), str(server.getsockname()[1])]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
    reached = set(done.stdout.split())
    younger = {"tcp"} if landlock.abi() < 4 else set()
    younger |= {"signal"} if landlock.abi() < 6 else set()
    assert reached == {"read", "list", "one", "write", "folder", "remove"} | younger
    assert (tmp_path / "other.txt").read_text() == "here"


def test_an_old_kernel_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 2)
    with pytest.raises(OSError, match="3 or later is needed; this kernel has 2"):
        landlock.restrict(read=[], write=[])
