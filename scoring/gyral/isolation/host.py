"""Host: a model whose batches come from a guest process; it looks like any other Model."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import UnknownName
from gyral.isolation import wire
from gyral.isolation.answers import read_count, read_facts, receive
from gyral.isolation.launch import GUEST
from gyral.isolation.limits import Limits
from gyral.isolation.session import Guest
from gyral.isolation.spare import Spare
from gyral.isolation.tier import Tier, allowed
from gyral.models.card import ModelCard
from gyral.models.model import Batch, Reduction
from gyral.models.twins import Twin
from gyral.models.upload import card_of, find_upload, hash_of, kind_of


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
    tier : {"process", "landlock", "bubblewrap", "docker"}, optional
        How it is held; the strongest that works here by default. Kept as ``tier``, to be stored with the scores.
    program : sequence of str
        The guest program, for tests.
    follower : IsolatedModel, optional
        Whose guest is started ahead once this one's pass begins; see `isolated`.
    spare : Spare, optional
        A guest that is up already, for the first start.
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
        spare: Spare | None = None,
    ) -> None:
        self.follower, self._spare = follower, spare
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

    @cached_property
    def card(self) -> ModelCard:
        """What was declared of the model; read here where it stands in a file, so that nobody waits for the guest."""
        if kind_of(self.folder) in ("onnx", "transformers"):
            return card_of(self.folder)
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
            yield from receive(guest, stimuli, tuple(layers))
        finally:
            self.close()

    def multiply_adds(self, stimuli: StimulusSet, layers: Sequence[str]) -> int | None:
        """See `gyral.models.compute.Countable`; asked of the guest, which then waits for the pass over the stimuli.

        Raises
        ------
        UserError
            The guest's own error, or BadUpload where what it says is no count.
        """
        guest = self._started()
        # Of images the card says the size: one is enough.
        shown = stimuli if stimuli.files is None else stimuli.subset([0])
        staged = guest.job.stage(shown, link=self.tier != "process")
        guest.job.write("request.json", {"layers": list(layers), "stimuli": staged})
        guest.process.tell(do="count")
        try:
            return read_count(guest.listen(["count"], time.monotonic() + self.limits.opening))
        except BaseException:
            self.close()
            raise

    def _described(self) -> tuple[ModelCard, tuple[str, ...]]:
        if self._facts is None:
            self._started()
        assert self._facts is not None  # noqa: S101 - _started sets it or raises
        return self._facts

    def start_ahead(self) -> None:
        """Start the guest without waiting for it: it imports its libraries and opens the model meanwhile."""
        if self._guest is None:
            self._awaited = True
            held = {"limits": self.limits, "tier": self.tier, "program": self.program, "device": self.device}
            asked: dict[str, Any] = {**held, "twin": self.twin, "seed": self.seed}
            ready = self._spare.take(self.folder, **asked) if self._spare is not None else None
            self._guest = ready or Guest(self.folder, "model", **asked)

    def _started(self) -> Guest:
        """The running guest, or a new one, that has opened the model."""
        self.start_ahead()
        guest = self._guest
        assert guest is not None  # noqa: S101 - start_ahead sets it or raises
        if self._awaited:
            try:
                self._facts = read_facts(guest.listen(["model"]))
            except BaseException:
                self.close()
                raise
            self._awaited = False
        return guest


def isolated(
    folder: Path,
    *,
    twin: Twin | None = None,
    seeds: Sequence[int] = (0,),
    device: str = "cpu",
    spare: Spare | None = None,
) -> tuple[IsolatedModel, ...]:
    """The draws of an uploaded model, one for each seed, with one idle guest ahead of the one that works.

    The first guest is started here, unless ``spare`` is up already: call this before the imports and the data that the host needs itself, and the
    seconds a guest takes to come up pass meanwhile.

    Raises
    ------
    BadUpload
        There is no model at ``folder``.
    Unavailable
        This machine cannot hold it as firmly as is asked (code ``sandbox-tier``).
    """
    draws: list[IsolatedModel] = []
    for n, seed in reversed([*enumerate(seeds)]):
        follower = draws[-1] if draws else None
        ready = spare if n == 0 else None
        draws.append(IsolatedModel(folder, twin=twin, seed=seed, device=device, follower=follower, spare=ready))
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
