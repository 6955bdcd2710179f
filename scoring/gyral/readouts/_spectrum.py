"""Ridge of a stack of small designs in torch: every penalty from one decomposition of each.

The readouts of positions read some dozens of columns under many pools, masks or queries. Each design (samples x
columns) is decomposed by its shorter side, ``X'X = V s V'``, and weights are ``V (V'X'y / (s + a))``. Beside it
stand, for reasons that were measured: the engine of `gyral.readouts.ridge` (one design, thousands of columns and
units, products in panels through OpenBLAS), banded ridge (`gyral.readouts._banded`: few penalties for many sets of
weights, where a factor of Cholesky is cheaper) and the differentiable ridge of `gyral.readouts._looks`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Eigenvalues below this share of the largest are rounding of the Gram: float32, float64.
_ROUNDING = {torch.float32: 1e-6, torch.float64: 1e-10}


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Decompositions of a stack of designs.

    Parameters
    ----------
    directions : Tensor, stack x columns x rank
    values : Tensor, stack x rank
        Eigenvalues; infinite where they are rounding, so that no penalty reads noise.
    mean : Tensor, stack x 1 x columns
    size : Tensor, stack
        Mean eigenvalue over the columns: what a relative penalty is relative to.
    """

    directions: Tensor
    values: Tensor
    mean: Tensor
    size: Tensor
    _known: Tensor | None

    @classmethod
    def of(cls, designs: Tensor, known: Tensor | None = None, *, exact: bool = False) -> "Spectrum":
        """Decompose.

        Parameters
        ----------
        designs : Tensor, stack x samples x columns
            float32 or float64.
        known : bool Tensor, stack x samples x 1, optional
            Samples that count.
        exact : bool
            Eigenvectors in float64 whatever the designs.
        """
        weight = None if known is None else known.to(designs)
        if weight is None:
            mean = designs.mean(dim=1, keepdim=True)
            x = designs - mean
        else:
            mean = (designs * weight).sum(dim=1, keepdim=True) / weight.sum(dim=1, keepdim=True).clamp_min(1)
            x = (designs - mean) * weight
        tall = x.shape[1] >= x.shape[2]
        gram = x.mT @ x if tall else x @ x.mT
        size = gram.diagonal(dim1=1, dim2=2).sum(dim=1) / x.shape[2]
        values, vectors = torch.linalg.eigh(gram.double() if exact else gram)
        floor = values[:, -1:].clamp_min(1e-30) * _ROUNDING[designs.dtype]
        values = torch.where(values > floor, values, torch.inf).to(designs)
        vectors = vectors.to(designs)
        # Left vectors to directions: X' U / s has norm 1.
        directions = vectors if tall else x.mT @ vectors / values.sqrt()[:, None]
        return cls(directions, values, mean, size.clamp_min(1e-12), weight)

    def along(self, designs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Responses of the training samples along the directions, and their means.

        Parameters
        ----------
        designs : Tensor, stack x samples x columns
            Those of ``of``.
        y : Tensor, stack or 1 x samples x units
            Finite for samples that count.

        Returns
        -------
        Tensor, stack x rank x units, and Tensor, stack or 1 x 1 x units
        """
        if self._known is None:
            middle = y.mean(dim=1, keepdim=True)
            around = y - middle
        else:
            weight = self._known
            y = torch.where(weight > 0, y, 0.0)
            middle = y.sum(dim=1, keepdim=True) / weight.sum(dim=1, keepdim=True).clamp_min(1)
            around = (y - middle) * weight
        return self.directions.mT @ ((designs - self.mean).mT @ around), middle

    def weights(self, along: Tensor, middle: Tensor, penalties: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (stack x columns x units) and intercepts (stack x 1 x units).

        Parameters
        ----------
        penalties : Tensor, stack or 1 x units or 1
        """
        found = self.directions @ (along / (self.values[..., None] + penalties[:, None]))
        return found, middle - self.mean @ found


class Ahead:
    """Held-out samples of a stack of designs, and the squared errors of every penalty on them.

    Parameters
    ----------
    spectrum : Spectrum
    designs : Tensor, stack x held-out x columns
    known : bool Tensor, stack x held-out x 1, optional
        Samples that count.
    columns : int
        Units times penalties to come; decides in which order products are formed.
    """

    def __init__(self, spectrum: Spectrum, designs: Tensor, columns: int, known: Tensor | None = None) -> None:
        self._spectrum, self._known = spectrum, known
        x = designs - spectrum.mean
        if known is not None:
            x = x * known
        held, width = x.shape[1:]
        rank = spectrum.values.shape[1]
        turned = held * width * rank + held * rank * columns
        self._back = None if turned <= (width * rank + held * width) * columns else spectrum.directions
        self._rows = x if self._back is not None else x @ spectrum.directions
        # More held-out rows than columns: what lies outside them no penalty predicts, so it is summed once.
        self._basis: Tensor | None = None
        if held > self._rows.shape[2]:
            self._basis, self._rows = torch.linalg.qr(self._rows)

    def errors(self, along: Tensor, target: Tensor, penalties: Sequence[Tensor | float]) -> Tensor:
        """Squared errors: penalties x stack x units.

        Parameters
        ----------
        along : Tensor, stack x rank x units
            From `Spectrum.along`.
        target : Tensor, stack or 1 x held-out x units
            Held-out responses around the training mean; finite for samples that count.
        penalties : sequence of float, or of Tensor (stack x 1)
        """
        if self._known is not None:
            target = torch.where(self._known, target, 0.0)
        target = target.expand(len(along), -1, -1)
        rest = torch.zeros((), dtype=along.dtype, device=along.device)
        if self._basis is not None:
            inside = self._basis.mT @ target
            rest = (target.square().sum(dim=1) - inside.square().sum(dim=1)).clamp_min(0)
            target = inside
        out = []
        for penalty in penalties:
            shrunk = along / (self._spectrum.values + penalty)[..., None]
            predicted = self._rows @ (shrunk if self._back is None else self._back @ shrunk)
            out.append((target - predicted).square().sum(dim=1) + rest)
        return torch.stack(out)
