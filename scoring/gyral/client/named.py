"""Named: benchmarks, models and runs a site has, so that a wrong name gets the nearest right one."""

from collections.abc import Iterable
from uuid import UUID

from gyral.client.site import Site, SiteRefused
from gyral.errors import UnknownName, UserError


def require_benchmarks(site: Site, names: Iterable[str]) -> None:
    """Check that a site has benchmarks, each ``name`` or ``name@version``.

    Raises
    ------
    UnknownName
        It has not; the nearest names it has are suggested.
    """
    for name in names:
        try:
            site.get(f"benchmarks/{name}")
        except SiteRefused as error:
            if error.status != 404:
                raise
            raise unknown(site, name) from None


def require_own_model(site: Site, name: str) -> None:
    """Check that a model on a site is of the person whose token it is.

    Raises
    ------
    UnknownName
        None of theirs is called so, whoever else has one; the nearest of theirs are suggested.
    """
    own = {str(one["name"]) for one in site.every("submissions")}
    if name not in own:
        raise UnknownName("model of yours", name, own)


def require_run_id(text: str) -> None:
    """Check that a word is the id of a run, before a site is asked.

    Raises
    ------
    UserError
        It is none (``run-id``): a model's name, or the beginning of an id.
    """
    try:
        UUID(text)
    except ValueError:
        raise UserError(
            f"{text!r} is no run's id.",
            where="RUN",
            mend="`gyral status` without RUN lists your newest runs with their ids.",
            code="run-id",
        ) from None


def unknown(site: Site, name: str, *, also: Iterable[str] = ()) -> UnknownName:
    """The error for a name that the site has no benchmark of; ``also`` are other names that would do."""
    there = [b for b in site.every("benchmarks") if not b["retired"]]
    return UnknownName("benchmark", name, {*also, *(str(b[key]) for b in there for key in ("name", "identifier"))})
