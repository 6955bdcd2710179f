"""The pages that axe, phones, keyboards and browsers without scripts are shown are all the pages there are."""

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from seeded_pages import NOT_PAGES, PAGES

FILLED = {
    "view": "00000000-0000-0000-0000-000000000000",
    "finished": "00000000-0000-0000-0000-000000000000",
    "mine": "1",
    "pack": "planted",
}
FILLED |= dict.fromkeys(("active", "failed", "tried", "whole"), FILLED["view"])


def names(patterns: list[URLPattern | URLResolver], space: str = "") -> set[str]:
    """Of every address, Django's own operators' pages and the API aside."""
    found: set[str] = set()
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace not in ("admin", "api"):
                found |= names(pattern.url_patterns, f"{pattern.namespace}:" if pattern.namespace else space)
        elif pattern.name:
            found.add(f"{space}{pattern.name}")
    return found


def test_every_address_is_looked_at_or_is_no_page() -> None:
    assert names(get_resolver().url_patterns) == set(PAGES) | set(NOT_PAGES)
    assert not set(PAGES) & set(NOT_PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_addresses_are_of_the_name_they_stand_under(name: str) -> None:
    for address in PAGES[name].addresses:
        assert resolve(address.format(**FILLED).partition("?")[0]).view_name == name
