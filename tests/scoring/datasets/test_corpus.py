"""What declarations of training data say, and what they cannot."""

import pytest

from gyral.datasets.catalogue import RECIPES, open_dataset
from gyral.datasets.corpus import CORPORA, declared_overlap, known_corpus
from gyral.datasets.recipes import cowley2023
from gyral.errors import BadUpload
from gyral.models.card import ModelCard
from gyral.models.catalogue import MODELS


@pytest.mark.parametrize(
    ("trained_on", "drawn_from", "made", "declared"),
    [
        ([], ["coco"], False, "unknown"),
        (["none"], ["coco"], False, "none"),
        (["none"], None, False, "none"),
        (["coco"], ["coco"], False, "overlap"),
        (["imagenet-21k"], ["imagenet-1k"], False, "overlap"),
        (["imagenet-1k"], ["imagenet-21k"], False, "overlap"),
        (["lvd-142m"], ["imagenet-1k"], False, "overlap"),
        (["imagenet-1k"], ["coco"], False, "none"),
        (["freesound"], ["esc-50"], False, "overlap"),
        (["imagenet-1k"], [], False, "none"),
        (["imagenet-1k"], None, False, "unknown"),
        (["imagenet-1k"], None, True, "none"),
        (["laion"], ["coco"], False, "unknown"),
        (["laion", "coco"], ["coco"], False, "overlap"),
        (["imagenet-1k", "other"], ["coco"], False, "unknown"),
        (["dataset:here"], None, True, "overlap"),
        (["dataset:elsewhere"], ["coco"], False, "none"),
    ],
)
def test_declarations_are_compared(
    trained_on: list[str], drawn_from: list[str] | None, made: bool, declared: str
) -> None:
    found = declared_overlap(trained_on, "here", drawn_from, made=made)
    assert found.declared == declared and found.why.endswith(".")
    assert bool(found.datasets) == (declared == "overlap")


def test_parts_of_collections_are_collections() -> None:
    for name, corpus in CORPORA.items():
        assert set(corpus.holds) <= set(CORPORA), name
        assert name not in corpus.holds and known_corpus(name) == name


def test_every_reference_model_names_what_it_was_trained_on() -> None:
    for name, reference in MODELS.items():
        assert reference.card.training_datasets, name


def test_datasets_name_collections_that_are_known() -> None:
    assert cowley2023.ABOUT.drawn_from == ("bashivan2019",)
    for name in RECIPES.names():
        for source in open_dataset(name).about.drawn_from or () if name.startswith("sim-") else ():
            assert known_corpus(source)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["imagnet-1k"], "'imagnet-1k' is not a known collection; did you mean 'imagenet-1k'"),
        (["my photographs"], "use 'other' and say what in training_data"),
        (["none", "coco"], "'none' stands alone"),
        (["dataset:../up"], "is not a known collection"),
    ],
)
def test_card_with_an_unknown_collection_is_refused(names: list[str], says: str) -> None:
    with pytest.raises(BadUpload, match="training_datasets") as caught:
        ModelCard.checked({"name": "a", "modality": "vision", "training_datasets": names})
    assert says in str(caught.value) and caught.value.code == "card-value"


def test_card_without_collections_is_told_where_they_belong() -> None:
    found = declared_overlap([], "a-dataset", ["coco"])
    assert found.declared == "unknown" and "training_datasets" in found.why and "says none there" in found.why
