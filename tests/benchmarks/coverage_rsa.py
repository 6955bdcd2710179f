"""Do the intervals of RSA scores cover the score that new stimuli, and new subjects, give on average? By simulation.

    python tests/benchmarks/coverage_rsa.py stimuli              a few subjects, who stay; new stimuli
    python tests/benchmarks/coverage_rsa.py subjects             new subjects and new stimuli
    python tests/benchmarks/coverage_rsa.py bounds               what subjects say that any model can reach
    python tests/benchmarks/coverage_rsa.py partial              what is left with RDMs of nuisances held constant
    python tests/benchmarks/coverage_rsa.py differences          two models that are equally good
    python tests/benchmarks/coverage_rsa.py all --sims 1000

Stimuli have ten latent dimensions, subjects mix them into forty units each in their own way and add noise, the model
has the same dimensions, half of them weaker. Each line gives the coverage of the 95 % interval with its Monte Carlo
standard error, and beside it that of the plain bootstrap over stimuli (times n / (n - 1)), of the jackknife, and of the
crossed variance made of a plain bootstrap.
"""

import argparse
from collections.abc import Iterator

import numpy as np
from scipy.special import stdtrit

from gyral.controls.rdms import rdms_of
from gyral.features.features import Features
from gyral.left import nothing_left
from gyral.rsa.bootstrap import draw_counts
from gyral.rsa.bounds import bound_intervals
from gyral.rsa.comparator import COMPARATORS
from gyral.rsa.inference import compare_redraws, pair_redraws, pooled_interval
from gyral.rsa.partial import partial_redraws
from gyral.rsa.rdm import rdm
from gyral.scores.conditional import Redraws
from gyral.scores.hierarchy import crossed

LATENT, UNITS, DRAWS = 10, 40, 400
# Comparator, stimuli, noise of a unit, signal.
DESIGNS = (
    ("pearson", 30, 1.0, 1.0),
    ("pearson", 30, 4.0, 1.0),
    ("pearson", 92, 1.0, 1.0),
    ("pearson", 92, 4.0, 1.0),
    ("cosine", 30, 1.0, 1.0),
    ("whitened-cosine", 30, 1.0, 1.0),
    ("spearman", 30, 1.0, 1.0),
    ("spearman", 30, 1.0, 0.0),
    ("spearman", 92, 2.0, 1.0),
    ("trsa-20-80", 30, 1.0, 1.0),
    ("trsa-0-30", 30, 1.0, 1.0),
)
BOUNDED = (
    ("pearson", 30, 1.0, 1.0),
    ("pearson", 30, 4.0, 1.0),
    ("pearson", 92, 1.0, 1.0),
    ("spearman", 30, 1.0, 1.0),
    ("spearman", 92, 2.0, 1.0),
    ("trsa-20-80", 30, 1.0, 1.0),
)
# Comparator, stimuli, noise of a unit, what the model alone has.
PARTIAL = (
    ("pearson", 30, 2.0, 0.0),
    ("pearson", 30, 2.0, 0.7),
    ("pearson", 92, 2.0, 0.0),
    ("pearson", 92, 2.0, 0.7),
    ("pearson", 92, 6.0, 0.7),
    ("spearman", 30, 2.0, 0.0),
    ("spearman", 30, 2.0, 0.7),
    ("trsa-20-80", 30, 2.0, 0.7),
)


class World:
    """Stimuli, subjects and two equally good models."""

    def __init__(self, noise: float, signal: float, *, spread: float = 0.7) -> None:
        self.noise, self.signal, self.spread = noise, signal, spread
        base = np.random.default_rng(7)
        self.common = base.standard_normal((LATENT, UNITS)) / np.sqrt(LATENT)
        self.readers = [base.standard_normal((LATENT, 50)) for _ in range(2)]
        self.readers[0][LATENT // 2 :] *= 0.3
        self.readers[1][: LATENT // 2] *= 0.3

    def subjects(self, rng: np.random.Generator, count: int) -> list[np.ndarray]:
        scale = self.spread / np.sqrt(LATENT)
        return [self.common + scale * rng.standard_normal((LATENT, UNITS)) for _ in range(count)]

    def rdms(
        self, rng: np.random.Generator, mixes: list[np.ndarray], samples: int
    ) -> tuple[np.ndarray, np.ndarray]:
        x = rng.standard_normal((samples, LATENT))
        noise = [self.noise * rng.standard_normal((samples, UNITS)) for _ in mixes]
        measured = [rdm(self.signal * x @ a + e) for a, e in zip(mixes, noise, strict=True)]
        return np.stack(measured), np.stack([rdm(x @ b) for b in self.readers])


def percent(hits) -> str:
    hits = np.asarray(hits, float)
    share = hits.mean()
    return f"{100 * share:5.1f} +-{100 * np.sqrt(max(share * (1 - share), 0.25 / len(hits)) / len(hits)):.1f}"


def raw(comparator, measured, predicted, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    samples = round((2 * measured.shape[1]) ** 0.5 + 0.5)
    return (
        comparator.similarity(measured, predicted),
        comparator.redrawn(measured, predicted, draw_counts(samples, DRAWS, seed)),
        comparator.redrawn(measured, predicted, 1 - np.eye(samples)),
    )


def plain(values, drawn, samples: int) -> Redraws:
    """The bootstrap as it is, but for n / (n - 1)."""
    centred = (drawn - drawn.mean(axis=0)) * np.sqrt(samples / (samples - 1))
    return Redraws(values, values + centred, samples)


def stimuli(sims: int) -> Iterator[str]:
    """Four subjects who stay the same."""
    yield f"{'comparator':<17}{'n':>3}{'noise':>6}{'signal':>7}{'score':>7}{'covers':>12}{'bootstrap':>12}{'jackknife':>12}{'width':>7}"
    for name, samples, noise, signal in DESIGNS:
        world, rng = World(noise, signal), np.random.default_rng(1)
        mixes, comparator = world.subjects(rng, 4), COMPARATORS.load(name)
        ours, theirs, knife, values = [], [], [], []
        for seed in range(sims):
            measured, models = world.rdms(rng, mixes, samples)
            value, drawn, left_out = raw(comparator, measured, models[:1], seed)
            (found,) = pair_redraws(value, drawn, left_out, seed=seed)
            interval = pooled_interval(found)
            values.append(interval.value)
            ours.append((interval.low, interval.high))
            reach = stdtrit(samples - 1, 0.975)
            for kept, spread in (
                (theirs, drawn.mean(axis=1)[:, 0].std() * np.sqrt(samples / (samples - 1))),
                (knife, left_out.mean(axis=1)[:, 0].std() * np.sqrt(samples - 1)),
            ):
                kept.append((interval.value - reach * spread, interval.value + reach * spread))
        yield line((name, samples, noise, signal), values, ours, theirs, knife)


def subjects(sims: int) -> Iterator[str]:
    """New subjects and new stimuli."""
    yield f"{'comparator':<17}{'n':>3}{'noise':>6}{'signal':>7}{'score':>7}{'covers':>12}{'plain':>12}{'naive':>12}{'width':>7}   subjects"
    for count in (6, 12, 24):
        for name, samples, noise, signal in DESIGNS[:4] if count != 12 else DESIGNS:
            world, rng = World(noise, signal), np.random.default_rng(2)
            comparator = COMPARATORS.load(name)
            ours, theirs, naive, values = [], [], [], []
            for seed in range(sims):
                measured, models = world.rdms(rng, world.subjects(rng, count), samples)
                value, drawn, left_out = raw(comparator, measured, models[:1], seed)
                (found,) = pair_redraws(value, drawn, left_out, seed=seed)
                interval = pooled_interval(found)
                values.append(interval.value)
                ours.append((interval.low, interval.high))
                other = crossed([plain(value[:, 0], drawn[:, :, 0], samples)])
                picks = rng.multinomial(count, np.full(count, 1 / count), size=DRAWS) / count
                both = (picks * drawn[:, :, 0]).sum(axis=1)
                for kept, spread, df in (
                    (theirs, np.sqrt(other.covariance[0, 0]), other.df),
                    (naive, both.std(), min(count, samples) - 1),
                ):
                    reach = stdtrit(df, 0.975) * spread
                    kept.append((interval.value - reach, interval.value + reach))
            yield line((name, samples, noise, signal), values, ours, theirs, naive) + f"   {count}"


def line(design, values, *intervals) -> str:
    name, samples, noise, signal = design
    truth = np.mean(values)
    shares = [percent([low <= truth <= high for low, high in kept]) for kept in intervals]
    width = np.mean([high - low for low, high in intervals[0]]) / (2 * stdtrit(1e9, 0.975) * np.std(values))
    return (
        f"{name:<17}{samples:>3}{noise:>6g}{signal:>7g}{truth:>7.3f}"
        + "".join(f"{s:>12}" for s in shares)
        + f"{width:7.2f}"
    )


def differences(sims: int) -> Iterator[str]:
    """How often two models that are equally good on average are told apart (five percent is right)."""
    yield f"{'comparator':<17}{'n':>3}{'noise':>6}{'subjects':>9}{'told apart':>12}"
    for name, samples, noise, _ in DESIGNS[:4] + DESIGNS[6:7]:
        for count in (4, 12):
            world, rng = World(noise, 1.0, spread=0.7), np.random.default_rng(3)
            fixed, comparator = world.subjects(rng, count), COMPARATORS.load(name)
            gaps, found = [], []
            for seed in range(sims):
                mixes = fixed if count < 6 else world.subjects(rng, count)
                measured, models = world.rdms(rng, mixes, samples)
                redraws = pair_redraws(*raw(comparator, measured, models, seed), seed=seed)
                comparison = compare_redraws(redraws)
                gaps.append(comparison.difference[0, 1])
                found.append((comparison.low[0, 1], comparison.high[0, 1]))
            # The two are not exactly equal: what is counted is whether the interval misses their mean difference.
            missed = [not low <= np.mean(gaps) <= high for low, high in found]
            yield f"{name:<17}{samples:>3}{noise:>6g}{count:>9}{percent(missed):>12}"


def bounds(sims: int) -> Iterator[str]:
    """Lower and upper bound; up to five subjects stay, more are drawn anew."""
    yield f"{'comparator':<17}{'n':>3}{'noise':>6}{'subjects':>9}{'lower':>7}{'covers':>12}{'width':>7}{'upper':>7}{'covers':>12}{'width':>7}"
    for count in (4, 6, 12):
        for name, samples, noise, signal in BOUNDED:
            world, rng = World(noise, signal), np.random.default_rng(4)
            fixed, comparator = world.subjects(rng, count), COMPARATORS.load(name)
            found: list[list[tuple[float, float, float]]] = [[], []]
            for seed in range(sims):
                mixes = fixed if count < 6 else world.subjects(rng, count)
                measured, _ = world.rdms(rng, mixes, samples)
                for kept, own in zip(found, bound_intervals(measured, comparator, seed=seed), strict=True):
                    kept.append((own.value, own.low, own.high))
            text = f"{name:<17}{samples:>3}{noise:>6g}{count:>9}"
            for kept in found:
                value, low, high = np.transpose(kept)
                truth = value.mean()
                width = np.mean(high - low) / (2 * stdtrit(1e9, 0.975) * np.std(value))
                text += f"{truth:7.3f}{percent((low <= truth) & (truth <= high)):>12}{width:7.2f}"
            yield text


def partial(sims: int) -> Iterator[str]:
    """Nuisances held constant; up to five subjects stay, more are drawn anew; and how many of models that have nothing are said to leave something."""
    yield f"{'comparator':<17}{'n':>3}{'noise':>6}{'own':>5}{'subjects':>9}{'left':>7}{'covers':>12}{'width':>7}{'above 0':>12}{'said':>12}"
    for count in (4, 12):
        for name, samples, noise, own in PARTIAL:
            comparator, rng = COMPARATORS.load(name), np.random.default_rng(5)
            fixed = rng.standard_normal((count, 2, 8, UNITS))
            every, found = [np.ones(samples * (samples - 1) // 2, bool)], []
            for seed in range(sims):
                mixes = fixed if count < 6 else rng.standard_normal(fixed.shape)
                nuisance, mine = rng.standard_normal((2, samples, 8))
                shown = [
                    nuisance @ a + own * mine @ b + noise * rng.standard_normal((samples, UNITS)) for a, b in mixes
                ]
                measured, model = np.stack([rdm(x) for x in shown]), rdm(np.hstack([nuisance, mine]))
                held = rdms_of(Features("nuisance", nuisance.astype(np.float32)))
                drawn = partial_redraws(
                    {"all": measured}, model[None], {"all": [0]}, held, every, comparator, seed=seed
                )
                left = pooled_interval(drawn["all"])
                found.append((left.value, left.low, left.high))
            value, low, high = np.transpose(found)
            truth = value.mean()
            width = np.mean(high - low) / (2 * stdtrit(1e9, 0.975) * np.std(value))
            text = f"{name:<17}{samples:>3}{noise:>6g}{own:>5g}{count:>9}{truth:7.3f}"
            text += f"{percent((low <= truth) & (truth <= high)):>12}{width:7.2f}"
            if not own:
                said = [not nothing_left(None, None, v, at) for v, at, _ in found]
                text += f"{percent(low > 0):>12}{percent(said):>12}"
            yield text


SECTIONS = {
    "stimuli": stimuli,
    "subjects": subjects,
    "bounds": bounds,
    "partial": partial,
    "differences": differences,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("section", choices=[*SECTIONS, "all"])
    parser.add_argument("--sims", type=int, default=400)
    asked = parser.parse_args()
    for name in SECTIONS if asked.section == "all" else [asked.section]:
        print(f"\n{name}: {SECTIONS[name].__doc__}")
        for text in SECTIONS[name](asked.sims):
            print(text, flush=True)


if __name__ == "__main__":
    main()
