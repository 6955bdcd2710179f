"""Images shown at places and sizes of their own: laid on one field exactly, and seen there by models."""

import textwrap
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from array_model import ArrayModel
from gyral.benchmarks.benchmark import Benchmark
from gyral.datasets.pack import read_pack
from gyral.datasets.png import png
from gyral.datasets.source import StimuliSource
from gyral.datasets.source_parts import CanvasSource
from gyral.errors import UserError
from gyral.evaluate import evaluate
from gyral.models.catalogue import open_model
from source_folder import built, write_csv

CANVAS = {"degrees": 16.0, "pixels": 256}  # 16 pixels a degree
GREY, WHITE = 128, 255


def saved(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.asarray(pixels, np.uint8)
    Image.fromarray(pixels).save(path)


def white(height=20, width=20):
    return np.full((height, width, 3), WHITE)


@pytest.fixture
def shown(tmp_path):
    """Tables of a description with the given pictures at the given places; a voxel answered to each."""

    def make(pictures, width, right, up, **canvas):
        names = [f"item{i}" for i in range(len(pictures))]
        for name, pixels in zip(names, pictures, strict=True):
            saved(tmp_path / "pictures" / f"{name}.png", pixels)
        files = [f"pictures/{n}.png" for n in names]
        write_csv(tmp_path / "stimuli.csv", id=names, file=files, width_deg=width, x_deg=right, y_deg=up)
        write_csv(tmp_path / "x.csv", stimulus=names, V1=np.arange(len(names)) % 5)
        stimuli = {"modality": "image", "table": "stimuli.csv", "file": "file"}
        stimuli |= {"degrees": "width_deg", "position": ["x_deg", "y_deg"], "canvas": CANVAS | canvas}
        responses = {"reader": "table", "kind": "fMRI", "unit": "z", "subjects": ["x"], "files": "{subject}.csv"}
        return {
            "stimuli": stimuli,
            "responses": {**responses, "units": ["V1"]},
            "regions": [{"name": "V1", "all": True}],
            "split": {"kind": "contiguous", "folds": 2},
        }

    return make


def stimuli_of(folder, tables):
    built(folder, tables)
    return read_pack(folder / "pack").stimuli


def pixels_of(stimuli):
    return [np.asarray(Image.open(f)) for f in stimuli.files]


def field(**corners):
    """Grey, with rectangles ``value: (left, top, right, bottom)`` in pixels."""
    out = np.full((256, 256, 3), GREY, np.uint8)
    for value, (left, top, right, bottom) in corners.items():
        out[top:bottom, left:right] = int(value.lstrip("v"))
    return out


def test_a_square_lies_exactly_where_it_was_shown(shown, tmp_path):
    tables = shown([white(), white(20, 40)], [2, 4], [3, -5], [-1, 2])
    digest, made = built(tmp_path, tables)
    stimuli = read_pack(tmp_path / "pack").stimuli
    first, second = pixels_of(stimuli)
    # 2 degrees are 32 pixels; the middle is at 128, right is more and up is less
    np.testing.assert_array_equal(first, field(v255=(160, 128, 192, 160)))
    # twice as wide as high stays so
    np.testing.assert_array_equal(second, field(v255=(16, 80, 80, 112)))
    assert (stimuli.degrees, stimuli.position) == (16.0, None)
    assert stimuli.shown == "16 degrees of visual angle wide"
    assert stimuli.columns["width_deg"].tolist() == [2, 4]
    assert (stimuli.columns["x_deg"].tolist(), stimuli.columns["y_deg"].tolist()) == ([3, -5], [-1, 2])
    assert "2 images were laid on a canvas of 16 degrees, 256 x 256 pixels (16 a degree)" in made.notes
    assert built(tmp_path, tables)[0] == digest
    assert stimuli.files[0].read_bytes() == png(first)  # the same bytes on every machine that resizes alike


def test_background_and_middle_of_the_canvas_are_declared(shown, tmp_path):
    tables = shown([white()] * 2, [2, 2], [3, 0], [-1, 0], grey=0, position=[1.0, -1.0])
    stimuli = stimuli_of(tmp_path, tables)
    expected = field(v0=(0, 0, 256, 256), v255=(144, 112, 176, 144))
    np.testing.assert_array_equal(pixels_of(stimuli)[0], expected)
    assert stimuli.position == (1.0, -1.0)


def test_one_number_goes_for_all_and_places_by_column(shown, tmp_path):
    tables = shown([white()] * 2, [9, 9], [3, -3], [0, 0])
    tables["stimuli"] |= {"degrees": 2, "position": ["x_deg", 1.0]}
    first, second = pixels_of(stimuli_of(tmp_path, tables))
    np.testing.assert_array_equal(first, field(v255=(160, 96, 192, 128)))
    np.testing.assert_array_equal(second, field(v255=(64, 96, 96, 128)))
    del tables["stimuli"]["position"]
    np.testing.assert_array_equal(pixels_of(stimuli_of(tmp_path, tables))[1], field(v255=(112, 112, 144, 144)))


def test_equal_pictures_at_two_places_are_two_stimuli(shown, tmp_path):
    stimuli = stimuli_of(tmp_path, shown([white()] * 3, [2, 2, 2], [3, 3, -3], [0, 0, 0]))
    assert stimuli.hashes[0] == stimuli.hashes[1] != stimuli.hashes[2]
    moved = stimuli_of(tmp_path, shown([white()] * 3, [2, 2, 2], [3, 3, -4], [0, 0, 0]))
    assert moved.hashes[:2] == stimuli.hashes[:2] and moved.content_hash != stimuli.content_hash


def test_what_is_transparent_shows_the_canvas_and_fine_patterns_become_grey(shown, tmp_path):
    clear = np.dstack([white(), np.repeat([[0], [255]], 10, axis=0) + np.zeros((20, 20), int)])
    finest = np.indices((320, 320)).sum(axis=0) % 2 * 255
    first, second = pixels_of(stimuli_of(tmp_path, shown([clear, finest], [2, 2], [0, 0], [0, 0])))
    assert (first[112:122, 112:144] == GREY).all() and (first[134:144, 112:144] == WHITE).all()
    inner = second[116:140, 116:140]  # ten source pixels each: without smoothing it would be black and white
    assert np.abs(inner.astype(int) - 127).max() <= 2


def test_what_reaches_beyond_is_cut_where_that_is_declared(shown, tmp_path):
    halves = np.concatenate([np.zeros((20, 10, 3)), white(20, 10)], axis=1)
    tables = shown([halves, white()], [4, 2], [7, 0], [0, 0])
    with pytest.raises(UserError) as fault:
        built(tmp_path, tables)
    said = str(fault.value)
    assert fault.value.code == "canvas"
    assert "1 of 2 images reach beyond the canvas, row 1 (stimulus 'item0') first, by 1 degrees" in said
    assert "stimuli.canvas.degrees = 18 holds all" in said and "crop = true" in said
    tables["stimuli"]["canvas"]["crop"] = True
    first, _ = pixels_of(stimuli_of(tmp_path, tables))
    # smoothing reaches three source pixels, of 3.2 pixels each, to both sides of the middle at 240
    assert (first[96:160, 208:230] == 0).all() and (first[96:160, 250:256] == WHITE).all()
    assert (first[:96] == GREY).all() and (first[:, :208] == GREY).all()
    # a picture as wide as the whole field of view is cut before it is enlarged: 23,040 pixels would not be needed
    tables = shown([halves, halves], [360, 360], [90, -90], [0, 0], degrees=1.0, pixels=64, crop=True)
    black, bright = pixels_of(stimuli_of(tmp_path, tables))
    assert (black == 0).all() and (bright == WHITE).all()


def test_columns_that_say_the_same_need_no_canvas(shown, tmp_path):
    tables = shown([white()] * 2, [2, 2], [3, 3], [-1, -1])
    del tables["stimuli"]["canvas"]
    stimuli = stimuli_of(tmp_path, tables)
    assert (stimuli.degrees, stimuli.position) == (2.0, (3.0, -1.0))
    assert pixels_of(stimuli)[0].shape == (20, 20, 3) and stimuli.columns["x_deg"].tolist() == [3, 3]


def no_canvas(tables):
    del tables["stimuli"]["canvas"]


def on_canvas(**fields):
    return lambda tables: tables["stimuli"]["canvas"].update(fields)


def in_stimuli(**fields):
    return lambda tables: tables["stimuli"].update(fields)


def no_width(tables):
    del tables["stimuli"]["degrees"]


def of_texts(tables):
    tables["stimuli"] |= {"modality": "text", "text": "id"}


def of_texts_without_canvas(tables):
    of_texts(tables)
    no_canvas(tables)


def of_events(tables):
    tables["stimuli"] = {"modality": "label", "degrees": 8.0}


def canvas_of_events(tables):
    tables["stimuli"] = {"modality": "label", "canvas": dict(CANVAS)}


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (no_canvas, "canvas", "stimuli.degrees: images were shown at different sizes: 2 to 4 degrees wide"),
        (no_width, "degrees", "nothing says how wide images were shown"),
        (of_texts, "source", "stimuli.canvas: text stimuli have no width and place on a screen"),
        (of_texts_without_canvas, "source", "stimuli.position: text stimuli have no width and place"),
        (of_events, "source", "degrees goes with a table of stimuli"),
        (canvas_of_events, "source", "canvas goes with a table of stimuli"),
        (on_canvas(pixels=48), "canvas", "row 1 (stimulus 'item0') would be 6.0 pixels on the canvas of 48"),
        (on_canvas(pixels=48), "canvas", "stimuli.canvas.pixels = 64 or more"),
        (on_canvas(degrees=0), "source", "stimuli.canvas.degrees"),
        (on_canvas(degrees=float("inf")), "source", "stimuli.canvas.degrees"),
        (on_canvas(pixels=100_000), "source", "stimuli.canvas.pixels"),
        (on_canvas(grey=256), "source", "stimuli.canvas.grey"),
        (on_canvas(colour=3), "source", "stimuli.canvas.colour: there is no such field. Known: crop, degrees"),
        (on_canvas(position=[float("nan"), 0.0]), "source", "stimuli.canvas.position"),
        (
            on_canvas(position=[-12.0, 0.0], crop=True),
            "canvas",
            "nothing of row 1 (stimulus 'item0') is on the canvas",
        ),
        (in_stimuli(degrees="wide"), "unknown-name", "'wide'"),
        (in_stimuli(degrees=-1.0), "source", "stimuli.degrees: a width above 0 and at most 360"),
        (in_stimuli(degrees=float("nan")), "source", "stimuli.degrees: a width above 0"),
        (in_stimuli(degrees="file"), "table", "column 'file', row 1: 'pictures/item0.png' is no number"),
        (in_stimuli(degrees="x_deg"), "degrees", "column 'x_deg', row 2 (stimulus 'item1'): a number above 0"),
        (in_stimuli(position=[float("nan"), 0.0]), "degrees", "two numbers from -180 to 180"),
        (in_stimuli(position=["x_deg", 200.0]), "degrees", "two numbers from -180 to 180"),
    ],
)
def test_what_cannot_be_is_refused(shown, tmp_path, change, code, words):
    tables = shown([white()] * 2, [2, 4], [3, -3], [0, 0])
    change(tables)
    with pytest.raises(UserError) as fault:
        built(tmp_path, tables)
    assert (fault.value.code, words in str(fault.value)) == (code, True), str(fault.value)


@pytest.mark.parametrize(("cell", "said"), [("", "nan"), ("inf", "inf"), ("0", "0"), ("361", "361")])
def test_widths_that_cannot_be_are_named_by_row(shown, tmp_path, cell, said):
    tables = shown([white()] * 2, ["2", cell], [3, -3], [0, 0])
    with pytest.raises(
        UserError, match=rf"column 'width_deg', row 2 \(stimulus 'item1'\): .* not {said}\."
    ) as fault:
        built(tmp_path, tables)
    assert fault.value.code == "degrees"


def test_a_file_that_is_no_image_is_named(shown, tmp_path):
    tables = shown([white()] * 2, [2, 4], [3, -3], [0, 0])
    (tmp_path / "pictures" / "item1.png").write_text("no")
    with pytest.raises(UserError, match=r"item1.png: not an image") as fault:
        built(tmp_path, tables)
    assert fault.value.code == "not-an-image"


def test_the_page_shows_what_is_read():
    page = (Path(__file__).resolve().parents[3] / "docs" / "your_data.md").read_text("utf-8")
    block = (
        page.partition("## Images at places of their own")[2].partition("    [stimuli]")[2].partition("\n- ")[0]
    )
    fields = tomllib.loads(
        textwrap.dedent("    [stimuli]" + block).replace("# position", "position").replace("# crop", "crop")
    )
    told = StimuliSource.model_validate(fields["stimuli"])
    assert (
        told.canvas is not None
        and told.canvas.crop
        and set(CanvasSource.model_fields) == set(fields["stimuli"]["canvas"])
    )


BOARD = Benchmark(
    name="own-v1", version=0, title="Own", modality="vision", dataset="own", task="encoding",
    metric="pearson", readout="ridge", ceiling="none", main_region="V1",
)  # fmt: skip


def test_models_see_places_on_the_canvas_alone(shown, tmp_path, cold_cache):
    """Voxels answer to where a texture stood; the texture itself says nothing."""
    draw = np.random.default_rng(0)
    count = 96
    right, up = draw.uniform(-6, 6, (2, count)).round(2)
    textures = [np.kron(draw.integers(0, 2, (5, 5, 1)) * 127 + 128, np.ones((8, 8, 3))) for _ in range(count)]
    tables = shown(textures, [3] * count, right, up, grey=0, pixels=128)
    centres = {"upper": (2.0, 3.0), "left": (-4.0, 0.0)}
    responses = {n: np.exp(-((right - x) ** 2 + (up - y) ** 2) / 6) for n, (x, y) in centres.items()}
    write_csv(tmp_path / "x.csv", stimulus=[f"item{i}" for i in range(count)], **responses)
    tables["responses"]["units"] = list(centres)
    tables["split"] = {"kind": "contiguous", "folds": 4}

    def score():
        built(tmp_path, tables)
        dataset = read_pack(tmp_path / "pack")
        return evaluate(open_model("pixels"), BOARD, dataset, controls="none").record.main("V1").value, dataset

    value, dataset = score()
    assert value > 0.7
    # a receptive field is told in degrees of the visual field, wherever the canvas stood
    seen = [np.asarray(Image.open(f), np.float32)[..., 0] for f in dataset.stimuli.files]
    maps = np.stack([s.reshape(16, 8, 16, 8).mean(axis=(1, 3)) for s in seen])[:, None]
    model = ArrayModel(dataset.stimuli.ids, {"map": maps.astype(np.float32)}, modality="vision")
    units = evaluate([model], BOARD, dataset, readout="fwrf", controls="none").units
    found = units[["rf_x_deg", "rf_y_deg"]].to_numpy() - np.array(list(centres.values()))
    assert (np.hypot(*found.T) < 0.75).all()
    tables["stimuli"] = {"modality": "image", "table": "stimuli.csv", "file": "file", "degrees": 3.0}
    value, _ = score()
    assert abs(value) < 0.25
