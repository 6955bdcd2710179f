"""The test's own database, as another process is told of it."""

from django.db import connection


def database_url() -> str:
    """``DATABASE_URL`` of the database this test runs on."""
    facts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{facts['NAME']}"
    return (
        f"postgres://{facts['USER']}:{facts['PASSWORD']}@{facts['HOST']}:{facts['PORT'] or 5432}/{facts['NAME']}"
    )
