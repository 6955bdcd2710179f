"""Identification of held-out stimuli by `gyral.evaluate`, both ways."""

from dataclasses import replace

import numpy as np
import pytest

from gyral.candidates import turned_around
from gyral.datasets.region import Region
from gyral.datasets.split import contiguous
from gyral.encoding import score_encoding
from gyral.errors import BadDataset
from gyral.features.features import Features
from gyral.fitting import fit_layers
from gyral.identification import score_identification
from gyral.readouts.ridge import Ridge
from gyral.scores.problem import Problem


def planted(signal=1.0, *, samples=150, subjects=2, units=25, seed=0):
    """Two layers, the first of which drives the units of every subject."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((samples, 8)).astype(np.float32)
    layers = {"true": x, "other": rng.standard_normal((samples, 8)).astype(np.float32)}
    driven = signal * x @ rng.standard_normal((8, subjects * units)) / np.sqrt(8)
    y = (driven + rng.standard_normal(driven.shape)).astype(np.float32)
    owner = np.repeat([f"s{k}" for k in range(subjects)], units)
    regions = (Region("r", np.arange(subjects * units)),)
    problem = Problem(y, contiguous(samples, 5), regions, owner, None, exchangeable=True)
    return {k: Features(k, v) for k, v in layers.items()}, problem


def scored(features, problem, metric, *, hashes=None, draws=1):
    fit = fit_layers(features, problem, Ridge())
    fits = [fit] * draws
    turned = [turned_around(fit, features, problem)] * draws if "features" in metric else []
    encoded = score_encoding(fits, problem, readout="ridge")
    names = hashes or [str(i) for i in range(len(problem.responses))]
    found = score_identification(
        encoded, fits, problem, readout="ridge", metric=metric, hashes=names, turned=turned
    )
    return encoded, found


@pytest.mark.parametrize("metric", ["identification-2way", "identification-features-2way"])
def test_a_driven_region_identifies_stimuli_and_noise_does_not(metric):
    features, problem = planted()
    encoded, found = scored(features, problem, metric)
    rows = {(r.layer, r.subject): r for r in found.rows}
    everyone = rows["chosen", "all"]
    assert everyone.value > 0.9
    assert everyone.low < everyone.value < everyone.high
    assert everyone.chance == 0.5
    assert everyone.p == pytest.approx(1 / 1001)
    assert everyone.layers_chosen == {"true": 5}
    assert everyone.identification["candidates"] == 30
    assert everyone.identification["top_1"] > 5 * everyone.identification["top_1_chance"]
    assert everyone.value == pytest.approx(np.mean([rows["chosen", s].value for s in ("s0", "s1")]))
    assert found.redraws.shape == (len(encoded.redraws), 3)
    assert found.predictions is encoded.predictions
    if "features" not in metric:
        assert abs(rows["other", "all"].value - 0.5) < 0.1
    _, null = scored(*planted(0.0, seed=3), metric)
    (row,) = [r for r in null.rows if (r.layer, r.subject) == ("chosen", "all")]
    assert row.low < 0.5 < row.high
    assert row.p > 0.02


def test_an_interval_of_a_median_rank_is_a_rank_wide_at_least():
    _, found = scored(*planted(3.0), "identification-rank")
    everyone = found.rows[0]
    assert everyone.value == 1.0, "all but every trial is recognised, so that no redraw moves the median"
    assert everyone.low <= 1 - 1 / 29 and everyone.high == 1.0
    _, share = scored(*planted(3.0), "identification-2way")
    assert share.rows[0].low > 1 - 1 / 29, "a mean has no such steps"


def test_draws_of_a_twin_are_averaged_and_spread():
    features, problem = planted(subjects=1)
    _, one = scored(features, problem, "identification-rank")
    _, two = scored(features, problem, "identification-rank", draws=2)
    assert two.rows[0].value == pytest.approx(one.rows[0].value)
    assert two.rows[0].spread == 0
    assert two.rows[0].p is None


def test_all_numbers_of_a_twin_are_means_over_its_draws():
    first, problem = planted()
    rng = np.random.default_rng(5)
    second = {
        k: Features(k, f.array + rng.standard_normal(f.array.shape).astype(np.float32)) for k, f in first.items()
    }
    fits = [fit_layers(features, problem, Ridge()) for features in (first, second)]
    names = [str(i) for i in range(len(problem.responses))]
    encoded = score_encoding(fits, problem, readout="ridge")
    asked = {"readout": "ridge", "metric": "identification-2way", "hashes": names, "turned": []}
    row = score_identification(encoded, fits, problem, **asked).rows[0]
    each = [
        score_identification(score_encoding([f], problem, readout="ridge"), [f], problem, **asked).rows[0]
        for f in fits
    ]
    assert each[0].identification["top_1"] != each[1].identification["top_1"]
    for key, value in row.identification.items():
        assert value == pytest.approx(np.mean([r.identification[key] for r in each])), key
    assert row.identification["two_way"] == pytest.approx(row.value)


def test_equal_stimuli_are_one_candidate_and_must_not_cross_the_split():
    features, problem = planted()
    names = [str(i) for i in range(150)]
    names[1] = names[0]
    _, found = scored(features, problem, "identification-top5", hashes=names)
    assert found.rows[0].n_samples == 149
    names[140] = names[0]
    with pytest.raises(BadDataset, match=r"rows \[0, 1, 140\]") as caught:
        scored(features, problem, "identification-top5", hashes=names)
    assert caught.value.code == "duplicate-across-split"


def test_single_units_and_small_folds_are_refused_by_name():
    features, problem = planted(subjects=1, units=3)
    alone = replace(problem, regions=(Region("one", np.array([0])),))
    with pytest.raises(BadDataset, match="two or more units") as caught:
        scored(features, alone, "identification-2way")
    assert caught.value.code == "no-pattern"
    both = replace(problem, regions=(Region("one", np.array([0])), Region("three", np.arange(3))))
    _, found = scored(features, both, "identification-2way")
    assert {r.region for r in found.rows} == {"three"}
    assert any("one has no pattern" in w for w in found.warnings)
    small, few = planted(samples=40)
    with pytest.raises(BadDataset, match="top-10 of 8") as caught:
        scored(small, few, "identification-top10")
    assert caught.value.code == "too-few-candidates"


def test_units_with_missing_responses_are_left_out_of_the_pattern():
    features, problem = planted()
    y = problem.responses.copy()
    y[5, :3] = np.nan
    _, found = scored(features, replace(problem, responses=y), "identification-2way")
    assert found.rows[0].value > 0.9


def test_ordered_stimuli_are_shifted_and_short_folds_have_no_p():
    features, problem = planted(samples=200)
    _, found = scored(features, replace(problem, exchangeable=False), "identification-2way")
    assert found.rows[0].null_kind == "shift"
    assert found.rows[0].p < 0.01
    features, problem = planted(samples=100)
    _, found = scored(features, replace(problem, exchangeable=False), "identification-2way")
    assert found.rows[0].p is None


def test_the_command_scores_and_shows_identification(tmp_path):
    from click.testing import CliRunner

    from gyral.cli.score import score
    from gyral.cli.show import show
    from gyral.record import Record

    out = str(tmp_path / "r")
    options = ["-b", "sim-language", "--metric", "identification-2way", "--no-controls", "--quiet", "--out", out]
    done = CliRunner().invoke(score, ["word-length", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    record = Record.from_json((tmp_path / "r" / "record.json").read_text())
    length, noise = record.main("sim_length"), record.main("sim_noise")
    assert length.low > 0.6
    assert noise.low < 0.5 < noise.high
    assert "--metric identification-2way" in record.provenance.command
    assert np.load(tmp_path / "r" / "redraws.npy").shape[1] == len(record.chosen)
    shown = CliRunner().invoke(show, [out], catch_exceptions=False).output
    assert "chance 0.500" in shown
    assert "candidates, two-way" in shown
