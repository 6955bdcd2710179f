"""Units placed, and what stands at a vertex that several of them share."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from colour_vision import VISION
from gyral.brain.mesh import VERTICES
from gyral.brain.painting import claimed, ends, spread
from gyral.brain.placed import Placed, place_units, why_no_place
from gyral.brain.ramp import NAMED, STEPS, colour_names, colour_numbers, rgb
from gyral.datasets.catalogue import open_dataset
from gyral.datasets.manifest import Manifest, read_manifest

PLACED = Placed(np.array([0, 0, 1, 1, -1]), np.array([3, 3, 3, 9, -1]), "by hand")


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    root = open_dataset("sim-vision").root
    assert root is not None
    return read_manifest(root)


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"hemisphere": ["left", "right"], "vertex": [5, 6], **columns})


def test_a_vertex_has_the_mean_of_its_units_and_no_more() -> None:
    values = spread(PLACED, np.array([0.2, 0.4, np.nan, -0.1, 0.9]))
    assert values["left"][3] == pytest.approx(0.3) and values["right"][9] == pytest.approx(-0.1)
    assert np.isnan(values["right"][3])
    assert sum(np.isfinite(v).sum() for v in values.values()) == 2


def test_the_smaller_region_is_seen_on_the_larger() -> None:
    values = claimed(PLACED, [np.array([3]), np.array([0, 2, 3, 4])])
    assert values["right"][9] == 0 and values["left"][3] == values["right"][3] == 1


def test_the_bar_starts_at_zero_unless_scores_lie_below() -> None:
    assert ends({"left": np.linspace(0.1, 0.5, 101), "right": np.full(3, np.nan)}) == (0.0, pytest.approx(0.492))
    assert ends({"left": np.linspace(-0.5, 0.5, 101), "right": np.zeros(0)})[0] == pytest.approx(-0.48)
    assert ends({"left": np.full(3, np.nan)}) == (0.0, 1.0)
    low, high = ends({"left": np.zeros(4)})
    assert low < high


def test_units_are_placed_by_their_mesh() -> None:
    placed = place_units(table(mesh=["fsaverage5", "fsLR"]))
    assert placed.side.tolist() == [0, -1] and placed.vertex.tolist() == [5, -1]
    assert placed.known.tolist() == [True, False]
    none = place_units(table())
    assert not none.known.any()
    assert place_units(table(), simulated=True).vertex.tolist() == [5, 6]
    beyond = pd.DataFrame({"hemisphere": ["left", "", "right"], "vertex": [VERTICES, 1, -1], "mesh": "fsaverage5"})
    assert not place_units(beyond).known.any()


def test_units_with_coordinates_are_placed_near_them_or_not_at_all() -> None:
    units = pd.DataFrame(
        {"x": [-10.0, 10.0, 0.0, np.nan], "y": [-95.0, -95.0, 0.0, 0.0], "z": [5.0, 5.0, 200.0, 0.0]}
    )
    placed = place_units(units)
    assert placed.side.tolist() == [0, 1, -1, -1] and placed.known.tolist() == [True, True, False, False]


def test_what_cannot_be_drawn_says_so_in_one_sentence(manifest: Manifest) -> None:
    def changed(**fields: object) -> Manifest:
        about = dataclasses.replace(manifest.about, simulated=False, **fields)
        return manifest.model_copy(update={"about": about})

    assert why_no_place(manifest, table()) == ""
    human = changed(species="human")
    assert why_no_place(human, table(mesh=["fsaverage", ""])) == ""
    assert why_no_place(human, pd.DataFrame({"x": [1.0], "y": [1.0], "z": [1.0]})) == ""
    says = {
        "of which mesh": (human, table()),
        "only those of fsaverage": (human, table(mesh=["fsLR", "fsLR"])),
        "of a macaque": (changed(species="macaque"), table(mesh=["fsaverage", ""])),
        "neither hemisphere": (human, pd.DataFrame({"i": [1]})),
        "no responses": (human.model_copy(update={"responses": None}), table()),
    }
    for words, (of, units) in says.items():
        why = why_no_place(of, units)
        assert words in why and why.endswith(".") and why.count(".") == 1


@pytest.mark.parametrize("vision", VISION)
def test_the_ramp_grows_lighter_for_every_kind_of_colour_vision(vision: str) -> None:
    colours = colour_numbers(np.linspace(0, 1, 64), 0, 1)
    share = colours / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    luminance = np.clip(linear @ VISION[vision].T, 0, 1) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(np.cbrt(luminance)) > 0).all()


def test_colours_end_with_the_ramp_and_names_come_again() -> None:
    ends = colour_numbers(np.array([-5.0, 5.0, np.nan]), 0, 1)
    assert ends[0].tolist() == list(rgb(STEPS[0])) and ends[1].tolist() == list(rgb(STEPS[-1]))
    assert np.isnan(ends[2]).all()
    named = colour_names(np.array([0.0, float(len(NAMED)), np.nan]))
    assert named[0].tolist() == named[1].tolist() and np.isnan(named[2]).all()
