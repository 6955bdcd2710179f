"""How numbers and times are written: the examples in the docstrings, and the markup of moments."""

import doctest
from datetime import UTC, datetime

from django.utils.safestring import mark_safe

from gyral_portal.templatetags import gyral as tags


def test_examples_hold() -> None:
    result = doctest.testmod(tags)
    assert result.attempted > 5
    assert result.failed == 0


def test_moment_is_utc_and_machine_readable() -> None:
    text = tags.moment(datetime(2026, 11, 21, 13, 5, tzinfo=UTC))
    assert text == '<time datetime="2026-11-21T13:05:00+00:00">2026-11-21 13:05 UTC</time>'
    assert tags.moment(None) == "–"


def test_code_spans_escape_everything_else() -> None:
    assert tags.code_spans("a `b` <i>`<c>`") == "a <code>b</code> &lt;i&gt;<code>&lt;c&gt;</code>"
    assert tags.code_spans(mark_safe("<ul><li>`b`</li></ul>")) == "<ul><li><code>b</code></li></ul>"
