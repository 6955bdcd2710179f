"""Process: one running guest as the host holds it; it is spoken to, watched and ended here."""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gyral.errors import BadUpload, EngineError, OutOfResources, Unavailable, UserError
from gyral.isolation import wire
from gyral.isolation.limits import Limits, family, folder_bytes, resident_bytes

_TICK = 0.2  # seconds between looks at memory and scratch: one costs milliseconds, a guest needs longer to do harm
_LOG_KEPT = 64 << 10
_LINE = 8 << 20


class Process:
    """A guest's process, the wire's host end.

    Single-threaded on purpose: the host reads, watches and ends the guest only from the call that waits for it. The
    kernel kills the guest when the thread that started it ends, so use a guest in the thread that made it.

    Parameters
    ----------
    argv, environment : command and whole environment
        From `gyral.isolation.launch`.
    scratch : Path
        Working folder of the guest as the host sees it.
    limits : Limits
        What it may take.
    hidden : sequence of str
        Path prefixes that are taken out of the guest's error texts.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        *,
        scratch: Path,
        limits: Limits,
        hidden: Sequence[str] = (),
    ) -> None:
        self.limits, self.scratch, self.hidden = limits, scratch, hidden
        try:
            self._child = subprocess.Popen(
                argv,
                env=dict(environment),
                cwd=scratch,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise Unavailable(f"no process can be started for the model: {error}.", code="no-process") from None
        assert self._child.stdin and self._child.stdout and self._child.stderr  # noqa: S101 - for the type checker
        self._in, self._out, self._err = self._child.stdin, self._child.stdout, self._child.stderr
        # A guest that never reads must not block the host's write.
        os.set_blocking(self._in.fileno(), False)
        self._open = [self._out, self._err]
        self._lines = bytearray()
        self._log = bytearray()
        self._heard = self._logged = 0
        self._looked = 0.0

    @property
    def pid(self) -> int:
        """Process id, and id of the guest's session and process group."""
        return self._child.pid

    @property
    def log(self) -> str:
        """The last 64 KiB of what the guest printed, cleaned."""
        lines = bytes(self._log).decode("utf-8", "replace").splitlines()
        return "\n".join(wire.clean(line, self.hidden) or "" for line in lines)

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
        quiet = time.monotonic() + self.limits.silence
        while b"\n" not in self._lines:
            self._watch(min(deadline, quiet))
            ready, _, _ = select.select(self._open, [], [], _TICK)
            if self._err in ready:
                self._read_log()
            if self._out in ready and not self._read_wire():
                raise self._death()
        line, _, rest = bytes(self._lines).partition(b"\n")
        self._lines = bytearray(rest)
        message = wire.decode(line)
        if message["say"] == "error":
            raise wire.unpack_error(message.get("error"), self.hidden)
        return message

    def end(self) -> None:
        """Kill the guest and whatever it started, and wait for it; a second call does nothing."""
        if self._child.poll() is None:
            members = family(self.pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            for member in members:  # those that left the group
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(member, signal.SIGKILL)
        else:  # the leader is gone; its group may not be
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self._child.wait()
        for pipe in (self._in, self._out, self._err):
            with contextlib.suppress(OSError):
                pipe.close()

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
        """Look at clock, memory and disk."""
        if time.monotonic() > deadline:
            raise OutOfResources(
                "the model did not answer in time.",
                mend="Send a faster model, or read fewer layers.",
                code="time-limit",
            )
        if time.monotonic() - self._looked < _TICK:
            return
        self._looked = time.monotonic()
        if resident_bytes(self.pid) > self.limits.memory:
            raise _out_of_memory(self.limits)
        if folder_bytes(self.scratch) > self.limits.scratch:
            raise OutOfResources(
                f"the model wrote more than {self.limits.scratch} bytes to disk.",
                mend="Read fewer layers.",
                code="disk-limit",
            )

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
        if number == signal.SIGKILL or b"bad_alloc" in self._log:
            return _out_of_memory(self.limits)
        if number == signal.SIGXFSZ:
            return OutOfResources("the model wrote a file that is too large.", code="disk-limit")
        how = f"signal {_signal_name(number)}" if number > 0 else f"exit status {status}"
        if b"gyral.isolation.guest" in self._log or b"bwrap:" in self._log:
            # Nothing of the model was read yet: the guest program itself did not come up.
            return EngineError(f"the guest did not start ({how}): {self.log[-500:]}")
        return BadUpload(
            f"the model's process died ({how}).",
            mend="Run `gyral score` on it at home; the log holds more.",
            code="model-died",
        )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _out_of_memory(limits: Limits) -> OutOfResources:
    return OutOfResources(
        f"the model took more than {limits.memory / (1 << 30):.3g} GiB of memory.",
        mend="Send a smaller model, or read fewer layers.",
        code="memory-limit",
    )
