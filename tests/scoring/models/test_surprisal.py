"""Surprisal against the library's own loss, summed by hand."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import UnknownName
from gyral.models.card import TextInput
from gyral.models.model import Reduction
from gyral.models.surprisal import word_bits
from gyral.models.tokenizer import TextTokenizer
from gyral.models.transformers_check import quiet
from gyral.models.transformers_folder import TransformersModel
from made_models import SETTINGS, TEXTS, text_card, word_tokenizer


def causal_folder(family: str, folder: Path, *, special: bool = True, **settings: Any) -> Path:
    """A random causal model with its head."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(2)
    auto: Any = AutoModelForCausalLM
    with quiet():
        net = auto.from_config(AutoConfig.for_model(family, **SETTINGS[family], **settings)).eval()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        net.save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes(word_tokenizer(special=special))
    return folder


def bits(folder: Path, texts: tuple[str, ...] = TEXTS, words: int = 0, **asked: Any) -> Any:
    model = TransformersModel(folder, text_card(layers=("surprisal", "block.*")), **asked)
    stimuli = StimulusSet.from_texts(texts)
    (batch,) = model.batches(stimuli, ("surprisal",), reduction=Reduction(None, words=words))
    return batch.arrays["surprisal"]


def by_hand(folder: Path, text: str, first: list[int]) -> list[float]:
    """-log2 p of each word (one token each), the library's probabilities multiplied out."""
    from transformers import AutoModelForCausalLM

    auto: Any = AutoModelForCausalLM
    net = auto.from_pretrained(folder, attn_implementation="eager").eval()
    tokenizer = TextTokenizer(word_tokenizer(special=False), TextInput(max_tokens=32))
    own = tokenizer.encode([text], ["made"]).ids[0].tolist()
    found = []
    for i, token in enumerate(own):
        with torch.inference_mode():
            chances = torch.softmax(net(input_ids=torch.tensor([[*first, *own[:i]]])).logits[0, -1].double(), 0)
        found.append(-math.log2(chances[token]))
    return found


@pytest.mark.parametrize("family", ["gpt2", "llama", "opt", "gpt_neox"])
@pytest.mark.parametrize("special", [True, False])
def test_words_have_the_bits_of_their_tokens_behind_what_stands_before(
    family: str, special: bool, tmp_path: Path
) -> None:
    # Without special tokens the configuration's first token stands before a text.
    folder = causal_folder(family, tmp_path / family, special=special)
    found = bits(folder, words=11)
    assert found.shape == (len(TEXTS), 11, 1)
    pooled = bits(folder)
    for row, mean, text in zip(found[:, :, 0], pooled, TEXTS, strict=True):
        expected = by_hand(folder, text, [2])
        np.testing.assert_allclose(row[: len(expected)], expected, rtol=1e-4)
        assert not row[len(expected) :].any()
        np.testing.assert_allclose(mean, [np.mean(expected)], rtol=1e-4)


def test_bits_in_context_are_those_of_the_whole_passage(tmp_path: Path) -> None:
    folder = causal_folder("gpt2", tmp_path / "gpt2")
    model = TransformersModel(folder, text_card(layers=("surprisal",)))
    parts = ("the old dog", "sees a cat", "near the tree")
    stimuli = StimulusSet.from_texts(parts, groups=["one"] * 3).in_context()
    (batch,) = model.batches(stimuli, ("surprisal",), reduction=Reduction(None, words=3))
    expected = by_hand(folder, " ".join(parts), [2])
    np.testing.assert_allclose(batch.arrays["surprisal"].ravel(), expected, rtol=1e-4)


def test_bits_of_pieces_add_up_and_a_shared_piece_counts_once() -> None:
    shares = np.array([[[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0, 0]]], np.float32)
    found = word_bits(np.array([[1, 2, 4, 8]], np.float32), shares)
    assert found.tolist() == [[2, 5, 0]]


@pytest.mark.parametrize("twin", ["untrained", "permuted"])
@pytest.mark.parametrize("tied", [True, False])
def test_twins_keep_their_states_with_the_head(twin: Any, tied: bool, tmp_path: Path) -> None:
    folder = causal_folder("gpt2", tmp_path / "gpt2", tie_word_embeddings=tied)
    card = text_card(layers=("surprisal", "block.*"))
    model = TransformersModel(folder, card, twin=twin, seed=3)
    plain = TransformersModel(folder, text_card(), twin=twin, seed=3)
    stimuli = StimulusSet.from_texts(TEXTS)
    (batch,) = model.batches(stimuli, ("surprisal", "block.1"), reduction=Reduction())
    (other,) = plain.batches(stimuli, ("block.1",), reduction=Reduction())
    np.testing.assert_array_equal(batch.arrays["block.1"], other.arrays["block.1"])
    assert not np.allclose(batch.arrays["surprisal"], bits(folder), rtol=1e-3)
    again = bits(folder, twin=twin, seed=3)
    np.testing.assert_array_equal(batch.arrays["surprisal"], again)


def test_surprisal_is_read_where_it_is_asked_for_and_can_be_said(tmp_path: Path) -> None:
    folder = causal_folder("gpt2", tmp_path / "gpt2")
    assert "surprisal" not in TransformersModel(folder, text_card()).layers()
    asked = TransformersModel(folder, text_card(layers=("surprisal",)))
    assert asked.layers() == ("surprisal",)
    asked.verify()
    # An untied head that the file does not hold; a family that looks ahead.
    headless = causal_folder("llama", tmp_path / "llama", tie_word_embeddings=False)
    from safetensors.numpy import load_file, save_file

    weights = load_file(headless / "model.safetensors")
    save_file({k: v for k, v in weights.items() if k != "lm_head.weight"}, headless / "model.safetensors")
    with pytest.raises(UnknownName, match="surprisal"):
        TransformersModel(headless, text_card(layers=("surprisal",))).layers()
    assert json.loads((headless / "config.json").read_text())["tie_word_embeddings"] is False
