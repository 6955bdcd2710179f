"""Ranks: ties by max-t over all pairs, of maps fitted elsewhere, over new subjects, and of models fitted in folds."""

from collections.abc import Iterator

import numpy as np
from coverage_designs import Array, Design, in_groups, independent, percent, series
from coverage_fitted import FRESH, penalised, reached

from gyral.datasets.region import Region
from gyral.scores.difference import compare, compare_models
from gyral.scores.hierarchy import Crossed, crossed, normal_redraws
from gyral.scores.pairs import twice
from gyral.scores.problem import Problem
from gyral.scores.rank import rank_intervals
from gyral.scores.region import region_blocks, score_blocks, score_region
from gyral.scores.resampling import Statistic, unit_scores


def ranks(sims: int, only: str) -> Iterator[str]:
    """Rank intervals of tied models; one more is truly better."""
    yield f"{'design':<28}{'models':<22}{'tie set covered':>16}{'percentile ranks':>18}{'better one told':>17}"
    for design in (in_groups(10, 20), in_groups(40, 10), independent(400), series(1000)):
        for tied in (5, 10):
            if only in f"{design.name}, {tied} tied":
                yield _ranks(design, tied, sims)
    for count in (6, 12, 27):
        if only in f"{count} subjects, 5 tied":
            yield _crossed_ranks(independent(200), 5, count, sims)


def _ranks(design: Design, tied: int, sims: int) -> str:
    held, naive, told = rank_hits(design, tied, sims)
    label = f"{design.name:<28}{tied} tied, 1 better{'':<6}"
    return f"{label}{percent(held):>16}{percent(naive):>18}{100 * np.mean(told):>16.0f}%"


def rank_hits(design: Design, tied: int, sims: int, units: int = 3) -> tuple[list[bool], list[bool], list[float]]:
    """Whether the tie set is covered, by max-t and by percentiles of ranks; how many ties the better one beats."""
    rng = np.random.default_rng(4)
    held, naive, told = [], [], []
    for seed in range(sims):
        y, models = tied_models(design, rng, tied, units)
        found = [design.redraws(y, p, seed, Statistic()) for p in models]
        drawn = np.concatenate([f.drawn for f in found], axis=1)
        comparison = compare_models(found)
        held.append(tie_set_covered(rank_intervals(comparison), tied))
        order = np.argsort(np.argsort(-drawn, axis=1), axis=1) + 1
        low, high = np.quantile(order, [0.025, 0.975], axis=0)
        naive.append((low[:tied] <= 2).all() and (high[:tied] >= tied + 1).all())
        told.append(comparison.better[tied, :tied].mean())
    return held, naive, told


def tied_models(design: Design, rng: np.random.Generator, tied: int, units: int) -> tuple[Array, list[Array]]:
    """Responses, and predictions of ``tied`` equally good models and a better one (r of about .5 and .6)."""
    truth = design.units(rng, units)
    y = np.sqrt(0.5) * truth + np.sqrt(0.5) * design.units(rng, units)
    shares = [0.5] * tied + [0.75]
    return y, [np.sqrt(s) * truth + np.sqrt(1 - s) * design.units(rng, units) for s in shares]


def tie_set_covered(intervals: list[tuple[int, int] | None], tied: int) -> bool:
    """Whether every tied model's interval holds all ranks of the tie set, which come after the better one."""
    return all(i is not None and i[0] <= 2 and i[1] >= tied + 1 for i in intervals[:tied])


def _crossed_ranks(design: Design, tied: int, count: int, sims: int) -> str:
    rng = np.random.default_rng(5)
    parts = [np.array([s]) for s in range(count)]
    held, told = [], []
    for seed in range(sims):
        y, models = tied_models(design, rng, tied, count)
        y = y * rng.uniform(0.5, 1.5, count) + design.noise(rng, count)
        found: Crossed = crossed([design.redraws(y, p, seed, Statistic(), parts) for p in models])
        drawn = normal_redraws(found, draws=2000, seed=seed)
        comparison = compare(found.values, drawn, df=found.df)
        held.append(tie_set_covered(rank_intervals(comparison), tied))
        told.append(comparison.better[tied, :tied].mean())
    name = f"{count} subjects x {design.rows}"
    return f"{name:<28}{tied} tied, 1 better{'':<6}{percent(held):>16}{'':>18}{100 * np.mean(told):>16.0f}%"


def compared(sims: int, only: str) -> Iterator[str]:
    """Six ridges fitted in folds, five of which see the signal equally well: what is told of them, against their own maps."""
    yield (
        f"{'design':<28}{'signal':>7}{'tie set covered':>17}{'as redrawn':>13}{'told wrongly':>14}"
        f"{'all differences':>17}{'one difference':>16}{'better one told':>17}"
    )
    for design in (independent(200), independent(1000), in_groups(20, 10), series(400)):
        for signal in (0.0, 0.1, 0.5):
            if only in f"{design.name}, {signal}":
                yield _compared(design, signal, sims)


def _compared(design: Design, signal: float, sims: int) -> str:
    found = compared_hits(design, signal, sims)
    shares = [f"{percent(found[k]):>{w}}" for k, w in (("tied", 17), ("redrawn", 13), ("wrong", 14), ("all", 17))]
    single, told = np.mean(found["one"]), np.mean(found["told"])
    return f"{design.name:<28}{signal:>7}{''.join(shares)}{100 * single:>16.1f}{100 * told:>16.0f}%"


def compared_hits(
    design: Design, signal: float, sims: int, tied: int = 5, features: int = 20
) -> dict[str, list[float]]:
    """Of each simulation: whether the tie set is covered (widened, as redrawn), and what is told against the truth.

    ``wrong``: a pair is told apart the wrong way round; ``all``: each of the 15 simultaneous intervals holds the difference of
    those maps on unseen stimuli; ``one``: share of them that a single pair's interval would hold; ``told``: share of
    ties that the better model is told from.
    """
    rng = np.random.default_rng(12)
    out: dict[str, list[float]] = {k: [] for k in ("tied", "redrawn", "wrong", "all", "one", "told")}
    region = Region("all", np.arange(1))
    exchangeable = not design.phi and design.split.groups is None
    blur = np.array([2.0] * tied + [0.5])  # variance of what models add of their own to the columns that matter
    for seed in range(sims):
        weights = np.sqrt(signal / features) * rng.standard_normal((features, 1))

        def stimuli(weights: Array = weights) -> tuple[Array, Array]:
            columns = design.noise(rng, features)
            seen = [columns + np.sqrt(b) * design.noise(rng, features) for b in blur]
            return np.stack(seen), columns @ weights + design.noise(rng, 1)

        seen, y = stimuli()
        problem = Problem(y, design.split, (region,), np.full(1, "s1"), None, exchangeable=exchangeable)
        models, plain, maps = [], [], []
        for x in seen:
            own, p, gains = penalised(design, x, y, float(features))
            maps.append(own)
            blocks = region_blocks(problem, region, [p], *score_blocks(problem))
            r = unit_scores(blocks, np.ones((1, len(blocks))), strict=True)[0]
            shares = twice(problem, region, [p], [gains], r)
            models.append(score_region(problem, region, blocks, twice=shares, seed=seed).found)
            plain.append(models[-1].as_drawn())
        truth = np.zeros(len(blur))
        for _ in range(FRESH):
            other, z = stimuli()
            truth += [reached(design, own, x, z) / FRESH for own, x in zip(maps, other, strict=True)]
        comparison = compare_models(models)
        out["tied"].append(_no_tie_broken(comparison.better, tied))
        out["redrawn"].append(_no_tie_broken(compare_models(plain).better, tied))
        apart = truth[:, None] - truth[None, :]
        pairs = np.triu_indices(len(blur), 1)
        out["wrong"].append(bool((comparison.better & (apart < 0)).any()))
        out["all"].append(bool(((comparison.low <= apart) & (apart <= comparison.high))[pairs].all()))
        alone = [compare_models([models[i], models[j]]) for i, j in zip(*pairs, strict=True)]
        held = [c.low[0, 1] <= apart[i, j] <= c.high[0, 1] for c, i, j in zip(alone, *pairs, strict=True)]
        out["one"].append(float(np.mean(held)))
        out["told"].append(float(comparison.better[tied, :tied].mean()))
    return out


def _no_tie_broken(better: Array, tied: int) -> bool:
    return not better[:tied, :tied].any()
