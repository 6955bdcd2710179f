"""Transformers folders: the library's own numbers, pooled and reduced; nothing foreign is run or fetched."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadUpload, UnknownName
from gyral.models.card import ModelCard
from gyral.models.families import FAMILIES
from gyral.models.image import load_images
from gyral.models.model import Model, Reduction
from gyral.models.tokenizer import TextTokenizer
from gyral.models.transformers_check import quiet
from gyral.models.transformers_folder import TransformersModel
from gyral.models.transformers_probe import probe_images
from made_models import (
    LANGUAGE,
    TEXTS,
    VISION,
    features,
    text_card,
    texts,
    transformers_folder,
    vision_card,
    word_tokenizer,
)
from uploads import edit_json, pictures, write_pickle


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One saved random model a family."""
    root = tmp_path_factory.mktemp("families")
    return {family: transformers_folder(family, root / family) for family in (*LANGUAGE, *VISION)}


def _copy(folders: dict[str, Path], family: str, to: Path) -> Path:
    return Path(shutil.copytree(folders[family], to / family))


def _refused(folder: Path, card: ModelCard | None = None) -> BadUpload:
    with pytest.raises(BadUpload) as caught:
        TransformersModel(folder, card or text_card()).verify()
    return caught.value


def _library(folder: Path, **inputs: torch.Tensor) -> Any:
    """Hidden states as the library itself hands them out, without padding or batches."""
    from transformers import AutoModel

    with quiet(), torch.no_grad():
        net = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
        return net(**inputs, output_hidden_states=True)


@pytest.mark.parametrize("family", LANGUAGE)
@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_text_states_equal_the_library_s(family: str, pooling: str, folders: dict[str, Path]) -> None:
    card = text_card(text={"pooling": pooling})
    model = TransformersModel(folders[family], card)
    assert isinstance(model, Model)
    assert model.layers() == ("embeddings", "block.0", "block.1")
    found = features(model, texts())
    tokenizer = TextTokenizer(word_tokenizer(), card.text)
    for row, text in enumerate(TEXTS):
        ids = torch.from_numpy(tokenizer.encode([text], [text]).ids)
        states = _library(folders[family], input_ids=ids).hidden_states
        for name, state in zip(model.layers(), states, strict=True):
            expected = state[0].mean(dim=0) if pooling == "mean" else state[0, -1]
            np.testing.assert_allclose(found[name][row], expected.numpy(), rtol=2e-3, atol=2e-4)


def _by_word(model: Model, shown: StimulusSet, words: int, memory: int = 1 << 30) -> dict[str, Any]:
    found = list(model.batches(shown, model.layers(), reduction=Reduction(words=words), memory=memory))
    return {name: np.concatenate([batch.arrays[name] for batch in found]) for name in model.layers()}


@pytest.mark.parametrize("family", LANGUAGE)
def test_words_are_the_library_s_tokens(family: str, folders: dict[str, Path]) -> None:
    card = text_card()
    model, tokenizer = TransformersModel(folders[family], card), TextTokenizer(word_tokenizer(), card.text)
    found = _by_word(model, texts(), 12)
    for row, text in enumerate(TEXTS):
        ids = torch.from_numpy(tokenizer.encode([text], [text]).ids)
        states = _library(folders[family], input_ids=ids).hidden_states
        count = len(text.split())
        for name, state in zip(model.layers(), states, strict=True):
            expected = state[0, 1:-1].numpy()  # one token a word between [CLS] and [SEP]
            np.testing.assert_allclose(found[name][row, :count], expected, rtol=2e-3, atol=2e-4)
            assert found[name].shape == (4, 12, 16) and not found[name][row, count:].any()


@pytest.mark.parametrize("family", ["gpt2", "bert", "llama"])
def test_words_weighted_by_their_tokens_are_the_pooled_text(
    family: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = _copy(folders, family, tmp_path)
    (folder / "tokenizer.json").write_bytes(word_tokenizer(special=False))
    model = TransformersModel(folder, text_card())
    counts = [[1, 2, 1, 3], [2], [1, 1]]  # tokens of each word: punctuation is a token of its own
    shown = StimulusSet.from_texts(["the dog, sees (cat)", "house!", "a tree"])
    words, whole = _by_word(model, shown, 4), features(model, shown)
    for name in model.layers():
        for row, count in enumerate(counts):
            mean = np.average(words[name][row, : len(count)], axis=0, weights=count)
            np.testing.assert_allclose(mean, whole[name][row], rtol=1e-4, atol=1e-5)


def test_words_do_not_depend_on_the_batch_nor_on_how_many_are_kept(folders: dict[str, Path]) -> None:
    for family in ("bert", "gpt2"):
        for twin in (None, "untrained", "permuted"):
            model = TransformersModel(folders[family], text_card(), twin=twin)
            whole, single, few = (
                _by_word(model, texts(), n, m) for n, m in ((12, 1 << 30), (12, 1), (3, 1 << 30))
            )
            for name in model.layers():
                np.testing.assert_allclose(whole[name], single[name], rtol=1e-3, atol=1e-5)
                np.testing.assert_allclose(few[name][0], whole[name][0, 2:5], rtol=1e-3, atol=1e-5)
                np.testing.assert_allclose(few[name][1], whole[name][1, :3], rtol=1e-3, atol=1e-5)


def test_words_are_no_map_even_where_their_number_is_a_square(folders: dict[str, Path]) -> None:
    found = _by_word(TransformersModel(folders["bert"], text_card()), texts(), 64)
    assert {values.shape for values in found.values()} == {(4, 64, 16)}


def test_a_text_longer_than_max_tokens_gives_the_words_that_were_read(folders: dict[str, Path]) -> None:
    cut = TransformersModel(folders["bert"], text_card(text={"max_tokens": 6}))
    whole = TransformersModel(folders["bert"], text_card())
    shown = StimulusSet.from_texts(["the old dog sees a young cat near a house"])
    end = StimulusSet.from_texts(["cat near a house"])  # four tokens beside the special ones
    found, alone = _by_word(cut, shown, 10), _by_word(whole, end, 10)
    for name in whole.layers():
        np.testing.assert_allclose(found[name], alone[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("family", VISION)
def test_image_states_equal_the_library_s(family: str, folders: dict[str, Path], tmp_path: Path) -> None:
    model, stimuli = TransformersModel(folders[family], vision_card()), pictures(tmp_path)
    images = torch.from_numpy(load_images(stimuli.files or (), vision_card().image))
    output = _library(folders[family], pixel_values=images)
    states = output.reshaped_hidden_states if family == "swin" else output.hidden_states
    found = features(model, stimuli, grid=None)
    assert len(states) == len(found) or family == "mobilenet_v2"
    for name, state in zip(found, states, strict=family != "mobilenet_v2"):
        np.testing.assert_allclose(found[name], state.numpy(), rtol=2e-3, atol=2e-4)


def test_vision_tokens_keep_class_token_and_grid(folders: dict[str, Path], tmp_path: Path) -> None:
    found = features(TransformersModel(folders["vit"], vision_card()), pictures(tmp_path), grid=4)
    assert {values.shape for values in found.values()} == {(5, 17, 16)}  # class token and 4 x 4 of 8 x 8 patches


def test_numbers_do_not_depend_on_the_batch(folders: dict[str, Path], tmp_path: Path) -> None:
    for folder, card, stimuli in (
        (folders["gpt2"], text_card(text={"pooling": "last"}), texts()),
        (folders["bert"], text_card(), texts()),
        (folders["resnet"], vision_card(), pictures(tmp_path)),
    ):
        model = TransformersModel(folder, card)
        whole, single = features(model, stimuli), features(model, stimuli, memory=1)
        for name, values in whole.items():
            np.testing.assert_allclose(values, single[name], rtol=1e-3, atol=1e-4)


def test_layers_follow_the_card_and_unknown_ones_are_named(folders: dict[str, Path]) -> None:
    model = TransformersModel(folders["bert"], text_card(layers=("block.*",)))
    assert model.layers() == ("block.0", "block.1")
    with pytest.raises(UnknownName, match=r"block\.1"):
        list(model.batches(texts(), ("blokc.1",), reduction=Reduction()))


def test_texts_longer_than_the_model_keep_their_end(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(folders, "bert", tmp_path)
    card = text_card(text={"max_tokens": 4096, "pooling": "mean"})
    assert set(features(TransformersModel(folder, card), texts())) == {"embeddings", "block.0", "block.1"}


@pytest.mark.parametrize("family", ["bert", "gpt2", "resnet", "vit"])
def test_twins_differ_by_seed_and_are_the_same_every_time(
    family: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    card = text_card() if family in LANGUAGE else vision_card()
    stimuli = texts() if family in LANGUAGE else pictures(tmp_path)

    def draw(twin: Any, seed: int = 0) -> tuple[str, Any]:
        model = TransformersModel(folders[family], card, twin=twin, seed=seed)
        return model.hash, features(model, stimuli)[model.layers()[-1]]

    own, first, second = draw(None), draw("untrained", 0), draw("untrained", 1)
    shuffled = draw("permuted")
    assert len({own[0], first[0], second[0], shuffled[0]}) == 4
    for a, b in ((own, first), (first, second), (own, shuffled)):
        assert not np.allclose(a[1], b[1], atol=1e-3)
    np.testing.assert_array_equal(draw("untrained", 1)[1], second[1])
    state = torch.get_rng_state()
    draw("untrained", 3)
    assert torch.equal(torch.get_rng_state(), state)


def test_batch_statistics_of_an_untrained_network_come_from_the_made_images(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    net = TransformersModel(folders["resnet"], vision_card(), twin="untrained")._load()
    norm = next(m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d))
    assert not torch.allclose(norm.running_var, torch.ones_like(norm.running_var))
    assert not net.training and not norm.training


def test_hash_changes_with_the_weights_only(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(folders, "bert", tmp_path)
    base = TransformersModel(folder, text_card()).hash
    assert TransformersModel(folder, text_card(title="Other")).hash == base
    assert TransformersModel(folder, text_card(text={"pooling": "last"})).hash != base
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.LayerNorm.bias"] = weights["embeddings.LayerNorm.bias"] + 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert TransformersModel(folder, text_card()).hash != base


# The probe -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [*LANGUAGE, *VISION])
def test_a_sound_model_passes_the_probe(family: str, folders: dict[str, Path]) -> None:
    TransformersModel(folders[family], text_card() if family in LANGUAGE else vision_card()).verify()


def test_positions_scaled_by_the_longest_text_of_a_batch_are_refused(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = _copy(folders, "llama", tmp_path)
    scaled = {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 4, "long_factor": [8.0] * 4}
    beyond = 15  # tokens: between the short and the long made text
    edit_json(folder / "config.json", rope_parameters={**scaled, "original_max_position_embeddings": beyond})
    error = _refused(folder, text_card(text={"max_tokens": 24}))
    assert (
        error.code == "weights-padding" and error.where == "config.json" and "rope_parameters" in str(error.mend)
    )
    # What the probe says is so: the same text beside a longer one gives other features.
    model = TransformersModel(folder, text_card(text={"max_tokens": 24}))
    pair = StimulusSet.from_texts(["a cat", " ".join(["the dog sees a cat"] * 4)])
    together, apart = features(model, pair), features(model, pair, memory=1)
    assert not np.allclose(together["block.1"][0], apart["block.1"][0], rtol=1e-2, atol=1e-3)


def test_a_net_that_mixes_the_items_of_a_batch_is_refused(folders: dict[str, Path]) -> None:
    model = TransformersModel(folders["resnet"], vision_card())
    net = model._load().train()  # batch normalisation by the batch at hand
    images = model._made_images(3)
    with pytest.raises(BadUpload, match="changes with the other items") as caught:
        probe_images(net, model._family, images, tuple(model._shapes))
    assert caught.value.code == "weights-batch-mixing"
    shown = probe_images(net.eval(), model._family, images, tuple(model._shapes))
    assert all(len(values) == 3 for values in shown.values())


# Refusals ------------------------------------------------------------------------------------------------------


def test_a_folder_without_configuration_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(folders, "bert", tmp_path)
    (folder / "config.json").unlink()
    error = _refused(folder)
    assert error.code == "config-missing" and error.where == "config.json" and "save_pretrained" in str(error.mend)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "training_args.pt", "weights.pkl"])
def test_a_pickle_is_refused_and_never_opened(name: str, folders: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(folders, "bert", tmp_path)
    write_pickle(folder / name, tmp_path / "witness")
    error = _refused(folder)
    assert error.code == "pickle" and error.where == name and error.mend
    assert not (tmp_path / "witness").exists()


def test_a_pickle_is_no_fallback_for_missing_weights(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(folders, "bert", tmp_path)
    (folder / "model.safetensors").unlink()
    assert _refused(folder).code == "safetensors-missing"


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_auto_map_is_refused(name: str, folders: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(folders, "bert", tmp_path)
    if not (folder / name).exists():
        (folder / name).write_text("{}")
    edit_json(folder / name, auto_map={"AutoModel": "evil.Model"})
    (folder / "evil.py").write_text(f"import pathlib; pathlib.Path({str(tmp_path / 'witness')!r}).touch()")
    error = _refused(folder)
    assert error.code == "auto-map" and error.where == name and "ONNX" in str(error.mend)
    assert not (tmp_path / "witness").exists()


def test_an_unknown_family_is_refused_with_the_list(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(folders, "bert", tmp_path)
    edit_json(folder / "config.json", model_type="mystery")
    error = _refused(folder)
    assert error.code == "family-unknown" and "'mystery'" in error.what and "roberta" in str(error.mend)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"hidden_size": 17}, "config-value"),
        ({"hidden_size": "wide"}, "config-value"),
        ({"hidden_size": 64, "num_attention_heads": 2}, "safetensors-unfit"),
        ({"num_hidden_layers": 9}, "safetensors-unfit"),
        ({"vocab_size": 5}, "tokenizer-size"),
        ({"hidden_size": 65536, "intermediate_size": 262144, "num_hidden_layers": 90}, "too-many-parameters"),
        ({"num_hidden_layers": 10**9}, "too-many-parameters"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantised"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(
    changes: dict[str, Any], code: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = _copy(folders, "bert", tmp_path)
    edit_json(folder / "config.json", **changes)
    error = _refused(folder)
    assert error.code == code and "\n" not in error.what


def test_a_kernel_named_in_the_configuration_is_not_looked_up(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(folders, "bert", tmp_path)
    edit_json(folder / "config.json", attn_implementation="somebody/kernels", _attn_implementation="x/y")
    assert features(TransformersModel(folder, text_card()), texts())


@pytest.mark.parametrize("content", ["[1]", "{", "\x00"])
def test_a_configuration_that_is_no_json_object_is_refused(
    content: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = _copy(folders, "bert", tmp_path)
    (folder / "config.json").write_text(content)
    assert _refused(folder).code == "config-json"


def test_truncated_weights_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(folders, "bert", tmp_path)
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    assert _refused(folder).code == "safetensors-unreadable"


def test_missing_weights_are_not_left_at_random(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(folders, "bert", tmp_path)
    weights = load_file(folder / "model.safetensors")
    gone = next(name for name in weights if "attention.self.query.weight" in name)
    weights["unrelated"] = np.zeros(1000, np.float32)
    del weights[gone]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    error = _refused(folder)
    assert error.code == "safetensors-unfit" and "query" in error.what


def test_weights_split_over_files_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(folders, "bert", tmp_path)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {}}))
    assert _refused(folder).code == "safetensors-sharded"


def test_modality_tokenizer_and_image_size_must_fit(folders: dict[str, Path], tmp_path: Path) -> None:
    assert _refused(folders["bert"], vision_card()).code == "family-modality"
    small = vision_card().image.model_copy(update={"size": 16})
    assert _refused(folders["vit"], vision_card().model_copy(update={"image": small})).code == "image-size"
    assert _refused(folders["vit"], vision_card(image={"layout": "NHWC"})).code == "card-value"
    folder = _copy(folders, "gpt2", tmp_path)
    (folder / "tokenizer.json").unlink()
    assert _refused(folder).code == "tokenizer-missing"


def test_every_family_is_one_of_the_library_s() -> None:
    from transformers import CONFIG_MAPPING

    assert set(FAMILIES) <= set(CONFIG_MAPPING)
