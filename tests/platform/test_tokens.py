"""API tokens on the account page."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from gyral_portal.accounts.models import ApiToken, Scope
from gyral_portal.accounts.tokens import create_token, find_token

pytestmark = pytest.mark.django_db


def test_token_is_shown_once_and_only_its_hash_is_kept(as_owner: Client, owner: User) -> None:
    text = as_owner.post("/account/tokens/", {"name": "cluster", "scope": "submit"}).content.decode()
    (shown,) = re.findall(r"gyral_[\w-]{40,}", text)
    token = ApiToken.objects.get()
    assert (token.owner, token.name, token.scope) == (owner, "cluster", Scope.SUBMIT)
    assert shown not in (token.hash, token.hint)
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
    [(Scope.READ, Scope.READ, True), (Scope.READ, Scope.SUBMIT, False), (Scope.SUBMIT, Scope.READ, True)],
)
def test_token_scope(owner: User, has: Scope, asked: Scope, may: bool) -> None:
    assert create_token(owner, "t", has)[0].may(asked) is may
