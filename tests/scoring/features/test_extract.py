"""Extraction: cached, resumed after a kill, honest about bad values and a full disk."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import uploads
from array_model import ArrayModel
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadFeatures
from gyral.features.extract import extract
from gyral.models.catalogue import MODELS
from gyral.models.floors import Floor
from gyral.models.model import Reduction
from gyral.models.transformers_folder import TransformersModel
from gyral.models.words import word_positions

STIMULI = StimulusSet.from_texts([f"sentence {i}" for i in range(30)])


def model(**changes) -> ArrayModel:
    rng = np.random.default_rng(0)
    arrays = {
        "maps": rng.standard_normal((30, 4, 3, 3)).astype(np.float32),
        "flat": rng.standard_normal((30, 5)).astype(np.float32),
    }
    return ArrayModel(STIMULI.ids, arrays, **changes)


def test_extract_returns_what_the_model_gave(cold_cache: Path) -> None:
    given = model()
    found = extract(given, STIMULI, ["maps", "flat"])
    np.testing.assert_array_equal(found["flat"].array, given.arrays["flat"])
    np.testing.assert_allclose(found["maps"].array, given.arrays["maps"], atol=2e-3)
    assert found["maps"].array.dtype == np.float16
    assert found["maps"].axes == ("samples", "channels", "height", "width")


def test_second_extraction_asks_nothing_of_the_model(cold_cache: Path) -> None:
    extract(model(), STIMULI, ["maps", "flat"])
    again = model()
    extract(again, STIMULI, ["maps", "flat"])
    assert again.shown == []


def test_a_new_layer_is_added_without_the_old_ones(cold_cache: Path) -> None:
    extract(model(), STIMULI, ["maps"])
    again = model()
    extract(again, STIMULI, ["maps", "flat"])
    assert len(again.shown) == 30


def test_extraction_resumes_after_an_interrupt(cold_cache: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        extract(model(die_after=2), STIMULI, ["maps", "flat"])
    again = model()
    found = extract(again, STIMULI, ["maps", "flat"])
    assert again.shown == list(STIMULI.ids[16:])
    np.testing.assert_array_equal(found["flat"].array, again.arrays["flat"])


def test_extraction_resumes_after_a_kill(cold_cache: Path) -> None:
    script = Path(__file__).with_name("killed_child.py")
    done = subprocess.run([sys.executable, str(script)], check=False)
    assert done.returncode == -signal.SIGKILL
    again = model()
    found = extract(again, STIMULI, ["flat"])
    assert again.shown == list(STIMULI.ids[16:])
    np.testing.assert_array_equal(found["flat"].array, again.arrays["flat"])


def test_large_activations_rest_in_full_precision(cold_cache: Path) -> None:
    big = model()
    big.arrays["maps"][20] *= 1e6  # after the first batch has been stored as float16
    found = extract(big, STIMULI, ["maps", "flat"])
    np.testing.assert_array_equal(found["maps"].array, big.arrays["maps"])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_name_layer_and_stimulus(cold_cache: Path, bad: float) -> None:
    spoiled = model()
    spoiled.arrays["flat"][11, 2] = bad
    with pytest.raises(BadFeatures, match="layer 'flat'.*'0012'") as caught:
        extract(spoiled, STIMULI, ["maps", "flat"])
    assert caught.value.code == "features-finite"


def test_other_stimuli_have_other_features(cold_cache: Path) -> None:
    extract(model(), STIMULI, ["flat"])
    other = STIMULI.subset(range(29, -1, -1))
    again = model()
    found = extract(again, other, ["flat"])
    np.testing.assert_array_equal(found["flat"].array, again.arrays["flat"][::-1])


def test_full_disk_is_named_and_loses_nothing(cold_cache: Path) -> None:
    # A process with a small limit on file size stands for the full disk: same errno family, real write.
    script = Path(__file__).with_name("full_disk_child.py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout)
    assert answer["code"] == "disk-full", done.stderr
    assert str(cold_cache) in answer["where"]
    wide = np.ones((30, 20_000), np.float32)
    again = ArrayModel(STIMULI.ids, {"wide": wide})
    np.testing.assert_array_equal(extract(again, STIMULI, ["wide"])["wide"].array, wide)
    assert again.shown == list(STIMULI.ids[8:]), "the batch that was written is not asked for again"


# Words ---------------------------------------------------------------------------------------------------------


def words_model(positions: int, **changes) -> ArrayModel:
    made = np.random.default_rng(1).standard_normal((30, positions, 3)).astype(np.float32)
    made[:, 2:] = 0
    return ArrayModel(STIMULI.ids, {"words": made, "flat": made[:, 0]}, **changes)


def test_words_of_a_text_are_a_sequence_and_pooled_texts_another_entry(cold_cache: Path) -> None:
    bert = TransformersModel(uploads.GOOD / "bert", MODELS["word-length"].card)
    stimuli = uploads.sentences()
    words = word_positions(stimuli)
    assert words == 7
    found = extract(bert, stimuli, bert.layers(), reduction=Reduction(words=words))
    pooled = extract(bert, stimuli, bert.layers())
    counts = [len(text.split()) for text in uploads.SENTENCES]
    for name in bert.layers():
        assert found[name].sequence and found[name].grid == (1, 7) and found[name].axes[1] == "positions"
        assert found[name].places().present.sum(axis=1).tolist() == counts
        assert not pooled[name].sequence and not pooled[name].has_positions
    assert len(list((cold_cache / "features").iterdir())) == 2


def test_maps_and_flat_layers_are_no_sequences(cold_cache: Path) -> None:
    found = extract(model(), STIMULI, ["maps", "flat"], reduction=Reduction(words=2))
    assert not found["maps"].sequence and not found["flat"].sequence
    assert found["flat"].array.shape == (30, 5)


def test_tokens_of_images_are_no_sequence(cold_cache: Path, tmp_path: Path) -> None:
    pictures = uploads.pictures(tmp_path)
    tokens = np.random.default_rng(1).standard_normal((5, 17, 3)).astype(np.float32)
    given = ArrayModel(pictures.ids, {"tokens": tokens}, modality="vision")
    found = extract(given, pictures, ["tokens"], reduction=Reduction(words=4))["tokens"]
    assert not found.sequence and found.grid == (4, 4) and found.has_class_token


def test_words_after_an_interrupt_have_the_positions_of_the_whole_set(cold_cache: Path) -> None:
    texts = [f"{'long ' * 9}sentence {i}" if i < 3 else f"sentence {i}" for i in range(70)]
    stimuli = StimulusSet.from_texts(texts)
    floor = Floor(MODELS["word-length"].card)
    reduction = Reduction(words=word_positions(stimuli))
    with pytest.raises(KeyboardInterrupt):
        extract(floor, stimuli, ["length"], reduction=reduction, progress=_interrupting)
    found = extract(floor, stimuli, ["length"], reduction=reduction)["length"]
    assert found.array.shape == (70, 11, 2)
    np.testing.assert_array_equal(found.places().present.sum(axis=1), [11] * 3 + [2] * 67)
    np.testing.assert_array_equal(found.array[69, :2, 0], [8, 2])


def _interrupting(step: str, done: int, total: int) -> None:
    if done >= 32:
        raise KeyboardInterrupt


def test_another_number_of_positions_than_asked_for_is_refused(cold_cache: Path) -> None:
    with pytest.raises(BadFeatures, match="layer 'words'.*4 positions a text where 5") as caught:
        extract(words_model(4), STIMULI, ["words", "flat"], reduction=Reduction(words=5))
    assert caught.value.code == "features-words"


def test_a_text_whose_words_are_all_zero_is_named(cold_cache: Path) -> None:
    dead = words_model(4)
    dead.arrays["words"][11] = 0
    with pytest.raises(BadFeatures, match="layer 'words'.*'0012'") as caught:
        extract(dead, STIMULI, ["words"], reduction=Reduction(words=4))
    assert caught.value.code == "features-words"


@pytest.mark.parametrize("row", [3, 20])
def test_a_word_too_small_for_half_precision_does_not_become_padding(cold_cache: Path, row: int) -> None:
    small = words_model(4)
    small.arrays["words"][row, 1] = 1e-9
    found = extract(small, STIMULI, ["words"], reduction=Reduction(words=4))["words"]
    np.testing.assert_array_equal(found.array, small.arrays["words"])
    assert found.places().present[row].tolist() == [True, True, False, False]
    plain = extract(words_model(4, batch=7), STIMULI.subset(range(29)), ["words"], reduction=Reduction(words=4))
    assert plain["words"].array.dtype == np.float16
