"""``gyral list``: what there is, without importing anything heavy."""

import json as json_module
from collections.abc import Callable
from typing import Any

import click

from gyral.benchmarks.installed import all_benchmarks
from gyral.datasets.readers import READERS
from gyral.metrics import METRICS
from gyral.metrics.metric import TASKS, metrics_of, told_of
from gyral.readouts import READOUTS

_KINDS = ("benchmarks", "models", "readouts", "metrics", "readers")


@click.command("list")
@click.argument("kind", type=click.Choice(_KINDS), required=False)
@click.option("--options", is_flag=True, help="Of readouts, also their options with defaults (takes seconds).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_names(kind: str | None, options: bool, as_json: bool) -> None:
    """List benchmarks, models, readouts, metrics and dataset readers (or only one KIND)."""
    if options and kind not in (None, "readouts"):
        raise click.UsageError(f"--options has no effect here: it goes with readouts, not with {kind}.")
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
    from gyral.models.others import OTHERS, other_references

    rows: list[dict[str, Any]] = []
    for name, reference in MODELS.items():
        summary = f"{reference.modality}: {reference.summary}"
        rows.append({"name": name, "summary": summary, "modality": reference.modality, "twin": False})
        if reference.has_twin:
            text = f"{reference.modality}: five redrawn twins of {name}"
            rows.append(
                {"name": f"{name}:untrained", "summary": text, "modality": reference.modality, "twin": True}
            )
    for name, reference in other_references().items():
        summary = f"{reference.modality}: {reference.summary} ({OTHERS.origin(name)})"
        rows.append({"name": name, "summary": summary, "modality": reference.modality, "twin": False})
    return rows


def _options(name: str) -> dict[str, Any]:
    from gyral.readouts.spec import open_readout, options_of  # loads torch

    return options_of(open_readout(name))


def _metrics() -> list[dict[str, Any]]:
    of = {name: task for task in TASKS for name in metrics_of(task)}
    rows = _registry(METRICS)
    for row in rows:
        row["task"] = of.get(row["name"])
        if row["name"] in METRICS.own():
            row["summary"] = f"{told_of(row['name']).description or 'broken'} ({METRICS.origin(row['name'])})"
        elif row["task"] is None:
            row["summary"] += " (shown beside a score; no benchmark's metric)"
    return rows


def _registry(registry: Any) -> list[dict[str, Any]]:
    own = registry.own()
    return [
        {"name": n, "summary": f"({registry.origin(n)})" if n in own else registry.summaries.get(n, "")}
        for n in registry
    ]


_TABLES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "benchmarks": _benchmarks,
    "models": _models,
    "readouts": lambda: _registry(READOUTS),
    "metrics": _metrics,
    "readers": lambda: _registry(READERS),
}
