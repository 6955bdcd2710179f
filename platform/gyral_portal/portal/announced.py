"""What operators announce, on every page: read from the database a few times a minute at most."""

from dataclasses import dataclass

from django.core.cache import cache

from gyral_submissions.domain.announcement import announced

SECONDS = 15  # until a page may show that one was written, or is over
_KEY = "announced"


@dataclass(frozen=True)
class Banner:
    """One sentence, and whether uploads and runs are refused meanwhile."""

    text: str
    closes: bool


def banners() -> tuple[Banner, ...]:
    """What is announced now."""
    found: tuple[Banner, ...] | None = cache.get(_KEY)
    if found is None:
        found = tuple(Banner(a.text, a.closes) for a in announced())
        cache.set(_KEY, found, SECONDS)
    return found
