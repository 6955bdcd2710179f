"""Beside: the controls of one score, by default what nuisances leave of it.

Of the readout ``ridge`` (whatever its options) that is unique variance: nuisances and layers are read by one kind of map, so
that their R2 compare. Other families read positions or several layers, and a linear map of the same layer may find
nothing where they do: of them it is the partial correlation of their own predictions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.controls.bands import nuisances_of
from gyral.controls.constant import what_is_left_of_predictions
from gyral.controls.nuisance import Fitting
from gyral.controls.over_time import over_time
from gyral.controls.rdms import partial_beside
from gyral.controls.unique import Left, what_is_left, with_left
from gyral.datasets.responses import RegionRdms
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import OutOfResources
from gyral.features.features import Features
from gyral.features.timed import Placement
from gyral.fitting import LayerFits
from gyral.progress import Progress, silent
from gyral.readouts.readout import JointReadout, Readout
from gyral.readouts.ridge import Ridge
from gyral.record import Controls, ControlsAsked, Row
from gyral.rsa.comparator import Mask, Product
from gyral.scores.problem import Problem

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Beside:
    """What stands beside the rows of a record.

    Parameters
    ----------
    controls : Controls
        What was run.
    left : mapping of region to Left
        Empty where nothing says what is left without nuisances.
    """

    controls: Controls
    left: Mapping[str, Left] = field(default_factory=dict)

    def rows(self, rows: Sequence[Row]) -> list[Row]:
        """The rows with what is left beside those of chosen layers."""
        return with_left(rows, self.left)

    def units(self, units: pd.DataFrame) -> pd.DataFrame:
        """The table of units with its columns of R2."""
        if not self.left:
            return units
        names = dict.fromkeys(name for left in self.left.values() for name in left.units)
        order = units["region"].drop_duplicates()
        return units.assign(**{n: np.concatenate([self.left[r].units[n] for r in order]) for n in names})


def why_missing(asked: ControlsAsked, task: str, draws: int, twin: object) -> str:
    """Why nuisances cannot or shall not stand beside a score; empty where they can."""
    if asked == "none":
        return "controls were turned off"
    if task == "triplets":
        return "no responses are predicted; there is no R2 to split"
    if twin is not None or draws > 1:
        return "a twin is a control itself"
    return ""


def nuisances_beside(
    features: Mapping[str, Features],
    fits: LayerFits,
    problem: Problem,
    stimuli: StimulusSet,
    *,
    readout: Readout | JointReadout,
    placement: Placement | None = None,
    measured: Mapping[str, Mapping[str, Array]] | None = None,
    key: Sequence[Any],
    seed: int = 0,
    memory: int,
    device: str = "cpu",
    folder: Path | None = None,
    progress: Progress = silent,
) -> Beside:
    """What nuisances leave of a score.

    Parameters
    ----------
    features : mapping of layer to Features
    fits : LayerFits
        Of the model.
    problem : Problem
    stimuli : StimulusSet
    readout : Readout or JointReadout
        What the fits are by.
    placement : Placement, optional
        How stimuli come onto samples in time; None where every stimulus has its own row.
    measured : mapping of band to mapping of subject to array, optional
        `gyral.datasets.responses.Responses.nuisances`.
    key : sequence of JSON-able
        What decides the problem and the code, so that fits of nuisances alone can be kept; empty: they are not.
    seed, memory, device
        As in `gyral.evaluate.evaluate`. Where ``memory`` is too little for the joint fit there is no control, and the
        score stands alone.
    folder : Path, optional
        Where features are kept; default: the cache.
    progress : Progress
    """
    nuisances = nuisances_of(stimuli, progress=progress, folder=folder)
    # Of stimuli in time the split is of samples.
    nuisances = nuisances.steady(problem.split) if placement is None else over_time(nuisances, placement)
    nuisances = nuisances.beside_own(measured or {})
    if not nuisances.names:
        return Beside(Controls(missing=_nothing_varies(stimuli)))
    fitting = Fitting(nuisances, problem, seed, memory, device, progress)
    picks = {region.name: fits.picks(problem, region) for region in problem.regions}
    chosen = {name: [fits.layers[k] for k in pick] for name, pick in picks.items()}
    try:
        alone = fitting.alone(key)
        both = fitting.joint(features, chosen, alone) if isinstance(readout, Ridge) else None
        # One layer is of all subjects, so that bands of their own are held constant by the banded fit alone.
        same = fitting.by(readout) if both is None and nuisances.spaces else None
    except OutOfResources as error:
        if error.code != "memory-budget":
            raise
        return Beside(Controls(missing=error.what))
    model = {region.name: fits.assembled(problem, region, picks[region.name]) for region in problem.regions}
    gains = {region.name: fits.gains(region, picks[region.name]) for region in problem.regions}
    if both is None:
        constant = [alone.predictions] if same is None else [alone.predictions, same]
        left = what_is_left_of_predictions(problem, constant, model, gains, seed=seed)
    else:
        left = what_is_left(problem, alone.predictions, model, both, gains, seed=seed)
    return Beside(Controls(nuisances=nuisances.hashes, absent=nuisances.absent), left)


def nuisances_beside_rdms(
    models: Array,
    picks: Mapping[str, Sequence[int]],
    measured: Mapping[str, RegionRdms],
    masks: Sequence[Mask],
    comparator: Product,
    stimuli: StimulusSet,
    *,
    seed: int = 0,
    folder: Path | None = None,
    progress: Progress = silent,
) -> Beside:
    """What nuisances leave of a similarity of RDMs; parameters as `gyral.controls.rdms.partial_beside`."""
    nuisances = nuisances_of(stimuli, progress=progress, folder=folder)
    if not nuisances.spaces:
        return Beside(Controls(missing=_nothing_varies(stimuli)))
    left = partial_beside(models, picks, measured, nuisances, masks, comparator, seed=seed)
    return Beside(Controls(nuisances=nuisances.hashes, absent=nuisances.absent), left)


def _nothing_varies(stimuli: StimulusSet) -> str:
    return f"no nuisance of these stimuli ({stimuli.modality}) varies"
