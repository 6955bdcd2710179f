"""Training: the contrastive decoder, seeded, stopped where windows it was not trained on get no better."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gyral.errors import BadDataset
from gyral.progress import Progress, silent
from gyral.retrieval.network import Network, Shape, contrastive_loss
from gyral.retrieval.scaling import CLAMP, RobustScaling
from gyral.retrieval.segments import Floats, Ints, Segments


@dataclass(frozen=True)
class Decoder:
    """How a contrastive decoder is trained.

    Parameters
    ----------
    shape : Shape
    clamp : float or None
        See `RobustScaling`.
    baseline : int
        Times at the start of a window that are its baseline.
    rate : float
        Of Adam; 3e-4 in the paper, for a network seven times as wide.
    batch, epochs, patience : int
        Windows a step, most passes, and passes without a better validation loss.
    """

    shape: Shape = field(default_factory=Shape)
    clamp: float | None = CLAMP
    baseline: int = 0
    rate: float = 2e-3
    batch: int = 64
    epochs: int = 30
    patience: int = 6


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained decoder."""

    network: Network
    scaling: RobustScaling
    device: str
    losses: tuple[float, ...]  # of validation windows, pass by pass
    _batch: int = 256

    def predict(self, segments: Segments) -> Floats:
        """Predicted targets, windows x features x times.

        Raises
        ------
        BadDataset
            A subject that was not there in training (``unknown-subject``).
        """
        if segments.n_subjects > len(self.scaling.median):
            raise BadDataset(
                f"subject {segments.n_subjects - 1} was not there in training; every subject has a layer of its own.",
                where="segments: subjects",
                code="unknown-subject",
            )
        x, subjects = torch.from_numpy(self.scaling(segments)), torch.from_numpy(segments.subjects)
        self.network.eval()
        with torch.inference_mode():
            parts = [
                self.network(
                    x[at : at + self._batch].to(self.device), subjects[at : at + self._batch].to(self.device)
                )
                for at in range(0, len(x), self._batch)
            ]
        return torch.cat(parts).cpu().numpy()


def fit_contrastive(
    segments: Segments,
    targets: Floats,
    train: Ints,
    valid: Ints,
    *,
    decoder: Decoder | None = None,
    device: str = "cpu",
    seed: int = 0,
    progress: Progress = silent,
) -> Fitted:
    """Train on the windows of some items.

    Parameters
    ----------
    segments : Segments
    targets : array, items x features x times
        Standardised; ``times`` is 1 or that of the windows.
    train, valid : int array
        Items; those of ``valid`` say when to stop.
    decoder : Decoder, optional
    device : str
        "cpu" or "cuda".
    seed : int
        Of weights, order and spatial dropout; the global generator is left as it was.
    progress : Progress

    Raises
    ------
    BadDataset
        An item is in both, one of them has fewer than two items, or targets do not fit (``retrieval-targets``).
    """
    decoder = decoder or Decoder()
    _check(segments, targets, train, valid)
    own, stop = segments.of_items(train), segments.of_items(valid)
    scaling = RobustScaling.fit(own, clamp=decoder.clamp, baseline=decoder.baseline)
    with torch.random.fork_rng(devices=[device] if device != "cpu" else []):
        torch.manual_seed(seed)
        y = torch.from_numpy(np.asarray(targets, np.float32)).to(device)
        places = torch.from_numpy(np.asarray(segments.places, np.float32))
        network = Network(places, segments.n_subjects, y.shape[1], y.shape[2], decoder.shape).to(device)
        losses, best, waited, kept = [], np.inf, 0, _state(network)
        optimizer = torch.optim.Adam(network.parameters(), lr=decoder.rate)
        trained, watched = (_loaded(scaling, part, device) for part in (own, stop))
        for epoch in range(decoder.epochs):
            progress("contrastive decoder", epoch, decoder.epochs)
            network.train()
            for rows in torch.split(torch.randperm(len(own)), decoder.batch):
                if len(rows) > 1:  # a batch of one has nothing to tell apart
                    loss = _loss(network, trained, rows.to(device), y)
                    optimizer.zero_grad()
                    torch.autograd.backward(loss)
                    optimizer.step()
            network.eval()
            with torch.inference_mode():
                losses.append(float(_loss(network, watched, torch.arange(len(stop), device=device), y)))
            if losses[-1] < best:
                best, waited, kept = losses[-1], 0, _state(network)
            elif (waited := waited + 1) >= decoder.patience:
                break
        network.load_state_dict(kept)
    progress("contrastive decoder", decoder.epochs, decoder.epochs)
    return Fitted(network, scaling, device, tuple(losses))


def _loaded(scaling: RobustScaling, segments: Segments, device: str) -> tuple[Tensor, Tensor, Tensor]:
    arrays = (scaling(segments), segments.subjects, segments.items)
    x, subjects, items = (torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in arrays)
    return x, subjects, items


def _loss(network: Network, data: tuple[Tensor, Tensor, Tensor], rows: Tensor, targets: Tensor) -> Tensor:
    x, subjects, items = (part[rows] for part in data)
    candidates, right = torch.unique(items, return_inverse=True)
    return contrastive_loss(network(x, subjects), targets[candidates], right)


def _state(network: Network) -> dict[str, Any]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _check(segments: Segments, targets: Floats, train: Ints, valid: Ints) -> None:
    if len(np.intersect1d(train, valid)) or min(len(train), len(valid)) < 2:
        raise BadDataset(
            f"{len(train)} items to train on and {len(valid)} to stop by; two or more of each, and none in both, are needed.",
            where="retrieval",
            code="retrieval-targets",
        )
    times = segments.windows.shape[2]
    if targets.ndim != 3 or targets.shape[2] not in (1, times) or len(targets) <= segments.items.max():
        raise BadDataset(
            f"targets have shape {targets.shape!r}; items x features x 1, or x {times} as the windows, are expected.",
            where="retrieval",
            code="retrieval-targets",
        )
