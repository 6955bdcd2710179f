"""Compute: multiply-adds that a model takes for one stimulus, counted from the shapes of what is run, never guessed.

Counted are matrix products, convolutions, recurrent layers and the two products of attention; one multiply-add is one multiplication with
its addition, half of what is called two floating-point operations. Element-wise work, normalisation, pooling, look-ups and
what readouts do are not. Images have the size that the card says. A text is taken to have the mean number of tokens of the
texts that are shown, special ones and contexts included, without padding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from gyral.datasets.stimulus import StimulusSet
from gyral.models.model import Model
from gyral.models.tokenizer import Tokens


@runtime_checkable
class Countable(Protocol):
    """A model whose multiply-adds can be told."""

    def multiply_adds(self, stimuli: StimulusSet, layers: Sequence[str]) -> int | None:
        """Of one stimulus, for all of ``layers`` together; None where it is not known."""
        ...


def multiply_adds(model: Model, stimuli: StimulusSet, layers: Sequence[str]) -> int | None:
    """Multiply-adds of one stimulus; None for models that nobody here runs as a graph of known shapes.

    Parameters
    ----------
    model : Model
    stimuli : StimulusSet
        What is shown; lengths of texts are taken from it.
    layers : sequence of str
        Layers that are read.
    """
    return model.multiply_adds(stimuli, layers) if isinstance(model, Countable) else None


@dataclass(frozen=True)
class Typical:
    """What is run for a text: a pass of ``length`` tokens, ``passes`` times (less than once where texts share a pass)."""

    length: int
    passes: float

    @classmethod
    def of(cls, tokens: Tokens, texts: int) -> "Typical":
        """Of all passes over ``texts`` texts."""
        return cls(max(1, round(float(tokens.lengths.mean()))), len(tokens) / texts)


def counted(run: Callable[[], Any]) -> int | None:
    """Multiply-adds of what torch does in ``run``, on any device, the meta device too; None where it cannot be run there."""
    from torch.utils.flop_counter import FlopCounterMode  # nested: slow to import

    mode: Any = FlopCounterMode(display=False)  # not annotated
    try:
        with mode:
            run()
    except Exception:  # noqa: BLE001 - code that looks at values fails on the meta device in its own ways
        return None
    return int(mode.get_total_flops()) // 2 or None
