"""The whole pipeline on one page: model, dataset and readout in, Record out.

The command line and the worker both call `evaluate`; a record made at home and one made on a server from
the same inputs are equal but for times.
"""

import resource
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gyral import __version__
from gyral.benchmarks.benchmark import Benchmark
from gyral.datasets.dataset import Dataset
from gyral.datasets.region import Region
from gyral.datasets.split import contiguous, grouped
from gyral.encoding import LayerFits, fit_layers, score_encoding
from gyral.errors import BadArrays, BadFeatures, UserError
from gyral.features.extract import extract
from gyral.features.features import Features
from gyral.hashing import hash_array, hash_json
from gyral.models.model import CARD_LAYERS, Model, Reduction, choose_layers
from gyral.models.twins import SEEDS, Twin
from gyral.progress import Progress, silent
from gyral.provenance import code_hash, library_versions
from gyral.readouts import READOUTS
from gyral.readouts.readout import Readout, accepts, require
from gyral.readouts.reduced import reduced
from gyral.record import BenchmarkRef, ModelRef, Provenance, Record, Result, Row, Timing
from gyral.scores.ceiling import from_repeats
from gyral.scores.moments import moments
from gyral.scores.problem import Problem, problem_of
from gyral.similarity import layer_rdms, score_similarity

Array = NDArray[np.floating[Any]]
# Bytes of predictions kept beside a record; float32, because responses come in any unit (tesla, counts).
PREDICTIONS_BUDGET = 256 << 20

# The metric each task is scored by; R2 stands beside Pearson r in every row.
_METRICS = {"encoding": "pearson", "rsa": "rsa-spearman"}
_MODALITY = {"image": "vision", "text": "language"}


def evaluate(
    draws: Sequence[Model],
    benchmark: Benchmark,
    dataset: Dataset,
    *,
    readout: str | None = None,
    layers: Sequence[str] = (),
    reduce: str | None = None,
    device: str = "cpu",
    seed: int = 0,
    progress: Progress = silent,
    twin: Twin | None = None,
) -> Result:
    """Score a model (or all draws of its twin) on a benchmark.

    Parameters
    ----------
    draws : sequence of Model
        One model; or the redrawn models of a twin, each with its own choice of layers, whose scores are
        averaged.
    benchmark : Benchmark
    dataset : Dataset
        The one ``benchmark.dataset`` names.
    readout : str, optional
        Readout family; default: the benchmark's.
    layers : sequence of str
        Glob patterns; default: the card's, else all.
    reduce : str, optional
        "pca:WIDTH" or "srp:WIDTH": fewer columns, fitted on training rows (`gyral.readouts.reduced`).
    device : str
        "cpu" or "cuda"; where readouts are fitted.
    seed : int
        Seed of everything random.
    progress : Progress
    twin : {"untrained", "permuted"}, optional
        Which control of the model ``draws`` are.

    Raises
    ------
    UserError
        The model cannot be scored on this benchmark; the message says why and what to do.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    card = draws[0].card
    _same_modality(card.name, card.modality, benchmark, dataset)
    asked = "--layers" if layers else CARD_LAYERS
    wanted = choose_layers(draws[0].layers(), layers or card.layers, where=asked)
    family = benchmark.readout if readout is None else readout
    if benchmark.metric != _METRICS[benchmark.task]:
        raise UserError(
            f"{benchmark.id} asks for the metric {benchmark.metric!r}; {benchmark.task} is scored by "
            f"{_METRICS[benchmark.task]!r}.",
            code="unknown-metric",
        )
    solver = None if benchmark.task == "rsa" else _readout(family, device, reduce)
    family = family if solver is None else solver.name
    work = _Work(dataset, benchmark, solver, seed, progress)
    for n, model in enumerate(draws):
        work.add(model, wanted, f" {n + 1}/{len(draws)}" if len(draws) > 1 else "")
    rows, units, predictions, sums, warnings = work.scores(family)
    split = dataset.split()
    name = f"{card.name}:{twin}" if twin else card.name
    record = Record(
        model=ModelRef(
            name=name,
            hash=hash_json([m.hash for m in draws]) if twin else draws[0].hash,
            modality=card.modality,
            title=card.title,
            twin=twin,
            seeds=SEEDS[twin] if twin else (),
            card=card.model_dump(mode="json"),
        ),
        benchmark=BenchmarkRef(
            name=benchmark.name,
            version=benchmark.version,
            hash=benchmark.content_hash(dataset.content_hash),
            dataset=dataset.name,
            dataset_hash=dataset.content_hash,
            split=split.name,
            split_hash=split.content_hash,
            metric=benchmark.metric,
            modality=benchmark.modality,
            simulated=benchmark.simulated,
        ),
        rows=tuple(rows),
        warnings=warnings,
        provenance=Provenance(
            gyral=__version__,
            code=code_hash(),
            seed=seed,
            device=device,
            readout={"name": family, "grid": benchmark.grid},
            libraries=library_versions(),
            command=f"gyral score {name} --benchmark {benchmark.id}"
            + (f" --readout {family.partition('+')[0]}" if solver else "")
            + (f" --reduce {reduce}" if solver and reduce else "")
            + "".join(f" --layers '{p}'" for p in layers)
            + f" --seed {seed}",
        ),
        timing=_timing(started, clock, work),
    )
    return Result(record, units, predictions, sums)


def evaluate_arrays(
    features: Array | Mapping[str, Array],
    responses: Array,
    *,
    groups: Sequence[Any] | NDArray[Any] | None = None,
    repeats: Array | None = None,
    folds: int = 5,
    readout: str = "ridge",
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> Result:
    """Score your own arrays, without a pack.

    Parameters
    ----------
    features : array, samples x features (or x positions x channels, or x channels x height x width)
        Or a dict of layer name to such an array; layers are then chosen inside training rows.
    responses : array, samples x units
        NaN masks a sample for a unit.
    groups : sequence, one a sample, optional
        Story, run or passage; groups are held out whole. None: contiguous folds in the given order.
    repeats : array, samples x repeats x units, optional
        Single presentations (NaN where missing), for a noise ceiling.
    folds : int
        Number of outer folds.
    readout, seed, device, progress
        As in `evaluate`.

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
    y = np.asarray(responses, np.float64)
    if y.ndim != 2:
        raise BadArrays(f"responses have shape {y.shape}; samples x units are expected.", where="responses")
    tables = {k: _table(k, v) for k, v in named.items()}
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
    ceiling = None if repeats is None else from_repeats(_same_shape(repeats, y), split)
    region = Region("all units", np.arange(y.shape[1]))
    problem = Problem(y, split, (region,), np.full(y.shape[1], "all"), ceiling)
    solver = _readout(readout, device)
    for layer in tables.values():
        require(solver, layer)
    fits = fit_layers(tables, problem, solver, seed=seed, progress=progress)
    rows, units, predictions, warnings = score_encoding([fits], problem, readout=readout, seed=seed)
    record = Record(
        model=ModelRef(
            name="arrays", hash=hash_json([[k, hash_array(v.array)] for k, v in tables.items()]), modality=None
        ),
        benchmark=BenchmarkRef(
            name="arrays",
            version=0,
            hash=hash_json([hash_array(y), split.content_hash]),
            dataset="arrays",
            dataset_hash=hash_array(y),
            split=split.name,
            split_hash=split.content_hash,
            metric="pearson",
            modality=None,
        ),
        rows=tuple(rows),
        warnings=warnings,
        provenance=Provenance(
            gyral=__version__,
            code=code_hash(),
            seed=seed,
            device=device,
            readout={"name": readout},
            libraries=library_versions(),
        ),
        timing=_timing(started, clock, None),
    )
    return Result(record, units, *_kept(predictions, problem))


def _table(layer: str, values: Array) -> Features:
    array = np.asarray(values)
    if array.ndim not in (2, 3, 4) or array.dtype.kind not in "fiu":
        raise BadFeatures(
            f"an array of {array.dtype} with shape {array.shape}; numbers, samples x features (or x positions x "
            "channels, or x channels x height x width), are expected.",
            where=f"layer {layer!r}",
            code="features-shape",
        )
    return Features(layer, array)


class _Work:
    """Collects fits (or RDMs) of each draw and turns them into rows."""

    def __init__(
        self, dataset: Dataset, benchmark: Benchmark, solver: Readout | None, seed: int, progress: Progress
    ) -> None:
        self.dataset, self.benchmark, self.solver = dataset, benchmark, solver
        self.seed, self.progress = seed, progress
        self.problem = problem_of(dataset, benchmark.ceiling) if solver else None
        self.fits: list[LayerFits] = []
        self.rdms: list[Array] = []
        self.names: tuple[str, ...] = ()
        self.features_seconds = self.readout_seconds = 0.0

    def add(self, model: Model, layers: Sequence[str], suffix: str) -> None:
        clock = time.perf_counter()
        reduction = Reduction(self.benchmark.grid)
        features = extract(
            model,
            self.dataset.stimuli,
            layers,
            reduction=reduction,
            progress=self.progress,
            step=f"features{suffix}",
        )
        self.features_seconds += time.perf_counter() - clock
        clock = time.perf_counter()
        if self.solver is None or self.problem is None:
            self.names, rdms = layer_rdms(features, progress=self.progress, step=f"rdms{suffix}")
            self.rdms.append(rdms)
        else:
            usable = {k: v for k, v in features.items() if accepts(self.solver, v)}
            if not usable:
                require(self.solver, next(iter(features.values())))
            step = f"{self.solver.name}{suffix}"
            self.fits.append(
                fit_layers(usable, self.problem, self.solver, seed=self.seed, progress=self.progress, step=step)
            )
        self.readout_seconds += time.perf_counter() - clock

    def scores(self, family: str) -> tuple[list[Row], Any, Array | None, Array | None, tuple[str, ...]]:
        self.progress("statistics", 0, 1)
        sums: Array | None = None
        kept: Array | None
        warnings: tuple[str, ...] = ()
        if self.problem is None:
            rows, units = score_similarity(
                self.names,
                self.rdms,
                self.dataset.rdms,
                self.dataset.split(),
                metric=self.benchmark.metric,
                seed=self.seed,
            )
            kept = np.stack(self.rdms).astype(np.float32)
        else:
            rows, units, predictions, warnings = score_encoding(
                self.fits, self.problem, readout=family, metric=self.benchmark.metric, seed=self.seed
            )
            kept, sums = _kept(predictions, self.problem)
        self.progress("statistics", 1, 1)
        return rows, units, kept, sums, warnings


def _kept(predictions: Array, problem: Problem) -> tuple[Array | None, Array | None]:
    """Predictions up to the budget, beyond it their sums per block of stimuli."""
    if predictions.nbytes <= PREDICTIONS_BUDGET:
        return predictions, None
    columns = np.concatenate([region.units for region in problem.regions])
    return None, moments(problem.responses[:, columns], predictions, problem.split)


def _readout(name: str, device: str, reduce: str | None = None) -> Readout:
    family = cast("Readout", READOUTS.load(name)(device=device))
    return reduced(family, reduce) if reduce else family


def _same_modality(name: str, modality: str, benchmark: Benchmark, dataset: Dataset) -> None:
    shown = _MODALITY.get(dataset.stimuli.modality)
    if modality != benchmark.modality or modality != shown:
        raise UserError(
            f"{name!r} is a {modality} model; benchmark {benchmark.id} shows {dataset.stimuli.modality} stimuli.",
            mend="`gyral list` names the benchmarks of each modality.",
            code="wrong-modality",
        )


def _same_shape(repeats: Array, y: Array) -> Array:
    repeats = np.asarray(repeats, np.float32)
    if repeats.ndim != 3 or repeats.shape[0] != y.shape[0] or repeats.shape[2] != y.shape[1]:
        raise BadArrays(
            f"repeats have shape {repeats.shape}; samples x repeats x units ({len(y)} x ? x {y.shape[1]}) are expected.",
            where="repeats",
        )
    return repeats


def _timing(started: datetime, clock: float, work: _Work | None) -> Timing:
    return Timing(
        started=started.isoformat(timespec="seconds"),
        seconds=time.perf_counter() - clock,
        features_seconds=work.features_seconds if work else 0.0,
        readout_seconds=work.readout_seconds if work else time.perf_counter() - clock,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


__all__ = ["evaluate", "evaluate_arrays"]
