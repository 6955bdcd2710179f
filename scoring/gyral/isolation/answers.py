"""Answers: what a guest says and hands over, validated by the host."""

import time
from collections.abc import Iterator
from typing import Any

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadUpload, OutOfResources
from gyral.isolation import wire
from gyral.isolation.session import Guest
from gyral.models.activation import require_finite
from gyral.models.card import ModelCard
from gyral.models.model import Array, Batch

_MOST_COUNTED = 10**18


def read_facts(message: dict[str, Any]) -> tuple[ModelCard, tuple[str, ...]]:
    """Card and layers of a guest that says which model it opened.

    Raises
    ------
    BadUpload
        It says no such thing.
    """
    card = message.get("card")
    if not isinstance(card, dict):
        raise wire.broken("it does not say which model it opened")
    return ModelCard.checked(card), wire.layer_names(message.get("layers"))


def read_count(message: dict[str, Any]) -> int | None:
    """What a guest counted of its model; None where it could not.

    Raises
    ------
    BadUpload
        It is no number that a model could take.
    """
    found = message.get("multiply_adds")
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or not 0 < found < _MOST_COUNTED:
        raise wire.broken("its count is no number of multiply-adds")
    return found


def receive(guest: Guest, stimuli: StimulusSet, layers: tuple[str, ...]) -> Iterator[Batch]:
    """The batches of one pass: in order, whole, finite, of one shape a layer, within the limits.

    Raises
    ------
    UserError
        What the guest reported, or which of these it broke.
    """
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
