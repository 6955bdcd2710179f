"""What is left of predictions by other families than ridge, on units whose truth is planted."""

import numpy as np
import pytest

from gyral.controls.constant import what_is_left_of_predictions
from gyral.controls.unique import Left
from gyral.fitting import fit_layers
from gyral.readouts.spec import open_readout
from planted_nuisances import Planted, planted


@pytest.fixture(scope="module")
def case() -> Planted:
    return planted(subjects=3)


@pytest.fixture(scope="module")
def by_pls(case: Planted) -> dict[str, Left]:
    return left_by(case, "pls")


def left_by(case: Planted, readout: str) -> dict[str, Left]:
    family = open_readout(readout)
    fits = fit_layers(case.layers, case.problem, family)
    picks = {r.name: fits.picks(case.problem, r) for r in case.problem.regions}
    model = {r.name: fits.assembled(case.problem, r, picks[r.name]) for r in case.problem.regions}
    gains = {r.name: fits.gains(r, picks[r.name]) for r in case.problem.regions}
    constant = [case.fitting.alone().predictions, case.fitting.by(family)]
    return what_is_left_of_predictions(case.problem, constant, model, gains)


def test_what_nuisances_drive_is_not_left_and_what_the_model_drives_is(by_pls: dict[str, Left]) -> None:
    nuisance, model, both, noise = (by_pls[r].fields["all"] for r in ("nuisance", "model", "both", "noise"))
    # A response of which half the variance is the model's correlates with it by the root of a half.
    assert model["partial"] == pytest.approx(0.71, abs=0.06) and model["partial_low"] > 0.6
    # Of what nuisances leave three sevenths are the model's; its own share of the bands stays in its predictions.
    assert 0.5 < both["partial"] < (3 / 7) ** 0.5 + 0.03
    for nothing in (nuisance, noise):
        assert abs(nothing["partial"]) < 0.08
        assert nothing["partial_low"] <= 0


@pytest.mark.slow
def test_a_family_of_several_readouts_is_asked_alike(case: Planted) -> None:
    found = left_by(case, "stack")
    assert (
        found["model"].fields["all"]["partial_low"] > 0.6 and found["nuisance"].fields["all"]["partial_low"] <= 0
    )


def test_subjects_stand_behind_their_mean(by_pls: dict[str, Left]) -> None:
    found = by_pls["model"]
    assert list(found.fields) == ["all", "s0", "s1", "s2"]
    own = [found.fields[s]["partial"] for s in ("s0", "s1", "s2")]
    assert found.fields["all"]["partial"] == pytest.approx(np.mean(own))
    assert found.units["partial"].shape == (15,)


def test_a_family_that_reads_positions_cannot_read_bands_of_texts(case: Planted) -> None:
    assert case.fitting.by(open_readout("fwrf")) is None
