"""A model whose layers are given arrays: the smallest thing behind the Model protocol."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from gyral.datasets.stimulus import StimulusSet
from gyral.models.card import ModelCard
from gyral.models.model import Batch, Reduction


@dataclass
class ArrayModel:
    """Looks up each stimulus by id; counts what it was asked for; may die after some batches."""

    ids: tuple[str, ...]
    arrays: dict[str, np.ndarray]
    batch: int = 8
    die_after: int | None = None
    modality: str = "language"
    shown: list[str] = field(default_factory=list)

    @property
    def card(self) -> ModelCard:
        return ModelCard(name="array-model", modality=self.modality)

    @property
    def hash(self) -> str:
        return "array-model-" + "-".join(self.arrays)

    def layers(self) -> tuple[str, ...]:
        return tuple(self.arrays)

    def batches(
        self, stimuli: StimulusSet, layers: Sequence[str], *, reduction: Reduction, memory: int = 1 << 30
    ) -> Iterator[Batch]:
        row = {name: k for k, name in enumerate(self.ids)}
        for number, start in enumerate(range(0, len(stimuli), self.batch)):
            if self.die_after is not None and number >= self.die_after:
                raise KeyboardInterrupt
            ids = stimuli.ids[start : start + self.batch]
            self.shown += ids
            yield Batch(start, {name: self.arrays[name][[row[i] for i in ids]] for name in layers})
