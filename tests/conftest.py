"""Temporary homes for every test, and what a test needs from the machine.

A test marked ``data``, ``services``, ``sandbox``, ``landlock``, ``browser`` or ``weights`` is skipped, with the reason,
where the machine lacks it; ``GYRAL_REQUIRE=data,services,sandbox`` turns such skips into failures.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from needs import absent, missing

ROOT = Path(__file__).resolve().parent.parent

# Packs, weights and features are kept between sessions; what must not be shared uses `cold_cache`.
os.environ.setdefault("GYRAL_CACHE", str(ROOT / ".gyral" / "test-cache"))
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary GYRAL_HOME for every test."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("GYRAL_HOME", str(folder))
    return folder


@pytest.fixture
def cold_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty GYRAL_CACHE for tests about the cache itself."""
    folder = tmp_path / "cold-cache"
    monkeypatch.setenv("GYRAL_CACHE", str(folder))
    yield folder


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """SQLite tests use a file, as sites do: threads and worker processes then share it, WAL and all.

    On PostgreSQL each session has a database of its own name.
    """
    from django.conf import settings  # not every session has a database

    database = settings.DATABASES["default"]
    on_disk = str(tmp_path_factory.mktemp("database") / "test.sqlite3")
    name = on_disk if database["ENGINE"].endswith("sqlite3") else f"test_gyral_{os.getpid()}"
    database.setdefault("TEST", {})["NAME"] = name


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip (or, where required, fail) a test whose needs are not met."""
    for marker in item.iter_markers():
        if reason := missing(marker.name):
            absent(marker.name, reason)
