"""Tables of names: ``name -> "module:object"``, so that listing imports nothing heavy.

Third parties add to a table through an entry point group ``gyral.<kind>`` (``gyral.readouts`` ...).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from gyral.errors import UnknownName, UserError


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
        return (*self.table, *self.own())

    def own(self) -> tuple[str, ...]:
        """Names of third parties; one that is built in stays ours."""
        return tuple(sorted({e.name for e in entry_points(group=self.group)} - set(self.table)))

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
        UserError
            A third party's module fails when it is imported (``plugin-broken``), or two packages use the name
            (``plugin-doubled``).
        """
        if name in self.table:
            module, _, attribute = self.table[name].partition(":")
            return getattr(import_module(module), attribute)
        entry = self._entry(name)
        try:
            return entry.load()
        except Exception as error:  # whatever a third party's module does when it is imported
            raise UserError(
                f"it cannot be loaded from {entry.value!r}: {type(error).__name__}: {error}",
                where=f"{self.kind} {name!r} of {origin_of(entry)}",
                mend="Mend or remove that package.",
                code="plugin-broken",
            ) from error

    def origin(self, name: str) -> str:
        """Package and version that a third party's name comes from ("gyral-nearest 1.0"); empty for what is built in.

        Raises
        ------
        UnknownName
            As `load`.
        """
        return "" if name in self.table else origin_of(self._entry(name))

    def _entry(self, name: str) -> EntryPoint:
        found = {(e.value, origin_of(e)): e for e in entry_points(group=self.group, name=name)}
        if not found:
            raise UnknownName(self.kind, name, self.names())
        if len(found) > 1:
            raise UserError(
                f"{len(found)} packages call something so: {', '.join(sorted(o for _, o in found))}.",
                where=f"{self.kind} {name!r}",
                mend="Remove all but one of them: a score must say what made it.",
                code="plugin-doubled",
            )
        return next(iter(found.values()))


def origin_of(entry: EntryPoint) -> str:
    """Package and version of an entry point."""
    return "an unknown package" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
