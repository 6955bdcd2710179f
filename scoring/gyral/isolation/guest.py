"""Guest: the program in which an uploaded model runs (``gyral.isolation.guest JOB``).

:mod:`gyral.isolation.confine` has bound the process before this runs; it answers requests from stdin (see
:mod:`gyral.isolation.wire`). Everything it prints besides the wire goes to the log.
"""

import contextlib
import json
import os
import select
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from gyral.isolation import wire

_AHEAD = (
    "onnxruntime",
    "gyral.models.onnx_graph",
    "soundfile",
    "safetensors.torch",
    "tokenizers",
    "gyral.models.transformers_folder",
)
_MEMORY_SIGNS = ("allocate memory", "bad_alloc", "bad allocation", "out of memory", "Cannot allocate")


class HungUp(Exception):
    """The host went away or asked for the end."""


class Guest:
    """One model, opened once, and the requests about it.

    Parameters
    ----------
    job : Path
        The job folder; ``job.json`` says which model.
    replies, requests : binary streams
        Both ends of the wire.
    """

    def __init__(self, job: Path, requests: BinaryIO, replies: BinaryIO) -> None:
        self.job, self.requests, self.replies = job, requests, replies
        self.facts: dict[str, Any] = json.loads((job / "job.json").read_text("utf-8"))

    def say(self, message: Mapping[str, Any]) -> None:
        """Send one message."""
        self.replies.write(wire.encode(message))
        self.replies.flush()

    def hear(self) -> str:
        """The next request's verb; HungUp where the host is gone."""
        line = self.requests.readline()
        if not line:
            raise HungUp
        return str(json.loads(line)["do"])

    def serve(self) -> None:
        """Answer until the host asks for the end."""
        if self.facts["task"] == "wait":
            import_ahead()
            self.say({"say": "ready"})
            if self.hear() != "open":
                raise HungUp
            self.facts |= json.loads((self.job / "open.json").read_text("utf-8"))
        if self.facts["task"] == "check":
            from gyral.models.upload import check_folder  # nested: after the limits are set

            return self.say({"say": "report", "report": check_folder(Path(self.facts["model"])).as_dict()})
        from gyral.models.upload import open_folder  # nested: after the limits are set

        facts = self.facts
        model = open_folder(Path(facts["model"]), device=facts["device"], twin=facts["twin"], seed=facts["seed"])
        card = model.card.model_dump(mode="json", exclude_none=True)
        self.say({"say": "model", "card": card, "layers": list(model.layers())})
        while (asked := self.hear()) in ("count", "features"):
            if asked == "count":
                self.say({"say": "count", "multiply_adds": self._count(model)})
                continue
            self._features(model)
            self.say({"say": "done"})

    def _count(self, model: Any) -> int | None:
        from gyral.models.compute import multiply_adds  # nested: after the limits are set

        request = json.loads((self.job / "request.json").read_text("utf-8"))
        stimuli = wire.unpack_stimuli(request["stimuli"], self.job / "stimuli")
        return multiply_adds(model, stimuli, tuple(request["layers"]))

    def _features(self, model: Any) -> None:
        """Write batch after batch, never more than ``ahead`` of them that the host has not taken."""
        from gyral.models.model import Reduction  # nested: after the limits are set

        request = json.loads((self.job / "request.json").read_text("utf-8"))
        stimuli = wire.unpack_stimuli(request["stimuli"], self.job / "stimuli")
        layers, reduction, waiting = tuple(request["layers"]), Reduction(**request["reduction"]), 0
        for batch in model.batches(stimuli, layers, reduction=reduction, memory=request["memory"]):
            for index, layer in enumerate(layers):
                path = self.job / "scratch" / wire.array_name(batch.start, index)
                wire.write_array(path, batch.arrays[layer])
            self.say({"say": "batch", "start": batch.start, "rows": len(batch)})
            waiting += 1
            if waiting == self.facts["limits"]["ahead"]:
                self._wait_until_taken()
                waiting -= 1
        for _ in range(waiting):
            self._wait_until_taken()

    def _wait_until_taken(self) -> None:
        if self.hear() != "next":
            raise HungUp


def import_ahead() -> None:
    """Import what opening a model of any form imports; a library that is not installed is left out."""
    from gyral.models.upload import open_folder  # noqa: F401 - nested: after the limits are set

    for name in _AHEAD:
        with contextlib.suppress(ImportError):
            import_module(name)
    with contextlib.suppress(ImportError):
        from gyral.models.transformers_net import warm_up  # nested: only a guest that waits needs it

        warm_up()


def explain(error: Exception) -> dict[str, Any]:
    """The error's fields; a failed allocation, whatever library reports it, becomes the memory limit."""
    from gyral.errors import OutOfResources  # nested: cheap, but only a failing guest needs it

    # Loaders turn what their runtime says into errors of their own: the text tells, not the type.
    if isinstance(error, MemoryError) or any(sign in str(error) for sign in _MEMORY_SIGNS):
        error = OutOfResources(
            "the model asked for more memory than it may have.",
            mend="Send a smaller model, or read fewer layers.",
            code="memory-limit",
        )
    return wire.pack_error(error)


def host_is_gone() -> bool:
    """Whether nobody holds the other end of stdin any more."""
    poll = select.poll()
    poll.register(sys.stdin.fileno(), 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))


def main(job: Path) -> NoReturn:
    """Run one guest to its end; exit status 0 also after an error that was told over the wire."""
    if host_is_gone():  # it went before the kernel was told to end us with it
        os._exit(0)
    # Libraries print where they like: descriptor 1 becomes the log, the wire keeps a descriptor of its own.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    guest = Guest(job, sys.stdin.buffer, replies)
    with contextlib.suppress(HungUp, BrokenPipeError):
        try:
            guest.serve()
        except HungUp:
            raise
        except Exception as error:  # noqa: BLE001 - everything is told to the host, which decides whose fault it is
            import traceback  # nested: only a failing guest needs it

            traceback.print_exc()
            guest.say({"say": "error", "error": explain(error)})
    sys.stderr.flush()
    # No interpreter shutdown: a model's threads could hang in it, and there is nothing left to save.
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
