"""GGUF Llamas: rotary rows put back, quantised numbers read, the tokenizer rebuilt."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from gyral.errors import Unavailable
from gyral.models.gguf_llama import convert, into_halves
from gyral.models.transformers_check import quiet
from gyral.models.transformers_folder import TransformersModel
from made_models import features, text_card, texts

gguf = pytest.importorskip("gguf", reason="the demo extra (gguf) is not installed")

WIDE, INNER, HEADS, KEYS, BLOCKS = 64, 96, 4, 2, 2
_MERGES = ["Ġ d", "Ġd o", "Ġdo g"]


def _tokens() -> list[str]:
    from tokenizers.pre_tokenizers import ByteLevel

    return ["<|endoftext|>", "<|im_start|>", *sorted(ByteLevel.alphabet()), "Ġd", "Ġdo", "Ġdog"]


def _interleaved(rows: np.ndarray, heads: int) -> np.ndarray:  # type: ignore[type-arg]
    """Halves to interleaved pairs, as converters to GGUF store them."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def _write(path: Path, state: dict[str, np.ndarray], *, pre: str = "smollm") -> None:  # type: ignore[type-arg]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(BLOCKS)
    writer.add_context_length(64)
    writer.add_embedding_length(WIDE)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEYS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(_tokens())
    writer.add_token_types([3, 3, *[1] * (len(_tokens()) - 2)])
    writer.add_token_merges(_MERGES)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    for name, values in state.items():
        if values.ndim == 2:
            data = gguf.quantize(values, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, data, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


_NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def _llama() -> "torch.nn.Module":
    from transformers import LlamaConfig, LlamaModel

    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=WIDE, intermediate_size=INNER, num_hidden_layers=BLOCKS, num_attention_heads=HEADS,
        num_key_value_heads=KEYS, vocab_size=len(_tokens()), max_position_embeddings=64, rms_norm_eps=1e-5,
        initializer_range=0.2, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    with quiet():
        return LlamaModel._from_config(config, attn_implementation="eager").eval()


def _stored(net: "torch.nn.Module") -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    found = {}
    for name, values in net.state_dict().items():
        array = values.numpy()
        stem = name.removesuffix(".weight")
        if stem.startswith("layers."):
            _, number, part = stem.split(".", 2)
            heads = {"self_attn.q_proj": HEADS, "self_attn.k_proj": KEYS}.get(part)
            array = _interleaved(array, heads) if heads else array
            found[f"blk.{number}.{_NAMES[part]}.weight"] = array
        else:
            found[{"embed_tokens": "token_embd.weight", "norm": "output_norm.weight"}[stem]] = array
    return found


def test_into_halves_undoes_the_interleaving() -> None:
    rows = np.random.default_rng(0).normal(size=(24, 5)).astype(np.float32)
    np.testing.assert_array_equal(into_halves(_interleaved(rows, 3), 3), rows)


def test_a_converted_llama_computes_what_the_original_does(tmp_path: Path) -> None:
    net = _llama()
    _write(tmp_path / "a.gguf", _stored(net))
    convert(tmp_path / "a.gguf", tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    assert settings["num_key_value_heads"] == KEYS and settings["max_position_embeddings"] == 64
    for name, values in load_file(tmp_path / "model.safetensors").items():
        original = net.state_dict()[name.removeprefix("model.")].numpy()
        assert np.abs(values.astype(np.float32) - original).max() < 0.02 * np.abs(original).max()
    model = TransformersModel(tmp_path, text_card(text={"pooling": "last", "max_tokens": 64}))
    found = features(model, texts())
    ids = torch.tensor([Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode(texts().texts[0]).ids])  # type: ignore[index]
    with torch.no_grad():
        expected = net(ids).last_hidden_state[0, -1].numpy()
    cosine = found["block.1"][0] @ expected / np.linalg.norm(found["block.1"][0]) / np.linalg.norm(expected)
    assert cosine > 0.999  # 8-bit weights; rows left interleaved give less than .9


def test_the_tokenizer_merges_splits_digits_and_knows_special_tokens(tmp_path: Path) -> None:
    _write(tmp_path / "a.gguf", _stored(_llama()))
    convert(tmp_path / "a.gguf", tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert tokenizer.encode("a dog 12").tokens == ["a", "Ġdog", "Ġ", "1", "2"]
    assert tokenizer.encode("<|im_start|>a").ids[0] == 1
    assert tokenizer.decode(tokenizer.encode("Ünï dog\n").ids) == "Ünï dog\n"


def test_an_unknown_pre_tokenizer_is_refused(tmp_path: Path) -> None:
    _write(tmp_path / "a.gguf", _stored(_llama()), pre="other")
    with pytest.raises(Unavailable, match="'other'"):
        convert(tmp_path / "a.gguf", tmp_path)
