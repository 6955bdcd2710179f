"""ModelCard: what the submitter declares about a model (``gyral.toml``)."""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gyral.datasets.corpus import NOTHING, CorpusName
from gyral.datasets.sound import LONGEST, RATES
from gyral.datasets.stimulus import Modality
from gyral.errors import BadUpload, complaint, sentence
from gyral.models.toml_file import read_toml

Pooling = Literal["last", "mean", "cls"]
Sense = Literal["vision", "language", "audio"]
# What models of a modality are shown, and how such a model is called in a sentence.
SHOWN: dict[Sense, Modality] = {"vision": "image", "language": "text", "audio": "sound"}
A_MODEL: dict[str, str] = {"vision": "a vision model", "language": "a language model", "audio": "an audio model"}

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Byte = Annotated[int, Field(ge=0, le=255)]


class ImageInput(BaseModel):
    """How pixels enter a vision model.

    Images are decoded to RGB, composited on ``background`` where they have transparency, and resized (antialiased):
    the shorter side to ``size / crop``, of which the centre square is cut, or both sides to ``size``. Values become
    ``(pixel / 255 - mean) / std``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(224, ge=8, le=1024, description="side of the square the model sees, pixels")
    crop: float = Field(
        0.875,
        gt=0,
        le=1,
        description="share of the shorter side that the centre crop keeps",
    )
    mean: tuple[_Finite, _Finite, _Finite] = (0.485, 0.456, 0.406)
    std: tuple[_Positive, _Positive, _Positive] = (0.229, 0.224, 0.225)
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    background: tuple[_Byte, _Byte, _Byte] = (128, 128, 128)
    resize: Literal["shorter-side", "square"] = Field(
        "shorter-side", description="square: the whole image, its proportions changed; crop is then not used"
    )
    interpolation: Literal["bicubic", "bilinear", "lanczos", "nearest"] = "bicubic"

    def __str__(self) -> str:
        side = f"{self.size} x {self.size}"
        how = "" if self.interpolation == "bicubic" else f" ({self.interpolation})"
        if self.resize == "square":
            fitted = f"whole image resized to {side}{how}"
        else:
            short = round(self.size / self.crop)
            fitted = f"shorter side resized to {short} pixels{how}, centre square of {side} (crop {self.crop:g})"
        return f"{fitted}, mean {list(self.mean)}, std {list(self.std)}, {self.layout}"

    def facts(self) -> dict[str, Any]:
        """What decides the features, for hashes."""
        return _without(self.model_dump(mode="json"), {"resize": "shorter-side", "interpolation": "bicubic"})


class TextInput(BaseModel):
    """How sentences enter a language model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pooling: Pooling = Field("mean", description="how tokens become one vector a sentence")
    max_tokens: int = Field(128, ge=1, le=8192, description="context length; longer texts are cut")
    lowercase: bool = False
    special_tokens: bool = Field(True, description="add what the tokenizer adds around a text ([CLS], BOS ...)")
    cut: Literal["start", "end"] = Field("start", description="which end of a text that is too long is cut")

    def __str__(self) -> str:
        case = ", lower case" if self.lowercase else ""
        special = "" if self.special_tokens else ", no special tokens"
        cut = "" if self.cut == "start" else ", longer texts cut at their end"
        return f"at most {self.max_tokens} tokens, pooled by {self.pooling!r}{case}{special}{cut}"

    def facts(self) -> dict[str, Any]:
        """What decides the features, for hashes."""
        return _without(self.model_dump(mode="json"), {"special_tokens": True, "cut": "start"})


class SoundInput(BaseModel):
    """How sounds enter a model that hears.

    Channels are averaged, and samples brought to ``rate`` by polyphase filtering. A longer sound is cut to ``seconds``, a
    shorter one has silence behind it. Full scale is 1; "rms" divides what is left by its root mean square.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: int = Field(16_000, ge=RATES[0], le=RATES[1], description="samples a second, Hz")
    seconds: float | None = Field(
        2.0,
        gt=0,
        le=LONGEST,
        allow_inf_nan=False,
        description="duration the model hears; floors hear all of a sound",
    )
    cut: Literal["start", "end", "both"] = Field(
        "end", description="which end of a sound that is too long is cut; both: its middle is kept"
    )
    normalise: Literal["none", "rms"] = Field("none", description="rms: divided by the root mean square")

    @property
    def length(self) -> int | None:
        """Samples the model hears; None for all of them."""
        return None if self.seconds is None else max(1, round(self.seconds * self.rate))

    def __str__(self) -> str:
        kept = {"end": "the first", "start": "the last", "both": "the middle"}[self.cut]
        heard = (
            "whole"
            if self.seconds is None
            else f"{kept} {self.seconds:g} seconds, shorter sounds with silence behind"
        )
        loud = ", divided by the root mean square" if self.normalise == "rms" else ""
        return f"one channel at {self.rate} Hz, {heard}{loud}"

    def facts(self) -> dict[str, Any]:
        """What decides the features, for hashes."""
        return self.model_dump(mode="json")


def _without(fields: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Keys that came later are left out at their default, so that what was hashed before keeps its hash."""
    return {key: value for key, value in fields.items() if key not in defaults or value != defaults[key]}


class ModelCard(BaseModel):
    """Declared facts of one model; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="identifier on the boards")
    title: str = ""
    modality: Sense
    description: str = ""
    family: str = Field("", description="architecture family, for filters")
    parameters: int | None = Field(None, ge=0, description="number of trained parameters")
    training_data: str = Field("", description="what it was trained on, in words")
    training_datasets: tuple[CorpusName, ...] = Field(
        (), description="collections it was trained on, by the names `gyral overlap --list` gives"
    )
    licence: str = ""
    paper: str = ""
    url: str = ""
    layers: tuple[str, ...] = Field((), description="layers to read, as glob patterns; empty: chosen for you")
    image: ImageInput = ImageInput()
    text: TextInput = TextInput()
    sound: SoundInput = SoundInput()

    @field_validator("training_datasets")
    @classmethod
    def _nothing_alone(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if NOTHING in names and len(names) > 1:
            raise ValueError(f"{NOTHING!r} stands alone: a model that was trained on something was trained")
        return names

    @classmethod
    def read(cls, path: Path) -> "ModelCard":
        """Read ``gyral.toml``.

        Raises
        ------
        BadUpload
            Not TOML, a missing or unknown key (the nearest known one is named), or a value out of range.
        """
        return cls.checked(read_toml(path, code="card-toml"), where=path.name)

    @classmethod
    def checked(cls, fields: dict[str, object], *, where: str = "card") -> "ModelCard":
        """Validate fields, turning the first fault into one sentence."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise _explain(error, where) from None

    def decisive(self) -> dict[str, Any]:
        """What of the card decides the features; the rest is only shown."""
        plain = self.model_dump(mode="json", include={"modality", "layers"})
        if self.modality == "audio":
            return {**plain, "sound": self.sound.facts()}
        return {**plain, "image": self.image.facts(), "text": self.text.facts()}

    @property
    def shown(self) -> ImageInput | TextInput | SoundInput:
        """How stimuli of the card's modality enter the model."""
        if self.modality == "audio":
            return self.sound
        return self.image if self.modality == "vision" else self.text

    @property
    def preprocessing(self) -> str:
        """What is done to a stimulus before the model sees it, in one line."""
        return str(self.shown)

    def write(self, path: Path) -> None:
        """Write ``gyral.toml``."""
        path.write_text(tomli_w.dumps(self.model_dump(mode="json", exclude_none=True)), "utf-8")


def _explain(error: ValidationError, where: str) -> BadUpload:
    # A misspelt key is also a missing one: the spelling is the better thing to say.
    found = error.errors()
    # A number missing among three, too, says more than what is wrong with the others.
    order = ("extra_forbidden", "missing")
    first = min(found, key=lambda fault: order.index(fault["type"]) if fault["type"] in order else len(order))
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        mend = _nearest([str(part) for part in first["loc"]])
        return BadUpload(f"unknown key {field!r}.", where=where, mend=mend, code="card-key")
    if triple := _short_or_long(first):
        return BadUpload(triple, where=where, code="card-value")
    if first["type"] == "missing":
        return BadUpload(f"the key {field!r} is missing.", where=where, code="card-missing")
    return BadUpload(sentence(f"{field}: {complaint(first)}"), where=where, code="card-value")


def known_keys() -> tuple[str, ...]:
    """Every key of a card, those of its tables with a dot."""
    tables: dict[str, type[BaseModel]] = {"image": ImageInput, "text": TextInput, "sound": SoundInput}
    inner = [f"{table}.{key}" for table, model in tables.items() for key in model.model_fields]
    return (*(key for key in ModelCard.model_fields if key not in tables), *inner)


def _nearest(path: list[str]) -> str:
    """The known key most like the one given, in its own table or another."""
    keys = known_keys()
    if near := get_close_matches(".".join(path), keys, n=1, cutoff=0.7):
        return f"Did you mean {near[0]!r}?"
    bare = {key.rpartition(".")[2]: key for key in reversed(keys)}
    if near := get_close_matches(path[-1], list(bare), n=1, cutoff=0.7):
        return f"Did you mean {bare[near[0]]!r}?"
    return f"Known keys: {', '.join(keys)}."


def _short_or_long(fault: Any) -> str | None:
    """What to say of a mean, std or background that is not three numbers; None for any other fault."""
    path, given = list(fault["loc"]), fault["input"]
    if fault["type"] == "missing" and isinstance(path[-1], int):
        path.pop()
    elif fault["type"] not in ("too_long", "tuple_type"):
        return None
    if tuple(path[:1]) != ("image",):
        return None
    count = len(given) if isinstance(given, (list, tuple)) else repr(given)
    return f"{'.'.join(str(part) for part in path)}: three numbers are needed, not {count}."
