"""Transformers intake: configuration and header of a folder, looked at before anything is built or loaded.

The configuration is read as plain JSON; whatever would make the library look outside the folder is refused or
taken out.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

from gyral.errors import BadUpload
from gyral.models.families import Family, find_family
from gyral.models.formats import refused_by_name
from gyral.models.timm_names import as_transformers

_MAX_JSON = 1 << 20
_MOST_LAYERS = 512
_DEPTH = re.compile(
    r"n_layers?|num_layers|num_(hidden|encoder|decoder)_layers|(layer_)?depths?|num_stages|num_experts"
)
# Named in a configuration they would make the library fetch or run something of somebody else's.
_DROPPED = ("_attn_implementation", "_attn_implementation_internal", "attn_implementation", "torch_dtype", "dtype")


def read_settings(folder: Path) -> tuple[dict[str, Any], Family]:
    """``config.json`` as plain JSON and its family, after the refusals that need no library.

    Raises
    ------
    BadUpload
        See `TransformersModel`.
    """
    for file in sorted(folder.iterdir()):
        if (found := refused_by_name(file.name)) and found.code == "pickle":
            raise BadUpload(found.what, where=file.name, mend=found.mend, code=found.code)
    settings = as_transformers(_json(folder / "config.json"))
    for name in ("config.json", "tokenizer_config.json"):
        if (folder / name).is_file() and "auto_map" in _json(folder / name):
            raise BadUpload(
                "'auto_map' asks to run Python of the upload, which is never done.",
                where=name,
                mend="Use an architecture that transformers has itself, or export to ONNX.",
                code="auto-map",
            )
    if "quantization_config" in settings:
        raise BadUpload(
            "quantised weights need code that is not run here.",
            where="config.json",
            mend="Dequantise the model before saving it.",
            code="quantised",
        )
    return settings, find_family(settings.get("model_type"))


def stored_elements(folder: Path) -> int:
    """Number of stored weights, from the header of ``model.safetensors`` alone.

    Raises
    ------
    BadUpload
        Missing, sharded or unreadable.
    """
    from safetensors import SafetensorError, safe_open  # nested: not needed to list models

    path = folder / "model.safetensors"
    if (folder / "model.safetensors.index.json").is_file():
        raise BadUpload(
            "the weights are split over several files.",
            where="model.safetensors.index.json",
            mend='Save in one file: save_pretrained(..., max_shard_size="100GB").',
            code="safetensors-sharded",
        )
    if not path.is_file():
        raise BadUpload("the weights are missing.", where="model.safetensors", code="safetensors-missing")
    try:
        with safe_open(path, framework="np") as file:
            return sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise BadUpload(
            f"not a safetensors file, or a truncated one: {error}.",
            where="model.safetensors",
            code="safetensors-unreadable",
        ) from None


def stored_names(folder: Path) -> tuple[str, ...]:
    """Names of the stored weights; ask after `stored_elements`, which says what is wrong with the file."""
    from safetensors import safe_open  # nested: not needed to list models

    with safe_open(folder / "model.safetensors", framework="np") as file:
        return tuple(file.keys())


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the library's warnings and progress bars away; what matters is raised."""
    import warnings  # nested: with the library it quietens

    from transformers.utils import logging as library  # nested: slow to import

    logging: Any = library  # not annotated
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def configuration(settings: dict[str, Any]) -> Any:
    """The configuration as the library has it, nothing built yet.

    Raises
    ------
    BadUpload
        More layers than any model has (``too-many-parameters``): even without memory each takes time to be made;
        or the library refuses it (``config-value``).
    """
    _refuse_depth(settings)
    from transformers import AutoConfig  # nested: slow to import

    kept = {key: value for key, value in settings.items() if key not in _DROPPED}
    try:
        with quiet():
            return AutoConfig.for_model(**kept)
    except Exception as error:  # noqa: BLE001 - configurations fail in as many ways as there are families
        raise bad_configuration(error) from None


def _refuse_depth(settings: dict[str, Any]) -> None:
    for key, value in settings.items():
        if not _DEPTH.fullmatch(key):
            continue
        counts = [n for n in (value if isinstance(value, list) else [value]) if isinstance(n, int)]
        if sum(counts) > _MOST_LAYERS:
            raise BadUpload(
                f"{key} = {value!r:.60}, at most {_MOST_LAYERS} layers are taken.",
                where="config.json",
                mend="Save it with save_pretrained().",
                code="too-many-parameters",
            )


def bad_configuration(error: Exception) -> BadUpload:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return BadUpload(
        f"the configuration does not make a model: {' '.join(lines)[:400]}",
        where="config.json",
        mend="Save it with save_pretrained().",
        code="config-value",
    )


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise BadUpload(
            "the configuration is missing.",
            where=path.name,
            mend="Save the model with save_pretrained(); the folder needs config.json.",
            code="config-missing",
        )
    if path.stat().st_size > _MAX_JSON:
        raise BadUpload(f"larger than {_MAX_JSON:,} bytes.", where=path.name, code="config-json")
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadUpload(f"not valid JSON: {error}.", where=path.name, code="config-json") from None
    if not isinstance(found, dict):
        raise BadUpload("not a JSON object.", where=path.name, code="config-json")
    return found
