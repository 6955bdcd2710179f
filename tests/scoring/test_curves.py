"""Curves: a row seen in time, its ceiling, and a test that holds its error rate over all times."""

import numpy as np
import pytest

from cascade import cascade
from gyral.curves import curve_arrays
from gyral.encoding import score_encoding
from gyral.features.features import Features
from gyral.fitting import fit_layers
from gyral.readouts.ridge import Ridge
from gyral.record import CHOSEN, CURVE
from gyral.scores.problem import problem_of


@pytest.fixture(scope="module")
def scored():
    dataset, features = cascade(repeats=3, seed=1)
    problem = problem_of(dataset, "ncsnr")
    fits = fit_layers(features, problem, Ridge())
    return dataset, problem, score_encoding([fits], problem, readout="ridge")


def by(found, subject, layer):
    return next(c for c in found.curves if (c.subject, c.layer) == (subject, layer))


def test_a_curve_is_the_median_over_sensors_at_each_time_and_the_mean_over_subjects(scored):
    dataset, problem, found = scored
    picked = [c for c in found.curves if c.layer == CHOSEN]
    assert [c.subject for c in picked] == ["all", "s0", "s1"]
    np.testing.assert_allclose(picked[0].value, (picked[1].value + picked[2].value) / 2)
    units = found.units  # only those of the window
    times = dataset.units["time"].to_numpy()[units["unit"]]
    for t in (3, 8):
        mine = units[(units["subject"] == "s1") & np.isclose(times, dataset.time.times[t])]
        assert picked[2].value[t] == pytest.approx(np.median(mine["r"]))
    outside = ~dataset.time.inside
    assert outside.any() and np.isfinite(picked[0].value[outside]).all()


def test_every_layer_is_best_at_its_own_time(scored):
    dataset, _, found = scored
    for k in range(6):
        curve = by(found, "all", f"layer{k}")
        peak = dataset.time.times[int(curve.value.argmax())]
        assert abs(peak - (0.04 + 0.025 * k)) <= 0.026


def test_intervals_hold_the_value_ceilings_follow_the_signal_and_nothing_is_found_before_onset(scored):
    dataset, problem, found = scored
    curve = by(found, "all", CHOSEN)
    assert (curve.low < curve.value).all() and (curve.value < curve.high).all()
    at = problem.ceiling.held_out.reshape(2, 5, -1)
    np.testing.assert_allclose(curve.ceiling, np.median(at, axis=1).mean(axis=0))
    assert curve.ceiling[4] > 0.4
    assert curve.ceiling[0] < 0.1
    assert (curve.value**2)[3:9].max() < curve.ceiling[3:9].max()
    assert curve.p[0] > 0.05 and curve.p[3:6].max() < 0.01
    assert np.isnan(by(found, "all", "layer0").p).all()  # single layers are not tested


def test_what_a_record_keeps(scored):
    _, _, found = scored
    references, arrays = curve_arrays(found.curves)
    first = references[0]
    assert (first.region, first.subject, first.layer) == ("sensors", "all", CHOSEN)
    assert arrays[first.name].shape == (len(CURVE), 14) and arrays[first.name].dtype == np.float32
    assert first.first_time == pytest.approx(0.0, abs=0.03)
    assert first.peak == pytest.approx(arrays[first.name][0].max(), rel=1e-6)


def test_maximum_statistic_holds_its_rate_over_all_times():
    wrong = 0
    for seed in range(40):
        dataset, _ = cascade(samples=100, sensors=2, times=10, subjects=1, strength=0.0, seed=seed)
        problem = problem_of(dataset, "none")
        noise = np.random.default_rng(1000 + seed).normal(size=(100, 6)).astype(np.float32)
        fits = fit_layers({"noise": Features("noise", noise)}, problem, Ridge())
        found = score_encoding([fits], problem, readout="ridge")
        wrong += bool(found.curves[0].p.min() <= 0.05)
    assert wrong <= 6  # 2 expected
