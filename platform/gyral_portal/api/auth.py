"""Who calls the API: a bearer token, or nobody. Each call is counted (`gyral_portal.api.rate`)."""

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from ninja.security import HttpBearer

from gyral_portal import conf
from gyral_portal.accounts.models import ApiToken, Scope
from gyral_portal.accounts.tokens import find_token
from gyral_portal.api.errors import Forbidden
from gyral_portal.api.rate import address_of, spend


class Token(HttpBearer):
    """``Authorization: Bearer gyral_...`` with at least `scope`; one class a scope, as OpenAPI names guards by class."""

    scope = Scope.READ

    def __call__(self, request: HttpRequest) -> User | None:
        """As ninja does; a caller without a token is counted, too."""
        found: User | None = super().__call__(request)
        if found is None:
            _count_address(request)
        return found

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """The token's owner, or None for no valid token; a scope too small is an error of its own."""
        found = find_token(token)
        if found is None:
            return None
        owner: User = found.owner
        spend(request, f"person:{owner.pk}", conf.TOKEN_REQUESTS_PER_MINUTE())
        if not found.may(self.scope):
            raise Forbidden(
                f"this token may {found.get_scope_display()}, and {self.scope.label!r} is needed.",
                where="Authorization",
                mend="Create a token with that scope on your account page.",
            )
        request.user = owner
        setattr(request, _TOKEN, found)
        return owner


class ReadToken(Token):
    """Any valid token."""


class SubmitToken(Token):
    """One that may also submit."""

    scope = Scope.SUBMIT


class ManageToken(Token):
    """One that may also publish, withdraw and delete."""

    scope = Scope.MANAGE


def reader(request: HttpRequest) -> User | AnonymousUser | None:
    """Anybody may read; a token shows what its owner may see. A token that is sent must be valid.

    The browser's session is not looked at: an API answer never depends on a cookie.
    """
    header = request.headers.get("Authorization", "")
    if not header:
        _count_address(request)
        request.user = AnonymousUser()
        return request.user
    kind, _, token = header.partition(" ")
    found = ReadToken().authenticate(request, token.strip()) if kind.lower() == "bearer" else None
    if found is None:
        _count_address(request)
    return found


def token_of(request: HttpRequest) -> ApiToken:
    """The token a call was let in by."""
    found: ApiToken = getattr(request, _TOKEN)
    return found


_TOKEN = "gyral_token"  # noqa: S105 - the name of an attribute


def _count_address(request: HttpRequest) -> None:
    # Wrong tokens are counted here as well: they cannot be tried without end.
    spend(request, f"address:{address_of(request)}", conf.REQUESTS_PER_MINUTE())
