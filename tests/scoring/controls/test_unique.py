"""What is left without nuisances, on units whose truth is planted."""

from dataclasses import replace

import numpy as np
import pytest

from gyral.controls.nuisance import Fitting, Joint
from gyral.controls.unique import Left, what_is_left
from gyral.errors import OutOfResources
from gyral.fitting import fit_layers
from gyral.readouts.ridge import Ridge
from gyral.record import Row
from planted_nuisances import Planted, planted


@pytest.fixture(scope="module")
def case() -> Planted:
    return planted()


@pytest.fixture(scope="module")
def left(case: Planted) -> dict[str, Left]:
    return case.left(case.fitting.alone(), fit_layers(case.layers, case.problem, Ridge()))


def fields(left: dict[str, Left], region: str, subject: str = "all"):
    return left[region].fields[subject]


def test_nothing_is_left_of_units_that_nuisances_drive(left: dict[str, Left]) -> None:
    found = fields(left, "nuisance")
    assert found["nuisance_r2"] == pytest.approx(0.5, abs=0.06)
    assert abs(found["unique_r2"]) < 0.01
    assert found["unique_low"] <= 0
    assert found["omega"] > 0.95


def test_all_is_left_of_units_that_the_model_alone_drives(left: dict[str, Left]) -> None:
    found = fields(left, "model")
    assert abs(found["nuisance_r2"]) < 0.05
    assert found["unique_r2"] == pytest.approx(0.5, abs=0.06)
    assert found["unique_low"] > 0.4
    assert found["omega"] < 0.12


def test_a_mixture_is_taken_apart(left: dict[str, Left]) -> None:
    found = fields(left, "both")
    assert found["nuisance_r2"] == pytest.approx(0.3, abs=0.06)
    assert found["joint_r2"] == pytest.approx(0.6, abs=0.06)
    assert found["unique_r2"] == pytest.approx(0.3, abs=0.05)
    assert found["unique_low"] < 0.3 < found["unique_high"]
    assert 0 < found["omega"] < 0.6


def test_noise_has_nothing_left_and_no_share(left: dict[str, Left]) -> None:
    found = fields(left, "noise")
    assert found["unique_low"] <= 0
    assert abs(found["unique_r2"]) < 0.02
    assert found["omega"] is None, "R2 of the model is not above two of its standard errors"


def test_units_give_the_values_of_their_region(left: dict[str, Left]) -> None:
    for region in left.values():
        assert np.median(region.units["unique_r2"]) == pytest.approx(region.fields["all"]["unique_r2"])
        np.testing.assert_allclose(
            region.units["joint_r2"] - region.units["nuisance_r2"], region.units["unique_r2"], atol=1e-12
        )


def test_held_out_responses_reach_neither_fit(case: Planted) -> None:
    spoiled = case.problem.responses.copy()
    spoiled[:80] = np.random.default_rng(9).standard_normal(spoiled[:80].shape) * 50
    other = replace(case, problem=replace(case.problem, responses=spoiled))
    chosen = {r.name: ["both"] * 5 for r in case.problem.regions}
    one, two = case.fitting.alone(), other.fitting.alone()
    np.testing.assert_array_equal(one.predictions[:80], two.predictions[:80])
    first, second = (c.fitting.joint(c.layers, chosen, f) for c, f in ((case, one), (other, two)))
    for region in first:
        np.testing.assert_array_equal(first[region].predictions[:80], second[region].predictions[:80])
        np.testing.assert_array_equal(first[region].gain[0], second[region].gain[0])


def test_units_of_which_the_model_says_nothing_owe_no_share(case: Planted) -> None:
    chosen = {r.name: ["useless"] * 5 for r in case.problem.regions}
    alone = case.fitting.alone()
    found = case.fitting.joint(case.layers, chosen, alone)["nuisance"]
    same = np.stack([
        (found.predictions[f.test] == alone.predictions[np.ix_(f.test, case.problem.regions[0].units)]).all(axis=0)
        for f in case.problem.split.folds
    ])  # fmt: skip
    assert same.any()
    assert not found.gain[same].any()


def test_each_subject_has_its_own_figures_and_all_their_mean() -> None:
    case = planted(subjects=3)
    regions = (case.problem.regions[2],)
    case = replace(case, problem=replace(case.problem, regions=regions))
    found = case.left(case.fitting.alone(), fit_layers(case.layers, case.problem, Ridge()))["both"].fields
    assert list(found) == ["all", "s0", "s1", "s2"]
    for name in ("nuisance_r2", "joint_r2", "unique_r2"):
        assert found["all"][name] == pytest.approx(np.mean([found[s][name] for s in ("s0", "s1", "s2")]))


def test_a_missing_response_counts_for_no_prediction(case: Planted) -> None:
    region = (case.problem.regions[2],)
    holed = case.problem.responses.copy()
    holed[::7, 30] = np.nan
    holed[:, 31] = 4.0
    holed_case = replace(case, problem=replace(case.problem, responses=holed, regions=region))
    found = holed_case.left(holed_case.fitting.alone(), fit_layers(case.layers, holed_case.problem, Ridge()))[
        "both"
    ]
    assert np.isfinite(found.units["unique_r2"][0])
    assert np.isnan(found.units["unique_r2"][1])
    assert np.isfinite(found.fields["all"]["unique_r2"])


def test_fits_of_nuisances_are_made_once(case: Planted, cold_cache, monkeypatch: pytest.MonkeyPatch) -> None:
    first = case.fitting.alone(["this problem"])
    monkeypatch.setattr(Fitting, "_alone", lambda self: pytest.fail("fitted again"))
    again = case.fitting.alone(["this problem"])
    np.testing.assert_array_equal(first.predictions, again.predictions)
    np.testing.assert_array_equal(first.weights, again.weights)
    monkeypatch.undo()
    other = replace(case.fitting, seed=1).alone(["this problem"])
    assert not np.array_equal(first.weights, other.weights)


def test_an_interval_is_widened_where_maps_are_noise_and_not_where_they_are_sure(case: Planted) -> None:
    alone, fits = case.fitting.alone(), fit_layers(case.layers, case.problem, Ridge())
    picks = {r.name: fits.picks(case.problem, r) for r in case.problem.regions}
    chosen = {name: [fits.layers[k] for k in pick] for name, pick in picks.items()}
    model = {r.name: fits.assembled(case.problem, r, picks[r.name]) for r in case.problem.regions}
    both = case.fitting.joint(case.layers, chosen, alone)
    sure = {name: Joint(own.predictions, 0.0 * own.gain) for name, own in both.items()}
    gains = {r.name: fits.gains(r, picks[r.name]) for r in case.problem.regions}
    wide, plain = (
        what_is_left(case.problem, alone.predictions, model, b, gains) for b in (both, sure)
    )  # fmt: skip

    def factor(name: str) -> float:
        ends = [(w[name].fields["all"]["unique_low"], w[name].fields["all"]["unique_high"]) for w in (wide, plain)]
        (low, high), (narrow_low, narrow_high) = ends
        return (high - low) / (narrow_high - narrow_low)

    assert 1.2 < factor("noise") <= 2**0.5 + 1e-9
    assert 1.0 < factor("model") < 1.1


def test_too_little_memory_says_so(case: Planted) -> None:
    with pytest.raises(OutOfResources, match="needs"):
        replace(case.fitting, memory=1000).alone()


@pytest.mark.parametrize(
    ("left", "low", "nothing"),
    [(0.02, -0.01, True), (0.02, 0.0, True), (0.02, 0.01, False), (0.004, 0.003, True), (None, None, False)],
)
def test_a_row_says_where_nothing_is_left(left: float | None, low: float | None, nothing: bool) -> None:
    row = Row(
        region="V4", subject="all", layer="chosen", readout="ridge", metric="pearson", value=0.5, n_units=1,
        n_samples=1, unique_r2=left, unique_low=low,
    )  # fmt: skip
    assert row.nothing_left is nothing
