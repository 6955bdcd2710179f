"""Odd-one-out accuracy: planted choices, ties, intervals under shared people and triplets, and the real judgements."""

import os
from pathlib import Path

import numpy as np
import pytest

from gyral.benchmarks.benchmark import measured_by
from gyral.benchmarks.catalogue import find_benchmark
from gyral.datasets.catalogue import open_dataset
from gyral.datasets.split import contiguous
from gyral.datasets.triplets import Triplets
from gyral.errors import BadDataset, UserError
from gyral.evaluate import evaluate
from gyral.features.features import Features
from gyral.triplets import choice_bounds, correlation, cosine, dot, hits, layer_hits, score_triplets


def judged(rng, space, *, different=300, people=20, noise=0.0, each=5):
    """Triplets of random stimuli, judged by people who follow the dot products of a space but for noise."""
    items = np.stack([rng.choice(len(space), 3, replace=False) for _ in range(different)])
    items = np.repeat(items, each, axis=0)
    alike = dot(space)
    i, j, k = items.T
    pairs = np.stack([alike[j, k], alike[i, k], alike[i, j]], axis=1)
    odd = (pairs + noise * rng.standard_normal(pairs.shape)).argmax(axis=1)
    who = np.concatenate([rng.choice(people, each, replace=False) for _ in range(different)])
    return Triplets(items, odd, who)


def scored(layers, triplets, stimuli, alike=dot, *, seed=0, draws=1):
    features = {k: Features(k, v) for k, v in layers.items()}
    names, found = layer_hits(features, triplets, alike)
    return score_triplets(
        names,
        [found] * draws,
        triplets,
        contiguous(stimuli, 5),
        lambda k: alike(features[names[k]].flat()),
        region="r",
        metric="triplet-dot",
        stimuli=stimuli,
        seed=seed,
    )


def test_the_layer_people_follow_is_chosen_and_another_is_at_chance():
    rng = np.random.default_rng(0)
    space, other = (rng.standard_normal((60, 5)).astype(np.float32) for _ in range(2))
    triplets = judged(rng, space, noise=1.0)
    found = scored({"other": other, "true": space}, triplets, 60)
    chosen, *single = found.rows
    assert chosen.layers_chosen == {"true": 5}
    assert chosen.chance == pytest.approx(1 / 3)
    assert chosen.value > 0.6
    assert chosen.value == pytest.approx(hits(dot(space), triplets).mean(), abs=0.02)
    assert chosen.low > 0.5
    assert chosen.p == pytest.approx(1 / 1001)
    assert single[0].low < 1 / 3 < single[0].high
    assert found.redraws.std() == pytest.approx(chosen.se, rel=1e-3)
    assert found.people["r"].mean() == pytest.approx(chosen.value, abs=0.02)
    only = scored({"other": other}, triplets, 60).rows[0]
    assert only.p > 0.02
    assert scored({"true": space}, triplets, 60, draws=2).rows[0].spread == 0


def test_noiseless_choices_are_named_all_and_copies_tie():
    rng = np.random.default_rng(1)
    space = rng.standard_normal((30, 4)).astype(np.float32)
    triplets = judged(rng, space)
    assert (hits(dot(space), triplets) == 1).all()
    assert hits(dot(np.ones((30, 4))), triplets) == pytest.approx(1 / 3)
    assert hits(correlation(3 * space + 2), triplets).mean() == pytest.approx(
        hits(correlation(space), triplets).mean()
    )
    assert hits(cosine(7 * space), triplets).mean() == pytest.approx(hits(cosine(space), triplets).mean())


def test_standard_errors_are_those_of_new_stimuli_triplets_and_people():
    """Over simulated experiments, where some stimuli are hard, and triplets are judged several times by few people."""
    values, errors = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        truth = rng.standard_normal((80, 3)).astype(np.float32)
        model = (truth + 1.5 * rng.random((80, 1)) * rng.standard_normal(truth.shape)).astype(np.float32)
        row = scored({"m": model}, judged(rng, truth, different=150, noise=1.0), 80, draws=2).rows[1]
        values.append(row.value)
        errors.append(row.se)
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.3)


def test_bounds_hold_the_true_model_between_them():
    rng = np.random.default_rng(2)
    space = rng.standard_normal((60, 5)).astype(np.float32)
    triplets = judged(rng, space, noise=1.5, each=15)
    low, high = choice_bounds(triplets)
    assert low < hits(dot(space), triplets).mean() < high


@pytest.mark.parametrize(
    ("table", "word"),
    [
        (np.array([[0, 1, 1, 0, 0]]), "names a stimulus twice"),
        (np.array([[0, 1, 2, 3, 0]]), "not 0, 1 or 2"),
        (np.array([[0, 1, 9, 0, 0]]), "items from 0 to 9 of 5"),
        (np.array([[0.0, 1.0, 2.0, 0.0, 0.0]]), "integers"),
        (np.zeros((0, 5), int), "none"),
    ],
)
def test_a_wrong_table_is_refused(table, word):
    with pytest.raises(BadDataset, match=word) as caught:
        Triplets.from_table(table, 5)
    assert caught.value.code == "triplets"


def test_a_fold_that_leaves_nothing_to_choose_by_is_refused():
    rng = np.random.default_rng(0)
    triplets = Triplets(np.array([[0, 1, 2]] * 4), np.array([0, 1, 2, 0]), np.arange(4))
    with pytest.raises(BadDataset, match="fold 1") as caught:
        scored({"l": rng.standard_normal((10, 2))}, triplets, 10)
    assert caught.value.code == "too-few-samples"


@pytest.mark.data
def test_real_choices_are_named_by_word_vectors_and_by_the_embedding_as_published(data_folder_of_things):
    dataset = open_dataset("things2020")
    assert (len(dataset.stimuli), len(dataset.triplets), len(np.unique(dataset.triplets.participants))) == (
        1854,
        20000,
        325,
    )
    embedding = np.load(data_folder_of_things / "embedding.npz")["embedding"]
    assert hits(dot(embedding), dataset.triplets).mean() == pytest.approx(0.636, abs=0.001)
    low, high = choice_bounds(dataset.triplets)
    assert (round(low, 3), round(high, 3)) == (0.644, 0.672)  # 67.2 % in Hebart et al. (2020)


@pytest.fixture
def data_folder_of_things():
    return Path(os.environ["GYRAL_MIRROR"]) / "things_odd_one_out_vice"


@pytest.mark.data
def test_a_model_is_scored_through_evaluate():
    from gyral.models.catalogue import open_model

    benchmark = find_benchmark("things2020")
    dataset = open_dataset("things2020")
    found = evaluate(open_model("word-length"), benchmark, dataset)
    chosen = found.record.main("judgements")
    assert chosen.low < 1 / 3 < chosen.high
    assert found.predictions.shape == (1, 1, 20000)
    with pytest.raises(UserError, match="triplet"):
        measured_by(benchmark, "pearson")
