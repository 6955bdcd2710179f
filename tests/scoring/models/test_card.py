"""ModelCard: what the submitter declares."""

import re
from pathlib import Path

import pytest

from gyral.errors import BadUpload
from gyral.models.card import ImageInput, ModelCard, known_keys


def _checked(**image: object) -> ModelCard:
    return ModelCard.checked({"name": "mine", "modality": "vision", "image": image}, where="gyral.toml")


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ({"std": [0, 0.2, 0.2]}, "image.std.0: it must be above 0, not 0"),
        ({"std": [0.2, -1.0, 0.2]}, "image.std.1: it must be above 0, not -1.0"),
        ({"std": [0.2, 0.2, float("inf")]}, "image.std.2: a finite number is expected, not inf"),
        ({"mean": [float("nan"), 0.5, 0.5]}, "image.mean.0: a finite number is expected, not nan"),
        ({"background": [0, 0, 256]}, "image.background.2: it must be at most 255, not 256"),
        ({"background": [-1, 0, 0]}, "image.background.0: it must be at least 0, not -1"),
    ],
)
def test_preprocessing_that_cannot_be_computed_is_refused(image: dict[str, object], says: str) -> None:
    with pytest.raises(BadUpload) as caught:
        _checked(**image)
    assert caught.value.code == "card-value"
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("value", "count"), [([0.5], "1"), ([], "0"), ([0.5, 0.5], "2"), ([0.5] * 4, "4"), (0.5, "0.5")]
)
@pytest.mark.parametrize("key", ["mean", "std", "background"])
def test_anything_but_three_numbers_is_said_as_such(key: str, value: object, count: str) -> None:
    with pytest.raises(BadUpload) as caught:
        _checked(**{key: value})
    assert str(caught.value) == f"gyral.toml: image.{key}: three numbers are needed, not {count}."


def test_preprocessing_is_told_in_one_line() -> None:
    line = _checked(size=224).preprocessing
    assert line.startswith("shorter side resized to 256 pixels, centre square of 224 x 224 (crop 0.875), mean")
    text = ModelCard(name="mine", modality="language")
    assert text.preprocessing == "at most 128 tokens, pooled by 'mean'"


def test_whole_numbers_are_taken_as_mean_and_std() -> None:
    assert _checked(mean=[0, 0, 0], std=[1, 1, 1]).image == ImageInput(mean=(0, 0, 0), std=(1, 1, 1))


@pytest.mark.parametrize(
    ("fields", "near"),
    [
        ({"modalty": "vision"}, "'modality'"),
        ({"license": "MIT"}, "'licence'"),
        ({"size": 32}, "'image.size'"),
        ({"max_token": 32}, "'text.max_tokens'"),
        ({"image": {"sise": 32}}, "'image.size'"),
        ({"image": {"pooling": "mean"}}, "'text.pooling'"),
        ({"text": {"context_length": 3}}, "Known keys: name, title, modality"),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest_name(fields: dict[str, object], near: str) -> None:
    with pytest.raises(BadUpload) as caught:
        ModelCard.checked({"name": "mine", "modality": "vision"} | fields)
    assert caught.value.code == "card-key" and near in str(caught.value.mend)


def test_keys_that_came_later_change_no_hash_at_their_default() -> None:
    card = ModelCard(name="mine", modality="vision")
    assert set(card.image.facts()) == {"size", "crop", "mean", "std", "layout", "background"}
    assert set(card.text.facts()) == {"pooling", "max_tokens", "lowercase"}
    changed = _checked(resize="square").decisive()["image"]
    assert changed["resize"] == "square" and "interpolation" not in changed


def test_every_key_stands_in_the_table_of_the_docs() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "concepts.md").read_text("utf-8")
    rows = {
        name
        for line in page.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([a-z_.]+)`", line.split("|")[1])
    }
    assert set(known_keys()) <= rows
