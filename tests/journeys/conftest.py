"""A running site and a browser for each journey."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live_site import LiveSite, running_site
from services import scratch_database, scratch_redis

ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-quic"),
]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """SQLite and the file transport: what `gyral serve` does by default."""
    with running_site(tmp_path_factory.mktemp("site") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def grown_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """PostgreSQL and Redis, in a database and a Redis number of its own."""
    with scratch_database() as database, scratch_redis() as broker:
        home = tmp_path_factory.mktemp("grown") / "home"
        with running_site(home, DATABASE_URL=database, BROKER_URL=broker, CACHE_URL=broker) as running:
            yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Headless Chromium, the system's own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def fixtures() -> Path:
    """Folder of the small models we made."""
    return Path(__file__).resolve().parents[2] / "fixtures" / "uploads"
