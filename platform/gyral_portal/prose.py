"""Prose: what people write of their models, as Markdown; of it a page takes a few harmless tags.

Two walls: the reader makes no HTML of HTML, and what it makes goes through a sanitiser that knows nothing of the reader.
"""

import nh3
from markdown_it import MarkdownIt

_TAGS = {"p", "em", "strong", "code", "ul", "ol", "li", "blockquote", "a", "br"}
_LINKS = {"http", "https", "mailto"}
_LONGEST = 20_000  # characters

# Headings would stand among the page's own. An image would be asked of another site (its text and a link stay), and blocks of code
# would have to scroll.
_READER = MarkdownIt("commonmark", {"html": False}).disable(
    ["image", "heading", "lheading", "hr", "code", "fence", "html_block", "html_inline"]
)


def prose(text: str) -> str:
    """HTML of Markdown: paragraphs, emphasis, code in a line, lists, quotes and links; all else is text, as it was typed.

    >>> prose("A *small* [net](https://example.org).")
    '<p>A <em>small</em> <a href="https://example.org" rel="nofollow noopener noreferrer">net</a>.</p>\\n'
    >>> prose("<b>1 < 2</b>")
    '<p>&lt;b&gt;1 &lt; 2&lt;/b&gt;</p>\\n'
    """
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    made = _READER.render(shown)
    return nh3.clean(
        made,
        tags=_TAGS,
        attributes={"a": {"href"}, "*": set()},
        url_schemes=_LINKS,
        link_rel="nofollow noopener noreferrer",
    )
