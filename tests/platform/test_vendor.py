"""Third-party files the site serves: what they are, and that they are what npm's lock file pins."""

import hashlib
import importlib.util
import json
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest

AREA = Path(__file__).resolve().parents[2] / "platform"
VENDOR = AREA / "gyral_portal" / "static" / "vendor"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gyral_vendor_script", AREA / "vendor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_vendored_files_have_the_hashes_that_are_declared() -> None:
    entries = json.loads((VENDOR / "VENDOR.json").read_text())
    for entry in entries:
        assert hashlib.sha256((VENDOR / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
        assert (VENDOR / entry["licence_file"]).read_text().strip()
        assert set(entry) == {"file", "package", "version", "licence", "licence_file", "sha256"}
    declared = {e["file"] for e in entries} | {e["licence_file"] for e in entries} | {"VENDOR.json"}
    assert {p.name for p in VENDOR.iterdir()} == declared


def test_vendored_versions_are_those_of_the_lock_file() -> None:
    lock = json.loads((AREA / "package-lock.json").read_text())
    for entry in json.loads((VENDOR / "VENDOR.json").read_text()):
        assert lock["packages"][f"node_modules/{entry['package']}"]["version"] == entry["version"]


def test_lock_file_names_no_registry() -> None:
    text = (AREA / "package-lock.json").read_text()
    assert "resolved" not in text
    assert not re.search(r"https?://", text)
    assert '"integrity"' in text


@pytest.mark.slow
def test_vendor_script_makes_the_same_files(tmp_path: Path) -> None:
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    _script().build(tmp_path / "vendor")
    for file in VENDOR.iterdir():
        assert (tmp_path / "vendor" / file.name).read_bytes() == file.read_bytes()


def test_platform_is_no_package() -> None:
    assert not (AREA / "__init__.py").exists()


def test_templates_hold_no_inline_style_or_script() -> None:
    for template in (AREA / "gyral_portal" / "templates").rglob("*.html"):
        text = template.read_text()
        assert not re.search(r"\sstyle=|<style|\son\w+=\"|javascript:", text), template
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), template
