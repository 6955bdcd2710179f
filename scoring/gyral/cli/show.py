"""``gyral show``: a record as a table with bars, or as one HTML page."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from click.core import ParameterSource
from numpy.typing import NDArray

from gyral.cli.beside import control_lines, left_cell
from gyral.cli.console import open_console
from gyral.cli.legend import counted, legend, no_p_lines
from gyral.cli.number import number
from gyral.cli.over_time import curve_lines, curve_section, temporal_lines
from gyral.cli.place import force_option, require_ours, require_page, write
from gyral.errors import BadUpload
from gyral.heatmap import heatmap_svg
from gyral.places import home
from gyral.record import CHOSEN, Record, Row
from gyral.result import load_curves, load_maps, load_record

if TYPE_CHECKING:
    from gyral.brain.shown import Show

Array = NDArray[np.floating[Any]]

_BAR = 24
_MARK = '<meta name="generator" content="gyral show">'


@click.command()
@click.argument("record", type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="Also subjects and single layers.")
@click.option("--html", type=click.Path(path_type=Path), help="Write one self-contained HTML page.")
@click.option(
    "--brain", type=click.Path(path_type=Path), help="Draw scores on the cortical surface (an .svg file)."
)
@click.option(
    "--brain-shows",
    type=click.Choice(("units", "regions")),
    default="units",
    show_default=True,
    help="Of --brain: the score of each unit, or of its region.",
)
@click.option(
    "--rdms",
    type=click.Path(path_type=Path),
    help="Draw measured dissimilarities beside the model's (an .svg file).",
)
@click.option("--region", default="", help="Of --rdms; the first of the record by default.")
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print the validated JSON.")
@click.pass_context
def show(
    context: click.Context,
    record: Path,
    everything: bool,
    html: Path | None,
    brain: Path | None,
    brain_shows: "Show",
    rdms: Path | None,
    region: str,
    force: bool,
    as_json: bool,
) -> None:
    """Show RECORD (a record folder or its record.json)."""
    if sum((as_json, *(out is not None for out in (html, brain, rdms)))) > 1:
        raise click.UsageError(
            "--json prints the record, --html writes a page, --brain and --rdms a picture: give one of them."
        )
    _refuse_idle(
        context,
        {
            "everything": ("--all", not (as_json or brain or rdms), "the table and --html"),
            "brain_shows": ("--brain-shows", bool(brain), "--brain"),
            "region": ("--region", bool(rdms), "--rdms"),
            "force": ("--force", bool(html or brain or rdms), "--html, --brain and --rdms"),
        },
    )
    found = _find(record)
    folder = record if record.is_dir() else record.parent
    if as_json:
        click.echo(found.to_json(), nl=False)
    elif html:
        require_page(html, "--html")
        require_ours(html, "--html", _MARK, force=force)
        page = as_html(found, everything=everything, maps=load_maps(folder), curves=load_curves(folder))
        write(html, page)
        click.echo(f"wrote {html}")
    elif brain:
        from gyral.cli.picture import write_brain  # slow to import: nibabel, scikit-learn

        write_brain(found, folder, brain, brain_shows, force=force)
        click.echo(f"wrote {brain}")
    elif rdms:
        from gyral.cli.picture import write_rdms  # slow to import: nibabel, scikit-learn

        write_rdms(found, folder, rdms, region, force=force)
        click.echo(f"wrote {rdms}")
    else:
        print_record(found, everything=everything, curves=load_curves(folder))


def _refuse_idle(context: click.Context, options: Mapping[str, tuple[str, bool, str]]) -> None:
    """Refuse an option that was given and has no effect: of each its name, whether it has one, and with what it would."""
    for parameter, (option, works, of) in options.items():
        if not works and context.get_parameter_source(parameter) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option} has no effect here: it goes with {of}.", context)


def _find(path: Path) -> Record:
    """The record at ``path``; where there is none, the error names those kept at home."""
    if path.exists():
        return load_record(path)
    kept = sorted((home() / "records").glob("*/*/record.json"))
    mend = f"Records kept: {', '.join(str(p.parent) for p in kept[:10])}." if kept else "`gyral score` makes one."
    raise BadUpload("there is no such record.", where=str(path), mend=mend, code="record-missing")


def print_record(record: Record, *, everything: bool = False, curves: Mapping[str, Array] | None = None) -> None:
    """Print a record to standard output; ``curves`` are what `gyral.result.load_curves` gives."""
    from rich.table import Table  # slow to import

    console = open_console()
    simulated = "  [bold yellow]SIMULATED DATA[/]" if record.benchmark.simulated else ""
    console.print(f"[bold]{record.model.name}[/] on [bold]{record.benchmark.id}[/]{simulated}")
    table = Table(box=None, pad_edge=False, header_style="dim")
    shown = _columns(console.width, everything)
    for name in shown:
        left = name in ("region", "subject", "layer", "")
        head = counted(record) if name == "units" else name
        table.add_column(head, justify="left" if left else "right", no_wrap=name != "layer", overflow="fold")
    for row in _wanted(record, everything):
        cells = {
            "region": row.region,
            "subject": row.subject,
            "layer": _layers(row),
            "score": _value(row.value),
            "95 % interval": _interval(row),
            "FDR p": _p(row),
            "R2": _value(row.r2),
            "left": left_cell(row),
            "ceiling": _ceiling(row),
            "score/ceiling": _value(row.ceiled),
            "units": _units(row),
            "": "#" * round(_BAR * max(0.0, min(1.0, row.value or 0.0))),
        }
        table.add_row(*(cells[name] for name in shown))
    console.print(table)
    console.print(legend(record, _wanted(record, everything), shown), style="dim", highlight=False, markup=False)
    for line in no_p_lines(record, _wanted(record, everything)):
        console.print(line, highlight=False, markup=False)
    for line in control_lines(record, _wanted(record, everything)):
        console.print(line, highlight=False)
    for line in curve_lines(record, curves or {}, everything=everything):
        console.print(line, highlight=False, markup=False, no_wrap=True)
    for line in temporal_lines(record):
        console.print(line, highlight=False, markup=False)
    beside = record.provenance.readout.get("beside")
    if beside:
        console.print(f"beside: {', '.join(beside)}", highlight=False)
    for row in _wanted(record, everything):
        for line in _further(record, row):
            console.print(f"{row.region}: {line}", highlight=False)
    for line in _trust(record):
        console.print(line, highlight=False, markup=False)
    for text in record.warnings:
        console.print(f"[yellow]note:[/] {text}")


def as_html(
    record: Record,
    *,
    everything: bool = False,
    maps: Mapping[str, Array] | None = None,
    curves: Mapping[str, Array] | None = None,
) -> str:
    """One HTML page without scripts or outside files.

    Parameters
    ----------
    record : Record
    everything : bool
        Also subjects and single layers.
    maps : mapping of str to array, optional
        What `gyral.result.load_maps` gives; drawn as heat maps.
    curves : mapping of str to array, optional
        What `gyral.result.load_curves` gives; drawn as line charts.
    """
    head = (
        *("region", "subject", "layer", "score", "95 % interval", "FDR p", "R2", "left"),
        *("ceiling", "score / ceiling", counted(record)),
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td>{escape(cell)}</td>"
            for cell in (
                row.region,
                row.subject,
                _layers(row),
                _value(row.value),
                _interval(row),
                _p(row),
                _value(row.r2),
                left_cell(row),
                _ceiling(row),
                _value(row.ceiled),
                _units(row),
            )
        )
        + "</tr>\n"
        for row in _wanted(record, everything)
    )
    wanted = _wanted(record, everything)
    left = "".join(
        f"<p>{escape(line)}</p>" for line in (*no_p_lines(record, wanted), *control_lines(record, wanted))
    )
    title = f"{escape(record.model.name)} on {escape(record.benchmark.id)}"
    simulated = "<p><strong>Simulated data.</strong></p>" if record.benchmark.simulated else ""
    notes = "".join(f"<li>{escape(text)}</li>" for text in (*_trust(record), *record.warnings))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{_MARK}<title>{title}</title>'
        "<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
        "table{border-collapse:collapse}td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}"
        "td:nth-child(-n+3),th:nth-child(-n+3){text-align:left}</style></head><body>"
        f"<h1>{title}</h1>{simulated}<p>{escape(legend(record, _wanted(record, everything)))}. "
        f"Reproduce: <code>{escape(record.provenance.command)}</code></p><ul>{notes}</ul>"
        "<table><thead><tr>"
        + "".join(f"<th>{h}</th>" for h in head)
        + f"</tr></thead><tbody>\n{body}</tbody></table>{left}"
        + "".join(
            f"<p>{escape(f'{r.region}: {line}')}</p>"
            for r in _wanted(record, everything)
            for line in _further(record, r)
        )
        + curve_section(record, curves or {}, everything=everything)
        + "".join(f"<p>{escape(line)}</p>" for line in temporal_lines(record))
        + _pictures(record, maps or {})
        + "</body></html>\n"
    )


def _columns(width: int, everything: bool) -> tuple[str, ...]:
    """Columns that fit: a narrow terminal loses the bar first, and never the score."""
    every: tuple[str, ...] = (
        "region", "subject", "layer", "score", "95 % interval", "FDR p", "R2", "left", "ceiling",
        "score/ceiling", "units", "",
    )  # fmt: skip
    spare = ["", "R2", "FDR p", "left", "ceiling", "score/ceiling", *(() if everything else ("subject",)), "units"]
    room = dict.fromkeys(every, 9) | {"": _BAR + 2, "region": 16, "layer": 24, "95 % interval": 17, "ceiling": 13}
    while spare and sum(room[name] for name in every) + 2 * len(every) > width:
        dropped = spare.pop(0)
        every = tuple(name for name in every if name != dropped)
    return every


def _pictures(record: Record, maps: Mapping[str, Array]) -> str:
    figures = []
    for m in record.maps:
        if m.name not in maps:
            continue
        single = "".join(
            f"<figure>{heatmap_svg(weights, m.grid, stimulus)}<figcaption>{escape(stimulus)}</figcaption></figure>"
            for weights, stimulus in zip(maps[m.name][1:], m.stimuli, strict=True)
        )
        figures.append(
            f"<h3>{escape(m.region)}, {escape(m.subject)}; {escape(m.layer)}</h3>"
            f"<figure>{heatmap_svg(maps[m.name][0], m.grid, m.region)}<figcaption>mean</figcaption></figure>{single}"
        )
    style = "<style>figure{display:inline-block;margin:.5rem}</style>"
    says = (
        "<p>Weight of each position, the darker the more: the mean over held-out stimuli (and over units, queries "
        "and inner folds), and single held-out stimuli where the weights depend on them.</p>"
    )
    return f"<h2>Where it reads</h2>{style}{says}{''.join(figures)}" if figures else ""


def _trust(record: Record) -> list[str]:
    """Whose features they are, and what is declared of training data; nothing of somebody's own arrays."""
    if record.model.modality is None:
        return []
    given = ["self-reported: these features were given, nobody saw the model make them"]
    overlap = f"overlap of training data and stimuli: {record.overlap.title}. {record.overlap.why}"
    return [*(given if record.model.features == "given" else ()), overlap]


def _identified(told: Mapping[str, float]) -> str:
    """All numbers of an identification; top-k with its chance."""
    tops = [
        f"top-{k} {told[f'top_{k}']:.3f} (chance {told[f'top_{k}_chance']:.3f})"
        for k in (1, 5, 10)
        if f"top_{k}" in told
    ]
    said = [f"{told['candidates']:.0f} candidates", f"two-way {told['two_way']:.3f}", *tops]
    return ", ".join([*said, f"median rank {told['median_rank']:.0f}"])


def _further(record: Record, row: Row) -> list[str]:
    """What a fit says besides its score, a sentence each."""
    lines = []
    if row.chance is not None:
        lines.append(f"chance {number(row.chance)}")
    if row.identification:
        lines.append(_identified(row.identification))
    if row.procedure_low is not None and row.procedure_high is not None:
        lines.append(
            f"{number(row.procedure_low)} .. {number(row.procedure_high)} with training redrawn as well (procedure)"
        )
    field = row.receptive_field
    if field is not None and field.x is not None and field.y is not None and field.size is not None:
        units = f"median of {field.n_units} units" if field.n_units > 1 else "one unit"
        if record.benchmark.modality == "language":
            lines.append(f"reads at {field.x:.2f} of the sentence (0 start, 1 end), sd {field.size:.2f}; {units}")
        else:
            unit = (
                "degrees right of fixation and above it"
                if field.unit == "degrees"
                else "of width and height, from top left"
            )
            lines.append(f"receptive field at ({field.x:.2f}, {field.y:.2f}) {unit}, sd {field.size:.2f}; {units}")
    says = {
        "R2 split over spaces": row.shares,
        "unique R2 (lost without it)": row.unique,
        "weights in the penalty" if "banded" in row.readout else "weights": row.weights,
    }
    for what, parts in says.items():
        if parts:
            lines.append(f"{what}: " + ", ".join(f"{k} {number(v)}" for k, v in parts.items()))
    return lines


def _wanted(record: Record, everything: bool) -> list[Row]:
    if everything:
        return list(record.rows)
    return [r for r in record.rows if r.layer == CHOSEN and r.subject == "all"]


def _units(row: Row) -> str:
    """Units, and how many of them the ceiled score rests on."""
    if row.ceiled is None or row.n_ceiled == row.n_units:
        return str(row.n_units)
    return f"{row.n_units} ({row.n_ceiled} ceiled)"


def _layers(row: Row) -> str:
    if row.layer != CHOSEN:
        return f"  {row.layer}"
    if not row.layers_chosen:
        return "chosen"
    best = max(row.layers_chosen, key=lambda name: row.layers_chosen[name])
    more = len(row.layers_chosen) - 1
    return f"chosen: {best} (+{more})" if more else f"chosen: {best}"


def _value(value: float | None) -> str:
    return number(value)


def _interval(row: Row) -> str:
    return "-" if row.low is None or row.high is None else f"{number(row.low)} .. {number(row.high)}"


def _p(row: Row) -> str:
    """That predictions unrelated to the responses reach the value, adjusted over regions."""
    return "-" if row.q is None else ("<.001" if row.q < 0.001 else f"{row.q:.3f}".removeprefix("0"))


def _ceiling(row: Row) -> str:
    if row.ceiling is None:
        return "-"
    ends = [_bound(row.ceiling, row.ceiling_low, row.ceiling_high)]
    if row.ceiling_lower is not None:
        ends.insert(0, _bound(row.ceiling_lower, row.ceiling_lower_low, row.ceiling_lower_high))
    return f"{' .. '.join(ends)} {row.ceiling_unit}"


def _bound(value: float, low: float | None, high: float | None) -> str:
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"
