"""Healthy: whether a service can work (``python -m gyral_portal.healthy site`` or ``worker``); status 0 or 1.

A worker takes one run at a time and answers nothing meanwhile: of it only database and broker are asked, without which it
could not go on.
"""

import os
import sys
import urllib.error
import urllib.request

import django

SECONDS = 5


def site_answers(port: str) -> str | None:
    """Why the site does not answer; None if it does."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=SECONDS) as answer:
            return None if answer.status == 200 else f"status {answer.status}"
    except (urllib.error.URLError, OSError) as error:
        return str(error)


def services_answer() -> str | None:
    """Why database or broker do not answer; None if both do."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gyral_portal.settings")
    django.setup()
    # Nested: they need the settings.
    from django.db import Error, connection
    from kombu.exceptions import OperationalError

    from gyral_portal.worker import app

    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        with app.connection_for_read(connect_timeout=SECONDS) as broker:
            broker.ensure_connection(max_retries=1, timeout=SECONDS)
    except (Error, OperationalError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def main() -> None:
    """Say what is wrong, if anything is."""
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what not in ("site", "worker"):
        sys.exit(f"{what!r} cannot be asked; known: site, worker")
    sys.exit(site_answers(os.environ.get("PORT", "8000")) if what == "site" else services_answer())


if __name__ == "__main__":
    main()
