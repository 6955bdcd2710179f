"""Receptive fields as circles: where they are, how large, and in words."""

import re

import numpy as np
import pytest

from gyral.field_map import fields_svg


def circles(svg: str) -> list[tuple[float, float, float]]:
    found = re.findall(r'cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"', svg)
    return [(float(x), float(y), float(r)) for x, y, r in found]


def test_a_circle_stands_where_its_unit_looks() -> None:
    svg = fields_svg(
        np.array([0.25, 0.75, np.nan]), np.array([0.5, 1.5, 0.5]), np.array([0.1, 0.2, 0.1]), "V4 <left>"
    )
    drawn = circles(svg)
    assert len(drawn) == 3, "two units and their medians"
    assert drawn[0] == pytest.approx((44, 88, 17.6)) and drawn[1] == pytest.approx((132, 176, 35.2))
    assert drawn[2] == pytest.approx((88, 176, 26.4), abs=0.1)
    assert "V4 &lt;left&gt;: 2 receptive fields; their median is at 0.50 of the width" in svg
    assert "standard deviation 0.15" in svg and not re.search("<style|<script|style=", svg)


def test_many_units_are_drawn_evenly_and_all_are_counted() -> None:
    place = np.linspace(0, 1, 901)
    svg = fields_svg(place, place, np.full(901, 0.1), "V1")
    drawn = circles(svg)
    assert 150 < len(drawn) <= 201 and "901 receptive fields" in svg
    assert drawn[0][0] == 0 and drawn[-2][0] > 170


def test_none_is_said() -> None:
    nothing = np.full(3, np.nan)
    svg = fields_svg(nothing, nothing, nothing, "V1")
    assert "no unit has a receptive field" in svg and not circles(svg)


def test_the_ink_is_that_of_the_page() -> None:
    place = np.array([0.5])
    svg = fields_svg(place, place, place, "V1")
    assert 'color="#3b528b"' in svg and svg.count('"currentColor"') == 3, "a page may colour it; alone it is blue"
