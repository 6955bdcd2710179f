"""Intervals of identification in both directions, where folds train on one another's rows, against what the maps reach on other stimuli."""

from collections.abc import Iterator

import numpy as np
from coverage_designs import Array, Design, covers, in_groups, independent, percent, series

from gyral.candidates import Turned, forward_share, forward_trials, turned_trials
from gyral.datasets.region import Region
from gyral.fitting import NOISE_GAIN, LayerFits
from gyral.identification import no_finer_than_ranks, trial_redraws
from gyral.metrics.identification import KINDS
from gyral.scores.problem import Problem

FRESH = 20  # sets of unseen stimuli that the truth is a mean of
UNITS = FEATURES = 20
PENALTY = 20.0
DESIGNS = (independent(200), in_groups(20, 10), series(400))
SIGNAL = (0.0, 0.05, 0.3)  # variance of the signal per variance of the noise


def identified(sims: int, only: str) -> Iterator[str]:
    """Identification among the held-out stimuli of a fold, ridge fitted in five; and how many lie above chance."""
    yield (
        f"{'design':<28}{'predicted':<11}{'metric':<7}{'signal':>7}{'score':>8}{'covers':>11}{'times root 2':>14}{'as redrawn':>12}"
        f"{'above chance':>14}"
    )
    for predicted in ("responses", "features"):
        for design in DESIGNS:
            for signal in SIGNAL:
                if only in f"{predicted}, {design.name}, {signal}":
                    yield from _identified(design, predicted, signal, sims)


def _identified(design: Design, predicted: str, signal: float, sims: int) -> Iterator[str]:
    kinds = ("2way", "rank", "top1")
    found = {(k, how): [] for k in kinds for how in ("share", "root 2", "redrawn")}
    truths: dict[str, list[float]] = {k: [] for k in kinds}
    rng = np.random.default_rng(14)
    for seed in range(sims):
        weights = np.sqrt(signal / FEATURES) * rng.standard_normal((FEATURES, UNITS))
        x, y = _stimuli(design, weights, rng, predicted)
        maps, fits = _ridge(design, x, y)
        problem, trials = _trials(design, y, fits, predicted)
        fresh = []
        for _ in range(FRESH):
            other_x, other_y = _stimuli(design, weights, rng, predicted)
            p = np.zeros_like(other_y)
            for fold, (middle, own, mean) in zip(design.split.folds, maps, strict=True):
                p[fold.test] = (other_x[fold.test] - middle) @ own + mean
            unseen = LayerFits(("x",), p[None], np.zeros((5, 1, UNITS)))
            fresh.append(_trials(design, other_y, unseen, predicted)[1])
        share = forward_share(problem, fits, problem.regions[0], np.arange(UNITS), [0] * 5)
        for k in kinds:
            truths[k].append(np.mean([t.value(KINDS[k]) for t in fresh]))
            drawn = trial_redraws(problem, [[trials]], np.array([trials.value(KINDS[k])]), KINDS[k], seed)
            for how, factor in (("share", np.sqrt(1 + share)), ("root 2", 2**0.5), ("redrawn", 1.0)):
                (own,) = drawn.wider(np.array([factor])).intervals()
                own = no_finer_than_ranks(own, KINDS[k], trials.candidates)
                found[k, how].append((own.low, own.high))
    for k in kinds:
        truth = np.array(truths[k])
        shares = "".join(
            f"{percent(covers(found[k, how], truth)):>{w}}"
            for how, w in (("share", 11), ("root 2", 14), ("redrawn", 12))
        )
        chance = KINDS[k].chance(trials.candidates)
        above = "" if signal else f"{percent([low > chance for low, _ in found[k, 'share']]):>14}"
        yield f"{design.name:<28}{predicted:<11}{k:<7}{signal:>7}{truth.mean():>8.3f}{shares}{above}"


def _stimuli(design: Design, weights: Array, rng: np.random.Generator, predicted: str) -> tuple[Array, Array]:
    """What is read, and what is predicted from it."""
    features = design.noise(rng, FEATURES)
    responses = features @ weights + design.units(rng, UNITS)
    return (features, responses) if predicted == "responses" else (responses, features)


def _ridge(design: Design, x: Array, y: Array) -> tuple[list[tuple[Array, Array, Array]], LayerFits]:
    maps, p, gains = [], np.zeros_like(y), np.zeros((len(design.split.folds), 1, UNITS))
    for k, fold in enumerate(design.split.folds):
        middle, mean = x[fold.train].mean(axis=0), y[fold.train].mean(axis=0)
        a, b = x[fold.train] - middle, x[fold.test] - middle
        smooth = np.linalg.solve(a.T @ a + PENALTY * np.eye(FEATURES), a.T)
        maps.append((middle, smooth @ (y[fold.train] - mean), mean))
        p[fold.test] = b @ maps[-1][1] + mean
        gains[k] = ((b @ smooth) ** 2).sum(axis=1).mean()
    return maps, LayerFits(("x",), p[None], np.zeros_like(gains), {NOISE_GAIN: gains})


def _trials(design: Design, y: Array, fits: LayerFits, predicted: str):
    exchangeable = not design.phi and design.split.groups is None
    region = Region("all", np.arange(UNITS))
    problem = Problem(y, design.split, (region,), np.full(UNITS, "s1"), None, exchangeable=exchangeable)
    if predicted == "features":
        turned = Turned({0: y}, {(0, 0): fits.predictions[0]})
        return problem, turned_trials(turned, 0, [0] * 5, design.split.folds)
    names = [str(i) for i in range(len(y))]
    return problem, forward_trials(problem, fits, region.units, [0] * 5, design.split.folds, names)
