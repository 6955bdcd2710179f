"""RDMs at every time, and clusters over subjects: against rsatoolbox's RDM, mne's test and planted times."""

import numpy as np
import pytest

from cascade import cascade
from gyral.datasets.time_axis import sensor_times
from gyral.errors import BadArrays
from gyral.metrics import METRICS
from gyral.rsa.rdm import correlation_rdm, rdm
from gyral.temporal.cluster import cluster_test
from gyral.temporal.similarity import rdms_over_time, similarity_over_time


@pytest.fixture(scope="module")
def measured():
    dataset, features = cascade(samples=60, sensors=12, times=10, layers=3, strength=2.0, seed=5)
    cubes = [sensor_times(dataset, s)[0] for s in ("s0", "s1")]
    models = np.stack([rdm(f.array, "euclidean") for f in features.values()])
    return cubes, np.stack([rdms_over_time(c) for c in cubes]), models


def test_an_rdm_of_a_time_is_that_of_its_patterns(measured):
    cubes, rdms, _ = measured
    np.testing.assert_allclose(rdms[1][4], correlation_rdm(cubes[1][:, :, 4]), atol=1e-10)
    with pytest.raises(BadArrays, match="samples x sensors x times"):
        rdms_over_time(np.zeros((4, 3)))


def test_each_planted_layer_is_most_similar_at_its_time_and_not_before_onset(measured):
    _, rdms, models = measured
    found = similarity_over_time(rdms, models, METRICS.load("rsa-spearman"), draws=200)
    times = np.round(-0.025 + 0.025 * np.arange(10), 3)
    for k in range(3):
        assert abs(times[found.value[k].argmax()] - (0.04 + 0.025 * k)) <= 0.03
        assert found.p[k].min() <= 0.01 and found.p[k, 0] > 0.05 and found.p[k, -1] > 0.05
    assert (found.low < found.high).all() and (found.low.mean(axis=0) < found.value.mean(axis=0)).all()
    assert (found.lower <= found.upper).all() and found.upper[3] > found.upper[0]
    assert found.value[:, 3].max() < found.upper[3]
    with pytest.raises(BadArrays, match="models x pairs"):
        similarity_over_time(rdms, models[:, :-1], METRICS.load("rsa-spearman"))


def test_value_is_the_mean_over_subjects_of_the_comparator(measured):
    _, rdms, models = measured
    comparator = METRICS.load("rsa-pearson")
    found = similarity_over_time(rdms, models, comparator, draws=100)
    wanted = np.mean([np.corrcoef(rdms[s, 5], models[1])[0, 1] for s in range(2)])
    assert found.value[1, 5] == pytest.approx(wanted)


def test_clusters_over_subjects_are_found_where_planted_and_rarely_elsewhere():
    rng = np.random.default_rng(0)
    curves = rng.normal(size=(12, 40))
    curves[:, 15:22] += 1.5
    found = cluster_test(curves + 0.5, chance=0.5)
    assert (found.p[15:22] <= 0.01).all() and (found.p[:12] > 0.05).all()
    assert any(a <= 16 and b >= 20 for a, b in found.spans)
    wrong = sum(cluster_test(rng.normal(size=(8, 30)), draws=128).p.min() <= 0.05 for _ in range(60))
    assert wrong <= 8  # 3 expected


def test_five_subjects_are_too_few_for_sign_flips():
    with pytest.raises(BadArrays, match="at least 6") as caught:
        cluster_test(np.zeros((5, 10)))
    assert caught.value.code == "too-few-subjects"
