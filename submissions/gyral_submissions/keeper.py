"""Keeper: runs one command and ends its whole process group when the worker goes away.

``python -m gyral_submissions.keeper COMMAND ...``, started as the leader of a new process group. Standard
input is a pipe whose other end the worker holds and never writes to, so end of file means that the worker is
gone, however it went; a killed worker thus leaves nothing running. Imports nothing but the standard library.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path


def main(command: list[str]) -> int:
    """Run ``command`` and return its exit status (128 + signal where it was killed)."""
    # When memory runs out, this group should go before the worker or the site.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
    threading.Thread(target=_end_with_the_worker, daemon=True).start()
    try:
        status = subprocess.call(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 127
    return status if status >= 0 else 128 - status


def _end_with_the_worker() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
