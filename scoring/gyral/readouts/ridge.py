"""Ridge regression with one penalty per unit, chosen inside training rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, get_args

import numpy as np

from gyral.datasets.region import Region
from gyral.datasets.split import Fold
from gyral.device import check_device
from gyral.errors import BadArrays, UserError
from gyral.features.features import Features
from gyral.readouts._options import require_one_of
from gyral.readouts._penalties import PENALTIES, doubts, edges, reduced_precision, require_grid
from gyral.readouts._ridge_arrays import arrays_on, full_precision, run_of
from gyral.readouts._ridge_block import Atoms, blocks, total_of, units_at_once
from gyral.readouts._ridge_choice import Chooser, Selection, Solved, solve
from gyral.readouts._ridge_design import Design
from gyral.readouts._ridge_kept import Kept, key_of
from gyral.readouts.readout import Array, Needs, Rows, require
from gyral.threads import few_threads

# Bytes of coefficients that a fitted ridge keeps; beyond, predicting solves again from the responses.
_COEFFICIENTS = 512 << 20


@dataclass(frozen=True, eq=False)
class FittedRidge:
    """A fitted ridge; see `gyral.readouts.readout.FittedReadout`.

    Where the coefficients of all units would take more than 512 MiB the responses handed to ``fit`` are
    referred to and read again by ``predict``: leave them as they are.

    Parameters
    ----------
    penalties : array, one a unit
        Chosen penalties; NaN for units without a fit.
    inner_r2 : array, one a unit
        With ``selection="kfold"`` R2 over the held-out rows of all inner folds (1 - SSE / SSE of the inner
        training mean); the same with "kfold-reduced", from predictions in reduced precision; with "gcv"
        1 - GCV(penalty) / GCV(mean alone), its estimate of the same R2. NaN where the unit is constant in
        training or has no fold with samples on both sides.
    warnings : tuple of str
        What a reader of the score should know.
    """

    penalties: Array
    inner_r2: Array
    warnings: tuple[str, ...]
    _ridge: "Ridge"
    _design: Design
    _solved: tuple[Solved, ...]
    _again: tuple[Array, Rows, tuple[slice, ...]] | None

    @property
    def traits(self) -> dict[str, Array]:
        """``penalty`` of each unit."""
        return {"penalty": self.penalties}

    def predict(self, features: Features, rows: Rows) -> Array:
        """Predictions for ``rows``: samples x units, float32; NaN for units without a fit.

        Raises
        ------
        BadFeatures
            Features of ``rows`` are not finite (``features-finite``).
        """
        design, arrays = self._design, self._design.arrays
        out = np.empty((len(rows), len(self.penalties)), np.float32)
        out[:, ~np.isfinite(self.penalties)] = np.nan
        with full_precision(), few_threads(max(len(design.rows), len(self.penalties))):
            held = design.held(self._ridge.prepare(features), rows)
            for part in self._parts():
                fit = np.isfinite(self.penalties[part.units])
                if not fit.any():
                    continue
                ahead = design.ahead(design.system(part.train), held)
                found = arrays.host(ahead @ arrays.put(part.coefficients).T)
                found += part.constant.astype(np.float32)
                out[:, run_of(part.units[fit])] = found if fit.all() else found[:, fit]
        return out

    def noise_gain(self, features: Features, rows: Rows) -> Array:
        """See `gyral.readouts.readout.Weighing`: ``mean over rows of sum_k A_k^2 / (s_k + a)^2``, with ``A`` the rows
        along eigenvectors of the kernel, ``s`` its eigenvalues and ``a`` the penalty."""
        design, out = self._design, np.full(len(self.penalties), np.nan)
        with full_precision(), few_threads(max(len(design.rows), len(self.penalties))):
            held = design.held(self._ridge.prepare(features), rows)
            for units, train in self._trained():
                system = design.system(train)
                ahead = design.ahead(system, held)
                squares = design.arrays.host((ahead * ahead).mean(axis=0)).astype(np.float64)
                if not system.centre.dual:
                    squares = squares * system.values
                for penalty in np.unique(self.penalties[units][np.isfinite(self.penalties[units])]):
                    gain = float((squares / (system.values + penalty) ** 2).sum())
                    out[units[self.penalties[units] == penalty]] = gain
        return out

    def _trained(self) -> Iterator[tuple[Rows, Rows]]:
        """Units that lack the same samples, and the training rows they have."""
        for part in self._solved:
            yield part.units, part.train
        if self._again is not None:
            responses, rows, columns = self._again
            for block in blocks(self._design.arrays, responses, rows, columns):
                yield block.units, np.flatnonzero(block.present)

    def _parts(self) -> Iterator[Solved]:
        yield from self._solved
        if self._again is not None:
            design, (responses, rows, columns) = self._design, self._again
            atoms = Atoms((), len(rows))
            for block in blocks(design.arrays, responses, rows, columns):
                yield solve(design, block, self.penalties[block.units], total_of(atoms.sums(design, block)))


@dataclass(frozen=True)
class Ridge:
    """Closed-form ridge on standardised flat features, a penalty per unit.

    ``min_W ||Y - Z W||^2 + sum_v a_v ||W_v||^2`` with ``Z`` the features standardised by the training rows
    and ``a_v`` out of ``penalties``, the smallest of equals. Features that do not vary in training are
    dropped. Dual where samples are fewer than features, primal otherwise. Decompositions are kept (about
    1 GiB) for later units with the same features, rows and inner folds.

    Products are float32 (no TF32), decompositions float64. Predictions are formed for as few penalties as give
    those of the others to about 1e-4, or, of a thousand units and more, only for penalties that a bound does not
    rule out; units whose best two penalties lie closer than what that leaves open are settled with more.

    Parameters
    ----------
    penalties : tuple of float
        Grid, positive and ascending; 10^-2 .. 10^8 by default.
    selection : {"kfold", "kfold-reduced", "gcv"}
        How ``a_v`` is chosen: by least squared error over the inner folds; the same from predictions with
        bfloat16 factors (where the processor multiplies them faster), the fit itself in float32; or by
        generalised cross-validation on all training rows, which leaves the inner folds unused.
    exchangeable : bool
        True if samples are neither ordered nor grouped (of the `gyral.datasets.split.Split`: ``ordered`` is
        False and ``groups`` None). The arrays do not show it, so whoever holds the split says it; "gcv",
        which tests each sample against its neighbours, is refused without.
    device : str
        "cpu" or "cuda".

    Raises
    ------
    UserError
        The grid is empty, not positive or not ascending (``bad-penalties``), or no such selection
        (``bad-readout``).

    References
    ----------
    Hoerl & Kennard (1970), doi 10.1080/00401706.1970.10488634; Golub, Heath & Wahba (1979),
    doi 10.1080/00401706.1979.10489751 for "gcv".
    """

    penalties: tuple[float, ...] = PENALTIES
    selection: Selection = "kfold"
    exchangeable: bool = False
    device: str = "cpu"
    _designs: Kept = field(default_factory=lambda: Kept(least=1), init=False, repr=False, compare=False)
    name: ClassVar[str] = "ridge"
    needs: ClassVar[Needs] = "features"
    by_region: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_grid(self.name, self.penalties)
        require_one_of(self, "selection", get_args(Selection))

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.Readout`: design, decompositions of five inner folds, one block of units
        and coefficients."""
        rank = min(rows, features.width)
        design = 4 * rows * min(features.width, max(rows, (256 << 20) // (4 * max(rows, 1)))) + 8 * rank**2
        systems = 6 * 4 * rank**2 + 4 * 2 * rows * rank + 4 * 8 * rank**2
        return design + systems + (600 << 20) * min(units, 2048) // 2048 + min(4 * rank * units, _COEFFICIENTS)

    def prepare(self, features: Features) -> Features:
        """The columns this family reads out of a layer."""
        return features

    def fit(
        self,
        features: Features,
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedRidge:
        """Fit on ``rows``; see `gyral.readouts.readout.Readout`.

        Each unit is fitted for itself and nothing is random: ``regions`` and ``seed`` are unused. Responses
        are read block by block of units.

        Raises
        ------
        BadFeatures
            Features are not finite, or the family needs positions that the layer does not have.
        BadArrays
            A unit has no three finite responses in training (``too-few-responses``), or ``inner`` is empty
            (``no-inner-folds``).
        UserError
            ``selection="gcv"`` of samples that nobody called exchangeable (``gcv-needs-exchangeable``).
        """
        self._check(inner)
        rows, grid = np.asarray(rows), np.asarray(self.penalties)
        units = responses.shape[1]
        chosen, inner_r2, orphaned = np.full(units, np.nan), np.full(units, np.nan), False
        solved = []
        with full_precision(), few_threads(max(len(rows), units)):
            design = self._design(self.prepare(features), rows)
            chooser = Chooser(design, inner, grid, self.selection, units)
            step = units_at_once(design, len(inner))
            columns = tuple(slice(start, min(start + step, units)) for start in range(0, units, step))
            keep = 4 * min(len(rows), design.width) * units <= _COEFFICIENTS
            for block in blocks(design.arrays, responses, rows, columns):
                found = chooser.choose(block)
                chosen[block.units], inner_r2[block.units] = found.penalties, found.inner_r2
                orphaned |= found.orphaned
                if keep:
                    solved.append(solve(design, block, found.penalties, found.whole))
        folds = inner if self.selection != "gcv" else ()
        warnings = (*edges(chosen, inner_r2, grid), *doubts(len(rows), folds, grid, orphaned))
        if self.selection == "kfold-reduced":
            warnings += (reduced_precision(self.device),)
        again = None if keep else (responses, rows, columns)
        return FittedRidge(chosen, inner_r2, warnings, self, design, tuple(solved), again)

    def _check(self, inner: Sequence[Fold]) -> None:
        check_device(self.device)
        if self.selection == "gcv":
            if not self.exchangeable:
                raise UserError(
                    "generalised cross-validation takes samples for exchangeable; ordered or grouped ones are not.",
                    where="readout 'ridge:selection=gcv'",
                    mend="Use 'ridge' (K-fold), or evaluate_arrays(..., exchangeable=True) where samples are in no order.",
                    code="gcv-needs-exchangeable",
                )
        elif not len(inner):
            raise BadArrays(
                "there are no inner folds to choose penalties by.", where="inner", code="no-inner-folds"
            )

    def _design(self, features: Features, rows: Rows) -> Design:
        key = (key_of(features, rows), rows.tobytes())
        return self._designs.get(key, lambda: Design(arrays_on(self.device), features, rows))


class _ChannelRidge(Ridge):
    """Base of the floors, which read one number a channel."""

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `Ridge.working_bytes`: of the columns that are read, and those of all samples."""
        narrow = Features(features.layer, np.empty((0, features.channels), np.float32))
        return 4 * len(features) * features.channels + super().working_bytes(narrow, rows, units)


class GapRidge(_ChannelRidge):
    """Ridge on features averaged over positions (global average pooling): a floor."""

    name: ClassVar[str] = "gap"
    needs: ClassVar[Needs] = "positions"

    def prepare(self, features: Features) -> Features:
        """Mean over positions.

        Raises
        ------
        BadFeatures
            The layer has no positions (``needs-positions``).
        """
        require(self, features)
        return features.pooled()


class ClsRidge(_ChannelRidge):
    """Ridge on the class token: a floor."""

    name: ClassVar[str] = "cls"
    needs: ClassVar[Needs] = "tokens"

    def prepare(self, features: Features) -> Features:
        """Position 0 of a token sequence.

        Raises
        ------
        BadFeatures
            The layer is no token sequence (``needs-positions``).
        """
        require(self, features)
        return features.first_token()
