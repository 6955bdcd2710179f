"""Making and recognising API tokens."""

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from gyral_portal.accounts.models import ApiToken, Scope

PREFIX = "gyral_"
# Writing "last used" on every request would make each read a write.
USED_RESOLUTION = timedelta(minutes=5)


def create_token(owner: User, name: str, scope: Scope, *, days: int | None = None) -> tuple[ApiToken, str]:
    """A new token, valid for ``days`` or until it is revoked, and its text; the text cannot be had again."""
    text = PREFIX + secrets.token_urlsafe(32)
    expires = timezone.now() + timedelta(days=days) if days else None
    token = ApiToken.objects.create(
        owner=owner, name=name, scope=scope, hash=_hash(text), hint=text[:10], expires=expires
    )
    return token, text


def find_token(text: str) -> ApiToken | None:
    """The valid token behind ``text``, its owner fetched along, or None."""
    if not text.startswith(PREFIX):
        return None
    token = (
        ApiToken.objects.select_related("owner")
        .filter(hash=_hash(text), revoked=None, owner__is_active=True)
        .first()
    )
    if token is None or token.is_expired:
        return None
    if token.used is None or timezone.now() - token.used > USED_RESOLUTION:
        ApiToken.objects.filter(pk=token.pk).update(used=timezone.now())
    return token


def _hash(text: str) -> str:
    # The text carries 256 random bits: a plain sha256 cannot be searched, a slow hash would buy nothing.
    return hashlib.sha256(text.encode()).hexdigest()
