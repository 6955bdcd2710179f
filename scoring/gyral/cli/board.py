"""``gyral board``: a site's board as a table, JSON or CSV."""

import csv
import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from gyral.cli.connection import connect, site_option
from gyral.cli.console import open_console
from gyral.cli.number import number
from gyral.client.named import unknown
from gyral.client.site import Site, SiteRefused

COMBINED = ("all", "vision", "language", "audio")  # boards of several benchmarks


@click.command()
@click.argument("name", required=False)
@click.option("--sort", metavar="COLUMN", help="Column to sort by; the best come first, missing scores last.")
@click.option("--search", metavar="WORDS", help="Only models these words find.")
@click.option("--top", type=click.IntRange(1), help="At most so many models.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, every number of every cell.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values, one line a cell.")
@site_option
def board(
    name: str | None,
    sort: str | None,
    search: str | None,
    top: int | None,
    as_json: bool,
    as_csv: bool,
    site: str | None,
) -> None:
    """Print the board NAME (a benchmark with or without @VERSION, several joined by +, or all, vision, language or audio).

    Without NAME the boards there are. A mean over columns is on the site's page.
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude one another.")
    there = connect(site)
    if name is None:
        _print_names(there, as_json=as_json)
        return
    content = _whole(there, name, sort, search, top)
    if as_json:
        click.echo(json.dumps(content, indent=1))
    elif as_csv:
        _print_csv(content["cells"])
    else:
        _print_table(content)


def _whole(site: Site, name: str, sort: str | None, search: str | None, top: int | None) -> dict[str, Any]:
    """All pages of a board, or as many as hold ``top`` models."""
    try:
        content: dict[str, Any] = site.get(f"boards/{name}", sort=sort, q=search)
    except SiteRefused as error:
        if error.status != 404:
            raise
        raise unknown(site, name, also=COMBINED) from None
    for page in range(2, int(content["pages"]) + 1):
        if top is not None and len(content["models"]) >= top:
            break
        more = site.get(f"boards/{name}", sort=sort, q=search, page=page)
        content["models"] += more["models"]
        content["cells"] += more["cells"]
    content.update(page=1, pages=1)
    if top is not None:
        content["models"] = content["models"][:top]
        kept = {(m["model"], m["version"]) for m in content["models"]}
        content["cells"] = [c for c in content["cells"] if (c["model"], c["version"]) in kept]
    return content


def _print_names(site: Site, *, as_json: bool) -> None:
    found = [b for b in site.every("benchmarks") if not b["retired"]]
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    wide = max((len(b["identifier"]) for b in found), default=0)
    for b in found:
        simulated = " [simulated]" if b["simulated"] else ""
        click.echo(f"{b['identifier']:<{wide}}  {b['modality']}: {b['title']}{simulated}")
    click.echo(f"{', '.join(COMBINED)}: several of them side by side")


def _print_csv(cells: Sequence[dict[str, Any]]) -> None:
    if cells:
        writer = csv.DictWriter(sys.stdout, list(cells[0]))
        writer.writeheader()
        writer.writerows(cells)


def _print_table(content: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table  # slow to import

    console = open_console()
    several = len(content["benchmarks"]) > 1
    simulated = "  [bold yellow]SIMULATED DATA[/]" if content["simulated"] else ""
    made = {c["benchmark"] for c in content["cells"] if c["simulated"]} if several else set()
    count = content["count"]
    console.print(f"[bold]{content['board']}[/]: {count} model{'' if count == 1 else 's'}{simulated}")
    cells = {(c["model"], c["version"], _column(c, several=several)): c for c in content["cells"]}
    columns = list(dict.fromkeys(column for _, _, column in cells))
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("model", no_wrap=True)
    for column in columns:
        marked = " [bold yellow]simulated[/]" if column.partition(" ")[0] in made else ""
        table.add_column(f"{escape(column)}{marked}", justify="right", no_wrap=True)
    for m in content["models"]:
        row = [cells.get((m["model"], m["version"], column)) for column in columns]
        version = f" v{m['version']}" if m["version"] > 1 else ""
        table.add_row(f"{m['model']}{version}", *(_cell(c) for c in row))
    console.print(table)
    where = " in this column, though there may be one in another of that dataset" if several else ""
    console.print(f"[dim]score, its 95 % interval, and the ranks it may have; -: no score{where}[/]")
    if made and not content["simulated"]:
        console.print("[dim]simulated: recordings made by code; they say nothing about any brain[/]")
    if len(content["columns"]) < content["columns_in_all"]:
        of = f"the first {len(content['columns'])} of {content['columns_in_all']} columns"
        console.print(f"[dim]{of}; the page of the board has the others[/]")


def _column(cell: dict[str, Any], *, several: bool) -> str:
    return f"{cell['benchmark']} {cell['region']}" if several else str(cell["region"])


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None or cell["value"] is None:
        return "-"
    text = number(cell["value"])
    if cell["low"] is not None and cell["high"] is not None:
        text += f" [dim]{number(cell['low'])} to {number(cell['high'])}[/]"
    if cell["rank_best"] is not None:
        best, worst = cell["rank_best"], cell["rank_worst"]
        text += f" #{best}" if best == worst else f" #{best}-{worst}"
    return text
