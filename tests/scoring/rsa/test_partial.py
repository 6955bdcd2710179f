"""Partial correlation of RDMs: against regression by hand, planted truth, and redraws."""

import numpy as np
import pytest

from gyral.rsa.bootstrap import draw_counts
from gyral.rsa.comparator import PEARSON, PairSums, Product
from gyral.rsa.inference import pair_redraws
from gyral.rsa.partial import mean_over_folds, partial_of_gram, partial_redraws
from gyral.rsa.rank import SPEARMAN
from gyral.rsa.rdm import rdm
from gyral.rsa.topology import GEOTOPOLOGICAL
from gyral.scores.conditional import Redraws

SAMPLES = 30
PAIRS = SAMPLES * (SAMPLES - 1) // 2
EVERY = [np.ones(PAIRS, bool)]


def world(seed: int = 0, subjects: int = 3, own: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Subjects' RDMs made of nuisances and (``own``) of what the model alone has; the model's, and the nuisances'."""
    rng = np.random.default_rng(seed)
    nuisance, mine = rng.standard_normal((2, SAMPLES, 8))
    measured = []
    for _ in range(subjects):
        signal = nuisance @ rng.standard_normal((8, 40)) + own * mine @ rng.standard_normal((8, 40))
        measured.append(rdm(signal + 2 * rng.standard_normal((SAMPLES, 40))))
    return np.stack(measured), rdm(np.hstack([nuisance, mine])), rdm(nuisance)[None]


def partly(
    measured: np.ndarray, model: np.ndarray, held: np.ndarray, comparator: Product, **options: int
) -> Redraws:
    """Of one region, one layer and one fold of all pairs."""
    return partial_redraws({"all": measured}, model[None], {"all": [0]}, held, EVERY, comparator, **options)["all"]


def by_hand(a: np.ndarray, b: np.ndarray, held: np.ndarray) -> float:
    basis = np.column_stack([np.ones(len(a)), held.T])
    rest = [v - basis @ np.linalg.lstsq(basis, v, rcond=None)[0] for v in (a, b)]
    return float(np.corrcoef(*rest)[0, 1])


def test_it_is_the_correlation_of_what_regression_leaves() -> None:
    measured, model, held = world()
    held = np.concatenate([held, np.random.default_rng(1).standard_normal((2, PAIRS))])
    models = np.stack([model, model**2])

    def found(held: np.ndarray) -> np.ndarray:
        gram = PEARSON.similarity(*[np.concatenate([measured, models, held])] * 2)
        return partial_of_gram(gram[:, 3:], np.diag(gram), len(held))

    expected = np.array([[by_hand(s, m, held) for m in models] for s in measured])
    assert found(held) == pytest.approx(expected)
    # The same RDM twice is held constant once.
    assert found(np.concatenate([held, held])) == pytest.approx(expected)


@pytest.mark.parametrize("comparator", [PEARSON, SPEARMAN, GEOTOPOLOGICAL])
def test_regions_together_are_what_each_draw_of_each_gives(comparator) -> None:
    """By the residuals of each region's own redrawn inner products, one subject, layer and fold after the other."""
    measured, model, held = world()
    measured, model = np.round(measured, 1), np.round(model, 1)  # ties
    held = np.concatenate([held, np.random.default_rng(1).standard_normal((2, PAIRS))])
    layers = np.stack([model, held[0] + 0.3 * model])
    regions, picks = {"a": measured[:2], "b": measured[2:]}, {"a": [0, 1], "b": [1, 1]}
    masks = [np.arange(PAIRS) < 200, np.arange(PAIRS) >= 200]
    found = partial_redraws(regions, layers, picks, held, masks, comparator, draws=6, seed=4)
    counts = np.concatenate([draw_counts(SAMPLES, 6, 4), 1 - np.eye(SAMPLES)])
    for name, subjects in regions.items():
        folds = []
        for pick, mask in zip(picks[name], masks, strict=True):
            every = np.concatenate([layers[[pick]], held])
            drawn = np.empty((len(counts), len(subjects)))
            for k, subject in enumerate(subjects):
                own = np.concatenate([subject[None], every])
                for d, gram in enumerate(comparator.redrawn(own, own, counts, mask)):
                    rest = gram[:2, :2] - gram[:2, 2:] @ np.linalg.solve(gram[2:, 2:], gram[2:, :2])
                    drawn[d, k] = rest[0, 1] / np.sqrt(rest[0, 0] * rest[1, 1])
            folds.append((PairSums(counts, PAIRS, mask).total, drawn))
        drawn = mean_over_folds(folds)[:, :, None]
        values = found[name].values[:, None]
        (expected,) = pair_redraws(values, drawn[:-SAMPLES], drawn[-SAMPLES:], seed=4)
        np.testing.assert_allclose(found[name].drawn, expected.drawn, atol=1e-9)


@pytest.mark.parametrize("comparator", [PEARSON, SPEARMAN, GEOTOPOLOGICAL])
def test_a_model_of_nuisances_has_nothing_left_and_one_with_more_has(comparator) -> None:
    measured, model, held = world()
    left = partly(measured, model, held, comparator, draws=200)
    whole = left.with_mean().intervals()[0]
    assert 0 < whole.low < whole.value < whole.high < 1
    none = partly(measured, held[0], held, comparator, draws=50)
    assert none.values == pytest.approx([0, 0, 0], abs=1e-3)
    measured, model, held = world(seed=2, own=0.0)
    spoiled = partly(measured, model, held, comparator, draws=200).with_mean().intervals()[0]
    assert spoiled.low < 0.05
    assert spoiled.value < comparator.similarity(measured, model[None]).mean()


def test_folds_weigh_by_their_pairs() -> None:
    measured, model, held = world()
    masks = [np.arange(PAIRS) < 300, np.arange(PAIRS) >= 300]
    found = partial_redraws({"all": measured}, model[None], {"all": [0, 0]}, held, masks, PEARSON, draws=20)["all"]
    each = [
        [by_hand(s[m], model[m], held[:, m]) for s in measured] for m in masks
    ]  # fmt: skip
    assert found.values == pytest.approx((300 * np.array(each[0]) + (PAIRS - 300) * np.array(each[1])) / PAIRS)


def test_a_draw_without_pairs_in_a_fold_is_scored_on_the_others() -> None:
    pairs = [np.array([[2.0], [0.0]]), np.array([[2.0], [3.0]])]
    values = [np.array([[0.5], [np.nan]]), np.array([[0.1], [0.2]])]
    assert mean_over_folds(zip(pairs, values, strict=True)) == pytest.approx(np.array([[0.3], [0.2]]))


def test_intervals_cover_what_new_stimuli_give_on_average() -> None:
    values, ends = [], []
    for seed in range(60):
        rng = np.random.default_rng([seed, 7])
        nuisance, mine = rng.standard_normal((2, SAMPLES, 8))
        mixes = np.random.default_rng(0).standard_normal((3, 2, 8, 40))
        measured = np.stack(
            [rdm(nuisance @ a + 0.7 * mine @ b + 2 * rng.standard_normal((SAMPLES, 40))) for a, b in mixes]
        )
        model = rdm(np.hstack([nuisance, mine]))
        left = partly(measured, model, rdm(nuisance)[None], PEARSON, draws=200, seed=seed)
        own = left.with_mean().intervals()[0]
        values.append(own.value)
        ends.append((own.low, own.high))
    low, high = np.transpose(ends)
    covered = ((low <= np.mean(values)) & (np.mean(values) <= high)).sum()
    # 57 are expected; 999 of a thousand intervals of 93 to 97 % stay at 49 or above.
    assert covered >= 49
