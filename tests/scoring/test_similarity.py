"""RSA scores: planted layer, bounds, choice of layer on training pairs, intervals."""

import numpy as np
import pytest

from gyral.datasets.responses import RegionRdms
from gyral.datasets.split import contiguous
from gyral.features.features import Features
from gyral.metrics.rsa import correlation_rdm, spearman_similarity
from gyral.similarity import Pairs, layer_rdms, pair_weights, score_similarity

SAMPLES = 40


def square(values: np.ndarray) -> np.ndarray:
    out = np.zeros((SAMPLES, SAMPLES))
    out[np.triu_indices(SAMPLES, 1)] = values
    return out + out.T


@pytest.fixture
def planted():
    """Two layers; four subjects whose RDMs are noisy copies of the second layer's."""
    rng = np.random.default_rng(0)
    features = {k: Features(k, rng.standard_normal((SAMPLES, 20)).astype(np.float32)) for k in ("one", "two")}
    truth = correlation_rdm(features["two"].flat())
    sessions = [[square(truth + 0.1 * rng.standard_normal(truth.shape)) for _ in range(2)] for _ in range(4)]
    rdms = {"IT": RegionRdms("IT", "fMRI", np.array(sessions), ("a", "b", "c", "d"))}
    return features, rdms


def test_planted_layer_is_chosen_and_lies_between_the_bounds(planted) -> None:
    features, rdms = planted
    names, layers = layer_rdms(features)
    rows, table = score_similarity(names, [layers], rdms, contiguous(SAMPLES, 5), metric="rsa-spearman")
    by_layer = {row.layer: row for row in rows}
    chosen = by_layer["chosen"]
    assert chosen.layers_chosen == {"two": 5}
    assert by_layer["two"].ceiling_lower < by_layer["two"].value < by_layer["two"].ceiling + 0.05
    assert abs(by_layer["one"].value) < 0.15
    assert chosen.low < chosen.value < chosen.high
    assert chosen.ceiling_unit == "r"
    assert table["subject"].tolist() == ["a", "b", "c", "d"]
    assert table["r"].mean() == pytest.approx(chosen.value)


def test_layer_value_is_the_mean_over_subjects_of_rho_a(planted) -> None:
    features, rdms = planted
    names, layers = layer_rdms(features)
    rows, _ = score_similarity(names, [layers], rdms, contiguous(SAMPLES, 5), metric="rsa-spearman")
    mean = rdms["IT"].values.mean(axis=1)[:, *np.triu_indices(SAMPLES, 1)]
    expected = spearman_similarity(mean, correlation_rdm(features["two"].flat())).mean()
    assert next(r for r in rows if r.layer == "two").value == pytest.approx(expected)


def test_pairs_of_a_fold_never_choose_by_what_they_score() -> None:
    pairs = Pairs.of(contiguous(SAMPLES, 5), SAMPLES)
    for training, held in zip(pairs.training, pairs.held_out, strict=True):
        assert not set(training) & set(held)
        assert len(training) + len(held) == SAMPLES * (SAMPLES - 1) // 2


def test_one_subject_has_no_bounds(planted) -> None:
    features, rdms = planted
    single = {"IT": RegionRdms("IT", "spikes", rdms["IT"].values[:1, :1], ("mean",))}
    names, layers = layer_rdms(features)
    rows, _ = score_similarity(names, [layers], single, contiguous(SAMPLES, 5), metric="rsa-spearman")
    assert {row.ceiling for row in rows} == {None}
    assert {row.ceiling_kind for row in rows} == {"none"}


def test_draws_are_averaged_and_their_spread_is_kept(planted) -> None:
    features, rdms = planted
    names, layers = layer_rdms(features)
    worse = layers[:, np.random.default_rng(1).permutation(layers.shape[1])]
    rows, _ = score_similarity(names, [layers, worse], rdms, contiguous(SAMPLES, 5), metric="rsa-spearman")
    two = next(r for r in rows if r.layer == "two")
    alone = [spearman_similarity(rdms["IT"].values.mean(1)[:, *np.triu_indices(SAMPLES, 1)], m[1]).mean()
             for m in (layers, worse)]  # fmt: skip
    assert two.value == pytest.approx(np.mean(alone))
    assert two.spread == pytest.approx(np.std(alone, ddof=1))


def test_pair_weights_are_products_of_counts() -> None:
    weights = pair_weights(10, draws=3, seed=1)
    again = pair_weights(10, draws=3, seed=1)
    np.testing.assert_array_equal(weights, again)
    assert weights.shape == (3, 45)
    # sum over pairs of m_i m_j = (n^2 - sum m_i^2) / 2 < n^2 / 2
    assert (weights.sum(1) <= 50).all()
    assert (weights == np.round(weights)).all()
