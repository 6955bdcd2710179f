"""Floors say what they say they say."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset, UnknownName
from gyral.models import gabor
from gyral.models.catalogue import MODELS
from gyral.models.floors import FLOORS, Floor, frequency_ranks
from gyral.models.model import Model, Reduction
from made_models import features, vision_card
from made_sounds import sounds
from uploads import pictures


def _floor(name: str) -> Floor:
    return Floor(MODELS[name].card)


@pytest.mark.parametrize("name", FLOORS)
def test_floors_keep_the_protocol(name: str, tmp_path: Path) -> None:
    model = _floor(name)
    assert isinstance(model, Model) and len(model.layers()) == 1
    texts = StimulusSet.from_texts(["a cat", "the dog", "one", "", "two"])
    made = {
        "vision": lambda: pictures(tmp_path, 5),
        "audio": lambda: sounds(tmp_path, 5),
        "language": lambda: texts,
    }
    stimuli = made[MODELS[name].modality]()
    whole, single = features(model, stimuli), features(model, stimuli, memory=1)
    for layer, values in whole.items():
        assert len(values) == 5 and values.dtype == np.float32 and np.isfinite(values).all()
        np.testing.assert_allclose(values, single[layer], rtol=1e-4, atol=1e-5)
    with pytest.raises(UnknownName):
        list(model.batches(stimuli, ("other",), reduction=Reduction()))


def test_hashes_of_floors_differ() -> None:
    assert len({_floor(name).hash for name in FLOORS}) == len(FLOORS)


def test_a_card_of_another_name_is_no_floor() -> None:
    with pytest.raises(UnknownName):
        Floor(vision_card())


def test_pixels_are_the_colours_of_the_picture(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    (found,) = features(_floor("pixels"), StimulusSet.from_files([tmp_path / "a.png"])).values()
    np.testing.assert_allclose(found[0].reshape(3, 32, 32), values.transpose(2, 0, 1) / 255, rtol=1e-6)


def test_images_are_a_map_that_no_benchmark_shrinks(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    model, stimuli = _floor("images"), StimulusSet.from_files([tmp_path / "a.png"])
    (batch,) = model.batches(stimuli, ("rgb",), reduction=Reduction(grid=7))
    np.testing.assert_allclose(batch.arrays["rgb"], values.transpose(2, 0, 1)[None] / 255, rtol=1e-6)


@pytest.mark.parametrize("scale", range(len(gabor.WAVELENGTHS)))
@pytest.mark.parametrize("turn", [0, 3, 6])
def test_a_grating_is_seen_by_the_filter_of_its_scale_and_orientation(scale: int, turn: int) -> None:
    rows, columns = np.mgrid[0 : gabor.SIZE, 0 : gabor.SIZE]
    angle = np.pi * turn / gabor.ORIENTATIONS
    phase = 2 * np.pi / gabor.WAVELENGTHS[scale] * (columns * np.cos(angle) + rows * np.sin(angle))
    image = np.repeat(0.5 + 0.4 * np.cos(phase)[None, ..., None], 3, axis=3)
    found = gabor.energies(image)[0, :-3].mean(axis=(1, 2)).reshape(-1, gabor.ORIENTATIONS)
    assert np.unravel_index(found.argmax(), found.shape) == (scale, turn)
    if turn == 0:
        np.testing.assert_allclose(found.max(), 0.4, rtol=0.05)  # the amplitude of the grating


def test_energies_do_not_depend_on_phase_and_have_a_place() -> None:
    columns = np.mgrid[0 : gabor.SIZE, 0 : gabor.SIZE][1]
    waves = [0.5 + 0.4 * np.cos(2 * np.pi * columns / 8 + shift) for shift in (0, 1.5)]
    one, two = (gabor.energies(np.repeat(w[None, ..., None], 3, axis=3))[0, 8, 2:5, 2:5] for w in waves)
    np.testing.assert_allclose(one, two, rtol=0.02)
    left = np.where(columns < 56, waves[0], 0.5)
    found = gabor.energies(np.repeat(left[None, ..., None], 3, axis=3))[0, 8, 3]
    assert found[0] > 20 * found[6]


def test_opponent_colour_of_plain_fields() -> None:
    red = gabor.energies(np.broadcast_to(np.array([1.0, 0, 0]), (1, 112, 112, 3)))[0]
    assert red.shape == (gabor.CHANNELS, 7, 7)
    np.testing.assert_allclose(red[:-3], 0, atol=1e-5)
    np.testing.assert_allclose(red[-3:, 0, 0], [1 / 3, 0.5, -0.25], rtol=1e-5)


def test_word_length_counts_characters_words_and_letters() -> None:
    (found,) = features(_floor("word-length"), StimulusSet.from_texts(["The dog ran.", "Go!", ""])).values()
    np.testing.assert_allclose(found, [[12, 3, 3], [3, 1, 2], [0, 0, 0]])


def test_rare_words_have_a_lower_frequency_and_unknown_ones_the_lowest() -> None:
    texts = ["the of and", "the grassland", "the zzyzzx", ""]
    (found,) = features(_floor("word-frequency"), StimulusSet.from_texts(texts)).values()
    assert (np.diff(found[:3, 0]) < 0).all() and (np.diff(found[:, 1]) <= 0).all()
    np.testing.assert_allclose(found[0], [-np.log10([1, 2, 4]).mean(), -np.log10(4), 0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found[2, 1], -np.log10(len(frequency_ranks()) + 1), rtol=1e-6)


def test_the_list_of_frequent_words_is_whole() -> None:
    ranks = frequency_ranks()
    assert len(ranks) == 20_000 and sorted(ranks.values()) == list(range(1, 20_001))
    assert ranks["the"] == 1 and ranks["dog"] < ranks["grassland"]


def _by_word(name: str, texts: list[str], words: int) -> np.ndarray:
    model, stimuli = _floor(name), StimulusSet.from_texts(texts)
    (batch,) = model.batches(stimuli, model.layers(), reduction=Reduction(words=words))
    return batch.arrays[model.layers()[0]]


def test_word_length_of_each_word_is_its_characters_and_letters() -> None:
    found = _by_word("word-length", ["The dog -- ran.", "Go!"], 4)
    np.testing.assert_array_equal(found[0], [[3, 3], [3, 3], [2, 0], [4, 3]])
    np.testing.assert_array_equal(found[1], [[3, 2], [0, 0], [0, 0], [0, 0]])
    (whole,) = features(_floor("word-length"), StimulusSet.from_texts(["The dog -- ran.", "Go!"])).values()
    np.testing.assert_allclose(found[..., 1].sum(axis=1) / whole[:, 1], whole[:, 2])


def test_word_frequency_of_each_word_is_never_padding() -> None:
    found = _by_word("word-frequency", ["The grassland, zzyzzx --", "the"], 4)[..., 0]
    last = -np.log10(len(frequency_ranks()) + 2)
    np.testing.assert_allclose(found[0, [0, 2, 3]], [-np.log10(2), last, last], rtol=1e-6)
    assert last < found[0, 1] < found[0, 0] < 0
    np.testing.assert_array_equal(found[1, 1:], 0)


@pytest.mark.parametrize("name", ["word-length", "word-frequency"])
def test_words_of_a_floor_need_a_word(name: str) -> None:
    with pytest.raises(BadDataset, match="'0002'"):
        _by_word(name, ["a cat", ""], 2)
