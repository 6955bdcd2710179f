"""Held-out rows: what is learned in training must not change when they are wiped out."""

from dataclasses import replace

import numpy as np

from gyral.canaries.case import Array, Case
from gyral.canaries.finding import Finding
from gyral.canaries.noise import FEATURES, autoregressive
from gyral.canaries.scored import READOUT, fit
from gyral.canaries.verdict import not_applicable, why_not
from gyral.datasets.split import Fold
from gyral.errors import UserError
from gyral.features.features import Features
from gyral.readouts.readout import Readout
from gyral.readouts.spec import open_readout
from gyral.scores.problem import Problem

NAME, TITLE = "held-out-rows", "Training without held-out rows"
TESTED = (
    "The engine's ridge, fitted with and without NaN in every held-out response and feature: predictions and the "
    "figures that choose layers and penalties"
)


def wiped_held_out_rows(case: Case) -> Finding:
    """Fit the first and the last fold as they are, and again with NaN in all held-out rows."""
    if case.problem is None or not case.problem.split.folds:
        return not_applicable(NAME, TITLE, TESTED, why_not(case))
    rng = np.random.default_rng([case.seed, 0xA4])
    space = autoregressive(case.samples, FEATURES, rng)[case.rows].astype(np.float32)
    folds = case.problem.split.folds
    changed: dict[str, float] = {}
    for number in sorted({0, len(folds) - 1}):
        try:
            difference = _difference(case.problem, folds[number], space, case.seed)
        except UserError as error:
            reason = f"Training reads held-out rows of fold {number + 1}: {error}"
            return _finding("refuse", reason, {})
        if difference > 0:
            changed[f"fold {number + 1}"] = difference
    if changed:
        worst = max(changed, key=lambda k: changed[k])
        reason = f"Wiping out held-out rows changes what is learned, in {worst} by {changed[worst]:.3g}."
        return _finding("refuse", reason, changed)
    return _finding("pass", "Predictions and inner scores are the same to the last bit.", {})


def _difference(problem: Problem, fold: Fold, space: Array, seed: int) -> float:
    """Largest change of a prediction or an inner score; infinite where one became NaN."""
    alone = replace(problem, split=replace(problem.split, folds=(fold,)))
    before = fit(alone, {"": space}, seed)
    responses, features = problem.responses.copy(), space.copy()
    responses[fold.test], features[fold.test] = np.nan, np.nan
    # `fit_layers` predicts as it fits: wiped features can only be given to the readout itself.
    readout = open_readout(READOUT, exchangeable=problem.exchangeable)
    assert isinstance(readout, Readout)  # noqa: S101 - for the type checker; ridge reads one layer
    inner = problem.split.inner(fold)
    fitted = readout.fit(Features("", features), responses, fold.train, inner, seed=seed)
    known = np.isfinite(before.inner_r2[0, 0])
    pairs = (
        (before.predictions[0][fold.test][:, known], fitted.predict(Features("", space), fold.test)[:, known]),
        (before.inner_r2[0, 0][known], fitted.inner_r2[known]),
    )
    return max(float(np.nan_to_num(np.abs(a - b), nan=np.inf).max(initial=0.0)) for a, b in pairs)


def _finding(verdict: str, reason: str, facts: dict[str, float]) -> Finding:
    refused = verdict == "refuse"
    return Finding(
        canary=NAME,
        title=TITLE,
        verdict="refuse" if refused else "pass",
        tested=TESTED,
        reason=reason,
        mend="Fit means, scales, PCA and every choice on training rows only." if refused else "",
        facts=dict(facts),
    )
