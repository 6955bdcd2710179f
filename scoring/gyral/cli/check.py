"""``gyral check``: what is wrong with an upload or a dataset pack, where, and how to mend it."""

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gyral.errors import BadUpload, UserError

if TYPE_CHECKING:
    from gyral.models.report import Report


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("-b", "--benchmark", metavar="NAME[@VERSION]", help="Also match a features upload to its stimuli.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(path: Path, benchmark: str | None, as_json: bool) -> None:
    """Say what is wrong with PATH: a model folder, an .onnx file, a zip or tar of one, features, or a dataset pack.

    Exit status 0: nothing forbids it (notes may be shown); 1: it has faults.
    """
    if not path.exists():
        raise BadUpload("there is no such file or folder.", where=str(path), code="missing")
    fields = _check_pack(path) if (path / "dataset.toml").is_file() else check_path(path, benchmark).as_dict()
    if as_json:
        click.echo(json.dumps({"path": str(path), **fields}, indent=1))
    else:
        _print(path, fields)
    if not fields["ok"]:
        sys.exit(1)


def check_path(path: Path, benchmark: str | None = None) -> "Report":
    """What is wrong with an upload, and, of features, with how they meet a benchmark's stimuli."""
    from gyral.models.archive import is_archive, unpack_archive  # slow: the models package reads images and graphs
    from gyral.models.report import Finding, Report
    from gyral.models.upload import check_folder

    if path.is_dir() or not is_archive(path.name):
        return _matched(path, check_folder(path), benchmark)
    with tempfile.TemporaryDirectory(prefix="gyral-check-") as scratch:
        try:
            folder = unpack_archive(path, Path(scratch) / path.stem)
        except UserError as error:
            return Report("unknown", (Finding.of(error),))
        return _matched(folder, check_folder(folder), benchmark)


def _matched(path: Path, report: "Report", benchmark: str | None) -> "Report":
    """The report with what comes out when a sound features folder meets a benchmark's stimuli."""
    if benchmark is None:
        return report
    from dataclasses import replace

    from gyral.benchmarks.installed import find_benchmark
    from gyral.datasets.catalogue import open_dataset  # slow: pandas
    from gyral.models.precomputed import PrecomputedFeatures
    from gyral.models.report import Finding

    found = find_benchmark(benchmark)
    if report.kind != "features" or not report.ok:
        return report
    try:
        notes = PrecomputedFeatures(path).match(open_dataset(found.dataset).stimuli).notes
    except UserError as error:
        return replace(report, faults=(Finding.of(error),))
    return replace(report, notes=(*report.notes, *notes))


def _check_pack(path: Path) -> dict[str, Any]:
    from gyral.datasets.pack import check_pack  # slow: pandas, pyarrow
    from gyral.models.report import Finding

    faults = [Finding.of(error).as_dict() for error in check_pack(path)]
    notes: list[dict[str, str | None]] = []
    if not faults and (impossible := _impossible(path)) is not None:
        faults = [Finding.of(impossible).as_dict()]
    if not faults:
        from gyral.audit import audit_pack  # slow: torch

        for found in audit_pack(path).findings:
            if found.verdict in ("refuse", "warn"):
                entry = Finding(f"canary-{found.canary}", found.reason, str(path), found.mend).as_dict()
                (faults if found.verdict == "refuse" else notes).append(entry)
    return {"kind": "dataset", "ok": not faults, "faults": faults, "notes": notes, "layers": []}


def _impossible(path: Path) -> UserError | None:
    """Why a sound pack cannot answer the ``[benchmark]`` it declares, as `gyral data install` refuses it."""
    from gyral.cli.data_install import require_answerable
    from gyral.datasets.manifest import read_manifest  # slow: pydantic models

    try:
        require_answerable(read_manifest(path), path)
    except UserError as error:
        return error
    return None


def _print(path: Path, fields: dict[str, Any]) -> None:
    from gyral.models.report import Finding

    click.secho(f"{path}: {fields['kind']}", bold=True)
    for kind, colour in (("faults", "red"), ("notes", "yellow")):
        for entry in fields[kind]:
            finding = Finding(**entry)
            click.secho(f"  {kind[:-1]} [{finding.code}] ", fg=colour, nl=False)
            click.echo(str(finding))
    if fields.get("preprocessing"):
        click.echo(f"  shown: {fields['preprocessing']}")
    if fields["layers"]:
        click.echo(f"  {len(fields['layers'])} layers: {', '.join(fields['layers'])}")
    if fields["ok"]:
        click.secho("  nothing is wrong with it", fg="green")
    else:
        count = len(fields["faults"])
        click.secho(
            f"  {count} fault{'s' if count > 1 else ''} to mend; docs/faults.md explains each code", fg="red"
        )
