"""``gyral rerun``: make a record again and compare every number.

Exit status: 0 the same; 1 it differs; 2 it cannot be made again.
"""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from gyral.cli.place import force_option, require_own
from gyral.cli.progress import Style, reporting
from gyral.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gyral.comparison import Comparison, Difference
    from gyral.record import Record
    from gyral.result import Result

_SHOWN = 20


@click.command()
@click.argument("record", type=click.Path(path_type=Path))
@click.option(
    "--model", metavar="PATH", help="The model's folder or file; default: found in the catalogue by name."
)
@click.option(
    "--beside", multiple=True, metavar="PATH", help="A model that stood beside it; in order, all or none."
)
@click.option("--device", help="Where models run and readouts are fitted; default: the record's.")
@click.option("--out", type=click.Path(path_type=Path), help="Keep the new record in this folder.")
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
@click.option(
    "--progress", type=click.Choice(["bar", "none"]), default="bar", show_default=True, help="How to report."
)
@click.pass_context
def rerun(
    ctx: click.Context,
    record: Path,
    model: str | None,
    beside: tuple[str, ...],
    device: str | None,
    out: Path | None,
    force: bool,
    as_json: bool,
    progress: str,
) -> None:
    """Make RECORD (a record folder or its record.json) again from its own provenance, and compare.

    Features are computed anew. Every number must be the same to the last bit where code, libraries, device and
    processor are the same, within 1e-5 elsewhere; arrays beside the record are compared too. Exit status 0: the
    same, as far as what is kept can be compared (the text says what cannot); 1: it differs, and the text says where and
    in what; 2: it cannot be made again, and why.
    """
    try:
        kept, result = _made(record, model, beside, device, cast("Style", progress), out, force=force)
        found = _compared(record, kept, result, out)
    except UserError as error:
        if as_json:
            click.echo(json.dumps({"outcome": "cannot", "error": error.as_dict()}, indent=1))
        else:
            click.echo(f"gyral: cannot be made again: {error}", err=True)
        ctx.exit(2)
    if as_json:
        click.echo(json.dumps(_fields(found), indent=1))
    else:
        _print(kept, found, model)
    ctx.exit(0 if found.same else 1)


def _made(
    path: Path,
    model: str | None,
    beside: "Sequence[str]",
    device: str | None,
    style: Style,
    out: Path | None,
    *,
    force: bool,
) -> "tuple[Record, Result]":
    from gyral.rerun import rerun as again  # slow: the whole pipeline
    from gyral.result import load_record  # slow: pandas

    kept = load_record(path)
    if out is not None:
        require_own(out, kept.model.name, kept.benchmark.id, "--out", force=force)
    with reporting(style) as report:
        return kept, again(kept, model=model, beside=beside, device=device, progress=report)


def _compared(path: Path, kept: "Record", result: "Result", out: Path | None) -> "Comparison":
    from gyral.comparison import compare  # slow: pandas

    with tempfile.TemporaryDirectory(prefix="gyral-rerun-") as scratch:
        folder = result.save(out or Path(scratch) / "record").parent
        if path.is_file() and path.name != "record.json":  # what lies beside it is not the record's
            alone = "only the JSON is here: no array was compared"
            return replace(compare(kept, result.record), notes=(alone,))
        return compare(kept, result.record, folders=(path if path.is_dir() else path.parent, folder))


def _fields(found: "Comparison") -> dict[str, Any]:
    def plain(differences: "Sequence[Difference]") -> list[dict[str, Any]]:
        return [{"where": d.where, "kept": d.kept, "again": d.again, "by": d.by} for d in differences]

    return {
        "outcome": ("same-in-part" if found.notes else "same") if found.same else "differs",
        "numbers": found.count,
        "tolerance": found.tolerance,
        "largest": found.largest,
        "inputs": plain(found.inputs),
        "means": plain(found.means),
        "differences": plain(found.numbers),
        "card": plain(found.card),
        "notes": list(found.notes),
    }


def _print(kept: "Record", found: "Comparison", model: str | None) -> None:
    click.secho(f"{kept.model.name} on {kept.benchmark.id}: {found}", fg="green" if found.same else "red")
    parts = {
        "evaluated": found.inputs,
        "made with": found.means,
        "numbers": found.numbers,
        "the model's card": found.card,
    }
    for heading, differences in parts.items():
        if not differences:
            continue
        click.secho(f"{heading} (record -> now)", bold=True)
        for difference in differences[:_SHOWN]:
            click.echo(f"  {difference}")
        if len(differences) > _SHOWN:
            click.echo(f"  and {len(differences) - _SHOWN} more (`--json` lists all)")
    if model is None and any(d.where == "model" for d in found.inputs):
        click.echo("The model of this name in the catalogue is another one; give the record's by --model PATH.")
    if not found.same and not found.means:
        click.echo("Code, libraries, device and processor are the same: the numbers should be equal.")
    for note in found.notes:
        click.secho(f"note: {note}", fg="yellow")
