"""Partial correlation of RDMs: against regression by hand, planted truth, and redraws."""

import numpy as np
import pytest

from gyral.rsa.comparator import PEARSON
from gyral.rsa.partial import mean_over_folds, partial_of_gram, partial_redraws
from gyral.rsa.rank import SPEARMAN
from gyral.rsa.rdm import rdm
from gyral.rsa.topology import GEOTOPOLOGICAL

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


def by_hand(a: np.ndarray, b: np.ndarray, held: np.ndarray) -> float:
    basis = np.column_stack([np.ones(len(a)), held.T])
    rest = [v - basis @ np.linalg.lstsq(basis, v, rcond=None)[0] for v in (a, b)]
    return float(np.corrcoef(*rest)[0, 1])


def test_it_is_the_correlation_of_what_regression_leaves() -> None:
    measured, model, held = world()
    held = np.concatenate([held, np.random.default_rng(1).standard_normal((2, PAIRS))])
    every = np.concatenate([measured, model[None], held])
    found = partial_of_gram(PEARSON.similarity(every, every), 3)
    assert found == pytest.approx([by_hand(s, model, held) for s in measured])
    # The same RDM twice is held constant once.
    twice = np.concatenate([every, held])
    assert partial_of_gram(PEARSON.similarity(twice, twice), 3) == pytest.approx(found)


@pytest.mark.parametrize("comparator", [PEARSON, SPEARMAN, GEOTOPOLOGICAL])
def test_a_model_of_nuisances_has_nothing_left_and_one_with_more_has(comparator) -> None:
    measured, model, held = world()
    left = partial_redraws(measured, [model], held, EVERY, comparator, draws=200)
    whole = left.with_mean().intervals()[0]
    assert 0 < whole.low < whole.value < whole.high < 1
    none = partial_redraws(measured, [held[0]], held, EVERY, comparator, draws=50)
    assert none.values == pytest.approx([0, 0, 0], abs=1e-3)
    measured, model, held = world(seed=2, own=0.0)
    spoiled = partial_redraws(measured, [model], held, EVERY, comparator, draws=200).with_mean().intervals()[0]
    assert spoiled.low < 0.05
    assert spoiled.value < comparator.similarity(measured, model[None]).mean()


def test_folds_weigh_by_their_pairs() -> None:
    measured, model, held = world()
    masks = [np.arange(PAIRS) < 300, np.arange(PAIRS) >= 300]
    found = partial_redraws(measured, [model, model], held, masks, PEARSON, draws=20).values
    each = [
        [by_hand(s[m], model[m], held[:, m]) for s in measured] for m in masks
    ]  # fmt: skip
    assert found == pytest.approx((300 * np.array(each[0]) + (PAIRS - 300) * np.array(each[1])) / PAIRS)


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
        left = partial_redraws(measured, [model], rdm(nuisance)[None], EVERY, PEARSON, draws=200, seed=seed)
        own = left.with_mean().intervals()[0]
        values.append(own.value)
        ends.append((own.low, own.high))
    low, high = np.transpose(ends)
    covered = ((low <= np.mean(values)) & (np.mean(values) <= high)).sum()
    # 57 are expected; 999 of a thousand intervals of 93 to 97 % stay at 49 or above.
    assert covered >= 49
