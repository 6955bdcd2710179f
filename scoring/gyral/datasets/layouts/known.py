"""All published layouts, in the order in which they are looked for."""

from collections.abc import Iterable

from gyral.datasets.layouts import algonauts2023, brainio, lebel2023, nsd, things_eeg2, things_meg
from gyral.datasets.layouts.layout import Layout

LAYOUTS: tuple[Layout, ...] = (
    nsd.LAYOUT,
    algonauts2023.LAYOUT,
    things_eeg2.LAYOUT,
    things_meg.LAYOUT,
    lebel2023.LAYOUT,
    brainio.LAYOUT,
)


def layout_of(names: Iterable[str]) -> Layout | None:
    """The layout that files tell of, by relative paths; None: no published one."""
    held = list(names)
    return next((layout for layout in LAYOUTS if any(layout.tell(n) for n in held)), None)
