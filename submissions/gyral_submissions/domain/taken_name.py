"""Taken name: how often somebody was told today that a name is somebody else's.

Names are unique across the site, so that a taken one has to be told, a private model's too. Who is told often is guessing: nothing
more is said of any name that is not theirs until the day (UTC) ends. Counts live in the cache, as those of logins and API requests do.
"""

from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import timezone

from gyral_submissions import conf
from gyral_submissions.domain.quota import QuotaExceeded

_DAY = 24 * 3600


def require(owner: User) -> None:
    """Check that ``owner`` may be told of one more name; call before looking whose it is.

    Raises
    ------
    QuotaExceeded
        They were told of as many taken ones as a day allows (``quota-names``).
    """
    limit = conf.TAKEN_NAMES_PER_DAY()
    if limit and cache.get(_key(owner), 0) >= limit:
        raise QuotaExceeded(
            f"{limit} of the names you chose today were taken by others, and no new name is looked up for you today.",
            where="name",
            mend="Send a new version of a model of yours, or come back after midnight UTC.",
            code="quota-names",
        )


def note(owner: User) -> None:
    """Count one name that ``owner`` is told to be taken."""
    key = _key(owner)
    if not cache.add(key, 1, _DAY):
        try:
            cache.incr(key)
        except ValueError:  # thrown out between two looks
            cache.add(key, 1, _DAY)


def _key(owner: User) -> str:
    return f"taken-names:{owner.pk}:{timezone.now():%Y-%m-%d}"
