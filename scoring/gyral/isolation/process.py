"""Process: one running guest as the host holds it; it is spoken to, watched and ended here."""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gyral.errors import BadUpload, EngineError, OutOfResources, UserError
from gyral.isolation import wire
from gyral.isolation.launch import Started
from gyral.isolation.limits import Limits, family, folder_bytes, usage

# Seconds between looks at memory, threads and scratch. One costs milliseconds; what a guest does within them is
# bounded by its own limits of addresses, file size and, in memory, scratch.
_TICK = 0.5
_LOG_KEPT = 64 << 10
_LINE = 8 << 20
_MEMORY_SIGNS = (b"bad_alloc", b"MemoryError")
_DISK_SIGNS = (b"No space left on device", b"File too large")


class Process:
    """A guest's process, the wire's host end.

    Single-threaded on purpose: the host reads, watches and ends the guest only from the call that waits for it. The
    kernel kills the guest when the thread that started it ends, so use a guest in the thread that made it.

    Parameters
    ----------
    started : Started
        From `gyral.isolation.launch.start`.
    limits : Limits
        What it may take.
    hidden : sequence of str
        Path prefixes that are taken out of the guest's error texts.
    """

    def __init__(self, started: Started, limits: Limits, hidden: Sequence[str] = ()) -> None:
        self.limits, self.hidden = limits, tuple(hidden)
        self._started, self._child = started, started.child
        assert self._child.stdin and self._child.stdout and self._child.stderr  # noqa: S101 - for the type checker
        self._in, self._out, self._err = self._child.stdin, self._child.stdout, self._child.stderr
        # A guest that never reads must not block the host's write.
        os.set_blocking(self._in.fileno(), False)
        self._open = [self._out, self._err]
        self._lines = bytearray()
        self._log = bytearray()
        self._heard = self._logged = 0
        self._looked = 0.0
        self._confined = False

    @property
    def pid(self) -> int:
        """Process id, and id of the guest's session and process group."""
        return self._child.pid

    @property
    def lives(self) -> bool:
        """Whether it runs, as far as the kernel has told."""
        return self._child.poll() is None

    @property
    def log(self) -> str:
        """The last 64 KiB of what the guest printed, cleaned."""
        lines = bytes(self._log).decode("utf-8", "replace").splitlines()
        return "\n".join(wire.clean(line, self.hidden) or "" for line in lines)

    @property
    def scratch(self) -> Path:
        """The guest's scratch folder as the host sees it.

        Raises
        ------
        UserError or EngineError
            The guest is gone, and with it what it wrote.
        """
        folder = self._started.scratch()
        if folder is None:
            raise self._death()
        return folder

    def tell(self, **message: Any) -> None:
        """Send one request; a guest that is gone is noticed by the next ``listen``."""
        with contextlib.suppress(BrokenPipeError):
            try:
                self._in.write(wire.encode(message))
            except BlockingIOError:
                raise wire.broken("it does not read its requests") from None

    def listen(self, deadline: float) -> dict[str, Any]:
        """The guest's next message.

        Parameters
        ----------
        deadline : float
            ``time.monotonic()`` after which waiting ends.

        Raises
        ------
        UserError
            What the guest reported, or how it broke a limit or died.
        EngineError
            The guest's own program failed.
        """
        quiet, tick = time.monotonic() + self.limits.silence, 0.0
        while b"\n" not in self._lines:
            ready, _, _ = select.select(self._open, [], [], tick)
            if self._err in ready:
                self._read_log()
            if self._out in ready and not self._read_wire():
                raise self._death()
            # What was said in time counts, also where the host itself was busy too long.
            if b"\n" not in self._lines:
                self._watch(min(deadline, quiet))
            tick = _TICK
        line, _, rest = bytes(self._lines).partition(b"\n")
        self._lines = bytearray(rest)
        message = wire.decode(line)
        if message["say"] == "confined" and not self._confined:
            self._confined = True
            return self.listen(deadline)
        if message["say"] == "error":
            raise wire.unpack_error(message.get("error"), self.hidden)
        return message

    def end(self) -> None:
        """Kill the guest and whatever it started, and wait for it; a second call does nothing."""
        # Stopped one generation after the other, so that nothing is born between the look and the kill.
        members: set[int] = set()
        while self._child.poll() is None and (new := set(family(self.pid)) - members):
            for member in new:
                _send(member, signal.SIGSTOP)
            members |= new
        for member in members:
            _send(member, signal.SIGKILL)
        self._started.end()

    def _read_wire(self) -> bool:
        """Take what stands in the pipe; False at its end."""
        data = os.read(self._out.fileno(), 1 << 16)
        self._heard += len(data)
        self._lines += data
        if self._heard > self.limits.wire or (len(self._lines) > _LINE and b"\n" not in self._lines):
            raise wire.broken("it talks too much")
        return bool(data)

    def _read_log(self) -> None:
        data = os.read(self._err.fileno(), 1 << 16)
        if not data:
            self._open.remove(self._err)
        self._logged += len(data)
        self._log = (self._log + data)[-_LOG_KEPT:]
        if self._logged > self.limits.log:
            raise BadUpload(
                f"the model printed more than {self.limits.log} bytes.",
                mend="A model has nothing to print; take the messages out.",
                code="log-flood",
            )

    def _watch(self, deadline: float) -> None:
        """Look at clock, memory, threads and disk."""
        if time.monotonic() > deadline:
            raise OutOfResources(
                "the model did not answer in time.",
                mend="Send a faster model, or read fewer layers.",
                code="time-limit",
            )
        if time.monotonic() - self._looked < _TICK:
            return
        self._looked = time.monotonic()
        used = usage(self.pid)
        # Tasks first: where there are too many, their memory is a consequence.
        if used.tasks > self.limits.tasks:
            raise OutOfResources(f"the model started more than {self.limits.tasks} threads.", code="task-limit")
        if used.resident > self.limits.memory:
            raise _out_of_memory(self.limits)
        # Before it is confined its file system is not its own, and nothing of the model was read.
        if self._confined and (scratch := self._started.scratch()) and folder_bytes(scratch) > self.limits.scratch:
            raise _disk_full(self.limits)

    def _death(self) -> UserError | EngineError:
        """Why the wire closed before an answer came."""
        while self._err in self._open and select.select([self._err], [], [], 1.0)[0]:
            self._read_log()
        try:
            status = self._child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return wire.broken("it closed the wire and stayed")
        # bubblewrap hands on a signal as 128 + its number.
        number = -status if status < 0 else status - 128
        if number == signal.SIGXCPU:
            return OutOfResources("the model used up its processor time.", code="time-limit")
        if number == signal.SIGKILL or any(sign in self._log for sign in _MEMORY_SIGNS):
            return _out_of_memory(self.limits)
        if number == signal.SIGXFSZ or any(sign in self._log for sign in _DISK_SIGNS):
            return _disk_full(self.limits)
        how = f"signal {_signal_name(number)}" if number > 0 else f"exit status {status}"
        if not self._confined:  # nothing of the model was read yet
            return EngineError(f"the guest did not start ({how}): {self.log[-500:]}")
        return BadUpload(
            f"the model's process died ({how}).",
            mend="Run `gyral score` on it at home; the log holds more.",
            code="model-died",
        )


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _disk_full(limits: Limits) -> OutOfResources:
    return OutOfResources(
        f"the model wrote more than {limits.scratch} bytes to disk.", mend="Read fewer layers.", code="disk-limit"
    )


def _out_of_memory(limits: Limits) -> OutOfResources:
    return OutOfResources(
        f"the model took more than {limits.memory / (1 << 30):.3g} GiB of memory.",
        mend="Send a smaller model, or read fewer layers.",
        code="memory-limit",
    )
