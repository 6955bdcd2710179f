"""Nuisance: what bands of nuisances predict alone, and together with a model's chosen layers.

Both are banded ridges (`gyral.readouts.banded`) on the folds of the score, every choice made inside training rows. Alone,
the weights of the bands are searched at random; this is done once for a dataset and kept. Together, the bands keep
the proportions that most units of the region chose alone, and only their share beside the layer is searched: a
random search over as many spaces finds less and costs more (macaque V4, six spaces: R2 .315 with 50 random
weightings, .321 with these 19, at half the time). A unit that the inner folds predict better by nuisances alone keeps
that prediction.
"""

import fcntl
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gyral.controls.bands import Nuisances
from gyral.datasets.folder import disk_faults
from gyral.datasets.region import Region
from gyral.datasets.split import Fold, Split
from gyral.errors import BadFeatures
from gyral.features.features import Features
from gyral.fitting import LayerFits, fit_layers
from gyral.hashing import hash_json
from gyral.places import cache
from gyral.progress import Progress, silent
from gyral.readouts._banded_fit import FittedBanded
from gyral.readouts.banded import Banded
from gyral.readouts.readout import FittedJoint, JointReadout, Needs, Readout, Rows, require
from gyral.room import make_room
from gyral.scores.problem import Problem

Array = NDArray[np.floating[Any]]

# Random weightings of the bands alone; with 50, edges and colour as a model gained .0017 (.0004 to .0039) over the bands
# that hold them, because the joint search was the finer one; with 200 nothing.
RANDOM = 200
# Directions of white noise that fits are compared by: the mean share of one unit in five folds is known to a tenth.
ECHOES = 64
# Proportions of the bands that are tried beside a layer, and the layer's shares.
PROPORTIONS = 3
SHARES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True, eq=False)
class NuisanceFits:
    """What nuisances predict alone.

    Parameters
    ----------
    predictions : array, samples x units
        Out-of-fold, float32; NaN where never held out, and for units in no region.
    inner_r2 : array, folds x units
    weights : array, folds x units x bands
        Chosen weights of the bands.
    echoes : array, folds x units x `ECHOES`
        What the fits make of white noise (`gyral.readouts._banded_fit.FittedBanded.echoes`).
    """

    predictions: Array
    inner_r2: Array
    weights: Array
    echoes: Array


@dataclass(frozen=True, eq=False)
class Joint:
    """What nuisances and a region's chosen layers predict together.

    Parameters
    ----------
    predictions : array, samples x units of the region
        Out-of-fold, float32; NaN where never held out.
    gain : array, folds x units of the region
        Sum of squared weights that predictions less those of nuisances alone give to training responses.
    """

    predictions: Array
    gain: Array


@dataclass(frozen=True, eq=False)
class _Searched:
    """Banded ridge that says what it makes of noise in place of a split of its R2, which would cost a search a band;
    over given sets of weights, if any."""

    banded: Banded
    sets: Array | None
    name: ClassVar[str] = "banded"
    needs: ClassVar[Needs] = "features"
    by_region: ClassVar[bool] = False
    per_layer: ClassVar[bool] = False

    def fit_spaces(
        self,
        spaces: Sequence[Features],
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedJoint:
        """See `gyral.readouts.readout.JointReadout`."""
        if self.sets is None:
            return _Heard(self.banded.fit_spaces(spaces, responses, rows, inner, seed=seed))
        return _Heard(self.banded.fit_weighted(spaces, responses, rows, inner, self.sets, seed=seed))

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.JointReadout`."""
        return self.banded.working_bytes(features, rows, units)


@dataclass(frozen=True, eq=False)
class _Heard:
    fitted: FittedBanded

    @property
    def inner_r2(self) -> Array:
        return self.fitted.inner_r2

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.fitted.warnings

    @property
    def traits(self) -> Mapping[str, Array]:
        return self.fitted.traits

    def predict(self, spaces: Sequence[Features], rows: Rows) -> Array:
        return self.fitted.predict(spaces, rows)

    def explain(self, spaces: Sequence[Features], responses: Array, rows: Rows) -> Mapping[str, Array]:
        return {f"echo:{k}": heard for k, heard in enumerate(self.fitted.echoes(spaces, rows, ECHOES))}


@dataclass(frozen=True, eq=False)
class Fitting:
    """How nuisance and joint fits are made: the bands, the problem, and what `gyral.fitting.fit_layers` asks for."""

    nuisances: Nuisances
    problem: Problem
    seed: int
    memory: int
    device: str
    progress: Progress = silent

    def alone(self, key: Sequence[Any] = ()) -> NuisanceFits:
        """What nuisances predict alone, from the cache where it has it.

        Parameters
        ----------
        key : sequence of JSON-able
            What decides problem and code; empty: nothing is kept.
        """
        if not key:
            return self._alone()
        whole = [*key, self.nuisances.hashes, self.seed, self.memory, self.device]
        return _kept(hash_json(whole)[:32], self._alone)

    def _alone(self) -> NuisanceFits:
        if not self.nuisances.own:
            return self._alone_from(self.nuisances.spaces, self.problem)
        known = np.unique(np.concatenate([region.units for region in self.problem.regions]))
        found = [
            (units, self._alone_from(self.nuisances.of(subject), self._part(units, self.problem.split)))
            for subject, units in self._by_subject(known)
        ]
        return NuisanceFits(
            **{f.name: _side_by_side(f.name, found, self.problem.subject_of.size) for f in fields(NuisanceFits)}
        )

    def _alone_from(self, bands: Sequence[Features], problem: Problem) -> NuisanceFits:
        spaces = {space.layer: space for space in bands}
        fits = self._fit(spaces, (), problem, None, "nuisances alone")
        weights = [fits.traits[f"weight:{name}"][:, 0] for name in spaces]
        return NuisanceFits(fits.predictions[0], fits.inner_r2[:, 0], np.stack(weights, axis=-1), _echoes(fits))

    def _by_subject(self, units: Rows) -> list[tuple[str, Rows]]:
        """Units that the same bands belong to."""
        if not self.nuisances.own:
            return [("", units)]
        whose = self.problem.subject_of[units]
        return [(str(s), units[whose == s]) for s in dict.fromkeys(whose.tolist())]

    def _part(self, units: Rows, split: Split) -> Problem:
        """The problem of some units."""
        return replace(
            self.problem,
            responses=self.problem.responses[:, units],
            split=split,
            regions=(Region("chosen", np.arange(len(units))),),
            subject_of=self.problem.subject_of[units],
            ceiling=None,
            repeats=None,
        )

    def by(self, readout: Readout | JointReadout) -> Array | None:
        """What nuisances predict alone by another family, which reads all bands as one layer: samples x units.

        None where the family cannot read them (it asks for positions, and bands of texts have none).
        """
        layer = self.nuisances.as_layer()
        try:
            if not isinstance(readout, JointReadout):
                require(readout, layer)
            fits = fit_layers(
                {layer.layer: layer},
                self.problem,
                readout,
                seed=self.seed,
                memory=self.memory,
                progress=self.progress,
                step=f"nuisances by {readout.name}",
            )
        except BadFeatures:
            return None
        return np.asarray(fits.predictions[0])

    def joint(
        self, features: Mapping[str, Features], chosen: Mapping[str, Sequence[str]], alone: NuisanceFits
    ) -> dict[str, Joint]:
        """What nuisances and a region's chosen layers predict together, by region.

        Parameters
        ----------
        features : mapping of layer to Features
        chosen : mapping of region to the name of its layer in each fold
        alone : NuisanceFits
        """
        samples, folds = len(self.problem.responses), len(self.problem.split.folds)
        regions = {r.name: r for r in self.problem.regions}
        out = {
            name: Joint(np.full((samples, len(r)), np.nan, np.float32), np.full((folds, len(r)), np.nan))
            for name, r in regions.items()
        }
        work = [
            (f, layer, [r for r in regions.values() if chosen[r.name][f] == layer])
            for f in range(len(self.problem.split.folds))
            for layer in dict.fromkeys(names[f] for names in chosen.values())
        ]
        for done, (f, layer, some) in enumerate(work):
            self.progress("nuisances and model", done, len(work))
            units = np.unique(np.concatenate([r.units for r in some]))
            parts = [self._joint(f, features[layer], s, own, alone) for s, own in self._by_subject(units)]
            order = np.argsort(np.concatenate([own for _, own in self._by_subject(units)]))
            predictions = np.concatenate([p for p, _ in parts], axis=1)[:, order]
            gain = np.concatenate([g for _, g in parts])[order]
            for region in some:
                mine = np.searchsorted(units, region.units)
                out[region.name].predictions[self.problem.split.folds[f].test] = predictions[:, mine]
                out[region.name].gain[f] = gain[mine]
        self.progress("nuisances and model", len(work), len(work))
        return out

    def _joint(
        self, number: int, layer: Features, subject: str, units: Rows, alone: NuisanceFits
    ) -> tuple[Array, Array]:
        """Predictions of some units in one fold (held-out rows x units), and gains of what they add."""
        fold = self.problem.split.folds[number]
        part = self._part(units, replace(self.problem.split, folds=(fold,)))
        sets = _beside(alone.weights[number][units])
        fits = self._fit({layer.layer: layer}, self.nuisances.of(subject), part, sets, "")
        worse = fits.inner_r2[0, 0] < alone.inner_r2[number, units]
        added = ((_echoes(fits)[0] - alone.echoes[number, units]) ** 2).mean(axis=1)
        kept = np.where(worse, alone.predictions[np.ix_(fold.test, units)], fits.predictions[0][fold.test])
        return kept, np.where(worse, 0.0, added)

    def _fit(
        self,
        features: Mapping[str, Features],
        beside: Sequence[Features],
        problem: Problem,
        sets: Array | None,
        step: str,
    ) -> LayerFits:
        return fit_layers(
            features,
            problem,
            _Searched(Banded(weightings=RANDOM, device=self.device), sets),
            beside=beside,
            seed=self.seed,
            memory=self.memory,
            progress=self.progress if step else silent,
            step=step,
        )


def _side_by_side(name: str, found: Sequence[tuple[Rows, NuisanceFits]], width: int) -> Array:
    """One array of the fits of several subjects, at their units; NaN for units in no region."""
    parts = [(units, np.asarray(getattr(fits, name))) for units, fits in found]
    first = parts[0][1]  # units are the second axis of all
    out = np.full((first.shape[0], width, *first.shape[2:]), np.nan, first.dtype)
    for units, values in parts:
        out[:, units] = values
    return out


def _echoes(fits: LayerFits) -> Array:
    """Folds x units x echoes, of fits of a single job."""
    return np.stack([fits.explained[f"echo:{k}"][:, 0] for k in range(ECHOES)], axis=-1)


def _beside(weights: Array) -> Array:
    """Sets of weights for a layer (first) and the bands: the layer alone, and shares of it beside frequent proportions."""
    known = weights[np.isfinite(weights).all(axis=1)]
    bands = weights.shape[1]
    if len(known):
        distinct, count = np.unique(np.round(known, 6), axis=0, return_counts=True)
        frequent = distinct[np.argsort(-count, kind="stable")[:PROPORTIONS]]
        frequent = frequent / frequent.sum(axis=1, keepdims=True)
    else:
        frequent = np.full((1, bands), 1 / bands)
    mixed = [np.concatenate([[share], (1 - share) * band]) for band in frequent for share in SHARES]
    return np.array([*mixed, np.eye(1 + bands)[0]])


def _kept(key: str, make: Callable[[], NuisanceFits]) -> NuisanceFits:
    folder = cache() / "controls" / key
    file = folder / "fits.npz"
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a second process waits and finds the work done
            if not file.is_file():
                fits = make()
                scratch = folder / ".fits.new.npz"
                np.savez(scratch, allow_pickle=False, **vars(fits))
                scratch.replace(file)
            os.utime(folder / "lock")
            with np.load(file, allow_pickle=False) as found:
                fits = NuisanceFits(**{field.name: found[field.name] for field in fields(NuisanceFits)})
    make_room(keep=folder)
    return fits
