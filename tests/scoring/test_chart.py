"""Charts: where marks land, what axes say, and that nothing written breaks out of the picture."""

import re
import xml.etree.ElementTree as ET
from datetime import date
from math import isfinite

import pytest

from gyral.chart import SERIES, Plane, day_axis, linear_axis, log_axis, row_axis, shape_at

SVG = "{http://www.w3.org/2000/svg}"


def _plane(**more: float) -> Plane:
    return Plane(linear_axis("x", [0, 10]), linear_axis("y", [0, 1]), **more)


@pytest.mark.parametrize(
    "values", [[0.001, 0.0042], [-3.0, 70.0], [0.5], [float("nan")], [], [-0.2, -0.1], [1e6, 2e6]]
)
def test_linear_axis_holds_its_values_between_round_ends(values: list[float]) -> None:
    axis = linear_axis("r", values)
    at = [value for value, _ in axis.ticks]
    assert axis.least == at[0] and axis.most == at[-1] and 2 <= len(at) <= 8
    assert all(axis.least - 1e-9 <= v <= axis.most + 1e-9 for v in values if isfinite(v))
    assert len({text for _, text in axis.ticks}) == len(at), "no two ticks say the same"


def test_linear_axis_without_zero_stays_near_its_values() -> None:
    assert linear_axis("r", [0.41, 0.48], zero=False).least == pytest.approx(0.40)


def test_steps_of_a_log_axis_are_factors() -> None:
    axis = log_axis("n", [3e3, 2e9])
    assert [text for _, text in axis.ticks] == ["1 k", "10 k", "100 k", "1 M", "10 M", "100 M", "1 G", "10 G"]
    assert axis.share(1e6) - axis.share(1e5) == pytest.approx(axis.share(1e10) - axis.share(1e9))


def test_days_run_from_the_first_to_the_last() -> None:
    axis = day_axis("", [date(2026, 3, 1), date(2026, 1, 1)])
    assert [axis.ticks[0][1], axis.ticks[-1][1]] == ["2026-01-01", "2026-03-01"]
    assert len(day_axis("", [date(2026, 1, 1)]).ticks) == 2, "a single day has a length, too"


def test_first_row_stands_on_top_and_higher_is_up() -> None:
    rows = Plane(linear_axis("", [0, 1]), row_axis(["first", "second"]), rows=True)
    assert rows.y(0.5) < rows.y(1.5)
    plane = _plane()
    assert plane.y(1) < plane.y(0) and plane.x(0) < plane.x(10)


def test_words_are_escaped_and_name_the_picture() -> None:
    plane = _plane()
    plane.dot(1, 0.5, "<b>&")
    plane.label(1, 0.5, "<script>")
    text = plane.svg("one", "A & B", 'says "<i>"')
    root = ET.fromstring(text)
    assert (root.get("aria-labelledby"), root[0].text, root[1].text) == (
        "one-title one-says",
        "A & B",
        'says "<i>"',
    )
    assert "<script>" not in text and "<b>" not in text
    assert root.get("width") is None and ET.fromstring(plane.svg("one", "", "", alone=True)).get("width") == "460"


def test_names_lie_on_neither_marks_nor_names() -> None:
    plane = _plane()
    for n in range(6):
        plane.dot(5, 0.5 + n / 100, "x")
        plane.label(5, 0.5 + n / 100, f"model {n}")
    shown = re.findall(r">(model \d)<", plane.svg("one", "", ""))
    assert 1 <= len(shown) <= 2
    edge = _plane()
    edge.label(10, 0.5, "to the left")
    root = ET.fromstring(edge.svg("one", "", ""))
    (x,) = [float(n.get("x", "nan")) for n in root.iter(f"{SVG}text") if n.text == "to the left"]
    assert x < edge.x(10) - 60


def test_dots_on_one_spot_are_drawn_once() -> None:
    plane = _plane()
    plane.dots([(1, 0.5), (1.0001, 0.5), (9, 0.5)])
    assert plane.svg("one", "", "").count("h0") == 2


def test_models_differ_in_shape_as_well_as_colour() -> None:
    drawn = [re.sub(r"#[0-9a-f]{6}", "", shape_at(8, 8, colour, shape)) for colour, shape in SERIES]
    assert len(set(drawn)) == len(SERIES) == len({colour for colour, _ in SERIES})


@pytest.mark.parametrize("colour", [colour for colour, _ in SERIES])
@pytest.mark.parametrize("page", ["#fcfcfb", "#11161b"])
def test_colours_stand_out_on_both_pages(colour: str, page: str) -> None:
    light, dark = sorted((_luminance(colour), _luminance(page)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
