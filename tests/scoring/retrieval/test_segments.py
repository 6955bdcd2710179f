"""Windows of M/EEG, and their scale."""

from dataclasses import replace

import numpy as np
import pytest

from gyral.errors import BadDataset
from gyral.retrieval.scaling import RobustScaling
from gyral.retrieval.segments import Segments, from_above, segments_of
from gyral.retrieval.simulated import Speech, simulated_speech
from tiny_meg import SENSORS, TIMES, recorded


def test_windows_are_sensors_by_times_and_equal_stimuli_are_one_item() -> None:
    dataset = recorded(["one", "two", "one", "three"])
    found = segments_of(dataset)
    assert found.windows.shape == (8, SENSORS, TIMES)
    assert found.items.tolist() == [0, 1, 0, 3] * 2 and found.subjects.tolist() == [0] * 4 + [1] * 4
    assert dataset.responses is not None
    column = 2 * SENSORS + 5  # sensor c5 at the third time
    np.testing.assert_array_equal(found.windows[:4, 5, 2], dataset.responses.values["a"][:, column])
    assert found.of_items(np.array([0])).items.tolist() == [0, 0, 0, 0]


def test_a_dataset_without_sensors_in_time_or_with_other_sensors_is_refused() -> None:
    dataset = recorded(["one", "two"])
    with pytest.raises(BadDataset) as caught:
        segments_of(replace(dataset, time=None))
    assert caught.value.code == "no-time-axis"
    other = dataset.units.assign(
        sensor=np.where(dataset.units["subject"] == "b", "x" + dataset.units["sensor"], dataset.units["sensor"])
    )
    with pytest.raises(BadDataset, match="subject 'b' has other sensors") as caught:
        segments_of(replace(dataset, units=other))
    assert caught.value.code == "sensors-differ"


def test_segments_that_do_not_fit_are_refused() -> None:
    good = np.zeros((3, SENSORS, TIMES), np.float32)
    codes = np.zeros(3, np.int64)
    places = np.zeros((SENSORS, 2))
    with pytest.raises(BadDataset, match="do not fit"):
        Segments(good, codes, codes[:2], places)
    with pytest.raises(BadDataset, match="window 1 holds NaN"):
        Segments(np.where(np.arange(3)[:, None, None] == 1, np.nan, good), codes, codes, places)


def test_places_keep_their_direction_from_above() -> None:
    top = np.array([[0, 0, 1.0], [0.7, 0, 0.7], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [np.nan] * 3])
    seen = from_above(top - np.nanmean(top, axis=0) * 0)
    assert np.isnan(seen[-1]).all() and seen[:-1].min() == 0 and seen[:-1].max() == 1
    assert seen[3, 0] < seen[0, 0] < seen[1, 0] < seen[2, 0]


def test_scaling_knows_training_windows_only_and_cuts_artefacts() -> None:
    segments, _ = simulated_speech(Speech(items=60, subjects=2, artefacts=0.2), seed=1)
    train = segments.of_items(np.arange(40))
    scaling = RobustScaling.fit(train, baseline=4)
    wiped = replace(
        segments, windows=np.where(segments.items[:, None, None] < 40, segments.windows, 1e6).astype(np.float32)
    )
    again = RobustScaling.fit(wiped.of_items(np.arange(40)), baseline=4)
    np.testing.assert_array_equal(scaling.median, again.median)
    scaled = scaling(segments)
    assert np.abs(scaled).max() == 20.0 and np.abs(RobustScaling.fit(train, clamp=None)(segments)).max() > 200
    own = scaling(train)[train.subjects == 0]
    low, middle, high = np.percentile(own, (25, 50, 75), axis=(0, 2))
    np.testing.assert_allclose(middle, 0, atol=1e-5)
    np.testing.assert_allclose(high - low, 1, atol=1e-5)


def test_a_flat_sensor_says_nothing() -> None:
    windows = np.random.default_rng(0).standard_normal((5, SENSORS, TIMES)).astype(np.float32)
    windows[:, 2] = 7.0
    codes = np.arange(5)
    scaled = RobustScaling.fit(segments := Segments(windows, codes * 0, codes, np.zeros((SENSORS, 2))))(segments)
    assert not scaled[:, 2].any() and np.isfinite(scaled).all()
