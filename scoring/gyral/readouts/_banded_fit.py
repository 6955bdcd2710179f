"""A fitted banded ridge: predictions, and what each space gives to them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gyral.errors import BadFeatures
from gyral.features.features import Features
from gyral.readouts._banded import Bands
from gyral.readouts._banded_search import Choice
from gyral.readouts._kernel import product
from gyral.readouts.readout import Array, Rows, require_finite


@dataclass(frozen=True, eq=False)
class Group:
    """Units that have responses for the same training rows, and their choice."""

    present: Rows
    units: Rows
    choice: Choice


@dataclass(frozen=True, eq=False)
class FittedBanded:
    """A fitted banded ridge; see `gyral.readouts.readout.FittedJoint`.

    Parameters
    ----------
    inner_r2 : array, one a unit
        R2 over the held-out rows of all inner folds; NaN where the unit is constant in training.
    warnings : tuple of str
        What a reader of the score should know.
    layers : tuple of str
        Names of the spaces.
    weights : array, units x spaces
        Chosen weights, each the share of a space in the variance the prior gives predictions; rows sum to 1.
    penalties : array, one a unit
        Chosen overall penalties, on the scale of `gyral.readouts.ridge.Ridge` for one space.
    """

    inner_r2: Array
    warnings: tuple[str, ...]
    layers: tuple[str, ...]
    weights: Array
    penalties: Array
    _bands: Bands
    _responses: Tensor
    _offset: Array
    _groups: tuple[Group, ...]
    _sets: Array
    _grid: tuple[float, ...]
    _choose: Callable[[Rows, Rows, Array], Choice]  # of some units, out of other sets of weights
    _without_one: Callable[[Sequence[int]], Array]  # sets of weights of some spaces

    @property
    def traits(self) -> Mapping[str, Array]:
        """``penalty``, and ``weight:LAYER`` of each space."""
        return {"penalty": self.penalties} | {
            f"weight:{layer}": self.weights[:, k] for k, layer in enumerate(self.layers)
        }

    def predict(self, spaces: Sequence[Features], rows: Rows) -> Array:
        """Predictions for ``rows``: samples x units, float32; NaN for units constant in training.

        Raises
        ------
        BadFeatures
            ``spaces`` are not those of the fit, in its order (``spaces-differ``), or are not finite.
        """
        crosses = self._crosses(spaces, rows)
        out = np.full((len(rows), len(self._offset)), np.nan, np.float32)
        for group in self._groups:
            out[:, group.units] = self._around(group, group.choice, self._sets, crosses)[0]
        out += self._offset
        out[:, ~np.isfinite(self.penalties)] = np.nan
        return out

    def echoes(self, spaces: Sequence[Features], rows: Rows, count: int) -> Array:
        """What the maps of each unit make of white noise in place of its training responses: count x units.

        Number k is ``v' H z / sqrt(len(rows))``, H the weights that predictions of ``rows`` give to training responses, v
        and z white noise that follows from ``rows`` and k alone. So the mean over k of the squared difference of two
        fits to the same training rows is, on average, the `gyral.readouts.readout.Weighing.noise_gain` of the difference
        of their predictions, and no weights need be kept. NaN for units constant in training.

        Raises
        ------
        BadFeatures
            See `predict`.
        """
        crosses = self._crosses(spaces, rows)
        rng = np.random.default_rng([0xEC40, int(rows[0]), len(rows)])
        device = self._responses.device
        noise = rng.standard_normal((count, self._responses.shape[1])).astype(np.float32)
        ahead = torch.from_numpy(rng.standard_normal((count, len(rows))) / np.sqrt(len(rows))).float().to(device)
        out = np.full((count, len(self._offset)), np.nan)
        for group in self._groups:
            train = torch.from_numpy(group.present).to(device)
            rhs, _ = self._bands.rhs(torch.from_numpy(noise).to(device), train)
            for some, operator in self._operators(group, group.choice, self._sets, crosses, train):
                heard = (product(ahead, operator.T.contiguous()) * rhs).sum(dim=1)
                out[:, group.units[some]] = heard.cpu().numpy()[:, None]
        out[:, ~np.isfinite(self.penalties)] = np.nan
        return out

    def explain(self, spaces: Sequence[Features], responses: Array, rows: Rows) -> Mapping[str, Array]:
        """Shares and unique parts of the R2 in held-out ``rows``, one number a unit.

        R2 is against the training mean: ``1 - sum (y - f)^2 / sum (y - m)^2``. ``share:LAYER`` is the product
        measure ``sum f_k (2 (y - m) - f) / sum (y - m)^2`` with ``f`` and ``f_k`` the prediction around ``m``
        and its part from one space: shares sum to R2, may be negative, and those of correlated spaces depend
        on the penalties. ``unique:LAYER`` is R2 less R2 of the model without that space, whose weights and
        penalty are chosen anew in the training rows; about 0 for a space that adds nothing. Costs one more
        search a space. Samples with NaN are left out for that unit; NaN where nothing varies.

        References
        ----------
        Dupré la Tour, Eickenberg, Nunez-Elizalde & Gallant (2022), doi 10.1016/j.neuroimage.2022.119728,
        equations of section 2.4 (product measure).
        """
        crosses = self._crosses(spaces, rows)
        y = np.asarray(responses[rows], np.float64) - self._offset
        out = {
            f"{kind}:{layer}": np.full(y.shape[1], np.nan) for kind in ("share", "unique") for layer in self.layers
        }
        for group in self._groups:
            units = group.units
            true = y[:, units]
            known = np.isfinite(true)
            total = np.where(known, true, 0).__pow__(2).sum(axis=0)
            usable = np.isfinite(self.penalties[units]) & (total > 0)
            total[~usable] = np.nan
            parts = self._around(group, group.choice, self._sets, crosses, split=True).astype(np.float64)
            whole = parts.sum(axis=0)
            full = _r2(true, whole, known, total)
            for k, layer in enumerate(self.layers):
                out[f"share:{layer}"][units] = (
                    np.where(known, parts[k] * (2 * true - whole), 0).sum(axis=0) / total
                )
                without = self._without(k, group, crosses).astype(np.float64)
                out[f"unique:{layer}"][units] = full - _r2(true, without, known, total)
        return out

    def _without(self, space: int, group: Group, crosses: Sequence[Tensor]) -> Array:
        """Predictions around the training mean by a model that never had one of the spaces."""
        others = [k for k in range(len(self.layers)) if k != space]
        if not others:
            return np.zeros((crosses[0].shape[0], len(group.units)), np.float32)
        sets = self._without_one(others)
        choice = self._choose(group.present, group.units, sets)
        return np.asarray(self._around(group, choice, sets, crosses)[0])

    def _around(
        self, group: Group, choice: Choice, sets: Array, crosses: Sequence[Tensor], *, split: bool = False
    ) -> Array:
        """Predictions around the training offset: (spaces or 1) x samples x units."""
        device = self._responses.device
        train = torch.from_numpy(group.present).to(device)
        rhs, mean = self._bands.rhs(self._responses[torch.from_numpy(group.units).to(device)], train)
        layers = len(self.layers) if split else 1
        out = np.zeros((layers, crosses[0].shape[0], len(group.units)), np.float32)
        for some, operator in self._operators(group, choice, sets, crosses, train, split=split):
            found = product(rhs[torch.from_numpy(some).to(device)], operator).T.cpu().numpy()
            out[:, :, some] = found.reshape(layers, -1, len(some))
        if not split:
            out[0] += mean[:, 0].cpu().numpy()
        return out

    def _operators(
        self,
        group: Group,
        choice: Choice,
        sets: Array,
        crosses: Sequence[Tensor],
        train: Tensor,
        *,
        split: bool = False,
    ) -> Iterator[tuple[Rows, Tensor]]:
        """Places in the group of units with one choice, and what takes their ``R`` to new samples (samples x d)."""
        for k in np.unique(choice.weights):
            weighted = self._bands.ahead(sets[k], crosses, train, split)
            for a in np.unique(choice.penalty[choice.weights == k]):
                some = np.flatnonzero((choice.weights == k) & (choice.penalty == a))
                yield some, weighted.operator(self._grid[a])

    def _crosses(self, spaces: Sequence[Features], rows: Rows) -> list[Tensor]:
        names = tuple(s.layer for s in spaces)
        if names != self.layers:
            raise BadFeatures(
                f"spaces {', '.join(names)}: the fit had {', '.join(self.layers)}, in this order.",
                where="spaces",
                code="spaces-differ",
            )
        return self._bands.crosses([read(s, rows, self._responses.device) for s in spaces])


def read(space: Features, rows: Rows, device: torch.device) -> Tensor:
    x = space.flat(rows)
    require_finite(space, x, rows)
    return torch.from_numpy(x).to(device)


def _r2(true: Array, predicted: Array, known: NDArray[np.bool_], total: Array) -> Array:
    return np.asarray(1 - np.where(known, true - predicted, 0).__pow__(2).sum(axis=0) / total)
