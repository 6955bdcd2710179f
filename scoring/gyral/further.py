"""Further controls: the same score of the model altered, of the layers that the score chose.

==============  ======================================================================================
``untrained``   the untrained twin, all layers; only where it is asked for
``scrambled``   language: words in another order (`gyral.controls.altered`)
``isolated``    language: every word alone
``static``      language: a random vector for each word
``pca-256``     readout ``ridge``: 256 components of each layer that is wider
==============  ======================================================================================

All but the first read only layers that some region chose in some fold of the score, and choose among them again inside
training rows: a control is asked what *this* score rests on, and a model of many layers does not pay for each of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from gyral.controls.altered import SEEDS, Isolated, RandomWords, Scrambled
from gyral.encoding import EncodingScores
from gyral.models.model import Model
from gyral.models.precomputed import PrecomputedFeatures
from gyral.paired import Difference, paired_differences
from gyral.readouts.reduced import reduced
from gyral.readouts.ridge import Ridge
from gyral.record import CHOSEN, ControlsAsked, ControlScore, Row
from gyral.work import Family, Work
from gyral.workplace import Workplace

# Columns that the layers of all models are reduced to for one control: wide layers score higher for their width.
COMMON_WIDTH = 256


@dataclass(frozen=True, eq=False)
class Altered:
    """A control: whose draws are scored, by which layers and what family."""

    draws: Sequence[Model]
    layers: Sequence[str]
    solver: Family | None


def further_controls(
    work: Work,
    scored: EncodingScores,
    model: Model,
    layers: Sequence[str],
    family: str,
    *,
    asked: ControlsAsked,
    untrained: Sequence[Model] = (),
    seed: int = 0,
) -> tuple[dict[str, int], list[Row]]:
    """Run what was asked for beside nuisances.

    Parameters
    ----------
    work : Work
        Of the model, scored.
    scored : EncodingScores
        What came of it.
    model : Model
    layers : sequence of str
        Those that were read.
    family : str
        Label of the readout.
    asked : {"standard", "all", "nuisances", "none"}
        The last two run nothing.
    untrained : sequence of Model
        Draws of the untrained twin, for "all"; empty where there is none.
    seed : int
        Of the redraws.

    Returns
    -------
    runs : dict of str to int
        Draws of each control.
    rows : list of Row
        Those of the model, with the scores of controls beside chosen layers.
    """
    if asked in ("none", "nuisances"):
        return {}, list(scored.rows)
    found: dict[str, tuple[int, EncodingScores]] = {}
    for name, control in _controls(work, model, layers, untrained).items():
        setting, problem = work.setting, work.setting.problem
        if problem is not None and name != "untrained":  # the twin's curves give its temporal score
            setting = replace(setting, problem=replace(problem, series=()))
        own = Work(setting, control.solver)
        for n, draw in enumerate(control.draws):
            own.add(draw, control.layers, f" of {name} {n + 1}/{len(control.draws)}", Workplace.private())
        found[name] = len(control.draws), own.scores(family)
        if name == "untrained":
            work.twin = found[name][1].curves
    beside = {
        name: (scores.rows, paired_differences(scored, scores, seed=seed)) for name, (_, scores) in found.items()
    }
    return {name: draws for name, (draws, _) in found.items()}, with_controls(scored.rows, beside)


def _controls(work: Work, model: Model, layers: Sequence[str], untrained: Sequence[Model]) -> dict[str, Altered]:
    chosen, solver = work.chosen_layers(), work.solver
    wide = max(work.features[name].channels for name in chosen)
    out: dict[str, Altered] = {}
    if untrained:
        out["untrained"] = Altered(untrained, layers, solver)
    if work.setting.dataset.stimuli.modality == "text" and not isinstance(model, PrecomputedFeatures):
        if work.setting.placement is None:  # a single word has no other order
            out["scrambled"] = Altered([Scrambled(model, 0)], chosen, solver)
        out["isolated"] = Altered([Isolated(model)], chosen, solver)
        words = [RandomWords(wide, s) for s in SEEDS]
        out["static"] = Altered(words, words[0].layers(), solver)
    if isinstance(solver, Ridge) and any(prod(work.features[k].array.shape[1:]) > COMMON_WIDTH for k in chosen):
        out[f"pca-{COMMON_WIDTH}"] = Altered([model], chosen, reduced(solver, f"pca:{COMMON_WIDTH}"))
    return out


def with_controls(
    rows: Sequence[Row], found: Mapping[str, tuple[Sequence[Row], Mapping[tuple[str, str], Difference]]]
) -> list[Row]:
    """Rows of chosen layers with the scores of controls.

    Parameters
    ----------
    rows : sequence of Row
    found : mapping of the control's name to its rows, and what the model has more of by region and subject
    """
    scores: dict[tuple[str, str], dict[str, ControlScore]] = {}
    for name, (own, differences) in found.items():
        for row in own:
            if row.layer == CHOSEN:
                cell = (row.region, row.subject)
                more = differences.get(cell)
                scores.setdefault(cell, {})[name] = ControlScore(
                    value=row.value,
                    low=row.low,
                    high=row.high,
                    spread=row.spread,
                    **({} if more is None else more._asdict()),
                )
    return [
        row.model_copy(update={"controls": scores.get((row.region, row.subject), {})})
        if row.layer == CHOSEN
        else row
        for row in rows
    ]
