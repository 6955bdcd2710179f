"""GGUF: a quantised Llama file to ``config.json``, ``model.safetensors`` and ``tokenizer.json``, once.

Weights are dequantised with the ``gguf`` package and kept as float16 (the step of the 4-bit numbers is a
hundred times coarser). GGUF stores query and key rows in the order of interleaved rotary pairs; they are put
back into halves, as transformers rotates them. The byte-level BPE tokenizer is rebuilt from the file's tokens and merges.
"""

import json
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import Unavailable

_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_WHOLE = {"token_embd": "embed_tokens", "output_norm": "norm"}
_CONTROL = 3  # token type of special tokens


def convert(path: Path, folder: Path) -> None:
    """Write the three files into ``folder``.

    Raises
    ------
    Unavailable
        The ``gguf`` package is not installed, or the file is no byte-level BPE Llama.
    """
    try:
        from gguf import GGUFReader  # nested: an extra
    except ImportError:
        raise Unavailable(
            "reading a GGUF file needs the gguf package.",
            mend="Install it: pip install 'gyral[demo]'",
            code="extra-missing",
        ) from None
    reader = GGUFReader(path)
    facts = {name: field.contents() for name, field in reader.fields.items()}
    if facts.get("general.architecture") != "llama" or facts.get("tokenizer.ggml.model") != "gpt2":
        raise Unavailable(
            "only Llama models with byte-level BPE are converted.", where=path.name, code="gguf-kind"
        )
    settings = configuration(facts)
    (folder / "config.json").write_text(json.dumps(settings, indent=1), "utf-8")
    (folder / "tokenizer.json").write_text(tokenizer(facts), "utf-8")
    _save(reader.tensors, settings, folder / "model.safetensors")


def configuration(facts: dict[str, Any]) -> dict[str, Any]:
    """``config.json`` of the same Llama.

    The file does not keep the initialiser's range; ``1 / sqrt(width)``, SmolLM2's own, is taken (the twin is
    drawn with it).
    """
    width = int(facts["llama.embedding_length"])
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": width,
        "intermediate_size": int(facts["llama.feed_forward_length"]),
        "num_hidden_layers": int(facts["llama.block_count"]),
        "num_attention_heads": int(facts["llama.attention.head_count"]),
        "num_key_value_heads": int(facts["llama.attention.head_count_kv"]),
        "vocab_size": len(facts["tokenizer.ggml.tokens"]),
        "max_position_embeddings": int(facts["llama.context_length"]),
        "rms_norm_eps": float(np.float32(facts["llama.attention.layer_norm_rms_epsilon"])),
        "rope_theta": float(facts["llama.rope.freq_base"]),
        "hidden_act": "silu",
        "attention_bias": False,
        "tie_word_embeddings": True,
        "initializer_range": 1 / sqrt(width),
        "bos_token_id": int(facts["tokenizer.ggml.bos_token_id"]),
        "eos_token_id": int(facts["tokenizer.ggml.eos_token_id"]),
    }


def tokenizer(facts: dict[str, Any]) -> str:
    """``tokenizer.json``: byte-level BPE that splits digits one by one (the ``smollm`` pre-tokenizer).

    No token is added before or after a text, as the file says (``add_bos_token = False``).
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers  # nested: slow to import

    if facts.get("tokenizer.ggml.pre") != "smollm":
        raise Unavailable(
            f"unknown pre-tokenizer {facts.get('tokenizer.ggml.pre')!r}; known: 'smollm'.", code="gguf-kind"
        )
    tokens, kinds = facts["tokenizer.ggml.tokens"], facts["tokenizer.ggml.token_type"]
    merges = [tuple(merge.split(" ", 1)) for merge in facts["tokenizer.ggml.merges"]]
    made = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    made.decoder = decoders.ByteLevel()
    special = [t for t, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL]
    made.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return str(made.to_str())


def _save(tensors: Any, settings: dict[str, Any], path: Path) -> None:
    from gguf import dequantize  # nested: an extra
    from safetensors.numpy import save_file  # nested: not needed to list models

    heads = {"attn_q": settings["num_attention_heads"], "attn_k": settings["num_key_value_heads"]}
    found: dict[str, NDArray[np.float16]] = {}
    for tensor in tensors:
        values = np.asarray(dequantize(tensor.data, tensor.tensor_type), np.float32)
        parts = tensor.name.removesuffix(".weight").split(".")
        if parts[0] == "blk":
            name = f"layers.{parts[1]}.{_BLOCK[parts[2]]}"
            if parts[2] in heads:
                values = into_halves(values, heads[parts[2]])
        elif parts[0] in _WHOLE:
            name = _WHOLE[parts[0]]
        else:
            raise Unavailable(f"unknown tensor {tensor.name!r}.", where=path.name, code="gguf-kind")
        found[f"model.{name}.weight"] = np.ascontiguousarray(values, np.float16)
    save_file(found, path, metadata={"format": "pt"})


def into_halves(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of a head from interleaved pairs (x0 y0 x1 y1 ...) to halves (x0 x1 ... y0 y1 ...).

    >>> into_halves(np.arange(4.0, dtype=np.float32)[:, None], 1).ravel().tolist()
    [0.0, 2.0, 1.0, 3.0]
    """
    count, width = rows.shape
    return rows.reshape(heads, count // heads // 2, 2, width).swapaxes(1, 2).reshape(count, width)
