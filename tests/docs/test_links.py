"""Every relative link in the repository's Markdown leads somewhere."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:|#|//")


def _pages() -> list[Path]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def _broken(page: Path) -> Iterator[str]:
    for target in _LINK.findall(_CODE.sub("", page.read_text("utf-8"))):
        if not _OUTSIDE.match(target) and not (page.parent / target.partition("#")[0]).exists():
            yield f"{page.name}: {target}"


def test_every_relative_link_resolves() -> None:
    pages = _pages()
    assert ROOT / "README.md" in pages
    assert [fault for page in pages for fault in _broken(page)] == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[a](page.md#top) [b](https://x.org) [c](no.md) ![d](no.png) `[e](code.md)`", "utf-8")
    assert list(_broken(page)) == ["page.md: no.md", "page.md: no.png"]
