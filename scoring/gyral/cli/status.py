"""``gyral status``: how your runs stand, or one of them; its record to keep."""

import json
from pathlib import Path
from typing import Any

import click

from gyral.cli.connection import connect, fault_words, run_line, site_option, state_words
from gyral.client.following import save_record
from gyral.client.named import require_run_id
from gyral.client.site import Site

_SHOWN = 20


@click.command()
@click.argument("run", required=False)
@click.option("--save", type=click.Path(path_type=Path), help="Write the record of RUN into this new folder.")
@click.option("--cancel", is_flag=True, help="Cancel RUN, and its twin.")
@click.option("--retry", is_flag=True, help="Queue RUN again after it failed or was cancelled.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@site_option
def status(run: str | None, save: Path | None, cancel: bool, retry: bool, as_json: bool, site: str | None) -> None:
    """Say how RUN stands (its id); without RUN your quota and your newest runs."""
    there = connect(site)
    if run is None:
        if save or cancel or retry:
            raise click.UsageError("--save, --cancel and --retry need RUN.")
        _print_all(there, as_json=as_json)
        return
    require_run_id(run)
    if cancel or retry:
        there.call("POST", f"runs/{run}/{'cancel' if cancel else 'retry'}")
    found = there.get(f"runs/{run}")
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        _print_one(there, found)
    if save is not None:
        click.echo(f"record: {save_record(there, run, save)} (gyral show {save})", err=as_json)


def _print_one(site: Site, run: dict[str, Any]) -> None:
    click.echo(run_line(run))
    if run["state"] in ("failed", "cancelled") and run["fault_text"]:
        click.echo(f"  {fault_words(run)}")
        if run["fault_page"]:
            click.echo(f"  {site.page(run['fault_page'])}")
    page = site.page(f"runs/{run['id']}/")
    click.echo(f"  {page}")


def _print_all(site: Site, *, as_json: bool) -> None:
    quota = site.get("quota")
    runs = site.get("runs", mine=True, limit=_SHOWN)["items"]
    if as_json:
        click.echo(json.dumps({"quota": quota, "runs": runs}, indent=1))
        return
    click.echo(
        f"{quota['remaining']} of {quota['limit']} evaluations and {quota['dry_remaining']} of {quota['dry_limit']} dry runs "
        f"left today, new ones at {quota['resets'][:16]} UTC; "
        f"{quota['active']} of {quota['active_limit']} runs active."
    )
    wide = max((len(f"{r['model']} v{r['version']}") for r in runs), default=0)
    for run in runs:
        model = f"{run['model']} v{run['version']}"
        twin = " twin" if run["twin"] else " (dry run)" if run["dry"] else ""
        code = f" ({run['fault_code']})" if run["fault_code"] else ""
        click.echo(f"  {run['id']}  {model:<{wide}}  {run['benchmark']}{twin}: {state_words(run)}{code}")
