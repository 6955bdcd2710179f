"""Host: a model whose batches come from a guest process; it looks like any other Model."""

import os
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadUpload, OutOfResources, UnknownName
from gyral.isolation import wire
from gyral.isolation.job import Job
from gyral.isolation.launch import GUEST, Places, start
from gyral.isolation.limits import Limits
from gyral.isolation.process import Process
from gyral.isolation.tier import Tier, allowed
from gyral.models.activation import require_finite
from gyral.models.card import ModelCard
from gyral.models.model import Array, Batch, Reduction
from gyral.models.upload import find_upload, hash_of

Twin = Literal["untrained", "permuted"]
Task = Literal["model", "check"]


class Guest:
    """A started guest and its job folder; both are gone after ``end``.

    Parameters
    ----------
    path : Path
        The model's folder or file.
    task : {"model", "check"}
        What the guest does at first: open the model, or list its faults.
    """

    def __init__(
        self,
        path: Path,
        task: Task,
        *,
        limits: Limits,
        tier: Tier,
        program: Sequence[str] = GUEST,
        device: str = "cpu",
        twin: Twin | None = None,
        seed: int = 0,
    ) -> None:
        self.job, self.limits, self.tier = Job(), limits, tier
        places = Places(self.job.folder, path.resolve())
        folder, model = places.seen(tier)
        facts = {
            "protocol": wire.PROTOCOL,
            "task": task,
            "model": model,
            "device": device,
            "twin": twin,
            "seed": seed,
            "limits": limits.as_dict(),
            "tier": tier,
            # Inside a process namespace our number means nothing; bubblewrap ends the guest with us.
            "host": None if tier == "bubblewrap" else os.getpid(),
        }
        self.job.write("job.json", facts)
        self.deadline = time.monotonic() + limits.opening
        try:
            started = start(tier, places, program, limits=limits, device=device)
        except BaseException:
            self.job.remove()
            raise
        self.process = Process(started, limits, hidden=(model, folder))
        # Also where nobody calls end(): no guest outlives its Guest, and none the interpreter.
        self._finalizer = weakref.finalize(self, _end, self.process, self.job)

    def listen(self, expected: Sequence[str], deadline: float | None = None) -> dict[str, Any]:
        """The next message, which must say one of ``expected``."""
        message = self.process.listen(self.deadline if deadline is None else deadline)
        if message["say"] not in expected:
            raise wire.broken(f"it says {message['say']!r:.40} where {' or '.join(expected)} was due")
        return message

    @property
    def lives(self) -> bool:
        """Whether ``end`` was not called yet."""
        return self._finalizer.alive

    def end(self) -> None:
        """Kill the process, delete the folder; a second call does nothing."""
        self._finalizer()


def _end(process: Process, job: Job) -> None:
    process.end()
    job.remove()


class IsolatedModel:
    """An uploaded model behind the wall.

    The guest starts with the first question, or ahead of it, and ends with the pass over the stimuli (or
    ``close``); a further question starts another. Opening and parsing happen in the guest.

    Parameters
    ----------
    folder : Path
        Model folder, or a bare ``.onnx`` file.
    twin, seed : {"untrained", "permuted"} or None, int
        Redrawn weights, see `gyral.models.upload.open_folder`.
    limits : Limits
        What the guest may take.
    device : str
        "cpu", "cuda" ...
    tier : {"process", "landlock", "bubblewrap"}, optional
        How it is held; the strongest that works here by default. Kept as ``tier``, to be stored with the scores.
    program : sequence of str
        The guest program, for tests and for other guests (an image).
    follower : IsolatedModel, optional
        Whose guest is started ahead once this one's pass begins; see `isolated`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        twin: Twin | None = None,
        seed: int = 0,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        device: str = "cpu",
        tier: Tier | None = None,
        program: Sequence[str] = GUEST,
        follower: "IsolatedModel | None" = None,
    ) -> None:
        self.follower = follower
        self.folder, self.twin, self.seed = find_upload(folder), twin, seed
        self.limits, self.device, self.program = limits, device, tuple(program)
        self.tier: Tier = tier or allowed()
        self.log = ""
        self._guest: Guest | None = None
        self._awaited = False  # it was started, and has not said yet what it opened
        self._facts: tuple[ModelCard, tuple[str, ...]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the guest, if one runs, and keep the end of its log."""
        if self._guest is not None:
            self.log = self._guest.process.log
            self._guest.end()
            self._guest = None

    @property
    def card(self) -> ModelCard:
        """What was declared of the model."""
        return self._described()[0]

    @cached_property
    def hash(self) -> str:
        """Hex sha256 that changes whenever the features may change; computed here, from the files.

        Features are cached under it: a guest that chose its own could leave its arrays under another model's name.
        """
        try:
            return hash_of(self.folder, twin=self.twin, seed=self.seed)
        except FileNotFoundError:
            self._described()  # which file is missing is found, and said, by the guest
            raise

    def layers(self) -> tuple[str, ...]:
        """Names of the readable layers, from input to output."""
        return self._described()[1]

    def batches(
        self,
        stimuli: StimulusSet,
        layers: Sequence[str],
        *,
        reduction: Reduction,
        memory: int = 1 << 30,
    ) -> Iterator[Batch]:
        """Batches of the guest, validated one by one.

        Raises
        ------
        UserError
            The guest's own error, or BadUpload/OutOfResources where it dies, hangs, floods or lies about shapes.
        """
        for name in layers:
            if name not in self.layers():
                raise UnknownName("layer", name, self.layers())
        guest = self._started()
        try:
            staged = guest.job.stage(stimuli, link=self.tier != "process")
            fields = {"layers": list(layers), "reduction": asdict(reduction), "memory": memory, "stimuli": staged}
            guest.job.write("request.json", fields)
            guest.process.tell(do="features")
            if self.follower is not None:
                self.follower.start_ahead()
            yield from _receive(guest, stimuli, tuple(layers))
        finally:
            self.close()

    def _described(self) -> tuple[ModelCard, tuple[str, ...]]:
        if self._facts is None:
            self._started()
        assert self._facts is not None  # noqa: S101 - _started sets it or raises
        return self._facts

    def start_ahead(self) -> None:
        """Start the guest without waiting for it: it imports its libraries and opens the model meanwhile."""
        if self._guest is None:
            self._awaited = True
            self._guest = Guest(
                self.folder,
                "model",
                limits=self.limits,
                tier=self.tier,
                program=self.program,
                device=self.device,
                twin=self.twin,
                seed=self.seed,
            )

    def _started(self) -> Guest:
        """The running guest, or a new one, that has opened the model."""
        self.start_ahead()
        guest = self._guest
        assert guest is not None  # noqa: S101 - start_ahead sets it or raises
        if self._awaited:
            try:
                self._facts = _read_facts(guest.listen(["model"]))
            except BaseException:
                self.close()
                raise
            self._awaited = False
        return guest


def isolated(
    folder: Path, *, twin: Twin | None = None, seeds: Sequence[int] = (0,), device: str = "cpu"
) -> tuple[IsolatedModel, ...]:
    """The draws of an uploaded model, one for each seed, with one idle guest ahead of the one that works.

    The first guest is started here: call this before the imports and the data that the host needs itself, and the
    seconds a guest takes to come up pass meanwhile.

    Raises
    ------
    BadUpload
        There is no model at ``folder``.
    Unavailable
        This machine cannot hold it as firmly as is asked (code ``sandbox-tier``).
    """
    draws: list[IsolatedModel] = []
    for seed in reversed(seeds):
        follower = draws[-1] if draws else None
        draws.append(IsolatedModel(folder, twin=twin, seed=seed, device=device, follower=follower))
    draws.reverse()
    draws[0].start_ahead()
    return tuple(draws)


def check(path: Path, *, limits: Limits = Limits(), tier: Tier | None = None) -> dict[str, Any]:  # noqa: B008 - frozen
    """What `gyral.models.upload.check_folder` says of ``path``, found by a guest: for uploads of strangers."""
    guest = Guest(path, "check", limits=limits, tier=tier or allowed())
    try:
        report = guest.listen(["report"]).get("report")
    finally:
        guest.end()
    if not isinstance(report, dict):
        raise wire.broken("its report is not an object")
    return report


def _read_facts(message: dict[str, Any]) -> tuple[ModelCard, tuple[str, ...]]:
    card = message.get("card")
    if not isinstance(card, dict):
        raise wire.broken("it does not say which model it opened")
    return ModelCard.checked(card), wire.layer_names(message.get("layers"))


def _receive(guest: Guest, stimuli: StimulusSet, layers: tuple[str, ...]) -> Iterator[Batch]:
    """Validate the batches of one pass: in order, whole, finite, of one shape a layer, within the limits."""
    waited, done, output = 0.0, 0, 0
    shapes: dict[str, tuple[int, ...]] = {}
    while True:
        began = time.monotonic()
        message = guest.listen(["batch", "done"], began + guest.limits.wall - waited)
        waited += time.monotonic() - began
        if message["say"] == "done":
            if done != len(stimuli):
                raise wire.broken(f"it ended after {done} of {len(stimuli)} stimuli")
            return
        start, rows = wire.whole_number(message, "start"), wire.whole_number(message, "rows")
        if start != done or not 0 < rows <= len(stimuli) - done:
            raise wire.broken(f"it announces rows {start} to {start + rows} where row {done} was due")
        arrays: dict[str, Array] = {}
        room = guest.limits.batch
        for index, layer in enumerate(layers):
            array = wire.take_array(guest.process.scratch / wire.array_name(start, index), rows, room, layer=layer)
            room -= array.nbytes
            _check_shape(layer, array, shapes)
            require_finite(layer, array, stimuli, start)
            arrays[layer] = array
        done, output = done + rows, output + guest.limits.batch - room
        if output > guest.limits.output:
            raise OutOfResources(
                f"the layers take more than {guest.limits.output} bytes together.",
                mend="Read fewer layers (card: `layers`).",
                code="output-limit",
            )
        guest.process.tell(do="next")
        yield Batch(start=start, arrays=arrays)


def _check_shape(layer: str, array: Array, shapes: dict[str, tuple[int, ...]]) -> None:
    expected = shapes.setdefault(layer, array.shape[1:])
    if array.shape[1:] != expected:
        raise BadUpload(
            f"the layer's shape is {array.shape[1:]} a stimulus here and {expected} before.",
            where=layer,
            mend="Every stimulus must give the same shape: pool over words, or fix the input size.",
            code="wrong-shape",
        )
