"""Pictures and files of a painted brain: the right side, the right vertices, words for who does not see them."""

import io
import re
from xml.etree import ElementTree

import nibabel
import numpy as np
import pytest
from PIL import Image

from gyral.brain.mesh import SIDES, VERTICES, surface
from gyral.brain.painting import Named, Painting
from gyral.brain.picture import brain_svg, says
from gyral.brain.ramp import NAMED, STEPS, rgb
from gyral.brain.surface_file import depth_gifti, painting_gifti, surface_gifti
from gyral.brain.view import HIGH, VIEWS, WIDE, View, draw_views, see, top_of


def painting(left: float = np.nan, right: float = np.nan, **fields: object) -> Painting:
    values = {s: np.full(VERTICES, v, np.float32) for s, v in zip(SIDES, (left, right), strict=True)}
    return Painting(values, "A <title>", **{"unit": "Pearson r", "notes": ("A note.",), **fields})  # type: ignore[arg-type]


def pixels(shown: Painting) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(draw_views(shown, scale=1))).convert("RGBA"), np.float64)


def test_a_painted_hemisphere_is_seen_in_its_own_views() -> None:
    image = pixels(painting(left=1.0))
    for n, view in enumerate(VIEWS):
        x, y = int((n % 2 + 0.5) * WIDE), int(top_of(n) + view.high / 2)
        red, _, blue, opaque = image[y, x]
        assert opaque == 255
        is_yellow = red - blue > 60
        assert is_yellow == (view.side == "left"), view.title
    assert image[2, 2, 3] == 0, "the ground is transparent"


def test_views_are_no_mirror_images() -> None:
    for view in VIEWS:
        across, up, near = view.axes
        np.testing.assert_array_equal(np.cross(across, up), near)
    outside = View("left", "outside")
    # Seen from the left of the head, its front (y) is to the left and its top (z) above.
    assert outside.axes[0].tolist() == [0, -1, 0] and outside.axes[1].tolist() == [0, 0, 1]


def test_what_faces_away_is_not_drawn_and_what_is_near_comes_last() -> None:
    for view in VIEWS[::2]:
        seen = see(view, surface(view.side))
        near = (surface(view.side).points @ view.axes[2])[seen.faces].mean(axis=1)
        assert 0.3 < len(seen.faces) / len(surface(view.side).faces) < 0.7
        assert (np.diff(near) >= 0).all()
        assert seen.corners[..., 0].min() >= 0 and seen.corners[..., 0].max() <= WIDE
        assert seen.corners[..., 1].min() >= 0 and seen.corners[..., 1].max() <= view.high <= HIGH


def test_on_a_dark_ground_words_are_light_and_numbers_on_regions_keep_their_rim() -> None:
    half = np.where(np.arange(VERTICES) % 2, 0.0, 1.0).astype(np.float32)
    shown = Painting(dict.fromkeys(SIDES, half), "Two", names=("one", "two"), notes=("A note.",))
    light, dark = brain_svg(shown), brain_svg(shown, dark=True)
    assert '<rect width="100%" height="100%" fill="#171d24"/>' in dark
    assert 'fill="#ffffff"' not in dark and 'fill="#52606d"' not in dark
    rim = 'fill="#17202a" stroke="#ffffff"'
    assert dark.count(rim) == light.count(rim) > 0
    assert dark.count('fill="#17202a"') == dark.count(rim)
    images = [re.findall(r"base64,[^\"]+", text) for text in (light, dark)]
    assert images[0] == images[1], "colours are numbers and names"


def test_below_zero_there_is_a_minus_sign() -> None:
    shown = painting(-0.21, 0.5, low=-0.2, high=0.5)
    assert "−0.210 to 0.500" in says(shown) and "-0.2" not in says(shown)


def test_the_file_stands_alone_and_says_what_it_shows() -> None:
    text = brain_svg(painting(0.1, 0.5, low=0.0, high=0.5))
    root = ElementTree.fromstring(text)
    assert "A &lt;title&gt;" in text and root.get("role") == "img"
    assert not re.search(r"<style|<script|style=|on\w+=", text)
    assert set(re.findall(r'href="(.{5})', text)) == {"data:", "#brai"}
    assert "0.100 to 0.500" in text and "Pearson r at 20484 vertices" in text and "A note." in text
    for colour in STEPS:
        assert colour in text


def test_names_have_a_chip_and_a_number_each() -> None:
    values = {"left": np.where(surface("left").points[:, 1] > 0, 0.0, 1.0).astype(np.float32)}
    values["right"] = np.full(VERTICES, np.nan, np.float32)
    text = brain_svg(Painting(values, "Regions", names=("front & top", "back")))
    assert "1 front &amp; top" in text and "2 back" in text
    assert text.count('font-size="11" font-weight="700"') == 6, "two regions in three views of one hemisphere"
    assert NAMED[0] in text and NAMED[1] in text
    assert "2 regions: front & top, back." in says(Painting(values, "Regions", names=("front & top", "back")))
    alone = brain_svg(Painting(values, "Region", names=("front",)))
    assert 'font-size="11"' not in alone


def test_the_title_is_read_in_the_picture() -> None:
    drawn = ElementTree.fromstring(brain_svg(painting(0.1, 0.5, low=0.0, high=0.5)))
    texts = [t.text for t in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "A <title>"


@pytest.mark.parametrize(
    ("left", "right", "shown", "hidden"),
    [
        (-0.2, 0.7, ("&lt; −0.10", "&gt; 0.52"), ()),
        (-0.1, 0.7, ("−0.10", "&gt; 0.52"), ("&lt; ",)),
        (-0.1, 0.52, ("−0.10", "0.52"), ("&lt; ", "&gt; ")),
    ],
)
def test_a_colour_bar_says_at_which_end_values_lie_beyond_it(
    left: float, right: float, shown: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    text = brain_svg(painting(left, right, low=-0.1, high=0.52))
    texts = re.findall(r">([^<]*)</text>", text)
    for words in shown:
        assert words in texts
    for words in hidden:
        assert not any(words in t for t in texts)


def test_regions_of_numbers_have_a_number_a_name_and_the_colour_of_their_score() -> None:
    front = surface("left").points[:, 1] > 0
    nothing = np.full(VERTICES, np.nan, np.float32)
    places = {"left": np.where(front, 0.0, 1.0).astype(np.float32), "right": nothing}
    values = {"left": np.where(front, 0.0, 1.0).astype(np.float32), "right": nothing}
    named = Named(places, ("front 0.000", "back 1.000"), (0.0, 1.0))
    text = brain_svg(Painting(values, "Scores", "Pearson r", regions=named))
    assert "1 front 0.000" in text and "2 back 1.000" in text
    assert text.count('font-size="11" font-weight="700"') == 6, "two regions in three views of one hemisphere"
    for colour in (STEPS[0], STEPS[-1]):
        assert f'height="12" fill="{colour}"' in text
    assert "2 regions: front 0.000, back 1.000." in says(Painting(values, "Scores", "Pearson r", regions=named))


@pytest.mark.parametrize("side", SIDES)
def test_surfaces_and_numbers_come_back_as_gifti(side: str) -> None:
    whole = nibabel.gifti.GiftiImage.from_bytes(surface_gifti(side))
    points, faces = whole.agg_data(("pointset", "triangle"))
    np.testing.assert_allclose(points, surface(side).points, atol=1e-4)
    np.testing.assert_array_equal(faces, surface(side).faces)
    shown = painting(0.25)
    back = nibabel.gifti.GiftiImage.from_bytes(painting_gifti(shown, side))
    np.testing.assert_array_equal(back.agg_data(), shown.values[side])
    deep = nibabel.gifti.GiftiImage.from_bytes(depth_gifti(side)).agg_data()
    np.testing.assert_array_equal(deep > 0, surface(side).depth > 0)


def test_names_come_back_as_labels() -> None:
    shown = painting(1.0, names=("V1", "V4"))
    back = nibabel.gifti.GiftiImage.from_bytes(painting_gifti(shown, "left"))
    assert back.labeltable.get_labels_as_dict() == {0: "???", 1: "V1", 2: "V4"}
    assert set(back.agg_data()) == {2}
    assert back.labeltable.labels[2].rgba[:3] == pytest.approx([c / 255 for c in rgb(NAMED[1])], abs=1e-3)
    assert set(nibabel.gifti.GiftiImage.from_bytes(painting_gifti(shown, "right")).agg_data()) == {0}
