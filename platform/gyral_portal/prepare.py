"""What a site needs before it starts: tables, static files, benchmarks (``python -m gyral_portal.prepare``)."""

import os

import django
from django.core.management import call_command


def prepare() -> None:
    """Bring database, static files and benchmark rows up to date; safe to repeat."""
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("sync_suites", verbosity=0)
    call_command("sync_benchmarks")  # a line each: the first time packs are built, for minutes


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gyral_portal.settings")
    django.setup()
    prepare()
