"""Plugins: what other packages gave to a score, and whether a metric of theirs may score at all."""

from collections.abc import Sequence

from gyral.errors import UserError
from gyral.metrics import METRICS
from gyral.metrics.metric import open_metric
from gyral.models.model import Model
from gyral.models.others import OTHERS
from gyral.readouts import READOUTS


def packages_of(*, metric: str, readout: str | None, models: Sequence[Model]) -> dict[str, str]:
    """Package and version behind each name that a third party registered, by ``KIND NAME``; empty where all is ours.

    Parameters
    ----------
    metric : str
    readout : str or None
        Specification; None where nothing is fitted.
    models : sequence of Model
    """
    found = {f"metric {metric}": METRICS.origin(metric)}
    if readout is not None:
        family = readout.partition(":")[0]
        found[f"readout {family}"] = READOUTS.origin(family)
    for model in models:
        # A folder's card may say any name: only code of another package is a plugin.
        foreign = type(model).__module__.partition(".")[0] != "gyral"
        if foreign and (name := model.card.name) in OTHERS:
            found[f"model {name}"] = OTHERS.origin(name)
    return {key: package for key, package in found.items() if package}


def require_sound(metric: str) -> None:
    """Refuse a third party's metric that the conformance suite refuses.

    Raises
    ------
    UnknownName, UserError
        As `gyral.metrics.metric.open_metric`; or it draws without a seed, writes into its input, or does not give the truth 1
        (``plugin-failed``).
    """
    if not (package := METRICS.origin(metric)):
        return
    from gyral.testing.metric import check_metric  # nested: only where there is one

    found = open_metric(metric)
    where = f"metric {metric!r} of {package}"
    mend = "It is held to gyral.testing.check_metric before it scores; tell its authors."
    try:
        check_metric(found)
    except AssertionError as error:
        raise UserError(f"{error}.", where=where, mend=mend, code="plugin-failed") from error
    except Exception as error:  # whatever a third party's code does
        what = f"it failed: {type(error).__name__}: {error}."
        raise UserError(what, where=where, mend=mend, code="plugin-failed") from error
