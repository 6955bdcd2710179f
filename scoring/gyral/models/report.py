"""Report: what `gyral check` found in an upload, fault by fault."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from gyral.errors import BadUpload, UserError

Kind = Literal["onnx", "transformers", "features", "unknown"]


@dataclass(frozen=True)
class Finding:
    """One fault or note.

    Parameters
    ----------
    code : str
        Stable identifier (kebab-case).
    what : str
        One sentence: what is wrong.
    where : str or None
        File or field.
    mend : str or None
        The expected form, or what to do.
    """

    code: str
    what: str
    where: str | None = None
    mend: str | None = None

    @classmethod
    def of(cls, error: UserError) -> "Finding":
        """The finding an error stands for."""
        return cls(error.code, error.what, error.where, error.mend)

    def as_dict(self) -> dict[str, str | None]:
        """Fields for JSON."""
        return {"code": self.code, "what": self.what, "where": self.where, "mend": self.mend}

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} {self.mend}" if self.mend else text


@dataclass(frozen=True)
class Report:
    """All faults (each forbids the upload) and notes (worth knowing) of one folder or file.

    Parameters
    ----------
    kind : {"onnx", "transformers", "features", "unknown"}
        What the upload was taken for.
    faults, notes : tuple of Finding
    layers : tuple of str
        Readable layers, where the upload could be opened.
    preprocessing : str
        What is done to a stimulus before the model sees it; empty for features.
    """

    kind: Kind
    faults: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    layers: tuple[str, ...] = ()
    preprocessing: str = ""

    @property
    def ok(self) -> bool:
        """True where nothing forbids the upload."""
        return not self.faults

    def as_dict(self) -> dict[str, Any]:
        """Fields for JSON and for the wire."""
        return {
            "kind": self.kind,
            "ok": self.ok,
            "faults": [fault.as_dict() for fault in self.faults],
            "notes": [note.as_dict() for note in self.notes],
            "layers": list(self.layers),
            "preprocessing": self.preprocessing,
        }

    def require(self) -> None:
        """Raise the first fault.

        Raises
        ------
        BadUpload
            With the fault's code; the number of further faults is told.
        """
        if self.faults:
            first, more = self.faults[0], len(self.faults) - 1
            mend = f"{first.mend or ''} ({more} more: run `gyral check`.)".strip() if more else first.mend
            raise BadUpload(first.what, where=first.where, mend=mend, code=first.code)


def named(names: Iterable[str], most: int = 3) -> str:
    """The first names by repr and how many more there are.

    >>> named(["a", "b", "c", "d"], 2)
    "'a', 'b' and 2 more"
    """
    known = list(names)
    shown = ", ".join(repr(name) for name in known[:most])
    return shown if len(known) <= most else f"{shown} and {len(known) - most} more"
