"""Named: benchmarks a site has, so that a wrong name gets the nearest right one."""

from collections.abc import Iterable

from gyral.client.site import Site, SiteRefused
from gyral.errors import UnknownName


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


def unknown(site: Site, name: str, *, also: Iterable[str] = ()) -> UnknownName:
    """The error for a name that the site has no benchmark of; ``also`` are other names that would do."""
    there = [b for b in site.every("benchmarks") if not b["retired"]]
    return UnknownName("benchmark", name, {*also, *(str(b[key]) for b in there for key in ("name", "identifier"))})
