"""A program `docker` for machines without an engine: it runs what `gyral.isolation.container` asks for under bubblewrap.

Each option of ``docker run`` is read, and does here what it does there, so that a protection that is not asked for is not
there either. The image is this machine's system and interpreter with ``docker/guest.sh`` as its entry point. As with an
engine, killing this program leaves the container running, and ``rm --force`` ends it. Started by `install`.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ENTRY = Path(__file__).resolve().parents[2] / "docker" / "guest.sh"
_FLAGS = ("--rm", "--interactive", "--read-only")


def install(folder: Path) -> Path:
    """Write the program ``docker`` into ``folder``, which is to stand first on the PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "docker"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} {folder} "$@"\n')
    program.chmod(0o755)
    return program


def options(words: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """The options of ``docker run`` and what follows them: image and arguments."""
    found: dict[str, list[str]] = {}
    rest = list(words)
    while rest and rest[0].startswith("--"):
        name = rest.pop(0)
        found.setdefault(name, []).append("" if name in _FLAGS else rest.pop(0))
    return found, rest


def bubblewrap(asked: dict[str, list[str]]) -> list[str]:
    """The command line that does what was asked for."""
    from gyral.isolation.reach import SYSTEM, python_folders

    argv = ["bwrap", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try", "--hostname", *asked["--hostname"]]
    argv += ["--unshare-net"] if asked.get("--network") == ["none"] else []
    argv += ["--unshare-ipc"] if asked.get("--ipc") == ["none"] else []
    argv += ["--proc", "/proc", "--dev", "/dev"]
    for mount in asked.get("--tmpfs", ()):
        argv += ["--tmpfs", mount.partition(":")[0]]
    for name in SYSTEM:
        path = Path(name)
        argv += ["--symlink", str(path.readlink()), name] if path.is_symlink() else ["--ro-bind-try", name, name]
    for folder in (*python_folders(), ENTRY):
        argv += [*_parents(folder), "--ro-bind", str(folder), str(folder)]
    for mount in asked.get("--mount", ()):
        fields = dict(field.partition("=")[::2] for field in mount.split(","))
        assert fields["type"] == "bind"
        argv += _parents(Path(fields["target"]))
        argv += ["--ro-bind" if "readonly" in fields else "--bind", fields["source"], fields["target"]]
    if "--read-only" in asked:
        argv += ["--remount-ro", "/"]
    # Shared memory is there unless it is asked away, and everybody's.
    argv += (
        ["--remount-ro", "/dev"] if asked.get("--ipc") == ["none"] else ["--perms", "1777", "--tmpfs", "/dev/shm"]
    )
    argv += ["--clearenv", "--setenv", "PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin"]
    for variable in asked.get("--env", ()):
        argv += ["--setenv", *variable.split("=", 1)]
    return [*argv, "--chdir", *asked["--workdir"]]


def _parents(target: Path) -> list[str]:
    """Folders above a mount; bubblewrap would make them for their owner alone."""
    above = [str(folder) for folder in reversed(target.parents) if str(folder) not in ("/", "/job")]
    return [word for folder in above for word in ("--perms", "0755", "--dir", folder)]


def user(asked: dict[str, list[str]]) -> tuple[list[str], list[str]]:
    """What bubblewrap is told of the user, and what changes to it inside."""
    uid, _, gid = asked["--user"][0].partition(":")
    if os.getuid():
        return ["--unshare-user", "--uid", uid, "--gid", gid, "--cap-drop", "ALL"], []
    # Root makes no user namespace, as an engine does not: the user inside is that user of the machine.
    kept = [word for name in ("SETUID", "SETGID", "SETPCAP") for word in ("--cap-add", f"CAP_{name}")]
    change = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    if asked.get("--cap-drop") == ["all"]:
        change += ["--bounding-set=-all", "--inh-caps=-all"]
    if asked.get("--security-opt") == ["no-new-privileges"]:
        change += ["--no-new-privs"]
    return kept, change


def run(folder: Path, words: Sequence[str]) -> int:
    """``docker run``: the exit status of the container, 128 + the signal that ended it."""
    asked, (_, *arguments) = options(words)
    told, change = user(asked)
    argv = [*bubblewrap(asked), *told, "--", *change, str(ENTRY), *arguments]
    child = subprocess.Popen(argv)
    (folder / f"{asked['--name'][0]}.pid").write_text(str(child.pid))
    status = child.wait()
    return status if status >= 0 else 128 - status


def main(folder: Path, words: Sequence[str]) -> int:
    """One command."""
    if words[0] == "run":
        return run(folder, words[1:])
    if words[:2] == ["rm", "--force"]:
        record = folder / f"{words[2]}.pid"
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int(record.read_text()), signal.SIGKILL)
        record.unlink(missing_ok=True)
        return 0
    if words[0] == "version" or words[:2] == ["image", "inspect"]:
        return 0 if shutil.which("bwrap") else 1
    sys.stderr.write(f"docker: {words[0]!r} is not known here\n")
    return 125


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
