"""Specification: a readout and its options as one word ("ridge", "attention:queries=8")."""

from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from gyral.errors import UnknownName, UserError, complaint
from gyral.readouts import READOUTS
from gyral.readouts.readout import JointReadout, Readout

# Set by the engine, not by who asks for a readout.
_OURS = ("device", "exchangeable")


def open_readout(spec: str, *, device: str = "cpu", exchangeable: bool = False) -> Readout | JointReadout:
    """The readout that ``NAME`` or ``NAME:OPTION=VALUE,OPTION=VALUE`` asks for.

    Parameters
    ----------
    spec : str
        A name out of `READOUTS` with options of that family.
    device : str
        "cpu" or "cuda".
    exchangeable : bool
        True where samples are in no order and in no groups; some options are refused otherwise.

    Raises
    ------
    UnknownName
        No such readout, or the family has no such option.
    UserError
        A value that the option does not take, or no option behind the colon (``bad-readout``).

    Examples
    --------
    >>> open_readout("ridge").name
    'ridge'
    """
    if not isinstance(spec, str):
        raise UserError(f"{spec!r} is no readout.", where="readout", mend="Give its name.", code="bad-readout")
    name, _, rest = spec.partition(":")
    family = READOUTS.load(name)
    options = _options(family)
    given: dict[str, Any] = {}
    parts = rest.split(",") if ":" in spec else []
    if not all(parts):
        raise UserError(
            f"{spec!r} names an option without a name.",
            where="readout",
            mend=f"Write {name!r} alone, or {name}:OPTION=VALUE; options are {', '.join(options) or 'none'}.",
            code="bad-readout",
        )
    for part in parts:
        key, equals, text = part.partition("=")
        if key not in options:
            error = UnknownName("option", key, options)
            error.where = f"readout {name!r}"
            raise error
        given[key] = _value(name, options[key], text if equals else "")
    ours = {"device": device, "exchangeable": exchangeable}
    known = {f.name for f in fields(family) if f.init} if is_dataclass(family) else {"device"}
    return cast("Readout | JointReadout", family(**given, **{k: v for k, v in ours.items() if k in known}))


def options_of(readout: Readout | JointReadout) -> dict[str, int | float | str | bool | None]:
    """Options of a readout and their values, the default ones included."""
    return {name: getattr(readout, name) for name in _options(type(readout))}


def label(readout: Readout | JointReadout) -> str:
    """The specification of a readout: its name and the options that are not the default ones."""
    if not is_dataclass(readout):
        return readout.name
    options = _options(type(readout))
    changed = {k: getattr(readout, k) for k, f in options.items() if getattr(readout, k) != _default(f)}
    return readout.name + ":" * bool(changed) + ",".join(f"{k}={v}" for k, v in changed.items())


def _options(family: Any) -> dict[str, Field[Any]]:
    if not is_dataclass(family):
        return {}
    plain = (f for f in fields(family) if f.name not in _OURS and not f.name.startswith("_"))
    return {f.name: f for f in plain if isinstance(_default(f), int | float | str | bool | None)}


def _default(field: Field[Any]) -> Any:
    return field.default if field.default is not MISSING else ()


def _value(name: str, field: Field[Any], text: str) -> Any:
    try:
        return TypeAdapter(cast("Any", field.type)).validate_strings(text)
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]  # the text is said already
        raise UserError(
            f"{text!r} is no {field.name}: {complaint(fault)}.",
            where=f"readout {name!r}",
            mend=f"Default: {_default(field)!r}.",
            code="bad-readout",
        ) from None
