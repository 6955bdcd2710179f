"""Where files live: ``GYRAL_HOME`` (what must be kept) and ``GYRAL_CACHE`` (what can be made again)."""

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path


def home() -> Path:
    """Folder of database, uploads, queue and runs (``GYRAL_HOME``)."""
    return _place("GYRAL_HOME", user_data_path("gyral"))


def cache() -> Path:
    """Folder of packs, features and weights (``GYRAL_CACHE``)."""
    return _place("GYRAL_CACHE", user_cache_path("gyral"))


def mirror() -> Path | None:
    """Folder of local copies of public datasets (``GYRAL_MIRROR``), or None."""
    value = os.environ.get("GYRAL_MIRROR")
    return Path(value).expanduser().resolve() if value else None


def _place(variable: str, default: Path) -> Path:
    path = Path(os.environ.get(variable) or default).expanduser().resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path
