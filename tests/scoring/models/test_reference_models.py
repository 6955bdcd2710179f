"""The real weights: right classes, right language, above their twins where it can be told."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images

from gyral.datasets.stimulus import StimulusSet
from gyral.models.catalogue import open_model
from gyral.models.model import Model, Reduction
from gyral.models.transformers_check import quiet
from gyral.models.words import word_positions
from made_models import features, mirror_model, reference

pytestmark = pytest.mark.weights

_PALACE, _DAISY = 698, 985  # ImageNet classes nearest to scikit-learn's two photographs
PROSE = (
    "The keeper of the lighthouse had not spoken to anyone for eleven days when the supply boat finally came round "
    "the headland. He watched it from the gallery, counting the crates on deck, and wondered whether they had "
    "remembered the lamp oil this time. The wind was rising from the south, and by evening it would be impossible "
    "to land. He went down the stairs slowly, one hand on the cold wall, thinking of the letters that might be waiting."
)


def _photographs() -> StimulusSet:
    return StimulusSet.from_files([Path(name) for name in load_sample_images().filenames])


def _ranks(model: Model, wanted: tuple[int, int], *, offset: int = 0) -> list[int]:
    """Rank (from 0) of the right class of both photographs among the last layer's values."""
    logits = features(model, _photographs())[model.layers()[-1]]
    logits = logits.reshape(*logits.shape[:2], -1).mean(axis=2)
    return [int((row > row[label + offset]).sum()) for row, label in zip(logits, wanted, strict=True)]


def _cosines(model: Model, layer: int = -1) -> tuple[float, float]:
    """Similarity of a paraphrase and of an unrelated sentence."""
    texts = ["A man is playing a guitar.", "Someone plays the guitar.", "The bank raised its interest rates."]
    found = features(model, StimulusSet.from_texts(texts))[model.layers()[layer]]
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    return float(unit[0] @ unit[1]), float(unit[0] @ unit[2])


@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite1"])
def test_efficientnet_knows_the_photographs_and_its_twin_does_not(name: str) -> None:
    (model,) = reference(name)
    blocks = model.layers()
    assert blocks[0] == "stem" and blocks[-1] == "classifier" and 10 <= len(blocks) <= 20
    assert _ranks(model, (_PALACE, _DAISY))[0] == 0
    assert max(_ranks(model, (_PALACE, _DAISY))) < 20
    twin = open_model(f"{name}:untrained")[0]
    assert twin.layers() == blocks and max(_ranks(twin, (_PALACE, _DAISY))) > 20


@pytest.mark.parametrize(("name", "margin"), [("minilm-l6", 0.5), ("paraphrase-minilm", 0.4)])
def test_sentence_encoders_know_a_paraphrase(name: str, margin: float) -> None:
    (model,) = reference(name)
    near, far = _cosines(model)
    assert near - far > margin
    twin_near, twin_far = _cosines(open_model(f"{name}:untrained")[0])
    assert twin_near - twin_far < margin / 2


def test_glove_knows_related_words() -> None:
    (model,) = reference("glove-50")
    found = features(model, StimulusSet.from_texts(["cat", "dog", "parliament"]))["words"]
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    assert unit[0] @ unit[1] > 0.8
    assert unit[0] @ unit[2] < 0.5


WORDY = (
    "It isn't the café’s fault, is it?",
    "Dogs bark.",
    "In 2024, unbelievably well-known naïve people ate 日本料理 -- twice!",
    "Antidisestablishmentarianism",
)


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        *((name, "") for name in ("minilm-l6", "paraphrase-minilm", "smollm2-135m", "glove-50")),
        *((name, ":untrained") for name in ("minilm-l6", "paraphrase-minilm", "glove-50")),
    ],
)
def test_language_models_give_one_vector_a_word(name: str, twin: str) -> None:
    reference(name)
    model = open_model(name + twin)[0]
    stimuli = StimulusSet.from_texts(WORDY)
    words = word_positions(stimuli)
    layers = [model.layers()[0], *(n for n in model.layers()[1:] if n != "model.1")][
        -2:
    ]  # a pooled head has no words
    counts = [len(text.split()) for text in WORDY]

    def read(memory: int) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
        found = list(model.batches(stimuli, layers, reduction=Reduction(words=words), memory=memory))
        return {layer: np.concatenate([batch.arrays[layer] for batch in found]) for layer in layers}

    together, single = read(1 << 30), read(1)
    for layer in layers:
        assert together[layer].shape[:2] == (4, words) and words == 10
        assert together[layer].any(axis=2).sum(axis=1).tolist() == counts
        scale = float(np.abs(together[layer]).max())
        np.testing.assert_allclose(together[layer], single[layer], rtol=1e-3, atol=1e-4 * scale)


def test_smollm_words_weighted_by_their_tokens_are_the_mean_of_all_tokens() -> None:
    from tokenizers import Tokenizer

    from gyral.models.catalogue import MODELS
    from gyral.models.transformers_folder import TransformersModel

    reference("smollm2-135m")
    folder = MODELS["smollm2-135m"].fetch()
    assert folder is not None
    card = MODELS["smollm2-135m"].card
    model = TransformersModel(
        folder, card.model_copy(update={"text": card.text.model_copy(update={"pooling": "mean"})})
    )
    text = "It isn't the café’s fault that naïve people are unbelievably well-known!"
    tokens = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).tokens
    # A token that begins with a space begins a word; there are no digits, before which a space stands alone.
    counts = np.diff([0, *(i for i, token in enumerate(tokens) if token.startswith("Ġ")), len(tokens)])
    assert len(counts) == len(text.split()) and counts.max() > 3
    stimuli = StimulusSet.from_texts([text])
    layers = [model.layers()[0], model.layers()[5]]
    (by_word,) = model.batches(stimuli, layers, reduction=Reduction(words=len(counts)))
    (pooled,) = model.batches(stimuli, layers, reduction=Reduction())
    for layer in layers:
        mean = np.average(by_word.arrays[layer][0], axis=0, weights=counts)
        np.testing.assert_allclose(mean, pooled.arrays[layer][0], rtol=1e-3, atol=1e-4)


def test_a_word_in_minilm_depends_on_its_sentence_and_in_glove_it_does_not() -> None:
    stimuli = StimulusSet.from_texts(["He sat on the bank of the river.", "He robbed the bank of the city."])
    for name, same in (("minilm-l6", False), ("glove-50", True)):
        (model,) = reference(name)
        layer = model.layers()[-1]
        (batch,) = model.batches(stimuli, [layer], reduction=Reduction(words=8))
        first, second = batch.arrays[layer][0, 4], batch.arrays[layer][1, 3]
        assert np.allclose(first, second, atol=1e-5) == same


def _perplexity(folder: Path, text: str) -> float:
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM

    ids = torch.tensor([Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids])
    with quiet(), torch.no_grad():
        net = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        logits = net(ids).logits[0, :-1]
    return float(torch.nn.functional.cross_entropy(logits, ids[0, 1:]).exp())


def _shuffled(text: str) -> str:
    return " ".join(np.random.default_rng(0).permutation(text.split()))


def test_smollm_reads_prose_and_not_shuffled_words() -> None:
    reference("smollm2-135m")
    from gyral.models.catalogue import MODELS

    folder = MODELS["smollm2-135m"].fetch()
    assert folder is not None
    assert _perplexity(folder, PROSE) < 60
    assert _perplexity(folder, _shuffled(PROSE)) > 500


def test_smollm_tokens_are_those_of_its_own_tokenizer() -> None:
    from tokenizers import Tokenizer

    reference("smollm2-135m")
    from gyral.models.catalogue import MODELS

    folder = MODELS["smollm2-135m"].fetch()
    assert folder is not None
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.encode("It's 2024, isn't it?").tokens == [
        "It", "'s", "Ġ", "2", "0", "2", "4", ",", "Ġisn", "'t", "Ġit", "?"
    ]  # fmt: skip
    assert tokenizer.encode("<|im_start|>user").ids[0] == 1
    for text in (PROSE, "naïve café – 12°C\n\n  two  spaces", "日本語"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


@pytest.mark.parametrize("name", ["mobilenet_v1_050_160", "mobilenet_v2_imagenet"])
def test_mirror_classifiers_know_the_photographs(name: str, tmp_path: Path) -> None:
    folder = mirror_model(name, tmp_path / name)
    (model,) = open_model(str(folder))
    assert max(_ranks(model, (_PALACE, _DAISY), offset=1)) < 20  # of 1,001: class 0 is background
    twin = open_model(f"{folder}:untrained")[0]
    assert max(_ranks(twin, (_PALACE, _DAISY), offset=1)) > 20


@pytest.mark.parametrize("name", ["cifar_resnet20", "mobilenet_v1_025_128", "tiny_darknet"])
def test_mirror_networks_have_blocks_for_layers_and_live_twins(name: str, tmp_path: Path) -> None:
    folder = mirror_model(name, tmp_path / name)
    (model,) = open_model(str(folder))
    assert 10 <= len(model.layers()) <= 20
    twin = open_model(f"{folder}:untrained")[0]
    for layer, values in features(twin, _photographs()).items():
        flat = values.reshape(len(values), -1)
        assert np.abs(flat[0] - flat[1]).mean() > 0.1 * flat.std(), layer


def test_the_small_llama_reads_stories(tmp_path: Path) -> None:
    folder = mirror_model("stories260k", tmp_path / "stories")
    story = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park."
    assert _perplexity(folder, story) < 6
    assert _perplexity(folder, _shuffled(story)) > 60
    (model,) = open_model(str(folder))
    assert model.layers() == ("embeddings", *(f"block.{i}" for i in range(5)))
    assert all(np.isfinite(v).all() for v in features(model, StimulusSet.from_texts([story, "Lily"])).values())
