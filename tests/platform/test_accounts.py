"""Accounts: confirmed addresses, one-time codes, throttling, cookies, and signing in elsewhere by setting."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, hotp_value, yield_hotp_counters_from_time
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from live_site import environment

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def code_of(secret: str) -> str:
    """What an authenticator shows now (RFC 6238)."""
    return f"{hotp_value(secret, next(iter(yield_hotp_counters_from_time()))):06d}"


def sign_up(client: Client, name: str = "grace") -> Any:
    fields = {"username": name, "email": f"{name}@example.org", "password1": PASSWORD, "password2": PASSWORD}
    return client.post("/accounts/signup/", fields, follow=True)


def log_in(client: Client, password: str = PASSWORD) -> Any:
    return client.post("/accounts/login/", {"login": "ada", "password": password}, follow=True)


def test_address_must_be_confirmed_where_the_operator_says_so(client: Client, settings: Any) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    sign_up(client)
    assert "_auth_user_id" not in client.session
    link = re.search(r"http://testserver(/accounts/confirm-email/\S+/)", str(mail.outbox[0].body))
    assert link is not None
    client.post("/accounts/login/", {"login": "grace", "password": PASSWORD})
    assert "_auth_user_id" not in client.session
    assert client.get(link[1]).status_code == 200
    client.post(link[1])
    assert EmailAddress.objects.get(email="grace@example.org").verified
    client.post("/accounts/login/", {"login": "grace", "password": PASSWORD})
    assert "_auth_user_id" in client.session


def test_mail_says_that_it_is_of_gyral_and_of_which_site(client: Client, settings: Any) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    sign_up(client)
    client.post("/accounts/password/reset/", {"email": "grace@example.org"})
    for sent in mail.outbox:
        assert str(sent.subject).startswith("[Gyral] ")
        assert "Hello from" not in str(sent.body) and "Gyral at testserver" in str(sent.body)
    assert "as grace, gave this address for an account on the Gyral site" in str(mail.outbox[0].body)


def test_sign_up_does_not_say_which_addresses_are_known(client: Client, owner: User, settings: Any) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    EmailAddress.objects.create(user=owner, email="ada@example.org", verified=True, primary=True)
    fields = {"username": "other", "email": "ada@example.org", "password1": PASSWORD, "password2": PASSWORD}
    known = client.post("/accounts/signup/", fields, follow=True)
    assert known.redirect_chain == sign_up(Client()).redirect_chain
    assert not User.objects.filter(username="other").exists()


def test_one_time_codes_from_activation_to_login_and_recovery(client: Client, owner: User) -> None:
    EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)
    log_in(client)
    # Whoever finds the browser open must not lock its owner out: the password is asked for once more.
    asked = client.get("/accounts/2fa/totp/activate/")
    assert asked.status_code == 302 and "/reauthenticate/" in asked["Location"]
    client.post(asked["Location"], {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/")
    assert page.status_code == 200 and "data:image/svg+xml" in page.content.decode()
    secret = page.context["form"].secret
    assert client.post("/accounts/2fa/totp/activate/", {"code": "000000"}).status_code == 200
    assert not Authenticator.objects.exists()
    client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert {a.type for a in Authenticator.objects.all()} == {"totp", "recovery_codes"}
    recovery = client.get("/accounts/2fa/recovery-codes/").content.decode()
    assert Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()[0] in recovery

    fresh = Client()
    asked = log_in(fresh)
    assert asked.redirect_chain[-1][0] == "/accounts/2fa/authenticate/" and "_auth_user_id" not in fresh.session
    fresh.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert "_auth_user_id" not in fresh.session
    code = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()[0]
    fresh.post("/accounts/2fa/authenticate/", {"code": code})
    assert "_auth_user_id" in fresh.session
    again = Client()
    log_in(again)
    again.post("/accounts/2fa/authenticate/", {"code": code})
    assert "_auth_user_id" not in again.session  # a recovery code works once


def test_one_time_codes_need_a_confirmed_address_and_the_page_of_addresses_sends_the_link(client: Client) -> None:
    sign_up(client)  # as the site is installed, nobody asks for confirmation
    refused = client.get("/accounts/2fa/totp/activate/", follow=True)
    assert "verified your email address" in refused.content.decode()
    mail.outbox.clear()
    client.post("/accounts/email/", {"action_send": "", "email": "grace@example.org"})
    link = re.search(r"http://testserver(/accounts/confirm-email/\S+/)", str(mail.outbox[0].body))
    assert link is not None
    client.post(link[1])
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert "data:image/svg+xml" in client.get("/accounts/2fa/totp/activate/").content.decode()


def test_wrong_passwords_are_throttled_and_the_right_one_too(client: Client, owner: User) -> None:
    for _ in range(12):
        log_in(client, "wrong password here")
    log_in(client)
    assert "_auth_user_id" not in client.session


def by_admin_login(client: Client, name: str, password: str) -> Any:
    """As somebody does who was sent to the admin's login, or posts to it."""
    fields = {"username": name, "login": name, "password": password, "next": "/admin/"}
    asked = client.post("/admin/login/?next=/admin/", fields)
    assert "_auth_user_id" not in client.session
    assert (asked.status_code, asked["Location"]) == (302, "/accounts/login/?next=%2Fadmin%2F")
    return client.post(asked["Location"], fields, follow=True)


def test_login_of_the_admin_is_the_throttled_one(client: Client, operator: User) -> None:
    assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/accounts/login/?next=")
    for _ in range(12):
        by_admin_login(client, "eve", "wrong password here")
    assert "Too many failed login attempts" in by_admin_login(client, "eve", PASSWORD).content.decode()
    assert "_auth_user_id" not in client.session


def test_login_of_the_admin_asks_staff_for_their_one_time_code(client: Client, operator: User) -> None:
    secret = generate_totp_secret()
    TOTP.activate(operator, secret)
    asked = by_admin_login(client, "eve", PASSWORD)
    assert asked.redirect_chain[-1][0].startswith("/accounts/2fa/authenticate/")
    assert "_auth_user_id" not in client.session
    done = client.post(asked.redirect_chain[-1][0], {"code": code_of(secret)}, follow=True)
    assert done.redirect_chain[-1][0] == "/admin/" and done.status_code == 200


def test_admin_is_closed_to_people_who_are_no_staff(client: Client, owner: User) -> None:
    client.force_login(owner)
    assert client.get("/admin/login/").status_code == 403


def test_reset_link_works_once_and_says_nothing_of_unknown_addresses(client: Client, owner: User) -> None:
    known = client.post("/accounts/password/reset/", {"email": "ada@example.org"})
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@example.org"})
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    link = re.search(r"http://testserver(/accounts/password/reset/key/\S+/)", str(mail.outbox[0].body))
    assert link is not None
    form = client.get(link[1], follow=True).redirect_chain[-1][0]
    new = {"password1": "another horse battery", "password2": "another horse battery"}
    client.post(form, new)
    owner.refresh_from_db()
    assert owner.check_password("another horse battery")
    assert "_auth_user_id" not in Client().session
    assert "another" not in Client().get(link[1], follow=True).content.decode()


def test_cookies_are_for_the_server_alone(client: Client, owner: User) -> None:
    log_in(client)
    session = client.cookies["sessionid"]
    assert session["httponly"] and session["samesite"] == "Lax"


SHOW = """
import json, django
django.setup()
from django.conf import settings as s
from django.test import Client
from django.urls import reverse, NoReverseMatch
from django.core.management import call_command
call_command("migrate", verbosity=0)
client = Client(headers={"host": "localhost"})
page = client.get("/accounts/login/", secure=s.SESSION_COOKIE_SECURE)
text = page.content.decode()
found = {name: f"/accounts/{name}/login/" in text for name in ("orcid", "github")}
found["get"] = client.get("/accounts/github/login/", secure=True).status_code
found["action"] = "https://github.com" in page["Content-Security-Policy"]
found["cookies"] = [s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE]
print(json.dumps(found))
"""


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({}, {"orcid": False, "github": False, "action": False, "get": 404, "cookies": [False, False]}),
        (
            {
                "GYRAL_GITHUB_CLIENT_ID": "id",
                "GYRAL_GITHUB_SECRET": "secret",
                "GYRAL_ALLOWED_HOSTS": "localhost,b.example.org",
            },
            # Asked by GET it shows a page with a button: nobody is sent away by a link.
            {"orcid": False, "github": True, "action": True, "get": 200, "cookies": [True, True]},
        ),
    ],
)
def test_signing_in_elsewhere_is_by_setting(
    tmp_path: Path, variables: dict[str, str], found: dict[str, Any]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        env=environment(tmp_path, **variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-1500:]
    assert json.loads(done.stdout.splitlines()[-1]) == found
