"""Windows: texts read behind others, one pass or many."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset
from gyral.models.card import TextInput
from gyral.models.model import Reduction
from gyral.models.tokenizer import TextTokenizer
from gyral.models.transformers_folder import TransformersModel
from gyral.models.windows import Windows, windows
from made_models import text_card, transformers_folder, word_tokenizer

STORY = ("the old dog", "sees a cat", "a cat chases the young dog", "near the far house", "tree", "the cat sees")
CAUSAL = ("gpt2", "llama", "opt", "gpt_neox", "qwen2")
MASKED = ("bert", "roberta", "distilbert")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("families")
    return {family: transformers_folder(family, root / family) for family in (*CAUSAL, *MASKED)}


def story() -> StimulusSet:
    """Two passages of three texts."""
    return StimulusSet.from_texts(STORY, groups=["one"] * 3 + ["two"] * 3).in_context()


def read(
    folder: Path, stimuli: StimulusSet, *, words: int = 0, memory: int = 1 << 30, **text: Any
) -> dict[str, Any]:
    model = TransformersModel(folder, text_card(text=text))
    batches = list(model.batches(stimuli, model.layers(), reduction=Reduction(None, words=words), memory=memory))
    return {name: np.concatenate([b.arrays[name] for b in batches]) for name in model.layers()}


def laid_out(causal: bool, *, most: int = 16, words: int = 0, special: bool = True) -> Windows:
    tokenizer = TextTokenizer(word_tokenizer(special=special), TextInput(max_tokens=most))
    shown = story()
    return windows(tokenizer, STORY, shown.contexts or (), shown.ids, words=words, policy="mean", causal=causal)


def test_a_causal_model_reads_a_passage_in_one_pass_and_any_other_each_text_by_itself() -> None:
    assert laid_out(True).places == ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2))
    assert laid_out(False).places == tuple((i, 0) for i in range(6))
    assert laid_out(True).tokens.lengths.tolist() == [3 + 3 + 6 + 2, 4 + 1 + 3 + 2]


def test_windows_move_in_strides_of_half_the_length() -> None:
    found = laid_out(True, most=10)  # eight tokens beside [CLS] and [SEP]; the third text ends at the twelfth
    assert found.places[:3] == ((0, 0), (0, 1), (1, 0))
    assert found.tokens.lengths[:2].tolist() == [8, 10]


def test_shares_are_of_a_texts_own_tokens() -> None:
    found = laid_out(True)
    shares = found.by_text(found.tokens.shares)
    for row, text in zip(shares, STORY, strict=True):
        assert np.count_nonzero(row) == len(text.split())
        assert row.sum() == pytest.approx(1)
    by_word = laid_out(True, words=6)
    assert np.count_nonzero(by_word.by_text(by_word.tokens.shares)) == sum(len(text.split()) for text in STORY)


@pytest.mark.parametrize("family", CAUSAL)
@pytest.mark.parametrize("most", [16, 7])
@pytest.mark.parametrize("words", [0, 6])
def test_one_pass_of_a_causal_model_equals_incremental_reading(
    family: str, most: int, words: int, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read(folders[family], story(), words=words, max_tokens=most)
    real = windows

    def alone(*arguments: Any, causal: bool, **named: Any) -> Windows:
        assert causal
        return real(*arguments, causal=False, **named)

    monkeypatch.setattr("gyral.models.transformers_text.windows", alone)
    again = read(folders[family], story(), words=words, max_tokens=most)
    for name, values in found.items():
        np.testing.assert_allclose(values, again[name], atol=2e-6)


@pytest.mark.parametrize("family", [*CAUSAL, *MASKED])
def test_texts_in_context_are_the_library_s_states_of_context_and_text(
    family: str, folders: dict[str, Path]
) -> None:
    from transformers import AutoModel

    found = read(folders[family], story(), pooling="last")
    tokenizer = TextTokenizer(word_tokenizer(), TextInput(max_tokens=16))
    auto: Any = AutoModel
    net = auto.from_pretrained(folders[family], attn_implementation="eager").eval()
    whole = " ".join(STORY[:2])  # no text of the passage that comes later is seen
    ids = torch.tensor(tokenizer.encode([whole], ["two"]).ids)
    with torch.inference_mode():
        states = net(input_ids=ids, output_hidden_states=True).hidden_states
    for name, state in zip(found, states, strict=True):
        np.testing.assert_allclose(found[name][1], state[0, -2].numpy(), atol=2e-6)


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_context_changes_a_text_and_what_follows_does_not(family: str, folders: dict[str, Path]) -> None:
    shown = story()
    inside, alone = read(folders[family], shown), read(folders[family], StimulusSet.from_texts(STORY))
    shorter = read(folders[family], shown.subset([0, 1]))
    last = list(inside)[-1]
    assert not np.allclose(inside[last][1], alone[last][1], atol=1e-3)
    np.testing.assert_allclose(inside[last][:2], shorter[last], atol=2e-6)


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_batches_and_resumed_rows_change_nothing(family: str, folders: dict[str, Path]) -> None:
    whole, small = read(folders[family], story()), read(folders[family], story(), memory=1)
    resumed = read(folders[family], story().subset(range(2, 6)))
    for name, values in whole.items():
        np.testing.assert_allclose(values, small[name], atol=2e-6)
        np.testing.assert_allclose(values[2:], resumed[name], atol=2e-6)


def test_context_belongs_to_the_content_hash_and_needs_groups(tmp_path: Path) -> None:
    plain = StimulusSet.from_texts(STORY, groups=["one"] * 6)
    assert plain.in_context().content_hash != plain.content_hash
    assert plain.in_context().subset([5]).contexts == (" ".join(STORY[:5]),)
    with pytest.raises(BadDataset, match="groups"):
        StimulusSet.from_texts(STORY).in_context()


def test_a_text_without_a_token_is_named() -> None:
    tokenizer = TextTokenizer(word_tokenizer(), TextInput(max_tokens=16))
    with pytest.raises(BadDataset, match="second"):
        windows(tokenizer, ("the dog", " "), ("", ""), ("first", "second"), words=0, policy="mean", causal=True)
