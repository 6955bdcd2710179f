"""All published layouts, in the order in which they are looked for."""

from collections.abc import Iterable
from functools import cache

from gyral.datasets.layouts import (
    algonauts2023,
    brainio,
    lebel2023,
    narratives,
    nsd,
    pereira2018,
    things_eeg2,
    things_fmri,
    things_meg,
)
from gyral.datasets.layouts.layout import Layout
from gyral.errors import UserError
from gyral.registry import Registry

LAYOUTS: tuple[Layout, ...] = (
    nsd.LAYOUT,
    algonauts2023.LAYOUT,
    things_eeg2.LAYOUT,
    things_meg.LAYOUT,
    things_fmri.LAYOUT,
    lebel2023.LAYOUT,
    pereira2018.LAYOUT,
    narratives.LAYOUT,
    brainio.LAYOUT,
)


# Those of other packages, looked for behind ours.
OTHERS = Registry("layout", {})


@cache
def all_layouts() -> tuple[Layout, ...]:
    """Ours, then those of other packages.

    Raises
    ------
    UserError
        One of another package cannot be loaded (``plugin-broken``), or is no layout (``plugin-failed``).
    """
    found = []
    for name in OTHERS:
        layout = OTHERS.load(name)
        if not isinstance(layout, Layout):
            raise UserError(
                f"it is {type(layout).__name__}, and a Layout is expected.",
                where=f"layout {name!r} of {OTHERS.origin(name)}",
                mend="Mend or remove that package.",
                code="plugin-failed",
            )
        found.append(layout)
    return (*LAYOUTS, *found)


def layout_of(names: Iterable[str]) -> Layout | None:
    """The layout that files tell of, by relative paths; None: no published one."""
    held = list(names)
    return next((layout for layout in all_layouts() if any(layout.tell(n) for n in held)), None)
