"""Connection: what the commands that ask a site have in common."""

from typing import Any

import click

from gyral.client.access import find_access
from gyral.client.site import Site

site_option = click.option(
    "--site", metavar="ADDRESS", help="Which site; else GYRAL_SITE, else the one logged in to last."
)


def connect(site: str | None) -> Site:
    """The site that is meant, telling on standard error when it has to wait."""
    return Site(find_access(site), say=lambda text: click.echo(f"gyral: {text}", err=True))


def run_line(run: dict[str, Any]) -> str:
    """One run as a line: what is scored where, and how it stands."""
    twin = " (untrained twin)" if run["twin"] else " (dry run)" if run["dry"] else ""
    return f"{run['model']} v{run['version']}{twin} on {run['benchmark']}: {state_words(run)}"


def state_words(run: dict[str, Any]) -> str:
    """How a run stands."""
    words = str(run["state"])
    if run["state"] == "queued" and run.get("queue_place"):
        words += f", number {run['queue_place']} in the queue"
    if run["state"] == "running" and run["step"]:
        words += f": {run['step']}, {run['progress']:.0%}"
        if run["remaining_seconds"] is not None:
            words += f", about {run['remaining_seconds']:.0f} s left in this step"
    return words


def fault_words(run: dict[str, Any]) -> str:
    """Why a run failed or was cancelled, and what to do."""
    where = f"{run['fault_where']}: " if run["fault_where"] else ""
    return f"{where}{run['fault_text']} {run['fault_mend']}".strip()
