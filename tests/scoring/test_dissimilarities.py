"""RDMs made of responses: by region and subject, over time, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from cascade import cascade
from gyral.datasets.region import Region
from gyral.datasets.responses import Responses
from gyral.datasets.split import contiguous
from gyral.dissimilarities import measured_rdms, rdms_at_times
from gyral.errors import BadDataset, OutOfResources, UnknownName
from gyral.record import CHOSEN
from gyral.rsa.rdm import rdm
from gyral.similarity import Series, layer_rdms, score_similarity
from tiny_dataset import tiny_dataset

ROOM = 1 << 30


def test_a_subjects_rdm_is_that_of_its_own_units_in_the_region(tmp_path):
    dataset = tiny_dataset(tmp_path)
    found = measured_rdms(dataset, "euclidean", memory=ROOM).rdms
    assert list(found) == ["visual", "V4", "ventral"]
    assert found["V4"].subjects == ("s1", "s2") and found["ventral"].subjects == ("s1",)
    values = dataset.responses.values
    np.testing.assert_allclose(found["V4"].pooled()[0], rdm(values["s1"][:, [1, 2]], "euclidean"))
    np.testing.assert_allclose(found["V4"].pooled()[1], rdm(values["s2"][:, [0]], "euclidean"))


def test_published_rdms_are_taken_as_they_are(tmp_path):
    dataset = tiny_dataset(tmp_path)
    assert measured_rdms(dataset, None, memory=ROOM).rdms is dataset.rdms
    np.testing.assert_allclose(
        dataset.rdms["V4"].pooled()[1], dataset.rdms["V4"].values[1, 0][np.triu_indices(12, 1)]
    )


def test_crossnobis_is_of_single_presentations(tmp_path):
    dataset = tiny_dataset(tmp_path)
    found = measured_rdms(dataset, "crossnobis", memory=ROOM).rdms["ventral"]
    single = dataset.responses.repeats["s1"][:, :, :3]
    np.testing.assert_allclose(found.pooled()[0], rdm(single, "crossnobis"))
    assert (found.pooled() < 0).any()


def test_subjects_and_regions_of_few_units_are_named_and_left_out(tmp_path):
    found = measured_rdms(tiny_dataset(tmp_path), "correlation", memory=ROOM)
    assert list(found.rdms) == ["visual", "ventral"]
    assert found.rdms["visual"].subjects == ("s1",)
    assert "region 'V4', subject 's2': no RDM, 1 units are too few for 'correlation'" in found.warnings


def test_what_cannot_be_made_is_refused_by_name(tmp_path):
    dataset = tiny_dataset(tmp_path)
    bare = replace(dataset, rdms={})
    means = replace(dataset, responses=replace(dataset.responses, repeats={"s1": dataset.responses.repeats["s1"]}))
    small = replace(dataset, regions=(Region("V4", np.array([1, 2]), ("V4",)),))
    few = replace(dataset, responses=None)
    cases = [
        (bare, None, "nothing says how they are made"),
        (few, "cosine", "there are no responses to make RDMs of as 'cosine'"),
        (means, "crossnobis", "subject 's2' has only means"),
        (small, "correlation", "no region has 3 units"),
    ]
    for given, kind, message in cases:
        with pytest.raises(BadDataset, match=message):
            measured_rdms(given, kind, memory=ROOM)
    with pytest.raises(UnknownName, match="corelation.*correlation"):
        measured_rdms(dataset, "corelation", memory=ROOM)
    with pytest.raises(OutOfResources, match="RDMs of 12 stimuli take"):
        measured_rdms(dataset, "euclidean", memory=1000)


def test_a_stimulus_shown_once_is_named_with_region_and_subject(tmp_path):
    dataset = tiny_dataset(tmp_path)
    single = np.array(dataset.responses.repeats["s2"])
    single[4, 1] = np.nan
    responses = Responses("fMRI", "z", dataset.responses.values, {**dataset.responses.repeats, "s2": single})
    with pytest.raises(BadDataset, match=r"region 'visual', subject 's2': sample 4 has 1 repeats"):
        measured_rdms(replace(dataset, responses=responses), "crossnobis", memory=ROOM)


@pytest.fixture(scope="module")
def over_time():
    dataset, features = cascade(samples=60, sensors=8, layers=6, subjects=3, strength=2.0, seed=1)
    measured = measured_rdms(dataset, "correlation", memory=ROOM).rdms
    names, layers = layer_rdms(features)
    series = Series(dataset.time.times, lambda region: rdms_at_times(dataset, "correlation", region))
    found = score_similarity(
        names, [layers], measured, contiguous(60, 5), metric="rsa-pearson", exchangeable=True, series=series
    )
    return dataset, measured, found


def test_a_regions_rdm_is_the_mean_over_times_of_the_window(over_time):
    dataset, measured, _ = over_time
    at = rdms_at_times(dataset, "correlation", measured["sensors"])
    assert at.shape == (3, len(dataset.time), 60 * 59 // 2)
    np.testing.assert_allclose(measured["sensors"].pooled(), at[:, dataset.time.inside].mean(axis=1))
    own = dataset.units["time"].eq(dataset.time.times[5]).to_numpy()[dataset.units["subject"] == "s1"]
    np.testing.assert_allclose(at[1, 5], rdm(dataset.responses.values["s1"][:, own], "correlation"))


def test_every_layer_resembles_the_sensors_at_its_own_time(over_time):
    dataset, _, found = over_time
    for k in range(6):
        curve = next(c for c in found.curves if (c.subject, c.layer) == ("all", f"layer{k}"))
        assert abs(dataset.time.times[int(curve.value.argmax())] - (0.04 + 0.025 * k)) <= 0.026
        assert (curve.low <= curve.value).all() and (curve.value <= curve.high).all()


def test_the_chosen_curve_is_tested_over_all_times_and_bounded(over_time):
    dataset, _, found = over_time
    chosen = [c for c in found.curves if c.layer == CHOSEN]
    assert [c.subject for c in chosen] == ["all", "s0", "s1", "s2"]
    np.testing.assert_allclose(chosen[0].value, np.mean([c.value for c in chosen[1:]], axis=0))
    best = int(chosen[0].value.argmax())
    assert chosen[0].p[0] > 0.05 >= chosen[0].p[best]
    assert chosen[0].value[best] > chosen[0].line[best]
    assert (chosen[0].ceiling[best] ** 0.5) >= chosen[0].value[best]
    assert np.isnan(chosen[1].ceiling).all()
