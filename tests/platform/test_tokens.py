"""API tokens on the account page."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from gyral_portal.accounts.models import ApiToken, Scope
from gyral_portal.accounts.tokens import create_token, find_token

pytestmark = pytest.mark.django_db


def test_token_is_shown_once_and_only_its_hash_is_kept(as_owner: Client, owner: User) -> None:
    text = as_owner.post("/account/tokens/", {"name": "cluster", "scope": "submit", "days": "90"}).content.decode()
    (shown,) = re.findall(r"gyral_[\w-]{40,}", text)
    token = ApiToken.objects.get()
    assert (token.owner, token.name, token.scope) == (owner, "cluster", Scope.SUBMIT)
    assert shown not in (token.hash, token.hint)
    assert "gyral login http://testserver</code>" in text
    assert shown not in as_owner.get("/account/tokens/").content.decode()
    found = find_token(shown)
    assert found is not None
    assert found.pk == token.pk


def test_token_needs_a_name(as_owner: Client) -> None:
    response = as_owner.post("/account/tokens/", {"name": "", "scope": "read"})
    assert response.status_code == 400
    assert not ApiToken.objects.exists()


def test_token_is_revoked_by_its_owner_alone(as_owner: Client, owner: User, stranger: User) -> None:
    token, text = create_token(owner, "mine", Scope.READ)
    client = Client()
    client.force_login(stranger)
    assert client.post(f"/account/tokens/{token.pk}/revoke/").status_code == 404
    assert find_token(text) is not None
    as_owner.post(f"/account/tokens/{token.pk}/revoke/")
    assert find_token(text) is None


@pytest.mark.parametrize(
    ("has", "asked", "may"),
    [
        (Scope.READ, Scope.READ, True),
        (Scope.READ, Scope.SUBMIT, False),
        (Scope.SUBMIT, Scope.READ, True),
        (Scope.SUBMIT, Scope.MANAGE, False),
        (Scope.MANAGE, Scope.SUBMIT, True),
    ],
)
def test_token_scope(owner: User, has: Scope, asked: Scope, may: bool) -> None:
    assert create_token(owner, "t", has)[0].may(asked) is may


def test_token_ends_when_its_time_is_over(as_owner: Client, owner: User) -> None:
    token, text = create_token(owner, "short", Scope.READ, days=30)
    assert token.expires is not None and token.expires - token.created > timedelta(days=29)
    assert find_token(text) is not None and token.may(Scope.READ)
    assert "<td>valid <form" in as_owner.get("/account/tokens/").content.decode()
    ApiToken.objects.update(expires=timezone.now())
    token.refresh_from_db()
    assert find_token(text) is None and not token.may(Scope.READ)
    assert "expired" in as_owner.get("/account/tokens/").content.decode()


def test_last_use_is_shown(as_owner: Client, owner: User) -> None:
    token, text = create_token(owner, "used", Scope.READ)
    assert token.used is None
    Client(headers={"authorization": f"Bearer {text}"}).get("/api/v1/me")
    token.refresh_from_db()
    assert token.used is not None
