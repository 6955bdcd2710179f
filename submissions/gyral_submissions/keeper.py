"""Keeper: runs one command and ends its whole process group when the worker goes away.

``python -m gyral_submissions.keeper COMMAND ...``, started as the leader of a new process group. Standard
input is a pipe whose other end the worker holds until the end, so end of file means that the worker is gone,
however it went; a killed worker thus leaves nothing running. What the worker writes into it is handed on to the
command. Imports nothing but the standard library.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO


def main(command: list[str]) -> int:
    """Run ``command`` and return its exit status (128 + signal where it was killed)."""
    # When memory runs out, this group should go before the worker or the site.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
    try:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 127
    threading.Thread(target=_end_with_the_worker, args=(child.stdin,), daemon=True).start()
    status = child.wait()
    return status if status >= 0 else 128 - status


def _end_with_the_worker(commands: IO[bytes]) -> None:
    while said := os.read(0, 1 << 16):
        with contextlib.suppress(OSError):  # it has ended, or reads nothing
            commands.write(said)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
