"""Near-duplicates are found in whatever clothes, and unlike stimuli are left alone."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from gyral.datasets.catalogue import open_dataset
from gyral.datasets.near import NearPair, image_prints, near_pairs, prints_of, text_prints
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset
from gyral.hashing import hash_file

_REAL = [pytest.param(name, marks=pytest.mark.data) for name in ("kriegeskorte2008", "tuckute2024")]
Change = Callable[[Image.Image], Image.Image]


def _cropped(image: Image.Image) -> Image.Image:
    by = round(0.02 * image.width)
    return image.crop((by, by, image.width - by, image.height - by))


_CHANGES: dict[str, Change] = {
    "smaller": lambda i: i.resize((i.width // 2, i.height // 2)),
    "larger": lambda i: i.resize((i.width * 2, i.height * 2)),
    "brighter": lambda i: ImageEnhance.Brightness(i).enhance(1.3),
    "cropped": _cropped,
}


@pytest.mark.parametrize("dataset", ["sim-vision", _REAL[0]])
@pytest.mark.parametrize("change", _CHANGES)
def test_image_is_found_again_in_another_size_light_and_encoding(
    dataset: str, change: str, tmp_path: Path
) -> None:
    stimuli = open_dataset(dataset).stimuli
    files = []
    for i in range(60):
        with Image.open((stimuli.files or ())[i]) as image:
            files.append(tmp_path / f"{i}.jpg")
            _CHANGES[change](image.convert("RGB")).save(files[-1], quality=70)
    pairs = near_pairs(prints_of(stimuli), image_prints(files, [hash_file(f) for f in files]))
    found = [p.second for p in pairs if p.first == p.second]
    assert len(found) >= 57 and len(pairs) == len(found)
    assert not any(p.exact for p in pairs)


@pytest.mark.parametrize("dataset", ["sim-vision", "sim-language", *_REAL])
def test_stimuli_of_these_sets_are_all_unlike(dataset: str) -> None:
    assert near_pairs(prints_of(open_dataset(dataset).stimuli)) == []


@pytest.mark.data
def test_same_background_is_found_in_the_v4_images() -> None:
    pairs = near_pairs(prints_of(open_dataset("cowley2023-v4").stimuli))
    # Looked at by eye: the eight pairs show one landscape each, with another object in it.
    assert [(p.first, p.second) for p in pairs] == [
        (83, 124), (103, 130), (330, 386), (334, 397), (347, 385), (438, 442), (496, 537), (513, 550),
    ]  # fmt: skip


def test_equal_bytes_are_exact_even_where_nothing_is_to_be_seen(tmp_path: Path) -> None:
    for name in "ab":
        Image.new("RGB", (40, 40), (90, 90, 90)).save(tmp_path / f"{name}.png")
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "c.png")
    stimuli = StimulusSet.from_files(sorted(tmp_path.glob("*.png")))
    assert near_pairs(prints_of(stimuli)) == [NearPair(0, 1, 1.0, exact=True)]


def test_texts_are_found_in_other_case_and_punctuation_and_with_one_word_changed() -> None:
    kept = [
        "The committee met on Tuesday to discuss the budget for the coming year and then went home.",
        "Rain is likely tonight.",
    ]
    others = [
        "\u201cThe committee met, on Tuesday, to DISCUSS the budget for the coming year and then went home\u201d",
        "The committee met on Tuesday to discuss the budget for the next year and then went home.",
        "A committee never meets to discuss Tuesdays.",
        kept[1],
    ]
    pairs = near_pairs(text_prints(kept), text_prints(others))
    assert [(p.first, p.second, p.exact) for p in pairs] == [(0, 0, False), (0, 1, False), (1, 3, True)]
    assert pairs[0].likeness == 1 and 0.8 <= pairs[1].likeness < 1


@pytest.mark.data
def test_overlap_is_that_of_the_sets_of_grams() -> None:
    texts = [s.lower() for s in (open_dataset("tuckute2024").stimuli.texts or ())[:40]]
    mixed = [a[: len(a) * 9 // 10] + b[len(b) * 9 // 10 :] for a, b in pairwise(texts)]
    first, second = text_prints(texts), text_prints(mixed)

    def grams(text: str) -> set[str]:
        return {text[i : i + 5] for i in range(len(text) - 4)}

    assert first.texts and second.texts
    expected = {
        (i, j): len(grams(a) & grams(b)) / len(grams(a) | grams(b))
        for i, a in enumerate(first.texts)
        for j, b in enumerate(second.texts)
    }
    wanted = {k: pytest.approx(v) for k, v in expected.items() if v >= 0.8}
    assert len(wanted) > 3
    assert {(p.first, p.second): p.likeness for p in near_pairs(first, second)} == wanted


def test_pairs_of_two_sets_are_the_same_either_way() -> None:
    texts = [f"sentence number {i} of this small set" for i in range(30)]
    there = near_pairs(text_prints(texts), text_prints(texts[10:]))
    back = near_pairs(text_prints(texts[10:]), text_prints(texts))
    assert sorted((p.second, p.first, p.likeness) for p in there) == [
        (p.first, p.second, p.likeness) for p in back
    ]


@pytest.mark.parametrize(
    "texts",
    [[], [""], ["a", "a."], ["\u00e9t\u00e9", "e\u0301te\u0301"]],
    ids=["none", "empty", "short", "composed"],
)
def test_short_and_empty_texts_are_compared_too(texts: list[str]) -> None:
    pairs = near_pairs(text_prints(texts))
    assert [(p.first, p.second) for p in pairs] == ([(0, 1)] if len(texts) == 2 else [])


def test_labels_and_unlike_kinds_cannot_be_compared() -> None:
    labels = StimulusSet.from_texts(["face", "house"], modality="label")
    with pytest.raises(BadDataset, match="neither image, sound nor text"):
        prints_of(labels)
    images = prints_of(open_dataset("sim-vision").stimuli)
    with pytest.raises(BadDataset, match="of one modality cannot be compared"):
        near_pairs(images, text_prints(["a dog"]))
