"""``gyral list``: what there is, without importing anything heavy."""

import json as json_module
from collections.abc import Callable
from typing import Any

import click

from gyral.benchmarks.benchmark import METRICS as BOARD_METRICS
from gyral.benchmarks.installed import all_benchmarks
from gyral.metrics import METRICS
from gyral.readouts import READOUTS

_KINDS = ("benchmarks", "models", "readouts", "metrics")


@click.command("list")
@click.argument("kind", type=click.Choice(_KINDS), required=False)
@click.option("--options", is_flag=True, help="Of readouts, also their options with defaults (takes seconds).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_names(kind: str | None, options: bool, as_json: bool) -> None:
    """List benchmarks, models, readouts and metrics (or only one KIND)."""
    tables = {name: _TABLES[name]() for name in ((kind,) if kind else _KINDS)}
    if options:
        for row in tables.get("readouts", []):
            row["options"] = _options(row["name"])
    if as_json:
        click.echo(json_module.dumps(tables, indent=1))
        return
    for name, rows in tables.items():
        click.secho(name, bold=True)
        wide = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            click.echo(f"  {row['name']:<{wide}}  {row['summary']}")
            if row.get("options"):
                click.echo(f"  {'':<{wide}}    " + ", ".join(f"{k}={v}" for k, v in row["options"].items()))


def _benchmarks() -> list[dict[str, Any]]:
    return [
        {
            "name": b.id,
            "summary": f"{b.modality}: {b.summary or b.title}",
            "modality": b.modality,
            "dataset": b.dataset,
            "metric": b.metric,
            "readout": b.readout,
            "simulated": b.simulated,
        }
        for b in all_benchmarks()
    ]


def _models() -> list[dict[str, Any]]:
    from gyral.models.catalogue import MODELS  # a plain table: no torch behind it

    rows: list[dict[str, Any]] = []
    for name, reference in MODELS.items():
        summary = f"{reference.modality}: {reference.summary}"
        rows.append({"name": name, "summary": summary, "modality": reference.modality, "twin": False})
        if reference.has_twin:
            text = f"{reference.modality}: five redrawn twins of {name}"
            rows.append(
                {"name": f"{name}:untrained", "summary": text, "modality": reference.modality, "twin": True}
            )
    return rows


def _options(name: str) -> dict[str, Any]:
    from gyral.readouts.spec import open_readout, options_of  # loads torch

    return options_of(open_readout(name))


def _metrics() -> list[dict[str, Any]]:
    of = {name: task for task, names in BOARD_METRICS.items() for name in names}
    rows = _registry(METRICS)
    for row in rows:
        row["task"] = of.get(row["name"])
        if row["task"] is None:
            row["summary"] += " (shown beside a score; no benchmark's metric)"
    return rows


def _registry(registry: Any) -> list[dict[str, Any]]:
    return [{"name": name, "summary": registry.summaries.get(name, "")} for name in registry]


_TABLES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "benchmarks": _benchmarks,
    "models": _models,
    "readouts": lambda: _registry(READOUTS),
    "metrics": _metrics,
}
