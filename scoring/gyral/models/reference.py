"""Reference: one named model, and how it is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gyral.models.card import ModelCard, Sense
from gyral.models.model import Model
from gyral.models.weights import Source, fetch_weights, is_fetched
from gyral.progress import Progress, silent

Kind = Literal["folder", "vectors", "floor", "code"]


@dataclass(frozen=True)
class Reference:
    """One named model.

    Parameters
    ----------
    card : ModelCard
    summary : str
        One line for lists.
    kind : {"folder", "vectors", "floor", "code"}
        How it is opened: as any model folder, as word vectors, as code without files, or by another package's ``opener``.
    source : Source or None
        Where the files come from; None for floors and for other packages' models.
    opener : callable or None
        Of kind "code": gives the model on a device ("cpu", "cuda").
    """

    card: ModelCard
    summary: str
    kind: Kind
    source: Source | None = None
    opener: Callable[[str], Model] | None = None

    @property
    def modality(self) -> Sense:
        """What it can be shown."""
        return self.card.modality

    @property
    def has_twin(self) -> bool:
        """Floors have no weights to draw again, and those of other packages are not known here."""
        return self.kind not in ("floor", "code")

    @property
    def is_here(self) -> bool:
        """True if it can be opened without fetching anything."""
        return self.source is None or is_fetched(self.card, self.source)

    def fetch(self, *, progress: Progress = silent, force: bool = False) -> Path | None:
        """Fetch the weights (see `fetch_weights`); None for floors."""
        if self.source is None:
            return None
        return fetch_weights(self.card, self.source, progress=progress, force=force)
