"""A running site and a browser for each journey."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live_site import LiveSite, running_site

ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-quic"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """SQLite and the file transport: what `gyral serve` does by default."""
    with running_site(tmp_path_factory.mktemp("site") / "home") as running:
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
