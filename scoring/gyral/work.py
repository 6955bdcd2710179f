"""Work: what an evaluation does with each draw of a model; features, fits or RDMs, scores, and controls."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.benchmarks.benchmark import Benchmark
from gyral.candidates import Turned, turned_around
from gyral.controls.beside import Beside, nuisances_beside, nuisances_beside_rdms, why_missing
from gyral.curves import Curve
from gyral.datasets.dataset import Dataset
from gyral.datasets.triplets import Triplets
from gyral.dissimilarities import Measured, measured_rdms, rdms_at_times
from gyral.encoding import EncodingScores, score_encoding
from gyral.errors import UserError
from gyral.features.extract import extract
from gyral.features.features import Features
from gyral.features.timed import Placement
from gyral.fitting import LayerFits, fit_layers
from gyral.identification import is_identification, reads_features, score_identification
from gyral.metrics import METRICS
from gyral.models.model import CARD_LAYERS, Model, Reduction, choose_layers
from gyral.models.twins import Twin
from gyral.models.words import word_positions
from gyral.own_metric import score_own
from gyral.progress import Progress
from gyral.provenance import code_hash
from gyral.rdm_problem import Pairs
from gyral.readouts.readout import JointReadout, Readout, accepts, require
from gyral.record import Controls, ControlsAsked
from gyral.retraining import Retrained
from gyral.scores.problem import Problem
from gyral.similarity import Series, layer_rdms, score_similarity
from gyral.threads import few_threads
from gyral.triplets import layer_hits, score_triplets
from gyral.workplace import Workplace

Array = NDArray[np.floating[Any]]
Family = Readout | JointReadout


@dataclass(frozen=True, eq=False)
class Setting:
    """What all work of one evaluation shares.

    Parameters
    ----------
    dataset : Dataset
    benchmark : Benchmark
    problem : Problem or None
        None where RDMs are compared.
    memory, seed : int
    progress : Progress
    features_in : Path or None
        Folder to keep features in; None: the cache.
    """

    dataset: Dataset
    benchmark: Benchmark
    problem: Problem | None
    memory: int
    seed: int
    progress: Progress
    features_in: Path | None

    @cached_property
    def placement(self) -> Placement | None:
        """How features of stimuli come onto samples in time; None where every stimulus has its own row."""
        timeline = self.dataset.timeline
        return None if timeline is None else Placement.of(timeline, self.dataset.stimuli)


class Work:
    """Collects fits (or RDMs) of each draw and turns them into scores.

    Parameters
    ----------
    setting : Setting
    solver : Readout or JointReadout or None
        None where RDMs are compared.
    beside : sequence of Model
        Models whose layers are further feature spaces of a joint readout.
    procedure : bool
        Whether to fit again without each group of training rows.
    """

    def __init__(
        self, setting: Setting, solver: Family | None, beside: Sequence[Model] = (), *, procedure: bool = False
    ) -> None:
        dataset, benchmark, problem = setting.dataset, setting.benchmark, setting.problem
        self.setting, self.solver = setting, solver
        self.own = METRICS.load(benchmark.metric) if METRICS.origin(benchmark.metric) else None
        self.retrained = None
        if procedure and problem is not None:
            self.retrained = Retrained(problem, benchmark.metric, self.own)
        self.fits: list[LayerFits] = []
        self.turned: list[Turned] = []  # from responses to features, where the metric asks for it
        self.features: dict[str, Features] = {}  # of the last model
        self.rdms: list[Array] = []
        self.picks: dict[str, list[int]] = {}  # of RDMs: the layer that each fold chose
        self.hits: list[NDArray[np.float32]] = []  # on triplets
        self.first: dict[str, Features] = {}  # of the first model
        self.twin: tuple[Curve, ...] = ()  # of the untrained twin, once `gyral.further` has run it
        self.names: tuple[str, ...] = ()
        self.features_seconds = self.readout_seconds = 0.0
        if dataset.timeline is not None and (solver is None or solver.needs != "features"):
            raise UserError(
                f"{'RDMs' if solver is None else f'readout {solver.name!r}'} cannot be had of responses sampled in time: "
                "several stimuli share a sample.",
                where=f"benchmark {benchmark.id}",
                mend="Use a readout of flat features, such as 'ridge' or 'banded'.",
                code="timeline-readout",
            )
        text = dataset.stimuli.modality == "text" and solver is not None and solver.needs != "features"
        words = word_positions(dataset.stimuli) if text else 0
        self.reduction = Reduction(benchmark.grid, words=words, channels=benchmark.channels)
        self.stimuli = dataset.stimuli.in_context() if benchmark.context == "group" else dataset.stimuli
        self.beside = [space for model in beside for space in self._spaces(model)]

    def add(self, model: Model, layers: Sequence[str], suffix: str, place: Workplace) -> None:
        """Read and fit one draw; ``suffix`` tells its steps from those of others."""
        clock = time.perf_counter()
        features = self._extract(model, self._readable(model, layers), f"features{suffix}")
        self.features = features
        self.features_seconds += time.perf_counter() - clock
        clock = time.perf_counter()
        if self.setting.benchmark.task == "triplets":
            self._add_triplets(features, suffix)
        elif self.solver is None or self.setting.problem is None:
            self.names, rdms = layer_rdms(features, progress=self.setting.progress, step=f"rdms{suffix}")
            self.rdms.append(rdms)
        else:
            fit = partial(
                fit_layers,
                features,
                readout=self.solver,
                beside=self.beside,
                seed=self.setting.seed,
                memory=self.setting.memory,
            )
            step = f"{self.solver.name}{suffix}"
            self.fits.append(
                fit(problem=self.setting.problem, workplace=place, progress=self.setting.progress, step=step)
            )
            if reads_features(self.setting.benchmark.metric):
                self.turned.append(
                    turned_around(
                        self.fits[-1],
                        features,
                        self.setting.problem,
                        seed=self.setting.seed,
                        memory=self.setting.memory,
                    )
                )
            if self.retrained is not None:
                self.retrained.add(
                    lambda problem, name: fit(problem=problem, workplace=place.below(name)),
                    progress=self.setting.progress,
                    step=f"retraining{suffix}",
                )
        self.readout_seconds += time.perf_counter() - clock

    def scores(self, family: str) -> EncodingScores:
        """Scores of all draws added."""
        self.setting.progress("statistics", 0, 1)
        with few_threads(len(self.setting.dataset.stimuli)):
            found = self._scores(family)
        self.setting.progress("statistics", 1, 1)
        return found

    def _scores(self, family: str) -> EncodingScores:
        if self.setting.benchmark.task == "triplets":
            found = self._triplets()
        elif self.setting.problem is None:
            found = self._similarities()
        else:
            found = score_encoding(
                self.fits,
                self.setting.problem,
                readout=family,
                metric=self.setting.benchmark.metric,
                ids=self.setting.dataset.sample_ids,
                retrained=self.retrained if self.own is None else None,
                seed=self.setting.seed,
            )
            metric = self.setting.benchmark.metric
            if is_identification(metric):
                found = self._identified(found, family)
            elif self.own is not None:
                found = score_own(
                    found,
                    self.fits,
                    self.setting.problem,
                    self.own,
                    metric=metric,
                    retrained=self.retrained,
                    seed=self.setting.seed,
                )
        return found

    def _similarities(self) -> EncodingScores:
        dataset, benchmark = self.setting.dataset, self.setting.benchmark
        series = None
        if dataset.time is not None and benchmark.rdm is not None:
            series = Series(dataset.time.times, partial(rdms_at_times, dataset, benchmark.rdm))
        similar = score_similarity(
            self.names,
            self.rdms,
            self.measured.rdms,
            dataset.split(),
            metric=benchmark.metric,
            exchangeable=not dataset.about.ordered and dataset.split().groups is None,
            series=series,
            seed=self.setting.seed,
            progress=self.setting.progress,
        )
        self.picks = similar.picks
        rdms = np.stack(self.rdms).astype(np.float32)
        told = self.measured.warnings
        return EncodingScores(similar.rows, similar.subjects, rdms, similar.redraws, (), {}, told, similar.curves)

    @cached_property
    def measured(self) -> Measured:
        """The RDMs that layers are compared with."""
        setting = self.setting
        return measured_rdms(setting.dataset, setting.benchmark.rdm, memory=setting.memory)

    def _add_triplets(self, features: dict[str, Features], suffix: str) -> None:
        step = f"triplets{suffix}"
        alike = METRICS.load(self.setting.benchmark.metric)
        self.names, found = layer_hits(features, self._choices, alike, progress=self.setting.progress, step=step)
        self.hits.append(found)
        self.first = self.first or features

    @cached_property
    def _choices(self) -> Triplets:
        found = self.setting.dataset.triplets
        if found is None:
            raise UserError(
                "there are no odd-one-out choices.",
                where=f"dataset {self.setting.dataset.name!r}",
                code="no-triplets",
            )
        return found

    def _triplets(self) -> EncodingScores:
        dataset, metric = self.setting.dataset, self.setting.benchmark.metric
        alike = METRICS.load(metric)
        scored = score_triplets(
            self.names,
            self.hits,
            self._choices,
            dataset.split(),
            lambda k: alike(self.first[self.names[k]].flat()),
            region=self.setting.benchmark.main_region,
            metric=metric,
            stimuli=len(dataset.stimuli),
            seed=self.setting.seed,
        )
        return EncodingScores(scored.rows, scored.people, scored.hits, scored.redraws, (), {}, ())

    def _identified(self, encoded: EncodingScores, family: str) -> EncodingScores:
        """Rows of identification in place of those of encoding."""
        dataset, problem = self.setting.dataset, self.setting.problem
        if problem is None or dataset.timeline is not None:
            raise UserError(
                "stimuli that share samples of a recording cannot be identified one by one.",
                where=f"metric {self.setting.benchmark.metric!r}",
                mend="Use 'pearson'.",
                code="timeline-identification",
            )
        return score_identification(
            encoded,
            self.fits,
            problem,
            readout=family,
            metric=self.setting.benchmark.metric,
            hashes=dataset.stimuli.hashes,
            turned=self.turned,
            seed=self.setting.seed,
        )

    def nuisances(self, asked: ControlsAsked, twin: Twin | None, device: str) -> Beside:
        """What nuisances leave of the scores, or why nothing says it."""
        task, dataset = self.setting.benchmark.task, self.setting.dataset
        why = why_missing(asked, task, len(self.rdms if task == "rsa" else self.fits), twin)
        if why:
            return Beside(Controls(missing=why))
        if self.setting.problem is None or self.solver is None:
            with few_threads(len(dataset.stimuli)):
                return nuisances_beside_rdms(
                    self.rdms[0],
                    self.picks,
                    self.measured.rdms,
                    Pairs.of(dataset.split(), len(dataset.stimuli)).held_out,
                    METRICS.load(self.setting.benchmark.metric),
                    dataset.stimuli,
                    seed=self.setting.seed,
                    folder=self.setting.features_in,
                    progress=self.setting.progress,
                )
        # Made again with its features where somebody wants to see that it comes out the same.
        kept = self.setting.features_in is None
        return nuisances_beside(
            self.features,
            self.fits[0],
            replace(self.setting.problem, series=()),  # rows only: curves have nothing beside them
            self.setting.dataset.stimuli,
            readout=self.solver,
            placement=self.setting.placement,
            measured=None if dataset.responses is None else dataset.responses.nuisances,
            key=[self.setting.dataset.content_hash, self.setting.problem.split.content_hash, code_hash()]
            if kept
            else (),
            seed=self.setting.seed,
            memory=self.setting.memory,
            device=device,
            folder=self.setting.features_in,
            progress=self.setting.progress,
        )

    def chosen_layers(self) -> tuple[str, ...]:
        """Layers that a region chose in some fold of the first draw, from input to output; all where a family joins them."""
        problem = self.setting.problem
        if problem is not None and self.fits:
            fits = self.fits[0]
            won = {fits.layers[k] for region in problem.regions for k in fits.picks(problem, region)}
        else:
            won = {self.names[k] for picks in self.picks.values() for k in picks}
        return tuple(name for name in self.features if name in won) or tuple(self.features)

    def _extract(self, model: Model, layers: Sequence[str], step: str) -> dict[str, Features]:
        found = extract(
            model,
            self.stimuli,
            layers,
            reduction=self.reduction,
            progress=self.setting.progress,
            step=step,
            folder=self.setting.features_in,
        )
        return found if self.setting.placement is None else self.setting.placement.all(found)

    def _readable(self, model: Model, layers: Sequence[str]) -> tuple[str, ...]:
        """The layers the family can read, seen on one stimulus before the model is shown all of them."""
        if self.solver is None or self.solver.needs == "features":
            return tuple(layers)
        stimuli = self.stimuli.subset(range(1))
        (first,) = model.batches(stimuli, layers, reduction=self.reduction)
        words = self.reduction.words > 0
        return tuple(usable({k: Features(k, first.arrays[k], words) for k in layers}, self.solver))

    def _spaces(self, model: Model) -> list[Features]:
        wanted = choose_layers(model.layers(), model.card.layers, where=CARD_LAYERS)
        found = self._extract(model, wanted, f"features of {model.card.name}")
        return [replace(v, layer=f"{model.card.name}/{k}") for k, v in found.items()]


def usable(features: dict[str, Features], solver: Family) -> dict[str, Features]:
    """The layers that have what the family needs.

    Raises
    ------
    BadFeatures
        No layer has (``needs-positions``).
    """
    if isinstance(solver, JointReadout):
        return features
    found = {k: v for k, v in features.items() if accepts(solver, v)}
    if not found:
        require(solver, next(iter(features.values())))
    return found
