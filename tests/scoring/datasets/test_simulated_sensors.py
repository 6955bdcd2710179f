"""Simulated M/EEG holds what it claims: same seed same content, planted ceilings, and each level at its own time."""

import dataclasses

import numpy as np
import pytest

from gyral.datasets import simulated_meg
from gyral.datasets.pack import content_hash, read_pack, write_pack
from gyral.datasets.simulated import make, planted
from gyral.datasets.simulated_images import draw
from gyral.datasets.simulated_vision import feature_map, form
from gyral.datasets.soundness import check_dataset
from gyral.datasets.time_axis import TimeAxis, sensor_times, unit_grid
from gyral.errors import BadDataset
from gyral.scores.repeats import ncsnr

# A change of these is a change of the data: bump the benchmarks' version with it.
HASHES = {
    "sim-meg": "0aaad0d97d067032b5c7f6cc4a22ec0ec77d6db61dcb49b626722c42b90cbb73",
    "sim-eeg": "5c614c15b4705c9d1d60c08bbb74eb69e7b5363199ae2c13afce5f4ab7300b08",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return {name: make(name, tmp_path_factory.mktemp(name)) for name in HASHES}


@pytest.mark.parametrize("name", HASHES)
def test_content_is_the_same_everywhere(name, made):
    assert content_hash(made[name]) == HASHES[name]


@pytest.mark.parametrize("name", HASHES)
def test_repeats_have_the_planted_ceiling_and_nothing_is_there_before_onset(name, made):
    dataset = made[name]
    units = dataset.units[dataset.units["subject"] == "sim-1"]
    found = ncsnr(dataset.responses.repeats["sim-1"]).noise_ceiling
    wanted = units["planted_ceiling"].to_numpy()
    assert np.abs(found - wanted)[wanted > 0.2].mean() < 0.05
    early = units["time"].to_numpy() <= 0
    assert (wanted[early] == 0).all()
    assert np.median(found[early]) < 0.03


@pytest.mark.parametrize("name", HASHES)
def test_noise_has_variance_one_is_shared_by_neighbours_and_rises_to_low_frequencies(name, made):
    dataset = made[name]
    signal = planted(name)[:, : dataset.responses.values["sim-1"].shape[1]]
    noise = dataset.responses.repeats["sim-1"][:, 0] - signal
    assert abs(noise.var() - 1) < 0.03
    grid, _ = unit_grid(dataset, "sim-1")
    cube = noise[:, grid]  # samples x sensors x times
    places = dataset.units[["x", "y", "z"]].to_numpy()[grid[:, 0]]
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    alike = np.corrcoef(cube.transpose(1, 0, 2).reshape(len(places), -1))
    off = ~np.eye(len(places), dtype=bool)
    assert alike[off & (apart < 0.045)].mean() > 0.3
    assert abs(alike[apart > 0.15].mean()) < 0.1
    power = (np.abs(np.fft.rfft(cube, axis=-1)) ** 2).mean(axis=(0, 1))
    assert power[1] > 3 * power[-2]


def test_each_level_is_reached_best_at_its_own_time(made):
    images = np.stack([draw(i, 0).pixels for i in range(320)])
    levels = simulated_meg.levels(feature_map(images), form(images))
    signal = planted("sim-meg")[:, : made["sim-meg"].responses.values["sim-1"].shape[1]]
    grid, _ = unit_grid(made["sim-meg"], "sim-1")
    times = np.asarray(made["sim-meg"].time.times)
    for level in levels:
        x = np.column_stack([np.ones(len(signal)), level.features])
        left = signal - x @ np.linalg.lstsq(x, signal, rcond=None)[0]
        reached = (signal.var(axis=0) - left.var(axis=0))[grid].sum(axis=0)
        assert abs(times[reached.argmax()] - level.latency) <= 0.0251, level.name


def test_regions_keep_to_the_window_and_a_pack_keeps_the_axis(made, tmp_path):
    dataset = made["sim-eeg"]
    write_pack(dataset, tmp_path / "pack")
    found = read_pack(tmp_path / "pack")
    assert found.time == dataset.time
    low, high = found.time.window
    for region in found.regions:
        assert found.units["time"].iloc[region.units].between(low, high).all()
    cube, sensors = sensor_times(found, "sim-2")
    assert cube.shape == (400, 32, 19)
    row = found.units[(found.units["subject"] == "sim-2") & (found.units["sensor"] == "Pz")]
    column = int(np.flatnonzero(np.isclose(row["time"], 0.4))[0])
    own = found.responses.values["sim-2"][:, row.index[column] - 32 * 19]
    np.testing.assert_array_equal(cube[:, sensors.index("Pz"), 10], own)


def test_a_time_axis_must_ascend_and_hold_its_window():
    with pytest.raises(BadDataset, match="ascend"):
        TimeAxis((0.1, 0.1), (0.0, 1.0))
    with pytest.raises(BadDataset, match="no time lies in"):
        TimeAxis((0.1, 0.2), (0.3, 0.4))


def test_a_sensor_without_a_time_and_a_region_outside_the_window_are_refused(made):
    dataset = made["sim-eeg"]
    units = dataset.units.copy()
    units.loc[3, "time"] = units.loc[4, "time"]
    with pytest.raises(BadDataset, match="sensor 'Fp1' of subject 'sim-1'") as caught:
        check_dataset(dataclasses.replace(dataset, units=units))
    assert caught.value.code == "time-axes-differ"
    units.loc[3, "time"] = 0.0333
    with pytest.raises(BadDataset, match="not on the axis"):
        check_dataset(dataclasses.replace(dataset, units=units))
    with pytest.raises(BadDataset, match="outside the window"):
        check_dataset(dataclasses.replace(dataset, time=TimeAxis(dataset.time.times, (0.2, 0.5))))
    with pytest.raises(BadDataset, match="'sensor'"):
        check_dataset(dataclasses.replace(dataset, units=dataset.units.drop(columns="sensor")))
