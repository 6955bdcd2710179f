"""Every error Gyral raises on purpose, by whose fault it is.

::

    GyralError
    |-- UserError          the caller or submitter can mend it; exit status 1, shown without traceback
    |   |-- UnknownName    a benchmark, model, readout, metric or layer nobody registered
    |   |-- BadUpload      a model or features file that cannot be accepted
    |   |-- BadDataset     a pack, recipe or source file that is wrong
    |   |-- BadFeatures    feature arrays that do not fit the stimuli
    |   |-- BadArrays      responses or other arrays handed to the library
    |   |-- Unavailable    a source, tool or extra that is not here
    |   `-- OutOfResources a full disk, a memory or time limit
    `-- EngineError        our own fault; has a reference and goes to the log
"""

from collections.abc import Iterable
from difflib import get_close_matches


class GyralError(Exception):
    """Base of all errors raised on purpose."""


class UserError(GyralError):
    """Something the person who called can mend.

    Parameters
    ----------
    what : str
        One sentence: what is wrong, with the offending value by ``repr``.
    where : str, optional
        File, field or argument the sentence is about.
    mend : str, optional
        What to do about it.
    code : str, optional
        Stable identifier of the fault (kebab-case), for documentation and the API.
    """

    code = "user-error"

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        mend: str | None = None,
        code: str | None = None,
    ) -> None:
        self.what, self.where, self.mend = what, where, mend
        if code is not None:
            self.code = code
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} {self.mend}" if self.mend else text

    def as_dict(self) -> dict[str, str | None]:
        """The error as plain JSON-able fields (for the wire and the API)."""
        return {
            "code": self.code,
            "what": self.what,
            "where": self.where,
            "mend": self.mend,
        }


class UnknownName(UserError):
    """A name that no registry holds; the nearest known ones are suggested.

    >>> str(UnknownName("readout", "rigde", ["gap", "ridge"]))
    "unknown readout 'rigde'. Did you mean 'ridge'?"
    """

    code = "unknown-name"

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=3, cutoff=0.5)
        if near:
            mend = "Did you mean " + " or ".join(repr(n) for n in near) + "?"
        else:
            mend = "Known: " + (", ".join(names) or "none") + "."
        super().__init__(f"unknown {kind} {name!r}.", mend=mend)
        self.kind, self.name, self.known = kind, name, tuple(names)


class BadUpload(UserError):
    """A model or features upload that cannot be accepted."""

    code = "bad-upload"


class BadDataset(UserError):
    """A dataset pack, recipe or source file that is wrong."""

    code = "bad-dataset"


class BadFeatures(UserError):
    """Feature arrays that do not fit the stimuli they claim to describe."""

    code = "bad-features"


class BadArrays(UserError):
    """Responses, groups or other arrays that cannot be scored."""

    code = "bad-arrays"


class Unavailable(UserError):
    """A data source, system tool or optional package that is not here."""

    code = "unavailable"


class OutOfResources(UserError):
    """A full disk, or a memory or time limit that was reached."""

    code = "out-of-resources"


class EngineError(GyralError):
    """Our own fault: an invariant of the engine does not hold."""
