"""Tables of names: ``name -> "module:object"``, so that listing imports nothing heavy.

Third parties add to a table through an entry point group ``gyral.<kind>`` (``gyral.readouts`` ...).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from gyral.errors import UnknownName


@dataclass(frozen=True)
class Registry:
    """One kind of plugin.

    Parameters
    ----------
    kind : str
        Singular noun used in messages ("readout").
    table : mapping of str to str
        Built-in names to ``"module:object"``.
    summaries : mapping of str to str
        One line a name, shown by ``gyral list`` without importing the object.
    """

    kind: str
    table: Mapping[str, str]
    summaries: Mapping[str, str] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """Entry point group third parties register under."""
        return f"gyral.{self.kind}s"

    def names(self) -> tuple[str, ...]:
        """All names, built-in first, then third-party ones."""
        extra = [e.name for e in entry_points(group=self.group) if e.name not in self.table]
        return (*self.table, *sorted(extra))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def load(self, name: str) -> Any:
        """Import and return the object behind ``name``.

        Raises
        ------
        UnknownName
            No such name; the nearest ones are suggested.
        """
        if name in self.table:
            module, _, attribute = self.table[name].partition(":")
            return getattr(import_module(module), attribute)
        for entry in entry_points(group=self.group):
            if entry.name == name:
                return entry.load()
        raise UnknownName(self.kind, name, self.names())
