"""Extraction: cached, resumed after a kill, honest about bad values and a full disk."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from array_model import ArrayModel
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadFeatures
from gyral.features.extract import extract

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
