"""HTML page: one file that holds all it shows, without scripts or outside files, for a phone, a screen and the dark."""

from collections.abc import Sequence
from html import escape

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#666}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem}
h1{line-height:1.2;margin:.5rem 0}h2{margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}
dl{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.2rem 1rem}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{padding:.3rem .7rem .3rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
.number{text-align:right;white-space:nowrap}.soft{color:var(--soft)}.note{border-left:4px solid #c80;padding:.2rem .8rem}
.refuse{font-weight:bold;color:#c22}.warn{font-weight:bold;color:#950}.pass{color:#176}
ul.stimuli{display:flex;flex-wrap:wrap;gap:1rem;list-style:none;padding:0}ul.stimuli img{max-width:10rem;display:block}
ol.texts li{margin:.3rem 0}figure{margin:0}figure svg{max-width:100%;height:auto}
@media(prefers-color-scheme:dark){:root{--soft:#aaa}body{background:#16181b;color:#eee}.refuse{color:#f77}.warn{color:#fb4}.pass{color:#6cb}figure.brain{background:#fff}}
@media(max-width:32rem){dl{grid-template-columns:1fr}dt{margin-top:.4rem}}
"""


def whole_page(title: str, parts: Sequence[str]) -> str:
    """A page of pieces of HTML; ``title`` is text."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>\n"
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """Names, which are text, and values, which are HTML."""
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{v}</dd>" for k, v in rows) + "</dl>"


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Cells are HTML; ``numbers`` are columns that stand to the right."""
    of = [' class="number"' if k in numbers else "" for k in range(len(head))]
    top = "".join(f'<th scope="col"{c}>{escape(h)}</th>' for h, c in zip(head, of, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{c}>{cell}</td>" for cell, c in zip(row, of, strict=True)) + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table><caption class="soft">'
        f"{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>\n{body}</tbody></table></div>"
    )
