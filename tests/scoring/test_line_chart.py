"""Line charts: where points land, what is said, and what is left out."""

import re
import xml.etree.ElementTree as ET

import numpy as np

from gyral.line_chart import line_chart_svg, sparkline

TIMES = (-0.1, 0.0, 0.1, 0.2)


def test_a_chart_is_well_formed_says_its_peak_and_has_no_style_or_script():
    svg = line_chart_svg(
        TIMES, np.array([0.0, 0.1, 0.3, 0.2]), 'A & "B"', marked=np.array([False, False, True, True])
    )
    root = ET.fromstring(svg)
    assert [child.text for child in root[:2]] == ['A & "B"', "from -100 to 200 ms, highest 0.300 at 100 ms"]
    assert (root.get("aria-labelledby") or "").split() == [child.get("id") for child in root[:2]]
    assert "style" not in svg and "script" not in svg
    assert len([r for r in root.iter() if r.tag.endswith("rect")]) == 2  # one bar a marked time


def test_higher_is_up_later_is_right_and_the_band_holds_the_line():
    svg = line_chart_svg(TIMES, np.array([0.0, 0.1, 0.3, 0.2]), "x")
    line = re.search(r'd="(M[^"Z]+)" fill="none" stroke="#3b82c4"', svg).group(1)
    points = np.array([[float(v) for v in p.split()] for p in re.split("[ML]", line)[1:]])
    assert (np.diff(points[:, 0]) > 0).all()
    assert points[:, 1].argmin() == 2 and points[:, 1].argmax() == 0


def test_a_missing_time_breaks_the_line_and_nothing_at_all_is_said():
    svg = line_chart_svg(TIMES, np.array([0.1, np.nan, 0.3, 0.2]), "x")
    assert re.search(r'd="M[^L"]+M', svg)
    assert "no values" in line_chart_svg(TIMES, np.full(4, np.nan), "x")


def test_a_sparkline_has_one_character_a_time_on_a_common_scale():
    assert sparkline(np.array([-0.1, 0.0, 0.2, np.nan, 0.4])) == "▁▁▅ █"
    assert sparkline(np.array([0.1, 0.2]), most=0.4) == "▃▅"


def test_both_axes_say_what_they_are_in():
    words = [e.text for e in ET.fromstring(line_chart_svg(TIMES, np.zeros(4), "x", unit="r")).iter() if e.text]
    assert {"ms", "r"} <= set(words)
