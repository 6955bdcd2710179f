"""``gyral logs``: what a run left to read."""

import click

from gyral.cli.connection import connect, site_option
from gyral.client.following import read_log
from gyral.client.named import require_run_id


@click.command()
@click.argument("run")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has ended.")
@site_option
def logs(run: str, follow: bool, site: str | None) -> None:
    """Print the log of RUN (its id); only its owner may read it."""
    there = connect(site)
    require_run_id(run)
    for text in read_log(there, run, follow=follow):
        click.echo(text, nl=False)
