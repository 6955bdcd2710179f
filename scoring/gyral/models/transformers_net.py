"""Nets: transformers networks built, filled and run; nothing is looked for outside the folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadUpload
from gyral.models.compute import counted
from gyral.models.families import Family
from gyral.models.transformers_check import quiet

# What the weights of a head that is not tied to the embeddings are called in files.
_HEADS = frozenset({"lm_head.weight", "embed_out.weight"})


def fresh(config: Any) -> Any:
    """A network with weights drawn by torch's generator."""
    import torch  # nested: slow to import
    from transformers import AutoModel  # nested: slow to import

    auto: Any = AutoModel  # not annotated
    with quiet():
        # Plain attention: the same on every machine, and no kernel is looked up anywhere.
        net = auto.from_config(config, attn_implementation="eager", dtype=torch.float32, trust_remote_code=False)
    return net.eval()


def warm_up() -> None:
    """Run a network of no weights, so that what the library imports late is there when a real one comes."""
    import torch  # nested: slow to import
    from transformers import AutoConfig  # nested: slow to import

    small = {
        "hidden_size": 4,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "intermediate_size": 4,
        "vocab_size": 4,
    }
    with torch.device("meta"), torch.inference_mode():
        fresh(AutoConfig.for_model("bert", **small))(input_ids=torch.zeros(1, 2, dtype=torch.long))


def pretrained(folder: Path, config: Any, *, head: bool = False) -> Any:
    """The network with the folder's weights; with the head that expects the next token where ``head``.

    Raises
    ------
    BadUpload
        The weights do not fit the configuration, or some are missing (``safetensors-unfit``).
    """
    import torch  # nested: slow to import
    from transformers import AutoModel, AutoModelForCausalLM  # nested: slow to import

    auto: Any = AutoModelForCausalLM if head else AutoModel  # not annotated
    try:
        with quiet():
            net, info = auto.from_pretrained(
                folder,
                config=config,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                attn_implementation="eager",
                dtype=torch.float32,
                output_loading_info=True,
            )
    except Exception as error:  # noqa: BLE001 - shapes, names and headers fail in the library's own ways
        raise BadUpload(
            f"the weights do not fit the configuration: {' '.join(str(error).split())[:400]}",
            where="model.safetensors",
            code="safetensors-unfit",
        ) from None
    # A pooler is not read; anything else left at random would be scored as if it had been trained.
    missing = sorted(k for k in info["missing_keys"] if "pooler" not in k)
    if missing:
        raise BadUpload(
            f"{len(missing)} weights are missing, e.g. {missing[0]!r}.",
            where="model.safetensors",
            mend="Save the whole model with save_pretrained().",
            code="safetensors-unfit",
        )
    return net.eval()


def with_fresh_head(net: Any, config: Any) -> Any:
    """The same network under a head that expects the next token; tied to the embeddings or drawn at random."""
    import torch  # nested: slow to import
    from transformers import AutoModelForCausalLM  # nested: slow to import

    auto: Any = AutoModelForCausalLM  # not annotated
    with quiet():
        whole = auto.from_config(config, attn_implementation="eager", dtype=torch.float32, trust_remote_code=False)
        setattr(whole, whole.base_model_prefix, net)
        whole.tie_weights()
    return whole.eval()


def has_head(config: Any, stored: Sequence[str]) -> bool:
    """Whether the weights named ``stored`` fill the head that expects the next token."""
    import torch  # nested: slow to import
    from transformers import AutoModelForCausalLM  # nested: slow to import

    auto: Any = AutoModelForCausalLM  # not annotated
    try:
        with quiet(), torch.device("meta"):
            net = auto.from_config(config, trust_remote_code=False)
    except Exception:  # noqa: BLE001 - families without such a head say so in their own ways
        return False
    if net.get_output_embeddings() is None:
        return False
    return bool(getattr(config, "tie_word_embeddings", False)) or bool(_HEADS.intersection(stored))


def network_multiply_adds(
    config: Any, tried: Sequence[dict[str, tuple[int, ...]]], *, head: bool = False
) -> int | None:
    """Multiply-adds of one pass, found on the meta device: no weight is read and nothing is computed.

    Parameters
    ----------
    config : transformers configuration
    tried : sequence of dict of str to shape
        Inputs by name; the first ones that the network takes on that device count.
    head : bool
        With the head that expects the next token.
    """
    import torch  # nested: slow to import

    with quiet(), torch.device("meta"), torch.inference_mode():
        net = fresh(config)
        net = with_fresh_head(net, config) if head else net
        for shapes in tried:
            kinds = {name: torch.float32 if name == "pixel_values" else torch.long for name in shapes}
            shown = {name: torch.ones(shape, dtype=kinds[name]) for name, shape in shapes.items()}
            found = counted(lambda shown=shown: net(**shown))  # type: ignore[misc]
            if found is not None:
                return found
    return None


def states_of(net: Any, family: Family, inputs: dict[str, Any]) -> Sequence[Any]:
    """Hidden states from the embeddings to the last block."""
    output = net(**inputs, output_hidden_states=True)
    return tuple(output.reshaped_hidden_states if family.states == "swin" else output.hidden_states)


def run(net: Any, family: Family, **inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
    """Hidden states of one batch, float32."""
    import torch  # nested: slow to import

    shown = {name: torch.from_numpy(values).to(net.device) for name, values in inputs.items()}
    with torch.inference_mode():
        return [state.float().cpu().numpy() for state in states_of(_body(net), family, shown)]


def _body(net: Any) -> Any:
    """The network below its head; the wrapper itself where what it wraps is no network of the library (timm)."""
    from transformers import PreTrainedModel  # nested: slow to import

    return net.base_model if isinstance(net.base_model, PreTrainedModel) else net
