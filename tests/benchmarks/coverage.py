"""Do intervals cover what they name, ranks their ties, and p-values their five percent? By simulation.

    python tests/benchmarks/coverage.py conditional            intervals for fitted maps and new stimuli
    python tests/benchmarks/coverage.py fitted                 the same where folds train on one another's rows
    python tests/benchmarks/coverage.py left                   what a model adds to nuisances, likewise
    python tests/benchmarks/coverage.py constant               what is left of predictions with others held constant
    python tests/benchmarks/coverage.py nothing                how often a model that adds nothing is said to
    python tests/benchmarks/coverage.py identified             identification of held-out stimuli, likewise
    python tests/benchmarks/coverage.py ceiled                 the same for signed r2 over the noise ceiling
    python tests/benchmarks/coverage.py ceilings               ceilings of units and of regions, by each estimator
    python tests/benchmarks/coverage.py procedure              training redrawn as well
    python tests/benchmarks/coverage.py subjects               new subjects and new stimuli, crossed
    python tests/benchmarks/coverage.py ranks                  max-t over all pairs of models
    python tests/benchmarks/coverage.py compared               the same of models that were fitted in folds, and all differences
    python tests/benchmarks/coverage.py pvalues                false positives under autocorrelation
    python tests/benchmarks/coverage.py all --sims 2000        everything, to the half percent (an hour)
    python tests/benchmarks/coverage.py ranks --sims 50 --only "10 tied"

Each line gives the coverage with its Monte Carlo standard error. The value an interval should cover is the mean of the
score over the simulations themselves. Wherever it helps to see the difference, what is done elsewhere stands beside.
"""

import argparse
from collections.abc import Callable, Iterator

import coverage_constant
import coverage_fitted
import coverage_identified
import coverage_left
import coverage_ranks
import numpy as np
from coverage_designs import DRAWS, Design, covers, in_groups, independent, percent, series
from plain_bootstrap import around, resampling_weights, weighted_r
from scipy.stats import pearsonr

from gyral.datasets.region import Region
from gyral.datasets.split import Split, contiguous
from gyral.scores.asymptote import extrapolated
from gyral.scores.blocks import block_sums
from gyral.scores.bound import region_bounds
from gyral.scores.ceiling import Ceiling, Evidence, from_repeats
from gyral.scores.conditional import with_training
from gyral.scores.consistency import consistent
from gyral.scores.halves import halves
from gyral.scores.hierarchy import EachSubject, over_subjects
from gyral.scores.jackknife import delete_groups, jackknife_interval, trained_without
from gyral.scores.problem import Problem
from gyral.scores.pvalue import Null, significance
from gyral.scores.repeats import Repeats
from gyral.scores.resampling import Scored, Statistic
from gyral.scores.subjects import between_subjects

Array = np.ndarray
DESIGNS = (
    in_groups(8, 20),
    in_groups(10, 20),
    in_groups(20, 20),
    in_groups(40, 10),
    in_groups(100, 5),
    in_groups(1000, 2),
    independent(100),
    independent(400),
    independent(1000),
    series(400),
    series(1000),
    series(4000),
    series(1000, 0.95),
)


def conditional(sims: int, only: str) -> Iterator[str]:
    """Fitted maps, new stimuli."""
    yield f"{'design':<28}{'units':>6} {'over':<7}{'covers':>11}{'median of truth':>16}{'plain bootstrap':>16}{'width':>7}"
    for design in DESIGNS:
        for units, over in ((1, "mean"), (30, "median"), (30, "mean"), (100, "median")):
            if only in design.name and (units, over) != (30, "mean"):
                yield _conditional(design, units, over, sims)


def _conditional(design: Design, units: int, over: str, sims: int) -> str:
    hits, width = conditional_hits(design, units, over, sims)
    shares = "".join(
        f"{percent(h):>{w}}" if len(h) else " " * w for h, w in zip(hits.values(), (11, 16, 16), strict=True)
    )
    return f"{design.name:<28}{units:>6} {over:<7}{shares}{width:7.2f}"


def conditional_hits(design: Design, units: int, over: str, sims: int) -> tuple[dict[str, Array], float]:
    """Which simulations cover the mean score, the median of the truth, and (plain bootstrap) the mean score."""
    rng = np.random.default_rng(1)
    truth = 0.9 * np.sort(np.random.default_rng(5).beta(2, 5, units))
    values, found, plain = [], [], []
    for seed in range(sims):
        p = design.units(rng, units)
        y = truth * p + np.sqrt(1 - truth**2) * design.units(rng, units)
        interval = design.redraws(y, p, seed, Statistic(over)).intervals()[0]
        values.append(interval.value)
        found.append((interval.low, interval.high))
        if design.rows * units <= 30_000:
            plain.append(around(interval.value, _plain(design.split, y, p, over)))
    middle = np.median(truth) if over == "median" else truth.mean()
    mean = np.mean(values)
    hits = {
        "mean": covers(found, mean),
        "middle": covers(found, middle),
        "plain": covers(plain, mean) if plain else np.empty(0),
    }
    return hits, float(np.mean(np.diff(found)) / (2 * 1.96 * np.std(values)))


def _plain(split: Split, y: Array, p: Array, over: str) -> Array:
    weights = resampling_weights(split, draws=200)
    r = np.mean([weighted_r(y[f.test], p[f.test], w) for f, w in zip(split.folds, weights, strict=True)], axis=0)
    return np.nanmedian(r, axis=1) if over == "median" else np.nanmean(r, axis=1)


def ceiled(sims: int, only: str) -> Iterator[str]:
    """Signed r2 over the noise ceiling of three repeats, redrawn with r or held as it was estimated."""
    yield f"{'design':<28}{'units':>6} {'covers':>11}{'ceiling held':>14}{'width':>7}"
    for design in (in_groups(20, 20), independent(300), independent(1000)):
        if only in design.name:
            hits, width = ceiled_hits(design, sims)
            shares = f"{percent(hits['redrawn']):>11}{percent(hits['held']):>14}"
            yield f"{design.name:<28}{30:>6} {shares}{width:7.2f}"


def ceiled_hits(design: Design, sims: int, units: int = 30) -> tuple[dict[str, Array], float]:
    """Which simulations cover the mean ceiled score, with the ceiling redrawn and with it held."""
    rng = np.random.default_rng(7)
    noise, share = np.random.default_rng(8).uniform([[0.8], [0.2]], [[2.0], [0.8]], (2, units))
    values, found, held = [], [], []
    for seed in range(sims):
        signal = design.units(rng, units)
        p = np.sqrt(share) * signal + np.sqrt(1 - share) * design.units(rng, units)
        repeats = signal[:, None] + noise * rng.standard_normal((design.rows, 3, units))
        statistic = Statistic(ceiling=from_repeats(repeats, design.split))
        for kept, given in ((found, repeats), (held, None)):
            own = design.redraws(repeats.mean(axis=1), p, seed, statistic, repeats=given).intervals()[0]
            kept.append((own.low, own.high))
        values.append(own.value)
    truth = np.mean(values)
    width = float(np.mean(np.diff(found)) / (2 * 1.96 * np.std(values)))
    return {"redrawn": covers(found, truth), "held": covers(held, truth)}, width


def ceilings(sims: int, only: str) -> Iterator[str]:
    """Noise ceilings for new stimuli and the same subjects: of 30 units' median, and of single units."""
    yield f"{'design':<28}{'estimator':<15}{'region covers':>14}{'units cover':>13}{'mean NC':>9}{'truth':>7}"
    for design in (independent(300), in_groups(40, 10), series(1000)):
        for kind in CEILINGS:
            if only in f"{design.name}, {kind}":
                hits, mean, truth = ceiling_hits(design, kind, sims)
                shares = f"{percent(hits['region']):>14}{percent_of_units(hits['units']):>13}"
                yield f"{design.name:<28}{kind:<15}{shares}{mean:9.3f}{truth:7.3f}"


def percent_of_units(hits: Array) -> str:
    """Share over simulations x units, with the standard error over simulations."""
    own = hits.mean(axis=1)
    return f"{100 * own.mean():5.1f} +-{100 * own.std() / np.sqrt(len(own)):.1f}"


CEILINGS = ("ncsnr", "split-half", "loso", "extrapolation", "consistency")


def ceiling_hits(design: Design, kind: str, sims: int, units: int = 30) -> tuple[dict[str, Array], float, float]:
    """Which simulations cover the mean estimate of a region and of single units; the mean over units, and the truth."""
    rng = np.random.default_rng(9)
    noise = np.random.default_rng(10).uniform(0.5, 2.0, units)
    folds, region = [f.test for f in design.split.folds], Region("all", np.arange(units))
    exchangeable = not design.phi and design.split.groups is None
    medians, bounds, found, lows, highs = [], [], [], [], []
    for seed in range(sims):
        measured, evidence = planted_ceiling(design, kind, rng, noise)
        own = evidence.reliability(folds, np.arange(evidence.units))
        nc = own.noise_ceiling[:units]
        ceiling = Ceiling(kind, nc, nc, nc, nc, np.ones((len(folds), units), bool), evidence, np.arange(units))
        problem = Problem(
            measured, design.split, (region,), np.full(units, "s1"), ceiling, exchangeable=exchangeable
        )
        (bound,) = region_bounds(problem, region.units, problem.members(region), seed=seed)
        medians.append(bound.value)
        bounds.append((bound.low, bound.high))
        found.append(nc)
        lows.append(own.low[:units])
        highs.append(own.high[:units])
    mean = np.mean(found, axis=0)
    hits = {"region": covers(bounds, np.mean(medians)), "units": (lows <= mean) & (mean <= highs)}
    return hits, float(mean.mean()), float(planted_truth(kind, noise).mean())


SUBJECTS, REPEATS = 8, 4


def planted_ceiling(design: Design, kind: str, rng: np.random.Generator, noise: Array) -> tuple[Array, Evidence]:
    """Responses of the first subject, and evidence with the given noise variance of single presentations."""
    signal = design.units(rng, len(noise))

    def noisy(variance: Array | float) -> Array:
        return signal + np.sqrt(variance) * rng.standard_normal(signal.shape)

    single = np.stack([noisy(noise) for _ in range(SUBJECTS if kind == "loso" else REPEATS)], axis=1)
    measured = single[:, 0] if kind == "loso" else single.mean(axis=1)
    if kind == "ncsnr":
        return measured, Repeats(single)
    if kind == "split-half":
        return measured, halves(single, 0)
    if kind == "loso":
        return measured, between_subjects([single[:, s] for s in range(SUBJECTS)])
    if kind == "extrapolation":
        sizes = np.repeat(np.arange(1, SUBJECTS), 4)
        return measured, extrapolated(measured, [noisy(2 / s) for s in sizes], sizes)
    # The prediction from all repeats has half the noise of one from half of them.
    first, second = noisy(2.0), noisy(2.0)
    return measured, consistent(measured, (first + second) / 2, [(first, second)])


def planted_truth(kind: str, noise: Array) -> Array:
    """What a model that knows the signal would reach, in r2."""
    return 1 / (1 + noise / (1 if kind == "loso" else REPEATS))


def procedure(sims: int, only: str) -> Iterator[str]:
    """Training redrawn: ridge on 20 features, refitted without each delete-group."""
    yield f"{'design':<28}{'units':>6} {'over':<7}{'covers':>11}{'t on jackknife':>16}{'conditional':>16}{'width':>7}"
    designs = [in_groups(*g) for g in ((8, 20), (10, 20), (20, 10), (40, 10), (100, 5), (1000, 2))]
    for design in (*designs, independent(200), independent(1000), series(1000)):
        for units, over in ((1, "mean"), (30, "median")):
            if only in design.name:
                yield _procedure(design, units, over, sims)


def _procedure(design: Design, units: int, over: str, sims: int) -> str:
    hits, width = procedure_hits(design, units, over, sims)
    shares = "".join(f"{percent(h):>{w}}" for h, w in zip(hits.values(), (11, 16, 16), strict=True))
    return f"{design.name:<28}{units:>6} {over:<7}{shares}{width:7.2f}"


def procedure_hits(
    design: Design, units: int, over: str, sims: int, features: int = 20
) -> tuple[dict[str, Array], float]:
    """Which simulations cover the mean score, by procedure, t on the plain jackknife, and conditional intervals."""
    rng = np.random.default_rng(2)
    weights = np.random.default_rng(6).standard_normal((features, units)) / np.sqrt(features)
    values, found, plain, narrow = [], [], [], []
    groups = delete_groups(design.split)
    statistic = Statistic(over)
    for seed in range(sims):
        x = design.noise(rng, features)
        y = 0.5 * x @ weights + design.units(rng, units)
        p = ridge_out_of_fold(x, y, design.split)
        stimuli = design.redraws(y, p, seed, statistic)
        fixed = Scored(block_sums(y, p, *groups), Statistic("mean")).left_out()
        refits = [ridge_out_of_fold(x, y, trained_without(design.split, rows)) for rows in groups[0]]
        sums = [block_sums(y, q, *groups) for q in refits]
        retrained = np.stack([Scored(s, Statistic("mean")).values for s in sums])
        both = np.array([Scored(s, statistic).left_out()[k, 0] for k, s in enumerate(sums)])
        interval = with_training(stimuli, fixed, retrained).intervals()[0]
        t = jackknife_interval(interval.value, both)
        short = stimuli.intervals()[0]
        values.append(interval.value)
        for kept, own in ((found, interval), (plain, t), (narrow, short)):
            kept.append((own.low, own.high))
    truth = np.mean(values)
    width = float(np.mean(np.diff(found)) / (2 * 1.96 * np.std(values)))
    return {k: covers(i, truth) for k, i in (("procedure", found), ("jackknife", plain), ("short", narrow))}, width


def ridge_out_of_fold(x: Array, y: Array, split: Split, penalty: float = 10.0) -> Array:
    """Predictions of every held-out row by ridge on the training rows; rows never held out stay 0."""
    out = np.zeros_like(y)
    for fold in split.folds:
        mx, my = x[fold.train].mean(0), y[fold.train].mean(0)
        a = x[fold.train] - mx
        w = np.linalg.solve(a.T @ a + penalty * np.eye(x.shape[1]), a.T @ (y[fold.train] - my))
        out[fold.test] = (x[fold.test] - mx) @ w + my
    return out


def subjects(sims: int, only: str) -> Iterator[str]:
    """New subjects and new stimuli."""
    yield f"{'design':<28}{'subjects':>9}{'covers':>13}{'subjects alone':>16}{'both drawn':>13}{'width':>7}"
    for design in (in_groups(8, 20), in_groups(20, 10), independent(200), series(1000)):
        for count in (5, 6, 8, 12, 20, 27):
            if only in f"{design.name}, {count} subjects":
                yield _subjects(design, count, sims)


def _subjects(design: Design, count: int, sims: int) -> str:
    hits, width = subjects_hits(design, count, sims)
    label = f"{design.name:<28}{count:>9}"
    if not hits:
        return f"{label}   each shown, none pooled"
    shares = "".join(f"{percent(h):>{w}}" for h, w in zip(hits.values(), (13, 16, 13), strict=True))
    return f"{label}{shares}{width:7.2f}"


def subjects_hits(design: Design, count: int, sims: int, units: int = 6) -> tuple[dict[str, Array], float]:
    """Which simulations cover the mean score: crossed, by subjects alone, with both factors drawn; {} if too few."""
    rng = np.random.default_rng(3)
    base = np.tile(0.6 * np.random.default_rng(7).beta(3, 3, units), (count, 1))
    parts = [np.arange(units) + units * s for s in range(count)]
    values, found, alone, naive, width = [], [], [], [], []
    for seed in range(sims):
        truth = np.clip(base * rng.uniform(0.7, 1.3, (count, 1)), 0, 0.95).ravel()
        p = np.repeat(design.units(rng, units)[:, None], count, axis=1).reshape(design.rows, -1)
        p = np.sqrt(0.7) * p + np.sqrt(0.3) * design.noise(rng, count * units)
        # What the model misses of a stimulus is partly the same in all subjects.
        missed = np.sqrt(0.3) * design.noise(rng, 1) + np.sqrt(0.7) * design.noise(rng, count * units)
        stimuli = design.redraws(truth * p + np.sqrt(1 - truth**2) * missed, p, seed, Statistic(), parts)
        values.append(stimuli.values.mean())
        pooled = over_subjects(stimuli)
        if isinstance(pooled, EachSubject):
            return {}, float("nan")
        found.append((pooled.low, pooled.high))
        width.append(pooled.high - pooled.low)
        single = over_subjects(stimuli, shared=False)
        alone.append((single.low, single.high))
        picks = rng.integers(count, size=(DRAWS, count))
        both = np.take_along_axis(stimuli.drawn, picks, axis=1).mean(axis=1)
        naive.append(tuple(np.quantile(both, [0.025, 0.975])))
    truth = np.mean(values)
    hits = {k: covers(i, truth) for k, i in (("crossed", found), ("subjects", alone), ("both", naive))}
    return hits, float(np.mean(width) / (2 * 1.96 * np.std(values)))


def pvalues(sims: int, only: str) -> Iterator[str]:
    """False positives at .05, one region of one unit; the parametric test beside."""
    nulls: tuple[Null, ...] = ("phase", "shift", "block", "permutation")
    yield f"{'runs':<12}{'AR(1)':>6}" + "".join(f"{n:>13}" for n in (*nulls, "parametric"))
    for count, length in ((1, 300), (5, 72), (5, 200), (1, 1000)):
        for phi in (0.0, 0.8, 0.95):
            if only in f"{count} x {length}, {phi}":
                yield _pvalues(count, length, phi, nulls, sims)


def _pvalues(count: int, length: int, phi: float, nulls: tuple[Null, ...], sims: int) -> str:
    hits = false_positives(count, length, phi, nulls, sims)
    return f"{count:>3} x {length:<6}{phi:>6}" + "".join(f"{percent(h):>13}" for h in hits.values())


def false_positives(
    count: int, length: int, phi: float, nulls: tuple[Null, ...], sims: int
) -> dict[str, list[bool]]:
    """Which simulations without signal are called significant at .05, by each null and by the parametric test."""
    rng = np.random.default_rng(6)
    design = Design("", contiguous(max(length, 2), 2), phi=phi)
    runs = np.split(np.arange(count * length), count)
    hits: dict[str, list[bool]] = {n: [] for n in (*nulls, "parametric")}
    for seed in range(sims):
        y, p = (np.concatenate([design.noise(rng, 1) for _ in runs]) for _ in range(2))
        for null in nulls:
            # Shuffling sample by sample is slow, and its failure shows in fewer simulations.
            if null in ("block", "permutation") and seed >= sims // 2:
                continue
            found = significance(y, p, runs, null, block=10 if null == "block" else 1, draws=199, seed=seed)
            hits[null].append(bool(found.p[0] <= 0.05))
        hits["parametric"].append(pearsonr(y[:, 0], p[:, 0], alternative="greater").pvalue <= 0.05)
    return hits


PARTS: dict[str, Callable[[int, str], Iterator[str]]] = {
    "conditional": conditional,
    "fitted": coverage_fitted.fitted,
    "identified": coverage_identified.identified,
    "left": coverage_left.left,
    "constant": coverage_constant.constant,
    "nothing": coverage_left.nothing,
    "ceiled": ceiled,
    "ceilings": ceilings,
    "procedure": procedure,
    "subjects": subjects,
    "ranks": coverage_ranks.ranks,
    "compared": coverage_ranks.compared,
    "pvalues": pvalues,
}


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=[*PARTS, "all"])
    parser.add_argument("--sims", type=int, default=400, help="simulations a line")
    parser.add_argument("--only", default="", help="lines whose label holds this text")
    asked = parser.parse_args()
    for name in PARTS if asked.part == "all" else (asked.part,):
        print(
            f"\n{name}: {(PARTS[name].__doc__ or '').strip()} {asked.sims} simulations, nominal 95 %", flush=True
        )
        for line in PARTS[name](asked.sims, asked.only):
            print(line, flush=True)


if __name__ == "__main__":
    main()
