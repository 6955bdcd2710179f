"""Your own arrays: the evaluation without a pack."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral import __version__
from gyral.datasets.corpus import Overlap
from gyral.datasets.region import Region
from gyral.datasets.split import contiguous, grouped
from gyral.encoding import score_encoding
from gyral.errors import BadArrays, BadFeatures, UserError
from gyral.evaluate import kept, timing
from gyral.features.features import Features
from gyral.fitting import MEMORY, fit_layers
from gyral.hashing import hash_array, hash_json
from gyral.progress import Progress, silent
from gyral.provenance import code_hash, library_versions, machine
from gyral.readouts.spec import label, open_readout, options_of
from gyral.record import Asked, BenchmarkRef, ModelRef, Provenance, Record, Result
from gyral.retraining import Retrained
from gyral.scores.ceiling import from_repeats
from gyral.scores.problem import Problem
from gyral.work import usable
from gyral.workplace import workplace

Array = NDArray[np.floating[Any]]

# Values whose squares, summed, float32 keeps: tesla of MEG are 1e-14, counts 1e6.
_SMALLEST, _LARGEST = 1e-17, 1e15


def evaluate_arrays(
    features: Array | Mapping[str, Array],
    responses: Array,
    *,
    groups: Sequence[Any] | NDArray[Any] | None = None,
    repeats: Array | None = None,
    folds: int = 5,
    readout: str = "ridge",
    regions: Mapping[str, Sequence[int] | NDArray[Any]] | None = None,
    sequence: bool = False,
    exchangeable: bool = False,
    memory: int = MEMORY,
    procedure: bool = False,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> Result:
    """Score your own arrays, without a pack.

    Parameters
    ----------
    features : array, samples x features (or x positions x channels, or x channels x height x width)
        Or a dict of layer name to such an array; layers are then chosen inside training rows. May be
        memory-mapped.
    responses : array, samples x units
        NaN masks a sample for a unit. A memory map is read block by block.
    groups : sequence, one a sample, optional
        Story, run or passage; groups are held out whole. None: contiguous folds in the given order.
    repeats : array, samples x repeats x units, optional
        Single presentations (NaN where missing), for a noise ceiling.
    folds : int
        Number of outer folds.
    regions : mapping of region name to columns of ``responses``, optional
        They may overlap; None: one region, "all units".
    sequence : bool
        True where positions are words in order, zeros behind the last one, instead of a square grid.
    exchangeable : bool
        True where samples are in no order (independent stimuli): allows what needs it.
    readout, memory, procedure, seed, device, progress
        As in `gyral.evaluate.evaluate`.

    Raises
    ------
    BadArrays, BadFeatures, BadDataset
        Shapes that do not fit, features that are not finite, fewer samples or groups than folds.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((100, 5))
    >>> result = evaluate_arrays(x, x @ rng.standard_normal((5, 3)))
    >>> result.record.main("all units").value > 0.99
    True
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    named = dict(features) if isinstance(features, Mapping) else {"features": features}
    _check(named, folds, memory, seed)
    y = responses if isinstance(responses, np.memmap) else np.asarray(responses, np.float64)
    if y.ndim != 2:
        raise BadArrays(f"responses have shape {y.shape}; samples x units are expected.", where="responses")
    _measurable(y)
    tables = {str(k): _table(str(k), v, sequence) for k, v in named.items()}
    for layer in tables.values():
        if len(layer) != len(y):
            raise BadFeatures(
                f"{len(layer)} samples, but responses have {len(y)}.",
                where=f"layer {layer.layer!r}",
                code="features-rows",
            )
    if groups is not None and len(groups) != len(y):
        raise BadArrays(f"{len(groups)} groups for {len(y)} samples.", where="groups")
    split = contiguous(len(y), folds) if groups is None else grouped(groups, folds)
    repeats = None if repeats is None else _same_shape(repeats, y)
    ceiling = None if repeats is None else from_repeats(repeats, split)
    named_regions = regions if regions is not None else {"all units": np.arange(y.shape[1])}
    if not isinstance(named_regions, Mapping) or not named_regions:
        raise BadArrays("a mapping of region name to columns is expected, with one at least.", where="regions")
    found = tuple(_region(name, units, y.shape[1]) for name, units in named_regions.items())
    alone = exchangeable and groups is None
    problem = Problem(y, split, found, np.full(y.shape[1], "all"), ceiling, repeats, exchangeable=alone)
    solver = open_readout(readout, device=device, exchangeable=alone)
    layers = usable(tables, solver)
    hashes = [hash_json([[k, hash_array(v.array)] for k, v in tables.items()]), hash_array(y)]
    key = [*hashes, split.content_hash, label(solver), [r.units.tolist() for r in found], sequence, seed]
    with workplace(hash_json([*key, memory, code_hash(), device])[:32]) as place:
        fit = partial(fit_layers, layers, readout=solver, seed=seed, memory=memory)
        fits = fit(problem=problem, workplace=place, progress=progress)
        retrained = Retrained(problem) if procedure else None
        if retrained is not None:
            retrained.add(lambda less, name: fit(problem=less, workplace=place.below(name)), progress=progress)
        scores = score_encoding([fits], problem, readout=label(solver), retrained=retrained, seed=seed)
    record = Record(
        model=ModelRef(name="arrays", hash=hashes[0], modality=None, features="given"),
        benchmark=BenchmarkRef(
            name="arrays",
            version=0,
            hash=hash_json([hashes[1], split.content_hash]),
            dataset="arrays",
            dataset_hash=hashes[1],
            split=split.name,
            split_hash=split.content_hash,
            metric="pearson",
            modality=None,
        ),
        rows=tuple(scores.rows),
        maps=scores.maps,
        warnings=scores.warnings,
        overlap=Overlap("unknown", (), "Nobody says what made the features."),
        provenance=Provenance(
            gyral=__version__,
            code=code_hash(),
            seed=seed,
            device=device,
            asked=Asked(readout=readout, memory=memory, folds=folds, sequence=sequence, exchangeable=exchangeable),
            readout={"name": label(solver), "options": options_of(solver)},
            libraries=library_versions(),
            machine=machine(device),
        ),
        timing=timing(started, clock, 0.0, time.perf_counter() - clock),
    )
    return Result(record, scores.units, *kept(scores.predictions, problem), scores.map_arrays, scores.redraws)


def _check(named: Mapping[str, Array], folds: int, memory: int, seed: int) -> None:
    if not named:
        raise BadFeatures("there is no layer.", where="features", code="features-shape")
    for where, value, least in (("folds", folds, 2), ("memory", memory, 1), ("seed", seed, 0)):
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
            raise BadArrays(f"{value!r} is no whole number of at least {least}.", where=where)


def _measurable(y: Array) -> None:
    """Refuse responses that are infinite, or so large or small that float32 loses their squares."""
    if not y.size:
        raise BadArrays(f"responses have shape {y.shape}; at least one of each is expected.", where="responses")
    ends = float(np.fmin.reduce(y, axis=None)), float(np.fmax.reduce(y, axis=None))
    if np.isinf(ends).any():
        sample, unit = (int(i[0]) for i in np.nonzero(np.isinf(y)))
        raise BadArrays(
            f"sample {sample} of unit {unit} is infinite.",
            where="responses",
            mend="Write NaN where it is missing.",
        )
    _in_range(max(map(abs, ends)), "responses", BadArrays)


def _in_range(largest: float, where: str, error: type[UserError]) -> None:
    if largest > _LARGEST or 0 < largest < _SMALLEST:
        raise error(
            f"the largest value is {largest:.1g}; float32 keeps squares of {_SMALLEST:g} to {_LARGEST:g}.",
            where=where,
            mend="Give them in another unit.",
            code="out-of-range",
        )


def _region(name: str, units: Sequence[int] | NDArray[Any], columns: int) -> Region:
    index = np.asarray(units)
    if index.dtype == bool and index.shape == (columns,):
        index = np.flatnonzero(index)
    name = str(name)
    if (
        index.ndim != 1
        or index.dtype.kind not in "iu"
        or not len(index)
        or index.min() < 0
        or index.max() >= columns
    ):
        raise BadArrays(
            f"region {name!r} needs whole numbers from 0 to {columns - 1}, at least one.", where="regions"
        )
    return Region(name, index.astype(np.int64))


def _table(layer: str, values: Array, sequence: bool) -> Features:
    array = values if isinstance(values, np.memmap) else np.asarray(values)
    if array.ndim not in (2, 3, 4) or array.dtype.kind not in "fiu":
        raise BadFeatures(
            f"an array of {array.dtype} with shape {array.shape}; numbers, samples x features (or x positions x "
            "channels, or x channels x height x width), are expected.",
            where=f"layer {layer!r}",
            code="features-shape",
        )
    if not array.size:
        raise BadFeatures(
            f"an array of shape {array.shape} is empty.", where=f"layer {layer!r}", code="features-shape"
        )
    if sequence and array.ndim != 3:
        raise BadFeatures(
            f"{array.ndim} axes; a sequence has three: samples x words x channels.",
            where=f"layer {layer!r}",
            code="features-shape",
        )
    if array.dtype.kind == "f" and array.dtype != np.float16:
        ends = float(np.fmin.reduce(array, axis=None)), float(np.fmax.reduce(array, axis=None))
        if np.isfinite(ends).all():  # others are refused by sample, where they are read
            _in_range(max(map(abs, ends)), f"layer {layer!r}", BadFeatures)
    return Features(layer, array, sequence)


def _same_shape(repeats: Array, y: Array) -> Array:
    repeats = np.asarray(repeats, np.float32)
    if repeats.ndim != 3 or repeats.shape[0] != y.shape[0] or repeats.shape[2] != y.shape[1]:
        raise BadArrays(
            f"repeats have shape {repeats.shape}; samples x repeats x units ({len(y)} x ? x {y.shape[1]}) are expected.",
            where="repeats",
        )
    return repeats
