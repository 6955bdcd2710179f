"""Others: models of other packages, by the entry point group ``gyral.models``.

Each name stands for a `gyral.models.reference.Reference` of kind "code", whose ``opener`` gives a `gyral.models.model.Model`.
"""

from gyral.errors import GyralError, UserError
from gyral.models.model import Model
from gyral.models.reference import Reference
from gyral.registry import Registry

OTHERS = Registry("model", {})


def other_reference(name: str) -> Reference | None:
    """The model that another package registered; None where none did.

    Raises
    ------
    UserError
        It cannot be loaded (``plugin-broken``), or is no `Reference` with an ``opener`` (``plugin-failed``).
    """
    if name not in OTHERS:
        return None
    found = OTHERS.load(name)
    if not isinstance(found, Reference) or found.opener is None or found.kind != "code":
        what = f"it is {type(found).__name__}, and a gyral.models.reference.Reference of kind 'code' with an opener is expected"
        raise _failed(name, what)
    return found


def other_references() -> dict[str, Reference]:
    """All models of other packages; broken ones are left out."""
    found = {}
    for name in OTHERS:
        try:
            reference = other_reference(name)
        except UserError:
            continue
        if reference is not None:
            found[name] = reference
    return found


def open_other(name: str, reference: Reference, device: str) -> Model:
    """A model of another package.

    Raises
    ------
    UserError
        It cannot be opened, or is no model of that name (``plugin-failed``).
    """
    try:
        found = None if reference.opener is None else reference.opener(device)
    except GyralError:
        raise
    except Exception as error:  # whatever a third party's code does
        raise _failed(name, f"it cannot be opened: {type(error).__name__}: {error}") from error
    if not isinstance(found, Model):
        raise _failed(name, f"its opener gives {type(found).__name__}, and a gyral.models.model.Model is expected")
    if found.card.name != name:
        raise _failed(name, f"its card is that of {found.card.name!r}; a record could not name it")
    return found


def _failed(name: str, what: str) -> UserError:
    return UserError(f"{what}.", where=f"model {name!r} of {OTHERS.origin(name)}", code="plugin-failed")
