"""Gyral: score vision and language models against brain recordings, region by region.

The public names are imported on first use, so that ``import gyral`` costs nothing.

>>> import gyral
>>> gyral.__version__
'0.1.0'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from gyral.arrays import evaluate_arrays as evaluate_arrays
    from gyral.evaluate import evaluate as evaluate
    from gyral.record import Record as Record

_LAZY = {
    "evaluate": "gyral.evaluate",
    "evaluate_arrays": "gyral.arrays",
    "Record": "gyral.record",
}

__all__ = ["Record", "__version__", "evaluate", "evaluate_arrays"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'gyral' has no attribute {name!r}")
