"""Your own arrays: the evaluation without a pack."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral import __version__
from gyral.datasets.corpus import Overlap
from gyral.datasets.split import Split, contiguous, grouped
from gyral.encoding import score_encoding
from gyral.errors import BadArrays, BadFeatures
from gyral.evaluate import kept, timing
from gyral.fitting import MEMORY, fit_layers
from gyral.given import check, groups_of, published_of, region, repeats_of, responses_of, table
from gyral.hashing import hash_array, hash_json
from gyral.plugins import packages_of
from gyral.progress import Progress, silent
from gyral.provenance import code_hash, library_versions, machine
from gyral.readouts.spec import label, open_readout, options_of
from gyral.record import Asked, BenchmarkRef, ModelRef, Provenance, Record
from gyral.result import Result
from gyral.retraining import Retrained
from gyral.scores.ceiling import Ceiling, from_repeats, published
from gyral.scores.problem import Problem
from gyral.work import usable
from gyral.workplace import workplace

Array = NDArray[np.floating[Any]]
CeilingOf = Literal["ncsnr", "split-half"]


def evaluate_arrays(
    features: Array | Mapping[str, Array],
    responses: Array,
    *,
    groups: Sequence[Any] | NDArray[Any] | None = None,
    repeats: Array | None = None,
    ceiling: CeilingOf | Sequence[float] | Array | None = None,
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
        Single presentations (NaN where missing) that average to the responses, for a noise ceiling.
    ceiling : {"ncsnr", "split-half"} or array, one a unit, optional
        Its estimator, "ncsnr" by default; or ceilings of your own, in r2, NaN where there is none.
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
        Shapes that do not fit, ragged arrays, features that are not finite, samples without a group, repeats that do not
        average to the responses, a ceiling without repeats, fewer samples or groups than folds.

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
    check(named, folds, memory, seed)
    y = responses_of(responses)
    tables = {str(k): table(str(k), v, sequence) for k, v in named.items()}
    for layer in tables.values():
        if len(layer) != len(y):
            raise BadFeatures(
                f"{len(layer)} samples, but responses have {len(y)}.",
                where=f"layer {layer.layer!r}",
                code="features-rows",
            )
    split = contiguous(len(y), folds) if groups is None else grouped(groups_of(groups, len(y)), folds)
    repeats = None if repeats is None else repeats_of(repeats, y)
    bound = _ceiling(ceiling, repeats, split, y.shape[1])
    named_regions = regions if regions is not None else {"all units": np.arange(y.shape[1])}
    if not isinstance(named_regions, Mapping) or not named_regions:
        raise BadArrays("a mapping of region name to columns is expected, with one at least.", where="regions")
    found = tuple(region(name, units, y.shape[1]) for name, units in named_regions.items())
    alone = exchangeable and groups is None
    # Only this ceiling is redrawn together with r.
    redrawn = repeats if bound is not None and bound.kind == "ncsnr" else None
    problem = Problem(y, split, found, np.full(y.shape[1], "all"), bound, redrawn, exchangeable=alone)
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
            plugins=packages_of(metric="pearson", readout=readout, models=()),
            machine=machine(device),
        ),
        timing=timing(started, clock, 0.0, time.perf_counter() - clock),
    )
    return Result(record, scores.units, *kept(scores.predictions, problem), scores.map_arrays, scores.redraws)


def _ceiling(
    asked: CeilingOf | Sequence[float] | Array | None, repeats: Array | None, split: Split, units: int
) -> Ceiling | None:
    if isinstance(asked, str) or asked is None:
        if asked not in (None, "ncsnr", "split-half"):
            raise BadArrays(
                f"there is no ceiling {asked!r}.",
                where="ceiling",
                mend="Use 'ncsnr', 'split-half', or an array of your own.",
            )
        if repeats is None and asked is not None:
            raise BadArrays(
                f"{asked!r} is estimated from single presentations, and there are none.",
                where="ceiling",
                mend="Give repeats: samples x repeats x units.",
                code="no-repeats",
            )
        return None if repeats is None else from_repeats(repeats, split, asked or "ncsnr")
    return published(published_of(asked, units), len(split.folds))
