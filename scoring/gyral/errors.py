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

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any


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


def sentence(clause: str) -> str:
    """A clause with a full stop, unless it ends as a sentence already.

    >>> sentence("it is missing"), sentence("unknown name 'a'. Did you mean 'b'?")
    ('it is missing.', "unknown name 'a'. Did you mean 'b'?")
    """
    return clause if clause.endswith((".", "?", "!")) else f"{clause}."


_EXPECTED = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "decimal": "a number",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "dict": "a table of keys and values",
    "model": "a table of keys and values",
    "date": "a day like 2026-01-31",
    "uuid": "an id like 1b4e28ba-2fa1-41d2-883f-0016d3cca427",
}
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}


def complaint(fault: Mapping[str, Any]) -> str:
    """What pydantic found wrong with one field, in our words: a clause without the field's name or a full stop.

    Parameters
    ----------
    fault : mapping
        One of ``ValidationError.errors()``.

    Examples
    --------
    >>> complaint({"type": "uuid_parsing", "input": "12", "msg": ""})
    "an id like 1b4e28ba-2fa1-41d2-883f-0016d3cca427 is expected, not '12'"
    >>> complaint({"type": "greater_than", "input": 0, "ctx": {"gt": 0}, "msg": ""})
    'it must be above 0, not 0'
    """
    kind, context = str(fault.get("type", "")), fault.get("ctx") or {}
    given = repr(fault.get("input"))
    given = given if len(given) <= 60 else f"{given[:57]}..."
    rather = f", not {given}" if "input" in fault else ""  # the API does not tell
    if kind == "missing":
        return "it is missing"
    if kind == "extra_forbidden":
        return "there is no such key"
    if kind == "value_error":  # our own words
        return str(context.get("error", fault.get("msg", ""))).removeprefix("Value error, ").rstrip(".")
    if kind in _BOUNDS:
        word, name = _BOUNDS[kind]
        return f"it must be {word} {str(context.get(name)).removesuffix('.0')}{rather}"
    if kind in ("literal_error", "enum"):
        return f"it must be {context.get('expected')}{rather}"
    if kind in ("too_short", "string_too_short"):
        return f"at least {context.get('min_length')} {_parts(kind, context, 'min_length')} needed{rather}"
    if kind in ("too_long", "string_too_long"):
        return f"at most {context.get('max_length')} {_parts(kind, context, 'max_length')} allowed{rather}"
    if kind == "string_pattern_mismatch":
        return f"the form {context.get('pattern')} is expected{rather}"
    if kind == "json_invalid":
        return f"this is no valid JSON: {context.get('error')}"
    expected = _EXPECTED.get(kind.partition("_")[0])
    if expected is not None:
        return f"{expected} is expected{rather}"
    said = str(fault.get("msg", "")).rstrip(".")
    return said[:1].lower() + said[1:] or "it is not valid"


def _parts(kind: str, context: Mapping[str, Any], bound: str) -> str:
    one = context.get(bound) == 1
    word = "character" if kind.startswith("string") else "entry" if one else "entrie"
    return f"{word}{'' if one else 's'} {'is' if one else 'are'}"
