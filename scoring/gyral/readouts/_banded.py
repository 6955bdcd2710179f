"""Banded ridge for many units: held-out predictions as matrices times what training says of each unit.

With standardised spaces ``Z_k``, weights ``g_k`` (they sum to 1) and a penalty ``a``, banded ridge is ridge on
``Z = [sqrt(g_k c_k) Z_k]``, ``c_k`` making all spaces as wide as the mean of them. Held-out predictions are

    dual    V Z' (Z Z' + a)^-1 Y      = C (W + a)^-1 R,  W = sum g_k c_k Z_k Z_k',  R = Y
    primal  V (Z' Z + a)^-1 Z' Y      = C (W + a)^-1 R,  R = Z' Y without the weights

so one form, ``C (W + a)^-1 S`` times ``R``, serves both; kernels (dual) and Grams (primal) are computed once a
space, and ``R`` once a fold. A factor of Cholesky is cheaper here than eigenvectors: few penalties are visited
for one set of weights. A validation set taller than the features is replaced by its triangular factor.

Matrices of the design are float64; those used for products with responses are float32.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from gyral.datasets.split import Fold
from gyral.readouts._kernel import (
    centre_cross,
    centre_within,
    gram_of,
    kernel_of,
    largest,
    product,
    right_solve,
    sum_of,
)
from gyral.readouts.readout import Array, Rows

# Below this share of the largest eigenvalue a penalty leaves float32 too little to solve with.
_FLOAT32 = 1e-4
# Below this share no penalty keeps the factor positive, even in float64.
_FLOAT64 = 1e-12


@dataclass(frozen=True, eq=False)
class Standard:
    """One space, standardised by its training rows; columns that do not vary are dropped.

    Parameters
    ----------
    design : Tensor, training rows x columns kept
        float32.
    mean, scale : Tensor, columns kept
    kept : int Tensor
        Columns that vary.
    """

    design: Tensor
    mean: Tensor
    scale: Tensor
    kept: Tensor

    def of(self, new: Tensor) -> Tensor:
        """New samples on the same scale."""
        return (new[:, self.kept] - self.mean) * self.scale


def standardise(x: Tensor) -> Standard:
    """Centre and scale the columns of training rows (samples x features, float32).

    A space is whole on the device, as its kernel and its parts of predictions are asked for again and again; the
    ridge engine, which reads a layer once, does the same by blocks of columns (`gyral.readouts._ridge_design`).
    """
    mean, sd = x.double().mean(dim=0), x.double().std(dim=0, correction=0)
    # A column whose spread is rounding of its mean is constant.
    kept = torch.nonzero(sd > 1e-6 * mean.abs() + 1e-30)[:, 0]
    centre, scale = mean[kept].float(), (1 / sd[kept]).float()
    return Standard((x[:, kept] - centre) * scale, centre, scale, kept)


@dataclass(frozen=True, eq=False)
class Weighted:
    """``W`` and ``C`` of one train and held-out set under one set of weights.

    Parameters
    ----------
    within : Tensor, d x d
    cross : Tensor, held-out x d
    scale : Tensor, d, or None
        ``S``, primal only: the weights' roots, column by column.
    """

    within: Tensor
    cross: Tensor
    scale: Tensor | None

    def operator(self, penalty: float) -> Tensor:
        """``C (W + penalty)^-1 S``: held-out x d, float32."""
        within, cross = self._single if penalty >= _FLOAT32 * self._top else (self.within, self.cross)
        out = right_solve(within, cross, max(penalty, _FLOAT64 * self._top))
        return (out if self.scale is None else out * self.scale).float()

    @cached_property
    def _single(self) -> tuple[Tensor, Tensor]:
        return self.within.float(), self.cross.float()

    @cached_property
    def _top(self) -> float:
        return largest(self.within)


@dataclass(frozen=True, eq=False)
class Held:
    """One fold: how to predict its held-out rows, and what they are.

    Parameters
    ----------
    rhs : Tensor, units x d
        ``R``, unit by unit.
    target : Tensor, units x k
        Held-out responses around the training mean (primal: in the basis of the held-out design).
    rest : Tensor, units
        Squares of the held-out responses outside that basis.
    """

    train: Tensor
    held: Tensor
    rhs: Tensor
    target: Tensor
    rest: Tensor
    gram: Tensor | None = None
    cross: Tensor | None = None

    @property
    def total(self) -> Tensor:
        """Squared error of the training mean, one a unit, float64."""
        return self.target.double().square().sum(dim=1) + self.rest


@dataclass(frozen=True, eq=False)
class Bands:
    """Several spaces over the same training rows.

    Parameters
    ----------
    spaces : tuple of Standard
    kernels : Tensor, spaces x rows x rows, or None
        Dual form (no more rows than columns); float64.
    """

    spaces: tuple[Standard, ...]
    kernels: Tensor | None

    @property
    def widths(self) -> list[int]:
        """Columns of each space that vary in training."""
        return [s.design.shape[1] for s in self.spaces]

    def factors(self, weights: Array) -> list[float]:
        """``g_k c_k``: a space's weight times mean width over its own, so that weights are shares of variance."""
        kept = [w for w in self.widths if w]
        return [
            float(g) * (sum(kept) / len(kept)) / w if w else 0.0 for g, w in zip(weights, self.widths, strict=True)
        ]

    def folds(self, y: Tensor, present: Rows, inner: Sequence[Fold]) -> list[Held]:
        """Inner folds of units (units x training rows, float32) that have responses for ``present``."""
        out = []
        for fold in inner:
            train, held = (np.intersect1d(r, present) for r in fold)
            if len(train) >= 2 and len(held):
                out.append(self._held(y, *(torch.from_numpy(r).to(y.device) for r in (train, held))))
        return out

    def _held(self, y: Tensor, train: Tensor, held: Tensor) -> Held:
        mean = y[:, train].mean(dim=1, keepdim=True)
        rhs, target = y[:, train] - mean, y[:, held] - mean
        rest = torch.zeros(len(y), dtype=torch.float64, device=y.device)
        if self.kernels is not None:
            return Held(train, held, rhs, target, rest)
        x = torch.cat([s.design for s in self.spaces], dim=1)
        centre = x[train].mean(dim=0)
        seen, cross = x[train] - centre, x[held] - centre
        rhs = product(rhs, seen.T.contiguous())
        if len(held) > x.shape[1]:
            basis, cross = torch.linalg.qr(cross.double())
            before = target.double().square().sum(dim=1)
            target = product(target, basis.T.contiguous().float())
            rest = (before - target.double().square().sum(dim=1)).clamp_min(0)
        return Held(train, held, rhs, target, rest, gram_of(seen), cross.double())

    def weigh(self, weights: Array, folds: Sequence[Held]) -> list[Weighted]:
        """``W`` and ``C`` of every fold under one set of weights."""
        factors = self.factors(weights)
        if self.kernels is None:
            root = self._root(factors)
            return [_primal(f.gram, f.cross, root) for f in folds if f.gram is not None and f.cross is not None]
        kernel = sum_of(self.kernels, factors)
        out = []
        for fold in folds:
            within, cross = kernel[fold.train][:, fold.train], kernel[fold.held][:, fold.train]
            out.append(Weighted(centre_within(within), centre_cross(within, cross), None))
        return out

    def crosses(self, new: Sequence[Tensor]) -> list[Tensor]:
        """What prediction of new samples needs of each space: kernel with the training rows, or the design."""
        ahead = [s.of(x) for s, x in zip(self.spaces, new, strict=True)]
        if self.kernels is None:
            return [a.double() for a in ahead]
        return [kernel_of(a, s.design) for a, s in zip(ahead, self.spaces, strict=True)]

    def ahead(self, weights: Array, crosses: Sequence[Tensor], train: Tensor, split: bool) -> Weighted:
        """``W`` and ``C`` from training rows ``train`` to new samples.

        With ``split`` the rows of ``C`` are each space's part in turn (spaces x samples); they sum to the whole.
        """
        factors = self.factors(weights)
        if self.kernels is not None:
            kernel = sum_of(self.kernels, factors)[train][:, train]
            if split:
                own = zip(factors, crosses, self.kernels, strict=True)
                cross = torch.cat([centre_cross(k[train][:, train], c[:, train]) * f for f, c, k in own])
            else:
                cross = centre_cross(kernel, sum_of(crosses, factors)[:, train])
            return Weighted(centre_within(kernel), cross, None)
        x = torch.cat([s.design for s in self.spaces], dim=1)[train].double()
        centre = x.mean(dim=0)
        found = _primal(gram_of(x - centre), torch.cat(list(crosses), dim=1) - centre, self._root(factors))
        if not split:
            return found
        ends = np.cumsum([0, *self.widths])
        parts = []
        for first, last in pairwise(ends):
            part = torch.zeros_like(found.cross)
            part[:, first:last] = found.cross[:, first:last]
            parts.append(part)
        return Weighted(found.within, torch.cat(parts), found.scale)

    def rhs(self, y: Tensor, train: Tensor) -> tuple[Tensor, Tensor]:
        """``R`` of all training rows ``train`` for units (units x rows), and the units' means."""
        mean = y[:, train].mean(dim=1, keepdim=True)
        around = y[:, train] - mean
        if self.kernels is not None:
            return around, mean
        x = torch.cat([s.design for s in self.spaces], dim=1)[train]
        return product(around, (x - x.mean(dim=0)).T.contiguous()), mean

    def _root(self, factors: Sequence[float]) -> Tensor:
        parts = [s.design.new_full((w,), f) for s, w, f in zip(self.spaces, self.widths, factors, strict=True)]
        return torch.cat(parts).double().sqrt()


def bands(spaces: Sequence[Tensor], least: int) -> Bands:
    """Standardise spaces and compute their kernels where the smallest training set has no more than ``least`` rows."""
    done = tuple(standardise(x) for x in spaces)
    if sum(s.design.shape[1] for s in done) < least:
        return Bands(done, None)
    return Bands(done, torch.stack([kernel_of(s.design, s.design) for s in done]))


def _primal(gram: Tensor, cross: Tensor, root: Tensor) -> Weighted:
    return Weighted(gram * root * root[:, None], cross * root, root)
