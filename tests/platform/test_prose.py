"""Markdown of people, on pages: what is left of it, and what is not."""

import doctest
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import User
from django.test import Client

from board_rows import make_submission
from gyral_portal import prose as module
from gyral_portal.prose import prose

HARM = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a <b onclick='alert(1)'>b</b>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "<javascript:alert(1)>",
    "![x](https://elsewhere.example.org/pixel.png)",
    "![x](javascript:alert(1))",
    '[x](https://example.org "onmouseover=alert(1)")',
    '[x](https://example.org/"onmouseover="alert(1))',
    "[x]: javascript:alert(1)\n\n[x]",
    "`<script>alert(1)</script>`",
    "    <script>alert(1)</script>",
    "```html\n<script>alert(1)</script>\n```",
    "# Title\n\n---\n\n<iframe src='https://example.org'></iframe>",
    "<style>body{display:none}</style>",
    "> <svg onload=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]


class Tags(HTMLParser):
    """Every tag of a piece of HTML, and its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("text", HARM)
def test_nothing_of_what_does_harm_becomes_html(text: str) -> None:
    for tag, attributes in Tags(prose(text)).found:
        assert tag in {"p", "em", "strong", "code", "ul", "ol", "li", "blockquote", "a", "br"}
        assert set(attributes) <= ({"href", "rel"} if tag == "a" else set())
        assert str(attributes.get("href") or "https:").startswith(("http:", "https:", "mailto:"))


def test_what_is_left_out_of_markdown_stays_as_text() -> None:
    assert prose("# Title") == "<p># Title</p>\n"
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in prose(HARM[0])
    assert '!<a href="https://elsewhere.example.org/pixel.png"' in prose(HARM[9])


def test_lists_emphasis_and_code_are_read() -> None:
    assert prose("1. **a**\n2. `b`") == "<ol>\n<li><strong>a</strong></li>\n<li><code>b</code></li>\n</ol>\n"


def test_a_text_of_any_length_and_depth_is_shown() -> None:
    assert len(prose("x " * 1_000_000)) < 50_000
    assert prose(">" * 5000 + "[" * 5000)


def test_examples_hold() -> None:
    assert doctest.testmod(module) == (0, 2)


@pytest.mark.django_db
def test_description_of_a_model_is_markdown_on_its_page(client: Client, owner: User) -> None:
    words = "A *small* net.\n\n- <script>alert(1)</script>\n- [paper](https://example.org)"
    make_submission("net", owner=owner, card={"description": words})
    text = client.get("/models/net/").content.decode()
    assert "<p>A <em>small</em> net.</p>" in text and '<a href="https://example.org" rel="nofollow' in text
    assert "<script>alert(1)" not in text and "&lt;script&gt;alert(1)" in text
