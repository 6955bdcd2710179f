"""The whole pipeline on one page: model, dataset and readout in, Record out.

The command line and the worker both call `evaluate`; a record made at home and one made on a server from
the same inputs are equal but for times.
"""

import resource
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral import __version__
from gyral.benchmarks.benchmark import Benchmark
from gyral.between import posed
from gyral.curves import curve_arrays
from gyral.datasets.corpus import declared_overlap
from gyral.datasets.dataset import Dataset
from gyral.datasets.region import Region
from gyral.errors import UserError
from gyral.fitting import MEMORY
from gyral.further import further_controls
from gyral.hashing import hash_json
from gyral.metrics.metric import metrics_of
from gyral.models.card import A_MODEL, SHOWN
from gyral.models.compute import multiply_adds
from gyral.models.model import CARD_LAYERS, Model, choose_layers
from gyral.models.precomputed import PrecomputedFeatures
from gyral.models.twins import SEEDS, Twin
from gyral.plugins import packages_of, require_sound
from gyral.progress import Progress, silent
from gyral.provenance import code_hash, library_versions, machine
from gyral.readings import seen_degrees
from gyral.readouts.readout import JointReadout
from gyral.readouts.reduced import reduced
from gyral.readouts.spec import label, open_readout, options_of
from gyral.record import Asked, BenchmarkRef, ControlsAsked, ModelRef, Provenance, Record, TimeRef, Timing
from gyral.result import Result
from gyral.scores.problem import Problem
from gyral.scores.region import region_blocks, score_blocks
from gyral.temporal.report import temporal_rows
from gyral.work import Family, Setting, Work
from gyral.workplace import Workplace, workplace

Array = NDArray[np.floating[Any]]
# Bytes of predictions kept beside a record; float32, because responses come in any unit (tesla, counts).
PREDICTIONS_BUDGET = 256 << 20

_MODALITY = {shown: sense for sense, shown in SHOWN.items()}


def evaluate(
    draws: Sequence[Model],
    benchmark: Benchmark,
    dataset: Dataset,
    *,
    readout: str | None = None,
    layers: Sequence[str] = (),
    beside: Sequence[Model] = (),
    reduce: str | None = None,
    device: str = "cpu",
    memory: int = MEMORY,
    procedure: bool = False,
    controls: ControlsAsked = "standard",
    untrained: Sequence[Model] = (),
    seed: int = 0,
    progress: Progress = silent,
    twin: Twin | None = None,
    features_in: Path | None = None,
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
        Readout family and its options (`gyral.readouts.spec`); default: the benchmark's.
    layers : sequence of str
        Glob patterns; default: the card's, else all.
    beside : sequence of Model
        Models whose layers are further feature spaces of a joint readout (nuisances, an assisting model).
    reduce : str, optional
        "pca:WIDTH" or "srp:WIDTH": fewer columns, fitted on training rows (`gyral.readouts.reduced`).
    device : str
        "cpu" or "cuda"; where readouts are fitted.
    memory : int
        Bytes that fitting may take beside features, responses and predictions.
    procedure : bool
        True: fit again without each of about twenty groups of training rows, for an interval that covers training.
    controls : {"standard", "nuisances", "all", "none"}
        What runs beside the model: nuisances and `gyral.further`; nuisances alone; also the untrained twin; nothing.
    untrained : sequence of Model
        The untrained twin's draws, for "all"; empty where there is none.
    seed : int
        Seed of everything random.
    progress : Progress
    twin : {"untrained", "permuted"}, optional
        Which control of the model ``draws`` are.
    features_in : Path, optional
        Folder to keep features in; default: the cache.

    Raises
    ------
    UserError
        The model cannot be scored on this benchmark; the message says why and what to do.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    card = draws[0].card
    for model in (draws[0], *beside):
        _same_modality(model.card.name, model.card.modality, benchmark, dataset)
    require_sound(benchmark.metric)
    if benchmark.metric not in (known := metrics_of(benchmark.task)):
        raise UserError(
            f"{benchmark.id} asks for the metric {benchmark.metric!r}; {benchmark.task} is scored by {', '.join(known)}.",
            code="unknown-metric",
        )
    problem = None
    if benchmark.task == "encoding":
        posing = posed(dataset, benchmark.ceiling, memory=memory, progress=progress)
        at = dataset.stimuli.position or (0.0, 0.0)
        problem = replace(posing, degrees=seen_degrees(dataset.stimuli, card), position=at)
    # Asked only now: a guest comes up meanwhile.
    asked = "layers" if layers else CARD_LAYERS
    wanted = choose_layers(draws[0].layers(), layers or card.layers, where=asked)
    solver = None if problem is None else _solver(readout or benchmark.readout, problem, device, reduce, beside)
    family = benchmark.readout if solver is None else label(solver)
    setting = Setting(dataset, benchmark, problem, memory, seed, progress, features_in)
    work = Work(setting, solver, beside, procedure=procedure)
    # Before the pass over the stimuli, with which a guest ends.
    counted = multiply_adds(draws[0], work.stimuli, wanted)
    key: list[Any] = [[m.hash for m in (*draws, *beside)], dataset.content_hash, dataset.split().content_hash]
    key += [family, benchmark.grid, wanted, seed, memory, code_hash(), device]
    with workplace(hash_json(key)[:32]) if solver else nullcontext(Workplace.private()) as place:
        for n, model in enumerate(draws):
            work.add(model, wanted, f" {n + 1}/{len(draws)}" if len(draws) > 1 else "", place.below(str(n)))
        found = work.scores(family)
    clock_controls = time.perf_counter()
    split = dataset.split()
    beside_it = work.nuisances(controls, twin, device)
    runs, rows = further_controls(
        work,
        replace(found, rows=beside_it.rows(found.rows)),
        draws[0],
        wanted,
        family,
        asked="none" if twin else controls,
        untrained=untrained,
        seed=seed,
    )
    controls_seconds = time.perf_counter() - clock_controls
    name = f"{card.name}:{twin}" if twin else card.name
    curves, over_time = curve_arrays(found.curves)
    record = Record(
        model=ModelRef(
            name=name,
            hash=hash_json([m.hash for m in draws]) if twin else draws[0].hash,
            modality=card.modality,
            title=card.title,
            twin=twin,
            seeds=SEEDS[twin] if twin else (),
            card=card.model_dump(mode="json"),
            multiply_adds=counted,
            features="given" if isinstance(draws[0], PrecomputedFeatures) else "computed",
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
            rdm=benchmark.rdm,
        ),
        rows=tuple(rows),
        maps=found.maps,
        time=None if dataset.time is None else TimeRef(times=dataset.time.times, window=dataset.time.window),
        curves=curves,
        temporal=() if dataset.time is None else temporal_rows(found.curves, dataset.time.window, twin=work.twin),
        controls=beside_it.controls.model_copy(update={"runs": runs}),
        warnings=found.warnings,
        overlap=declared_overlap(
            card.training_datasets, dataset.name, dataset.about.drawn_from, made=dataset.about.simulated
        ),
        provenance=Provenance(
            gyral=__version__,
            code=code_hash(),
            seed=seed,
            device=device,
            asked=Asked(
                readout=readout or benchmark.readout,
                memory=memory,
                layers=tuple(layers),
                beside=tuple(m.card.name for m in beside),
                reduce=reduce,
                procedure=procedure,
                controls=controls,
            ),
            readout={"name": family, "grid": benchmark.grid}
            | ({} if solver is None else {"options": options_of(solver)})
            | ({"beside": {m.card.name: m.hash for m in beside}} if beside else {}),
            libraries=library_versions(),
            plugins=packages_of(
                metric=benchmark.metric,
                readout=None if solver is None else readout or benchmark.readout,
                models=(draws[0], *beside),
            ),
            machine=machine(device),
            command=f"gyral score {name} --benchmark {benchmark.id}"
            + (f" --readout {family.removesuffix(_suffix(reduce))}" if solver else "")
            + (f" --metric {benchmark.metric}" if benchmark.metric != known[0] else "")
            + (f" --reduce {reduce}" if solver and reduce else "")
            + "".join(f" --layers '{p}'" for p in layers)
            + "".join(f" --beside {m.card.name}" for m in beside)
            + (" --procedure" if procedure else "")
            + {"standard": "", "none": " --no-controls"}.get(controls, f" --controls {controls}")
            + (f" --memory {memory / 2**20:g}M" if memory != MEMORY else "")
            + f" --seed {seed}",
        ),
        timing=timing(started, clock, work.features_seconds, work.readout_seconds, controls_seconds),
    )
    predictions, sums = (found.predictions, None) if problem is None else kept(found.predictions, problem)
    return Result(
        record, beside_it.units(found.units), predictions, sums, found.map_arrays, found.redraws, over_time
    )


def kept(predictions: Array, problem: Problem) -> tuple[Array | None, dict[str, NDArray[Any]] | None]:
    """Predictions up to the budget, beyond it their sums per block of stimuli."""
    if predictions.nbytes <= PREDICTIONS_BUDGET:
        return predictions, None
    everything = Region("all regions", np.concatenate([region.units for region in problem.regions]))
    blocks = region_blocks(problem, everything, list(predictions), *score_blocks(problem))
    return None, {"sums": blocks.sums, "fold_of": blocks.fold_of, "rows": blocks.rows}


def _solver(spec: str, problem: Problem, device: str, reduce: str | None, beside: Sequence[Model]) -> Family:
    solver = open_readout(spec, device=device, exchangeable=problem.exchangeable)
    if beside and not isinstance(solver, JointReadout):
        raise UserError(
            f"readout {solver.name!r} reads one layer at a time; nothing can stand beside it.",
            where="beside",
            mend="Use the readout 'banded'.",
            code="nothing-beside",
        )
    return reduced(solver, reduce) if reduce else solver


def _suffix(reduce: str | None) -> str:
    return f"+{reduce.replace(':', '')}" if reduce else ""


def _same_modality(name: str, modality: str, benchmark: Benchmark, dataset: Dataset) -> None:
    shown = _MODALITY.get(dataset.stimuli.modality)
    if modality != benchmark.modality or modality != shown:
        raise UserError(
            f"{name!r} is {A_MODEL[modality]}; benchmark {benchmark.id} shows {dataset.stimuli.modality} stimuli.",
            mend="`gyral list` names the benchmarks of each modality.",
            code="wrong-modality",
        )


def timing(
    started: datetime, clock: float, features_seconds: float, readout_seconds: float, controls_seconds: float = 0.0
) -> Timing:
    """Wall-clock facts of an evaluation that began at ``started`` (``clock`` on the performance counter)."""
    return Timing(
        started=started.isoformat(timespec="seconds"),
        seconds=time.perf_counter() - clock,
        features_seconds=features_seconds,
        readout_seconds=readout_seconds,
        controls_seconds=controls_seconds,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )
