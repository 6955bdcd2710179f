"""NUL in an address, a query or a body is refused everywhere, whatever the database."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import create_token

pytestmark = pytest.mark.django_db

ADDRESSES = (
    "/boards/{}/",
    "/models/{}/",
    "/datasets/{}/",
    "/people/{}/",
    "/boards/?q={}",
    "/models/?q={}",
    "/api/v1/boards/{}",
    "/api/v1/models/{}",
    "/api/v1/models?q={}",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_and_queries(client: Client, address: str) -> None:
    found = client.get(address.format("a%00b"))
    assert found.status_code == 400
    assert "NUL" in found.content.decode()
    assert (found["Content-Type"] == "application/problem+json") == address.startswith("/api/")
    assert client.get(address.format("a%2000b")).status_code in (200, 404), "nothing else is refused"


@pytest.mark.parametrize("body", [r'{"name": "a\u0000b"}', r'{"tags": ["a", "\u0000"]}', r'{"a\u0000": 1}'])
def test_bodies(client: Client, body: str) -> None:
    owner = User.objects.create_user("ada", "ada@example.org", "pw-of-ada-123")
    _, token = create_token(owner, "t", Scope.SUBMIT)
    found = client.post(
        "/api/v1/uploads", body, content_type="application/json", headers={"Authorization": f"Bearer {token}"}
    )
    assert found.status_code == 400
    assert "NUL" in found.json()["detail"]
