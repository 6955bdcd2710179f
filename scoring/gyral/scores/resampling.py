"""Resampling: a score for each redraw of blocks, and with each block left out.

All blocks form one sample, whatever fold held them out: drawing inside folds would take half of the variance away
where a fold holds two groups, and all of it where it holds one. Folds weigh by the rows they hold in a draw.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.scores.blocks import Blocks
from gyral.scores.ceiling import FLOOR, Ceiling
from gyral.scores.repeats import pooled_noise

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

DRAWS = 1000
MEMORY = 1 << 28  # bytes that one chunk of draws may take
_FLAT = 1e-12


@dataclass(frozen=True, eq=False)
class Statistic:
    """How a region's value comes of its units.

    Parameters
    ----------
    over : {"median", "mean"}
        Over units that have a score.
    ceiling : Ceiling, optional
        Then each unit's score is signed r2 over its noise ceiling; without one it is r. The ceiling is redrawn with r
        where blocks know the repeats (`Blocks.noise`), else it is held, and intervals err to the wide side.
    """

    over: Literal["median", "mean"] = "median"
    ceiling: Ceiling | None = None

    def of(self, units: Array) -> Floats:
        """Region value: ... x units -> ...; NaN where no unit has a score."""
        known = np.isfinite(units)
        count = known.sum(axis=-1)
        if not units.shape[-1]:
            return np.full(units.shape[:-1], np.nan)
        if self.over == "mean":
            total = np.where(known, units, 0.0).sum(axis=-1)
            return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
        ordered = np.sort(np.where(known, units, np.nan), axis=-1)  # NaN sorts last
        pick = np.stack([np.maximum(count - 1, 0) // 2, np.minimum(count // 2, units.shape[-1] - 1)], axis=-1)
        return np.asarray(np.take_along_axis(ordered, pick, axis=-1).mean(axis=-1))


def block_weights(blocks: int, draws: int = DRAWS, seed: int = 0, *, chunk: int | None = None) -> Iterator[Counts]:
    """How often each block is drawn: chunks of draws x blocks, rows summing to the number of blocks.

    The same blocks and seed give the same draws for every model and every size of chunk, which is what makes
    differences paired.
    """
    rng = np.random.default_rng([seed, 0xB10C])
    step = draws if chunk is None else chunk
    for first in range(0, draws, step):
        yield rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=min(step, draws - first))


def unit_scores(
    blocks: Blocks, weights: NDArray[np.number[Any]], ceiling: Ceiling | None = None, *, strict: bool = False
) -> Floats:
    """Score of each unit under each weighting of blocks: weightings x units.

    Pearson r in each fold, mean over folds by the rows weighed in; with a ceiling, signed r2 over the noise ceiling,
    both over the folds that admit the unit (`gyral.scores.ceiling.Ceiling.ceiled`).

    Parameters
    ----------
    weights : array, weightings x blocks
    ceiling : Ceiling, optional
        With the units of ``blocks``.
    strict : bool
        NaN where r is undefined in any fold (the rule of a score); else the mean of the other folds (the
        rule of a draw, which may leave a unit constant in a fold by chance).
    """
    total = np.zeros((len(weights), blocks.units))
    summed, undefined = total.copy(), np.zeros(total.shape, bool)
    noise = np.zeros((6, *total.shape))
    for k in blocks.folds:
        here = blocks.fold_of == k
        w = weights[:, here].astype(np.float64)
        rows = (w @ blocks.rows[here])[:, None]
        r = _mean_r(blocks.sums[:, here], w)
        known = np.isfinite(r) & (rows > 0)
        undefined |= ~known & (rows > 0)
        if ceiling is not None:
            known &= ceiling.admitted[k]
            if blocks.noise is not None:
                noise += np.where(known, _noise(blocks.sums[0, here], blocks.noise[here], w), 0.0)
        total += np.where(known, rows, 0.0)
        summed += np.where(known, rows * r, 0.0)
    safe = np.where(total > 0, total, 1.0)
    mean, fine = summed / safe, total > 0
    if ceiling is None:
        return np.where(fine & ~undefined if strict else fine, mean, np.nan)
    nc = ceiling.divisor if blocks.noise is None else np.maximum(0.0, 1 - pooled_noise(*noise))
    fine &= np.nan_to_num(nc) >= FLOOR
    return np.where(fine, np.sign(mean) * mean**2 / np.where(fine, nc, 1.0), np.nan)


def _noise(sums: Floats, noise: Floats, weights: Floats) -> Floats:
    """What one fold adds to `gyral.scores.repeats.pooled_noise`: 6 x weightings x units."""
    n, y, yy = (weights @ sums[:, k] for k in (0, 1, 3))
    within, spare, inverse, scale = (weights @ noise[:, k] for k in range(4))
    some = np.maximum(n, 1)
    # Responses were scaled by the variance of their fold; folds are pooled in their own units.
    return np.stack([(yy - y * y / some) * scale / some, np.maximum(n - 1, 0), within, spare, inverse, n])


def _mean_r(sums: Floats, weights: Floats) -> Floats:
    """Pearson r of each unit in one fold, mean over model draws: weightings x units."""
    count, units = sums.shape[1], sums.shape[3]
    r = np.zeros((len(weights), units))
    for draw in sums:
        added = (weights @ draw.reshape(count, -1)).reshape(len(weights), -1, units)
        n, y, p, yy, pp, yp = np.moveaxis(added, 1, 0)
        vy, vp = n * yy - y * y, n * pp - p * p
        flat_y, flat_p = vy <= _FLAT * n * yy, vp <= _FLAT * n * pp
        safe = np.where(flat_y | flat_p, 1.0, np.sqrt(np.abs(vy)) * np.sqrt(np.abs(vp)))
        own = np.where(flat_p, 0.0, np.clip((n * yp - y * p) / safe, -1.0, 1.0))
        r += np.where(flat_y, np.nan, own)
    return r / len(sums)


class Scored:
    """Region values of blocks under any weighting, streamed over draws within a memory bound.

    Parameters
    ----------
    blocks : Blocks
    statistic : Statistic
        A ceiling in it has the units of ``blocks``.
    parts : sequence of int array, optional
        Units of each value (regions, or subjects of a region); default one value of all units.
    memory : int
        Bytes that one chunk of draws may take.

    Raises
    ------
    BadArrays
        Not even one draw fits the memory, or the ceiling has other units.
    """

    def __init__(
        self,
        blocks: Blocks,
        statistic: Statistic | None = None,
        parts: Sequence[NDArray[np.integer[Any]]] | None = None,
        memory: int = MEMORY,
    ) -> None:
        self.blocks, self.statistic, self.memory = blocks, statistic or Statistic(), memory
        self.parts = [np.arange(blocks.units)] if parts is None else list(parts)
        ceiling = self.statistic.ceiling
        if ceiling is not None and ceiling.units != blocks.units:
            raise BadArrays(f"the ceiling has {ceiling.units} units, not {blocks.units}.", where="ceiling")
        # About sixteen float64 arrays of draws x units live at a time.
        self.chunk = memory // (8 * 16 * max(blocks.units, 1))
        if self.chunk < 1:
            raise BadArrays(
                f"one draw of {blocks.units} units does not fit {memory} bytes.",
                where="memory",
                mend="Allow more.",
            )
        self.units = unit_scores(blocks, np.ones((1, len(blocks))), ceiling, strict=True)[0]
        self.values = self._parts(self.units[None])[0]

    def under(self, weights: NDArray[np.number[Any]]) -> Floats:
        """Values under each weighting: weightings x parts. Units without a score stay without one."""
        out = np.empty((len(weights), len(self.parts)))
        missing = ~np.isfinite(self.units)
        for first in range(0, len(weights), self.chunk):
            here = slice(first, first + self.chunk)
            units = unit_scores(self.blocks, weights[here], self.statistic.ceiling)
            units[:, missing] = np.nan
            out[here] = self._parts(units)
        return out

    def drawn(self, draws: int = DRAWS, seed: int = 0) -> Floats:
        """Bootstrap values: draws x parts."""
        count = len(self.blocks)
        chunks = [self.under(w) for w in block_weights(count, draws, seed, chunk=self.chunk)]
        return np.concatenate(chunks) if chunks else np.empty((0, len(self.parts)))

    def left_out(self) -> Floats:
        """Values with each block left out in turn: blocks x parts."""
        return self.under(1 - np.eye(len(self.blocks)))

    def _parts(self, units: Floats) -> Floats:
        return np.stack([self.statistic.of(units[:, part]) for part in self.parts], axis=1)
