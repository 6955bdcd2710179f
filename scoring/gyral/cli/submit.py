"""``gyral submit``: send a model to a site and have it scored there."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from gyral.cli.connection import connect, fault_words, run_line, site_option
from gyral.cli.progress import reporting
from gyral.client.following import FINAL, follow, save_record
from gyral.client.parcel import FORMATS, Parcel, parcel
from gyral.client.sending import send
from gyral.client.site import Site
from gyral.errors import BadUpload


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    *("-b", "--benchmark", "benchmarks"),
    metavar="NAME[@VERSION]",
    multiple=True,
    help="Where to score it; repeat for more.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only try it, on a small simulated benchmark that the site chooses: costs no evaluation, and you alone see it.",
)
@click.option(
    "--new-version-of",
    metavar="MODEL",
    help="The next version of a model of yours. What you leave out of card, benchmarks and visibility is as its newest "
    "version has it.",
)
@click.option(
    "--card", type=click.Path(path_type=Path), help="Model card (gyral.toml), where the folder holds none."
)
@click.option("--format", "format_", type=click.Choice(FORMATS), help="What PATH is, where its files do not say.")
@click.option(
    "--visibility",
    type=click.Choice(["private", "unlisted", "public"]),
    help="Who may see it; default: private, of a new version as the one before.",
)
@click.option("--no-twin", is_flag=True, help="Do not score the untrained twin beside it.")
@click.option("--no-check", is_flag=True, help="Do not look for faults here first.")
@click.option("--wait", is_flag=True, help="Follow the runs until all have ended; exit status 1 if one failed.")
@click.option(
    "--save", type=click.Path(path_type=Path), help="With --wait: write each record into a folder of this one."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@site_option
def submit(
    path: Path,
    benchmarks: tuple[str, ...],
    dry_run: bool,
    new_version_of: str | None,
    card: Path | None,
    format_: str | None,
    visibility: str | None,
    no_twin: bool,
    no_check: bool,
    wait: bool,
    save: Path | None,
    as_json: bool,
    site: str | None,
) -> None:
    """Send PATH (a model folder, an archive of one, or an .onnx file) to a site.

    Large files go in pieces: after a broken connection the same command goes on where it stopped. A refused upload
    costs no quota. After a dry run the same command without --dry-run scores the version that was tried.
    """
    if not benchmarks and not dry_run and new_version_of is None:
        raise click.UsageError("name a benchmark (-b NAME), or try the model first (--dry-run).")
    if save is not None and not wait:
        raise click.UsageError("--save needs --wait: there is no record before the run has ended.")
    if dry_run and benchmarks:
        click.echo(
            "note: the site chooses the benchmark of a dry run; -b counts for the submission without --dry-run.",
            err=True,
        )
    there = connect(site)
    with parcel(path, format_=format_, card=card, needs_card=new_version_of is None) as packed:
        # Without its card nobody here knows how the model is to be shown anything: the site has it.
        if packed.has_card and not no_check:
            _require_sound(path, packed)
        with reporting("bar") as progress:
            submitted = send(
                there,
                packed.file,
                format_=packed.format,
                benchmarks=benchmarks,
                card=packed.card,
                visibility=visibility,
                twin=not no_twin,
                dry_run=dry_run,
                new_version_of=new_version_of,
                progress=progress,
            )
    if not as_json:
        _say(there, submitted)
    if wait:
        submitted["runs"] = [_wait_for(there, run, quiet=as_json) for run in submitted["runs"]]
        if dry_run and not as_json:
            _show_tried(there, submitted["runs"])
        _save(there, submitted["runs"], save, quiet=as_json)
    if as_json:
        click.echo(json.dumps(submitted, indent=1))
    if wait and any(run["state"] != "finished" for run in submitted["runs"] if not run["twin"]):
        sys.exit(1)


def _require_sound(path: Path, packed: Parcel) -> None:
    """What the site would refuse is said before a byte is sent."""
    from gyral.cli.check import check_path  # slow: reads graphs and images

    report = check_path(path)
    # The card that was named goes beside the file only on the site.
    faults = [f for f in report.faults if not (packed.card is not None and f.code.startswith("card-"))]
    if faults:
        first, more = faults[0], len(faults) - 1
        rest = f" ({more} more: `gyral check {path}`.)" if more else ""
        raise BadUpload(
            first.what, where=first.where, mend=f"{first.mend or ''}{rest}".strip() or None, code=first.code
        )


def _say(site: Site, submitted: dict[str, Any]) -> None:
    one = submitted["submission"]
    page = site.page(f"submissions/{one['id']}/")
    click.echo(f"{one['name']} version {one['version']} is at {page} ({one['visibility']}).")
    for run in submitted["runs"]:
        click.echo(f"  {run['id']}  {run_line(run)}")


def _wait_for(site: Site, run: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    def changed(found: dict[str, Any]) -> None:
        if not quiet and found["state"] not in FINAL:  # how it ended is said below, with where to look
            click.echo(run_line(found), err=True)

    with reporting("none" if quiet else "bar") as progress:
        found = follow(site, run["id"], progress=progress, changed=changed)
    if found["state"] == "failed" and not quiet:
        click.echo(f"gyral: {fault_words(found)}", err=True)
    elif not quiet:
        page = site.page(f"runs/{run['id']}/")
        click.echo(f"{run_line(found)} {page}")
    return found


def _show_tried(site: Site, runs: list[dict[str, Any]]) -> None:
    from gyral.cli.show import print_record  # slow to import
    from gyral.record import Record  # slow to import

    for run in runs:
        if run["state"] == "finished":
            print_record(Record.from_json(json.dumps(site.get(f"runs/{run['id']}/record"))))
            click.echo(
                "A dry run stands on no board. The same command with -b NAME and without --dry-run scores the model."
            )


def _save(site: Site, runs: list[dict[str, Any]], folder: Path | None, *, quiet: bool) -> None:
    for run in runs if folder is not None else []:
        if run["state"] == "finished" and folder is not None:
            twin = f"-{run['twin']}" if run["twin"] else "-dry-run" if run["dry"] else ""
            saved = save_record(
                site, run["id"], folder / f"{run['model']}-v{run['version']}{twin}-{run['benchmark']}"
            )
            if not quiet:
                click.echo(f"record: {saved} (gyral show {saved})")
