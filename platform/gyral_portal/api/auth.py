"""Who calls the API: a bearer token, the browser's session for reading, or nobody."""

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from ninja.security import HttpBearer

from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import find_token
from gyral_portal.api.errors import Forbidden


class Token(HttpBearer):
    """``Authorization: Bearer gyral_...`` with at least one scope.

    Parameters
    ----------
    scope : Scope
        What the token must allow.
    """

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """The token's owner, or None for no valid token; a scope too small is an error of its own."""
        found = find_token(token)
        if found is None:
            return None
        if not found.may(self.scope):
            raise Forbidden(
                f"this token may {found.get_scope_display()}, and {self.scope.label!r} is needed.",
                where="Authorization",
                mend="Create a token with that scope on your account page.",
            )
        owner: User = found.owner
        request.user = owner
        return owner


def reader(request: HttpRequest) -> User | AnonymousUser | None:
    """Anybody may read; a token shows what its owner may see. A token that is sent must be valid.

    The browser's session is not looked at: an API answer never depends on a cookie.
    """
    header = request.headers.get("Authorization", "")
    if not header:
        request.user = AnonymousUser()
        return request.user
    kind, _, token = header.partition(" ")
    return Token(Scope.READ).authenticate(request, token.strip()) if kind.lower() == "bearer" else None
