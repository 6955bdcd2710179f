"""timm's own configurations, where timm imports: `transformers` runs such a model behind its own classes.

timm needs torchvision and is no dependency of ours. A folder that timm saved has a ``config.json`` with an
``architecture`` and no ``model_type``.
"""

import re
from typing import Any

from gyral.errors import BadUpload, UnknownName
from gyral.models.export import way

WRAPPER = "timm_wrapper"

# timm itself would take "hf-hub:..." and "local-dir:..." here, and fetch or open what they name.
_NAME = re.compile(r"[a-z0-9_]{1,80}(\.[a-z0-9_]{1,80})?")


def is_timm(settings: dict[str, Any]) -> bool:
    """Whether ``config.json`` is timm's."""
    return "architecture" in settings and settings.get("model_type") in (None, WRAPPER)


def as_transformers(settings: dict[str, Any]) -> dict[str, Any]:
    """A timm configuration in the words `transformers` has for it; any other one as it is.

    Only the name counts: further arguments could name files to open.

    Raises
    ------
    BadUpload
        No name of a model (``timm-name``), further arguments (``timm-arguments``), or timm does not import here
        (``timm-missing``).
    UnknownName
        timm knows no such model (``timm-name``).
    """
    if not is_timm(settings):
        return settings
    name = settings["architecture"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadUpload(
            f"architecture = {name!r:.100} is no name of a timm model.",
            where="config.json",
            mend="It is a name such as 'resnet18' or 'vit_tiny_patch16_224'.",
            code="timm-name",
        )
    if settings.get("model_args"):
        raise BadUpload(
            "model_args are not taken.",
            where="config.json",
            mend=f"Choose a timm name that needs none. {way('pytorch')}",
            code="timm-arguments",
        )
    try:
        import timm  # type: ignore[import-not-found, unused-ignore]  # nested: optional, and slow to import
    except Exception as error:  # noqa: BLE001 - a torchvision of another torch raises errors of its own
        why = str(error).partition("\n")[0]
        raise BadUpload(
            f"these are the weights of the timm model {name!r}, and timm does not import here ({why}).",
            where="config.json",
            mend=way("pytorch"),
            code="timm-missing",
        ) from None
    plain = name.partition(".")[0]
    if not timm.is_model(plain):
        unknown = UnknownName("timm model", plain, timm.list_models())
        unknown.where, unknown.code = "config.json", "timm-name"
        raise unknown
    return {"model_type": WRAPPER, "architecture": plain}
