"""The `transformers` families a folder of weights may belong to, and how their states are read."""

from dataclasses import dataclass
from typing import Literal

from gyral.errors import BadUpload
from gyral.models.export import way
from gyral.models.timm_names import WRAPPER


@dataclass(frozen=True)
class Family:
    """One ``model_type``.

    Parameters
    ----------
    modality : {"language", "vision"}
    states : {"tokens", "maps", "swin"}
        What the hidden states are: a token sequence, channel maps, or (Swin) channel maps under another name.
    block : str
        What one hidden state after the embeddings is called.
    embeds : bool
        The first hidden state is the embedding.
    offset : int
        Positions that padding takes from the table.
    causal : bool
        A token sees those before it only.
    """

    modality: Literal["language", "vision"]
    states: Literal["tokens", "maps", "swin"] = "tokens"
    block: str = "block"
    embeds: bool = True
    offset: int = 0
    causal: bool = False


_CAUSAL = (
    "bloom", "gemma", "gpt2", "gpt_neo", "gpt_neox", "llama", "mistral", "olmo", "opt", "phi", "qwen2", "qwen3",
)  # fmt: skip
_MASKED = ("albert", "bert", "deberta-v2", "distilbert", "electra", "modernbert")
_PADDED = ("camembert", "mpnet", "roberta", "xlm-roberta")
_TOKENS = ("beit", "deit", "dinov2", "dinov2_with_registers", "vit")
_STAGES = ("convnext", "convnextv2", "regnet", "resnet")

FAMILIES: dict[str, Family] = {
    **dict.fromkeys(_CAUSAL, Family("language", causal=True)),
    **dict.fromkeys(_MASKED, Family("language")),
    **dict.fromkeys(_PADDED, Family("language", offset=2)),
    **dict.fromkeys(_TOKENS, Family("vision")),
    **dict.fromkeys(_STAGES, Family("vision", "maps", "stage")),
    **dict.fromkeys(("swin", "swinv2"), Family("vision", "swin", "stage")),
    **dict.fromkeys(("mobilenet_v1", "mobilenet_v2"), Family("vision", "maps", embeds=False)),
    WRAPPER: Family("vision", "maps", "stage", embeds=False),
}


_HEARING = frozenset(
    ("audio-spectrogram-transformer", "clap", "data2vec-audio", "encodec", "hubert", "sew", "unispeech", "wav2vec2",
     "wav2vec2-bert", "wavlm", "whisper")
)  # fmt: skip


def find_family(model_type: object, where: str = "config.json") -> Family:
    """The family called ``model_type``.

    Raises
    ------
    BadUpload
        Not on the list (``family-unknown``).
    """
    if isinstance(model_type, str) and model_type in FAMILIES:
        return FAMILIES[model_type]
    if isinstance(model_type, str) and model_type in _HEARING:
        raise BadUpload(
            f"model_type = {model_type!r} hears; models that hear are read from ONNX.",
            where=where,
            mend="Export the encoder with the waveform as its only input (docs/submitting.md), or send its features.",
            code="family-unknown",
        )
    raise BadUpload(
        f"model_type = {model_type!r} is not on the list of families.",
        where=where,
        mend=f"Known: {', '.join(sorted(FAMILIES))}. {way('pytorch')}",
        code="family-unknown",
    )
