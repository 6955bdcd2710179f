"""Folders of ``model.safetensors`` + ``config.json`` (+ ``tokenizer.json``) of an allow-listed transformers family.

No remote code, no pickle, no kernels or adapters fetched from elsewhere: the configuration is read as plain
JSON first, and whatever would make the library look outside the folder is refused or taken out.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadUpload
from gyral.hashing import hash_file, hash_json
from gyral.models import calibration
from gyral.models.activation import (
    projected,
    reduced,
    require_finite,
    require_finite_weights,
    require_layers,
    require_modality,
    spans,
)
from gyral.models.card import ModelCard
from gyral.models.image import load_images, normalised
from gyral.models.model import CARD_LAYERS, Batch, Reduction, choose_layers
from gyral.models.onnx_layers import thinned
from gyral.models.steadiness import MANY
from gyral.models.surprisal import LAYER as SURPRISAL
from gyral.models.tokenizer import TextTokenizer
from gyral.models.transformers_check import (
    bad_configuration,
    configuration,
    quiet,
    read_settings,
    stored_elements,
    stored_names,
)
from gyral.models.transformers_net import (
    fresh,
    has_head,
    network_multiply_adds,
    pretrained,
    run,
    states_of,
    with_fresh_head,
)
from gyral.models.transformers_probe import probe_images, probe_texts
from gyral.models.transformers_text import TextReader
from gyral.models.twins import Twin, permuted

MAX_PARAMETERS = 4_000_000_000
VERSION = "transformers-1"  # part of the hash: raise it when the features of the same folder change


class TransformersModel:
    """A local transformers model behind the `Model` protocol.

    Layers are ``embeddings`` and ``block.0`` ... (``stage.0`` ... for hierarchical vision models); the last
    block of a language model is read after the final normalisation, as the library hands it out. Text is pooled to
    one vector a sentence or a word, vision tokens keep their positions (class token first), maps their grid.
    Causal language models whose file fills the head have the layer ``surprisal`` too (`gyral.models.surprisal`), which
    is read where the card names it.

    Parameters
    ----------
    folder : Path
    card : ModelCard
    device : str
        Where torch runs.
    twin, seed
        Which redrawn twin instead of the model itself.

    Raises
    ------
    BadUpload
        ``config-missing``, ``config-json``, ``config-value``, ``auto-map``, ``pickle``, ``quantised``,
        ``family-unknown``, ``family-modality``, ``safetensors-missing``, ``safetensors-sharded``,
        ``safetensors-unreadable``, ``safetensors-unfit``, ``too-many-parameters``, ``tokenizer-missing``,
        ``tokenizer-size``, ``image-size``.
    """

    def __init__(
        self,
        folder: Path,
        card: ModelCard,
        *,
        device: str = "cpu",
        twin: Twin | None = None,
        seed: int = 0,
    ) -> None:
        self.card, self._folder, self._device, self._twin, self._seed = card, folder, device, twin, seed
        settings, self._family = read_settings(folder)
        if self._family.modality != card.modality:
            raise BadUpload(
                f"modality = {card.modality!r}, but {settings['model_type']!r} is a {self._family.modality} family.",
                where="gyral.toml",
                code="family-modality",
            )
        self._stored = stored_elements(folder)
        self._config = configuration(settings)
        self._tokenizer = self._open_tokenizer(self._length) if card.modality == "language" else None
        self._shapes = self._probe()
        self._reader = self._open_reader()

    @cached_property
    def hash(self) -> str:
        """See `gyral.models.model.Model.hash`."""
        return content_hash(self._folder, self.card, self._twin, self._seed)

    def layers(self) -> tuple[str, ...]:
        """Layers matching the card's patterns, else the embeddings and at most about twenty blocks."""
        if not self.card.layers:
            return thinned(tuple(self._shapes))
        return choose_layers(self._names, self.card.layers, where=CARD_LAYERS)

    @property
    def _names(self) -> tuple[str, ...]:
        """Layers that may be asked for."""
        return (*self._shapes, SURPRISAL) if self._expects else tuple(self._shapes)

    def batches(
        self,
        stimuli: StimulusSet,
        layers: Sequence[str],
        *,
        reduction: Reduction,
        memory: int = 1 << 30,
    ) -> Iterator[Batch]:
        """See `gyral.models.model.Model.batches`."""
        require_modality(self.card, stimuli)
        require_layers(layers, self._names)
        net = self._load(head=SURPRISAL in layers)
        # Every hidden state is held, and inside a block about four times as much.
        cost = 4 * (sum(map(prod, self._shapes.values())) + 4 * max(map(prod, self._shapes.values())))
        if SURPRISAL in layers:
            cost += 8 * self._length * int(self._config.vocab_size)
        for start, stop in spans(len(stimuli), cost, memory):
            states = self._states(net, stimuli.subset(range(start, stop)), reduction.words, layers)
            arrays = {}
            for name in layers:
                # The positions of a text are no square grid, even where their number is a square.
                if self._reader is not None:
                    arrays[name] = projected(states[name], reduction.channels)
                else:
                    arrays[name] = reduced(states[name], reduction, self._prefix(name))
                require_finite(name, arrays[name], stimuli, start)
            yield Batch(start, arrays)

    def multiply_adds(self, stimuli: StimulusSet, layers: Sequence[str]) -> int | None:
        """See `gyral.models.compute.Countable`: of the whole network, with its head where the layer ``surprisal`` is read."""
        if self._reader is None:
            side = self.card.image.size
            return network_multiply_adds(self._config, [{"pixel_values": (1, 3, side, side)}])
        typical = self._reader.typical(stimuli)
        shape: tuple[int, ...] = (1, typical.length)
        # Some families look into a mask that is given, one into a mask that it makes itself.
        tried = [{"input_ids": shape}, {"input_ids": shape, "attention_mask": shape}]
        found = network_multiply_adds(self._config, tried, head=SURPRISAL in layers)
        return None if found is None else round(found * typical.passes)

    def verify(self) -> None:
        """Load the weights and run made stimuli, in two batch sizes, and texts of two lengths: opening does not do that.

        Raises
        ------
        BadUpload
            The weights do not fit the configuration, what they give is not finite, or it changes with the other items
            of a batch (``weights-batch-mixing``) or with padding (``weights-padding``).
        """
        layers = self.layers()
        net = self._load(head=SURPRISAL in layers)
        if self._reader is not None:
            probe_texts(net, self._family, self._reader.tokenizer, tuple(self._shapes))
            states = self._states(net, StimulusSet.from_texts(calibration.sentences()[:2]), 0, layers)
        else:
            states = probe_images(net, self._family, self._made_images(MANY), tuple(self._shapes))
        read = {name: states[name] for name in layers}
        require_finite_weights(read, _weights(self._folder / "model.safetensors"), "model.safetensors")

    def _states(
        self, net: Any, stimuli: StimulusSet, words: int, layers: Sequence[str]
    ) -> dict[str, NDArray[np.float32]]:
        if self._reader is None:
            return self._read_images(net, load_images(stimuli.files or (), self.card.image))
        found = dict(zip(self._shapes, self._reader.states(net, stimuli, words), strict=True))
        if SURPRISAL in layers:
            found[SURPRISAL] = self._reader.surprisal(net, stimuli, words)
        return found

    def _read_images(self, net: Any, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        return dict(zip(self._shapes, run(net, self._family, pixel_values=images), strict=True))

    def _made_images(self, count: int) -> NDArray[np.float32]:
        return np.stack([normalised(image, self.card.image) for image in calibration.images(count)])

    def _prefix(self, name: str) -> int | None:
        """Tokens before the square grid of patches."""
        shape, patch = self._shapes[name], getattr(self._config, "patch_size", None)
        if len(shape) != 2 or not isinstance(patch, int):
            return None
        return int(shape[0] - (self.card.image.size // patch) ** 2)

    def _probe(self) -> dict[str, tuple[int, ...]]:
        """Layers and their shapes without the batch axis, found on the meta device: nothing is allocated."""
        import torch  # nested: slow to import

        try:
            with quiet(), torch.device("meta"):
                net = fresh(self._config)
                if self._tokenizer is None:
                    self._check_image_size()
                    side = self.card.image.size
                    found = [
                        s.shape[1:]
                        for s in states_of(net, self._family, {"pixel_values": torch.zeros(1, 3, side, side)})
                    ]
                else:
                    found = [(self._length, self._config.hidden_size)] * (self._config.num_hidden_layers + 1)
        except BadUpload:
            raise
        except Exception as error:  # noqa: BLE001 - configurations fail in as many ways as there are families
            raise bad_configuration(error) from None
        self._check_parameters(sum(p.numel() for p in net.parameters()))
        names = [f"{self._family.block}.{i}" for i in range(len(found))]
        if self._family.embeds:
            names = ["embeddings", *names[:-1]]
        return dict(zip(names, (tuple(int(n) for n in shape) for shape in found), strict=True))

    def _check_parameters(self, count: int) -> None:
        if count > MAX_PARAMETERS:
            raise BadUpload(
                f"the configuration describes {count:,} parameters, at most {MAX_PARAMETERS:,} are taken.",
                where="config.json",
                code="too-many-parameters",
            )
        # Heads that are not read may add to the file; a file with much less cannot fill the model.
        if self._stored < 0.9 * count:
            raise BadUpload(
                f"the configuration describes {count:,} parameters, the file holds {self._stored:,}.",
                where="model.safetensors",
                mend="Save configuration and weights of the same model with save_pretrained().",
                code="safetensors-unfit",
            )

    def _check_image_size(self) -> None:
        spec, size = self.card.image, getattr(self._config, "image_size", None)
        if spec.layout != "NCHW":
            raise BadUpload(
                f"image.layout = {spec.layout!r}; transformers models take 'NCHW'.",
                where="gyral.toml",
                code="card-value",
            )
        if self._family.states == "tokens" and size not in (None, spec.size, [spec.size, spec.size]):
            raise BadUpload(
                f"image.size = {spec.size!r}, but the configuration says {size!r}.",
                where="gyral.toml",
                mend="Set image.size to the configuration's image_size.",
                code="image-size",
            )

    @property
    def _length(self) -> int:
        """Most tokens of a sentence: the card's or the model's bound, whichever is less."""
        return int(min(self.card.text.max_tokens, self._positions))

    @property
    def _positions(self) -> int:
        """Most tokens the model has positions for."""
        positions = getattr(self._config, "max_position_embeddings", None)
        return positions - self._family.offset if isinstance(positions, int) and positions > 0 else 1 << 30

    def _open_tokenizer(self, length: int) -> TextTokenizer:
        path = self._folder / "tokenizer.json"
        if not path.is_file():
            raise BadUpload(
                "a language model needs its tokenizer.",
                where="tokenizer.json",
                mend="Save it with tokenizer.save_pretrained() of a fast tokenizer.",
                code="tokenizer-missing",
            )
        spec = self.card.text.model_copy(update={"max_tokens": length})
        tokenizer = TextTokenizer(path.read_bytes(), spec)
        if tokenizer.size > self._config.vocab_size:
            raise BadUpload(
                f"{tokenizer.size:,} tokens for {self._config.vocab_size:,} embeddings.",
                where="tokenizer.json",
                mend="Use the tokenizer the model was trained with.",
                code="tokenizer-size",
            )
        return tokenizer

    @cached_property
    def _expects(self) -> bool:
        """Whether the card asks how much the model expected each word, and the model can say it."""
        asked = any(fnmatchcase(SURPRISAL, pattern) for pattern in self.card.layers)
        if not asked or not self._family.causal or self._first_token() is None:
            return False
        return has_head(self._config, stored_names(self._folder))

    def _first_token(self) -> int | None:
        """The token a text begins with."""
        assert self._tokenizer is not None  # noqa: S101 - only language models are causal
        before, _ = self._tokenizer.around("a")
        if before:
            return before[-1]
        named = (getattr(self._config, name, None) for name in ("bos_token_id", "eos_token_id"))
        return next((n for n in named if isinstance(n, int) and 0 <= n < self._config.vocab_size), None)

    def _open_reader(self) -> TextReader | None:
        if self._tokenizer is None:
            return None
        first = None
        if self._expects and not self._tokenizer.around("a")[0]:
            first = self._first_token()
            if self._length == self._positions:  # the first token needs one
                self._tokenizer = self._open_tokenizer(self._length - 1)
        return TextReader(self._tokenizer, self._family, self.card.text.pooling, first)

    def _load(self, *, head: bool = False) -> Any:
        """The network with trained, redrawn or permuted weights, ready to be run."""
        import torch  # nested: slow to import

        if self._twin == "untrained":
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self._seed)
                net = fresh(self._config)
                net = with_fresh_head(net, self._config) if head else net
            self._settle(net)
            return net.to(self._device)
        net = pretrained(self._folder, self._config, head=head)
        if self._twin == "permuted":
            with torch.no_grad():
                # The base first, so that its weights are the same with and without the head, which may be tied to it.
                named = {id(weight): (name, weight) for name, weight in net.base_model.named_parameters()}
                for name, weight in net.named_parameters():
                    named.setdefault(id(weight), (name, weight))
                for name, weight in named.values():
                    weight.copy_(torch.from_numpy(permuted(weight.numpy(), self._seed, name)))
        return net.to(self._device)

    def _settle(self, net: Any) -> None:
        """Estimate batch-normalisation statistics of an untrained network on the made images."""
        import torch  # nested: slow to import

        norms = [m for m in net.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
        if not norms:
            return
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean instead of a moving one
            norm.train()
        with torch.no_grad():
            net(pixel_values=torch.from_numpy(self._made_images(calibration.COUNT)))
        net.eval()


def content_hash(folder: Path, card: ModelCard, twin: Twin | None, seed: int) -> str:
    """`TransformersModel.hash` without opening the model."""
    is_text = card.modality == "language"
    names = ("config.json", "model.safetensors", *(("tokenizer.json",) if is_text else ()))
    shown = card.text if is_text else card.image
    hashes = [hash_file(folder / name) for name in names]
    return hash_json([VERSION, hashes, shown.facts(), [twin, seed] if twin else None])


def _weights(path: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    from safetensors import safe_open  # nested: not needed to list models

    with safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - not a dict
            yield name, file.get_tensor(name).float().numpy()
