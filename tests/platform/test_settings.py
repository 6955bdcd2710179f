"""Settings: read in a fresh interpreter, as a deployment does; headers; the kept secret."""

import json
import subprocess
import sys
import threading
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from gyral_portal.secret import kept_secret
from live_site import environment

SHOW = """
import json, django
from django.conf import settings as s
django.setup()
print(json.dumps({"database": {k: str(v) for k, v in s.DATABASES["default"].items()}, "options": {k: str(v) for k, v in s.DATABASES["default"].get("OPTIONS", {}).items()},
 "broker": s.CELERY_BROKER_URL, "secure": s.SESSION_COOKIE_SECURE, "key": s.SECRET_KEY, "debug": s.DEBUG, "email": s.EMAIL_BACKEND, "hsts": s.SECURE_HSTS_SECONDS}))
"""


def _settings(home: Path, **variables: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        env=environment(home, **variables),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_settings_default_to_one_machine(tmp_path: Path) -> None:
    found = _settings(tmp_path)
    assert found["database"]["NAME"] == str(tmp_path / "gyral.sqlite3")
    assert found["options"]["transaction_mode"] == "IMMEDIATE"
    assert found["options"]["timeout"] == "20"
    assert "journal_mode=WAL" in found["options"]["init_command"]
    assert found["database"]["ATOMIC_REQUESTS"] == "False"
    assert found["broker"].startswith("filesystem://")
    assert (found["secure"], found["debug"], found["hsts"]) == (False, False, 0)


def test_settings_grow_by_environment(tmp_path: Path) -> None:
    found = _settings(
        tmp_path,
        DATABASE_URL="postgres://ada:pw@db.example.org:5433/gyral",
        BROKER_URL="redis://queue.example.org/3",
        GYRAL_ALLOWED_HOSTS="board.example.org",
        GYRAL_SECRET_KEY="given",
        GYRAL_EMAIL_HOST="mail.example.org",
    )
    assert found["database"]["ENGINE"] == "django.db.backends.postgresql"
    assert (found["database"]["HOST"], found["database"]["PORT"]) == ("db.example.org", "5433")
    assert found["broker"] == "redis://queue.example.org/3"
    assert found["key"] == "given"
    assert found["secure"] is True
    assert found["hsts"] > 0
    assert "smtp" in found["email"]


def test_settings_keep_their_secret_between_starts(tmp_path: Path) -> None:
    first = _settings(tmp_path)["key"]
    assert len(first) >= 50
    assert _settings(tmp_path)["key"] == first
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    assert _settings(tmp_path / "other")["key"] != first


def test_kept_secret_is_one_for_processes_that_start_together(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(kept_secret(tmp_path / "key"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len(set(found)) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["key"]


@pytest.mark.django_db
def test_pages_carry_a_strict_policy(client: Client) -> None:
    response = client.get("/")
    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"


@pytest.mark.django_db
def test_rules_inside_a_page_are_the_ones_that_its_policy_allows(client: Client) -> None:
    response = client.get("/")
    rules = response.content.decode().split("<style>")[1].split("</style>")[0]
    allowed = b64encode(sha256(rules.encode()).digest()).decode()
    assert f"style-src 'self' 'sha256-{allowed}'" in response["Content-Security-Policy"]


@pytest.mark.django_db
def test_passwords_are_hashed_with_argon2(settings: Any) -> None:
    settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[1:]
    assert User.objects.create_user("new", password="correct horse battery").password.startswith("argon2")


@pytest.mark.django_db
def test_forms_refuse_posts_without_a_token(owner: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert client.post("/account/tokens/", {"name": "x", "scope": "read"}).status_code == 403


@pytest.mark.django_db
def test_login_is_throttled(client: Client, owner: User) -> None:
    for _ in range(6):
        response = client.post("/accounts/login/", {"login": "ada", "password": "wrong wrong wrong"})
    assert "Too many failed login attempts" in response.content.decode()


def test_importing_serve_loads_neither_django_nor_celery() -> None:
    code = "import sys, gyral_portal.serve; print([m for m in ('django', 'celery', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_serve_without_the_site_extra_names_it(tmp_path: Path) -> None:
    # None in sys.modules is what an interpreter without the package answers.
    code = (
        "import sys; sys.modules |= {'django': None, 'celery': None}\n"
        "from gyral.cli.main import main\n"
        "main(['serve', '--port', '0'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "needs django, celery" in done.stderr and "pip install 'gyral[site]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home" / "gyral.sqlite3").exists()
