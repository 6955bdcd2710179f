"""Style: the one stylesheet, inside every page, and its hash for the Content-Security-Policy.

A page that has to ask for its stylesheet is painted after one more way to and from the site, and by then all of a board has come
and has to be laid out at once: on a slow phone a second, twice as long as with the rules at hand (`tests/benchmarks/paint.py`).
"""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

_FILE = Path(__file__).resolve().parent / "static" / "gyral.css"
TEXT = re.sub(r"/\*.*?\*/\s*", "", _FILE.read_text("utf-8"), flags=re.DOTALL)  # comments are for us


def source_of(rules: str) -> str:
    """A source of ``style-src``: these very rules and no others (https://www.w3.org/TR/CSP3/#grammardef-hash-source)."""
    return f"'sha256-{b64encode(sha256(rules.encode()).digest()).decode()}'"


SOURCE = source_of(TEXT)
