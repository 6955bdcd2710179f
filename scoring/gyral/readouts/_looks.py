"""Looks: attention pooling read by ridge, the mathematics of the readout ``attention``.

Queries say where a region looks, ``alpha_iqp = softmax_p(k_q . F_ip + beta_qp)``; the values ``sum_p alpha_iqp F_ip``
of all queries stand side by side in ``Z`` (samples x queries * channels). For given queries the best linear read of
``Z`` is a ridge in closed form, so only the queries are trained by gradient (variable projection: Golub & Pereyra
1973, doi 10.1137/0710036; ridge as a differentiable layer: Bertinetto et al. 2019, arXiv 1805.08136). What they
lower is the error of that ridge on every training sample left out, which needs no refit (Allen 1974,
doi 10.1080/00401706.1974.10489157): ``e_i = (y_i - yhat_i) / (1 - h_ii)``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gyral.readouts._spectrum import Ahead, Spectrum
from gyral.readouts._training import Part

# Responses of a region beyond this many units train its queries through as many of their principal directions.
_RESPONSES = 256
# A penalty below this share of the mean diagonal of the Gram is lost in float32.
_LEAST_PENALTY = 1e-3
# The penalty that training starts from, as a share of the number of samples.
_FIRST_PENALTY = 0.3


@dataclass(frozen=True, eq=False)
class Looks:
    """Where a region looks.

    Parameters
    ----------
    keys : Tensor, queries x channels
    bias : Tensor, queries x positions
    """

    keys: Tensor
    bias: Tensor

    def weights(self, x: Tensor, present: Tensor) -> Tensor:
        """Attention, samples x queries x positions; 0 where no position is present, else sums to 1."""
        logits = (x @ self.keys.T).transpose(1, 2) + self.bias
        # A sample without any position would be 0 / 0; all its values are 0, whatever the weights.
        shown = present | ~present.any(dim=1, keepdim=True)
        return logits.masked_fill(~shown[:, None], -torch.inf).softmax(dim=2)

    def pooled(self, x: Tensor, present: Tensor) -> Tensor:
        """Values of all queries side by side: samples x queries * channels."""
        return (self.weights(x, present) @ x).flatten(1)


def left_out(z: Tensor, y: Tensor, penalty: Tensor) -> tuple[Tensor, Tensor]:
    """Residuals of ridge on every sample left out, and the weights of ridge on all samples.

    Parameters
    ----------
    z : Tensor, samples x features
    y : Tensor, samples x units
        No NaN.
    penalty : Tensor, scalar

    Returns
    -------
    residuals : Tensor, samples x units
    weights : Tensor, features x units
        Without gradient; for ``z`` and ``y`` around their means.
    """
    n = len(z)
    z, y = z - z.mean(dim=0), y - y.mean(dim=0)
    if n > z.shape[1]:
        gram = z.T @ z
        factor = _factor(gram, penalty)
        whitened = torch.linalg.solve_triangular(factor, z.T, upper=False)
        seen = whitened @ y
        leverage = whitened.square().sum(dim=0)
        residuals = y - whitened.T @ seen
        weights = torch.linalg.solve_triangular(factor.T.detach(), seen.detach(), upper=True)
    else:
        inverse = torch.cholesky_inverse(_factor(z @ z.T, penalty))
        residuals = penalty * (inverse @ y)
        leverage = 1 - penalty * inverse.diagonal()
        weights = z.detach().T @ residuals.detach() / penalty.detach()
    # The mean is fitted too: it adds 1 / n to every leverage.
    return residuals / (1 - 1 / n - leverage).clamp_min(1e-3)[:, None], weights


def _factor(gram: Tensor, penalty: Tensor) -> Tensor:
    least = _LEAST_PENALTY * gram.diagonal().mean().detach() + 1e-12
    shift = torch.maximum(penalty, least)
    factor: Tensor = torch.linalg.cholesky(
        gram + shift * torch.eye(len(gram), device=gram.device, dtype=gram.dtype)
    )
    return factor


def train_looks(
    first: Looks,
    train: Part,
    held: Part,
    *,
    rate: float,
    decay: float,
    epochs: int,
    patience: int,
    batch: int,
    generator: torch.Generator,
) -> Looks:
    """Train queries on ``train``; the state with the least squared error on ``held`` is returned.

    Parameters
    ----------
    first : Looks
        Where training starts.
    train, held : Part
        Responses standardised per unit, no NaN (0 where missing).
    rate, decay : float
        Of AdamW.
    epochs, patience : int
        Most passes over ``train``, and passes without improvement before it stops.
    batch : int
        Most samples of a step.
    """
    if train.inputs[0].shape[1] == 1:
        return first  # one position takes all the weight
    y, held_y = compressed(train.y, held.y, generator)
    train, held = Part(train.inputs, y), Part(held.inputs, held_y)
    share = torch.tensor(_FIRST_PENALTY, device=y.device).log().requires_grad_()
    keys, bias = first.keys.clone().requires_grad_(), first.bias.clone().requires_grad_()
    optimiser = torch.optim.AdamW(
        [{"params": [keys, bias], "weight_decay": decay}, {"params": [share], "weight_decay": 0.0}], lr=rate
    )
    looks, best, least, waited = Looks(keys, bias), first, torch.inf, 0
    steps = max(1, len(y) // batch)
    for _ in range(epochs):
        order = torch.randperm(len(y), generator=generator).to(y.device)
        for rows in order.tensor_split(steps):
            part = train if steps == 1 else train.take(rows)
            z = looks.pooled(*part.inputs)
            residuals, weights = left_out(z, part.y, share.exp() * len(z))
            if steps == 1:  # the weights of this very state are at hand
                error, state = _held_out_error(looks, z.detach(), part.y, weights, held), _copy(looks)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(residuals.square().mean())
            optimiser.step()
        if steps > 1:
            with torch.no_grad():
                z = torch.cat([looks.pooled(*some) for some in _batches(train, batch)])
                _, weights = left_out(z, train.y, share.exp() * len(z))
            error, state = _held_out_error(looks, z, train.y, weights, held), _copy(looks)
        if error < least * (1 - 1e-4):
            best, least, waited = state, error, 0
        else:
            waited += 1
            if waited >= patience:
                break
    return best


def _copy(looks: Looks) -> Looks:
    return Looks(looks.keys.detach().clone(), looks.bias.detach().clone())


def _batches(part: Part, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    x, present = part.inputs
    return zip(torch.split(x, batch), torch.split(present, batch), strict=True)


def _held_out_error(looks: Looks, z: Tensor, y: Tensor, weights: Tensor, held: Part) -> float:
    with torch.no_grad():
        predicted = (looks.pooled(*held.inputs) - z.mean(dim=0)) @ weights + y.mean(dim=0)
        return float((predicted - held.y).square().mean())


def compressed(train: Tensor, held: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Responses in fewer columns with (nearly) the same inner products between samples.

    A region's units share their queries, so training sees responses only through those inner products. Up to 256
    units stay as they are; more are projected on their first principal directions (one power iteration from random
    ones: Halko, Martinsson & Tropp 2011, doi 10.1137/090771806).
    """
    if train.shape[1] <= _RESPONSES:
        return train, held
    start = torch.randn(train.shape[1], _RESPONSES, generator=generator).to(train)
    directions, _ = torch.linalg.qr(train.T @ (train @ start))
    return train @ directions, held @ directions


def errors_of(penalties: Sequence[float], z: Tensor, y: Tensor, new: Tensor, measured: Tensor) -> Tensor:
    """Squared errors of ridge on held-out samples: penalties x units, float64."""
    z, y = z.double()[None], y.double()[None]
    spectrum = Spectrum.of(z)
    along, middle = spectrum.along(z, y)
    ahead = Ahead(spectrum, new.double()[None], y.shape[2] * len(penalties))
    return ahead.errors(along, measured.double()[None] - middle, penalties)[:, 0]


def weights_of(chosen: Tensor, z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (features x units) and intercepts of ridge with a penalty per unit, float32."""
    z, y = z.double()[None], y.double()[None]
    spectrum = Spectrum.of(z)
    weights, intercept = spectrum.weights(*spectrum.along(z, y), chosen[None])
    return weights[0].float(), intercept[0, 0].float()
