"""RSA scores: planted layer, bounds, choice of layer on training pairs, intervals."""

import numpy as np
import pytest

from gyral.datasets.responses import RegionRdms
from gyral.datasets.split import contiguous
from gyral.features.features import Features
from gyral.metrics.metric import metrics_of
from gyral.rdm_problem import Pairs
from gyral.rsa.rank import SPEARMAN
from gyral.rsa.rdm import correlation_rdm
from gyral.similarity import layer_rdms, score_similarity

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
    found = score_similarity(names, [layers], rdms, contiguous(SAMPLES, 5), metric="rsa-spearman")
    by_layer = {row.layer: row for row in found.rows if row.subject == "all"}
    chosen = by_layer["chosen"]
    assert chosen.layers_chosen == {"two": 5}
    assert by_layer["two"].ceiling_lower < by_layer["two"].value < by_layer["two"].ceiling + 0.05
    assert abs(by_layer["one"].value) < 0.15
    assert chosen.low < chosen.value < chosen.high
    assert chosen.ceiling_unit == "r"
    assert chosen.ceiling_low < chosen.ceiling < chosen.ceiling_high
    assert chosen.ceiling_lower_low < chosen.ceiling_lower < chosen.ceiling_lower_high
    alone = [row for row in found.rows if row.subject != "all"]
    assert {row.ceiling_low for row in alone} == {row.ceiling_lower_high for row in alone} == {None}
    assert found.subjects["subject"].tolist() == ["a", "b", "c", "d"]
    assert found.subjects["r"].mean() == pytest.approx(chosen.value)


def test_layer_value_is_the_mean_over_subjects_of_rho_a(planted) -> None:
    features, rdms = planted
    names, layers = layer_rdms(features)
    rows = score_similarity(names, [layers], rdms, contiguous(SAMPLES, 5), metric="rsa-spearman").rows
    mean = rdms["IT"].values.mean(axis=1)[:, *np.triu_indices(SAMPLES, 1)]
    expected = SPEARMAN.similarity(mean, correlation_rdm(features["two"].flat())[None]).mean()
    assert next(r for r in rows if r.layer == "two").value == pytest.approx(expected)


def test_pairs_of_a_fold_never_choose_by_what_they_score() -> None:
    pairs = Pairs.of(contiguous(SAMPLES, 5), SAMPLES)
    for training, held in zip(pairs.training, pairs.held_out, strict=True):
        np.testing.assert_array_equal(training, ~held)
        assert len(held) == SAMPLES * (SAMPLES - 1) // 2


def test_one_subject_has_no_bounds(planted) -> None:
    features, rdms = planted
    single = {"IT": RegionRdms("IT", "spikes", rdms["IT"].values[:1, :1], ("mean",))}
    names, layers = layer_rdms(features)
    rows = score_similarity(names, [layers], single, contiguous(SAMPLES, 5), metric="rsa-spearman").rows
    assert {row.ceiling for row in rows} == {None}
    assert {row.ceiling_kind for row in rows} == {"none"}


def test_draws_are_averaged_and_their_spread_is_kept(planted) -> None:
    features, rdms = planted
    names, layers = layer_rdms(features)
    worse = layers[:, np.random.default_rng(1).permutation(layers.shape[1])]
    rows = score_similarity(names, [layers, worse], rdms, contiguous(SAMPLES, 5), metric="rsa-spearman").rows
    two = next(r for r in rows if r.layer == "two")
    subjects = rdms["IT"].values.mean(1)[:, *np.triu_indices(SAMPLES, 1)]
    alone = [SPEARMAN.similarity(subjects, m[[1]]).mean() for m in (layers, worse)]
    assert two.value == pytest.approx(np.mean(alone))
    assert two.spread == pytest.approx(np.std(alone, ddof=1))


def test_redraws_are_those_of_the_chosen_rows_and_paired_between_models(planted) -> None:
    features, rdms = planted
    rdms = rdms | {"one": RegionRdms("one", "fMRI", rdms["IT"].values[:1], ("a",))}
    names, layers = layer_rdms(features)
    split = contiguous(SAMPLES, 5)
    found = score_similarity(names, [layers], rdms, split, metric="rsa-spearman", seed=3)
    rows = [row for row in found.rows if row.layer == "chosen"]
    assert [row.subject for row in rows] == ["all", "a", "b", "c", "d", "all"]
    assert found.redraws.shape == (1000, 6)
    np.testing.assert_allclose(found.redraws.mean(axis=0), 0, atol=0.01)
    np.testing.assert_allclose(found.redraws.std(axis=0), [row.se for row in rows], rtol=1e-3)
    again = score_similarity(names[1:], [layers[1:]], rdms, split, metric="rsa-spearman", seed=3)
    assert np.corrcoef(found.redraws[:, 0], again.redraws[:, 0])[0, 1] > 0.999


@pytest.mark.parametrize(("count", "kind"), [(5, "conditional"), (6, "subjects")])
def test_interval_is_over_subjects_where_they_are_enough(planted, count: int, kind: str) -> None:
    features, _ = planted
    rng = np.random.default_rng(4)
    truth = correlation_rdm(features["two"].flat())
    many = np.array([[square(truth + 0.1 * rng.standard_normal(truth.shape))] for _ in range(count)])
    rdms = {"IT": RegionRdms("IT", "fMRI", many, tuple("abcdef"[:count]))}
    names, layers = layer_rdms(features)
    rows = score_similarity(names, [layers], rdms, contiguous(SAMPLES, 5), metric="rsa-spearman").rows
    pooled = [row for row in rows if row.subject == "all"]
    assert {row.interval_kind for row in pooled} == {kind}
    assert {row.interval_groups for row in pooled} == {count if kind == "subjects" else SAMPLES}
    assert {row.interval_kind for row in rows if row.subject != "all"} == {"conditional"}


def test_p_is_small_for_the_planted_model_and_uniform_for_an_unrelated_one(planted) -> None:
    features, rdms = planted
    names, layers = layer_rdms(features)
    split = contiguous(SAMPLES, 5)

    def p(model: np.ndarray, **more) -> float | None:
        return score_similarity(names, [model], rdms, split, metric="rsa-spearman", **more).rows[0].p

    assert p(layers, exchangeable=True) == pytest.approx(1 / 1001)
    assert p(layers) is None
    unrelated = [layer_rdms({k: Features(k, np.random.default_rng(seed).standard_normal((SAMPLES, 20)))
                             for k in ("one", "two")})[1] for seed in range(8, 20)]  # fmt: skip
    found = [p(model, exchangeable=True) for model in unrelated]
    assert min(found) > 0.001
    assert 0.2 < np.mean(found) < 0.8


@pytest.mark.parametrize("metric", metrics_of("rsa"))
def test_every_metric_of_rsa_scores_the_planted_layer_highest(planted, metric: str) -> None:
    features, rdms = planted
    names, layers = layer_rdms(features)
    rows = score_similarity(names, [layers], rdms, contiguous(SAMPLES, 5), metric=metric).rows
    by_layer = {row.layer: row for row in rows if row.subject == "all"}
    assert by_layer["two"].value > by_layer["one"].value
    assert by_layer["chosen"].layers_chosen == {"two": 5}
    assert {row.metric for row in rows} == {metric}
    assert all(row.low < row.value < row.high for row in rows)
