"""Training by gradient: one way to descend, stop and go back to the best state for all networks."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

# A new state must lower the held-out error by this share to count as better.
_BETTER = 1e-4


class Part(NamedTuple):
    """Some samples: what the network is called with (sample by sample), and standardised responses."""

    inputs: tuple[Tensor, ...]
    y: Tensor

    def take(self, rows: Tensor | slice) -> "Part":
        """Some of the samples."""
        return Part(tuple(i[rows] for i in self.inputs), self.y[rows])


@dataclass(frozen=True)
class Plan:
    """How long and how fast a network is trained.

    Parameters
    ----------
    rate, decay : float
        Of AdamW.
    batch : int
        Samples a step; twice as many are taken in one step.
    epochs, patience : int
        Most passes over the training rows, and how many without gain end the fit of a group.
    """

    rate: float
    decay: float
    batch: int
    epochs: int
    patience: int


class Training(NamedTuple):
    """Of each unit: held-out squared errors of the best state and of the training mean, and what was won last."""

    errors: Tensor
    totals: Tensor
    late: Tensor


def descend(
    net: nn.Module,
    train: Part,
    held: Part,
    plan: Plan,
    rates: list[dict[str, Any]],
    generator: torch.Generator,
    *,
    groups: Tensor,
    shared: bool,
    at_once: int,
) -> Training:
    """Train until the held-out error of every group of units stops falling; each ends in its best state.

    Parameters
    ----------
    net : Module
        Called with a part's inputs: samples x units.
    train, held : Part
    plan : Plan
    rates : list of dict
        Parameters and their learning rates, as an optimiser takes them.
    generator : torch.Generator
        Draws the batches.
    groups : int Tensor, one a unit
        Group of each unit (0, 1, ...), which stop apart from each other.
    shared : bool
        Whether groups share parameters: then their gradients are clipped together.
    at_once : int
        Most rows whose activations are held in a step; a larger batch is gone through in pieces.
    """
    parameters = [p for entry in rates for p in entry["params"]]
    optimiser = torch.optim.AdamW(rates, lr=plan.rate, weight_decay=plan.decay)
    known = torch.isfinite(held.y)
    truth = torch.nan_to_num(held.y)
    totals = torch.where(known, truth - _mean(train.y), 0.0).square().sum(0)

    def held_out() -> Tensor:
        return torch.where(known, outputs(net.eval(), *held.inputs, batch=plan.batch) - truth, 0.0).square().sum(0)

    count = int(groups.max()) + 1 if len(groups) else 0
    best = held_out()
    reached = _by_group(best, groups, count)
    waited = torch.zeros(count, dtype=torch.long, device=best.device)
    kept = [p.detach().clone() for p in parameters]
    samples = len(train.y)
    size = plan.batch if samples > 2 * plan.batch else samples
    pieces = max(1, min(size, at_once))
    earlier = best
    for epoch in range(plan.epochs):
        if epoch == plan.epochs - plan.patience:
            earlier = best
        net.train()
        order = torch.randperm(samples, generator=generator).to(best.device)
        for rows in torch.split(order, size):
            optimiser.zero_grad(set_to_none=True)
            weight = 1 / torch.isfinite(train.y[rows]).sum(0).clamp_min(1)
            for piece in torch.split(rows, pieces):
                part = train.take(piece)
                torch.autograd.backward(_loss(net(*part.inputs), part.y, weight))
            if shared:
                nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
        errors = held_out()
        now = _by_group(errors, groups, count)
        # A group that has waited long enough is done: what others need does not change it.
        better = (now < reached * (1 - _BETTER)) & (waited < plan.patience)
        waited = torch.where(better, 0, waited + 1)
        reached = torch.where(better, now, reached)
        best = torch.where(better[groups], errors, best)
        for copy, parameter in zip(kept, parameters, strict=True):
            copy.copy_(torch.where(_of_rows(better, groups, parameter), parameter.detach(), copy))
        if bool((waited >= plan.patience).all()):
            earlier = best
            break
    with torch.no_grad():
        for copy, parameter in zip(kept, parameters, strict=True):
            parameter.copy_(copy)
    return Training(best, totals, earlier - best)


def outputs(net: nn.Module, *inputs: Tensor, batch: int = 1024) -> Tensor:
    """Predictions without gradients, in batches: samples x units."""
    with torch.no_grad():
        parts = zip(*(torch.split(i, batch) for i in inputs), strict=True)
        return torch.cat([net(*part) for part in parts])


def _loss(predicted: Tensor, measured: Tensor, weight: Tensor) -> Tensor:
    """Squared error over what was measured, a mean for each unit, summed: no unit's rate depends on the others."""
    known = torch.isfinite(measured)
    error = torch.where(known, predicted - torch.nan_to_num(measured), 0.0).square().sum(0)
    return (error * weight).sum()


def _mean(y: Tensor) -> Tensor:
    known = torch.isfinite(y)
    return torch.where(known, y, 0.0).sum(0) / known.sum(0).clamp_min(1)


def _by_group(errors: Tensor, groups: Tensor, count: int) -> Tensor:
    return torch.zeros(count, device=errors.device).index_add_(0, groups, errors)


def _of_rows(better: Tensor, groups: Tensor, parameter: Tensor) -> Tensor:
    """``better`` for the first axis of a parameter, which has a row a group, a row a unit, or is shared by all."""
    if len(better) == 1:
        chosen = better[0].expand(1)
    else:
        chosen = better if len(parameter) == len(better) else better[groups]
    return chosen.view(-1, *[1] * (parameter.ndim - 1))
