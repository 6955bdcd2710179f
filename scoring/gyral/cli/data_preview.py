"""``gyral data preview``: a pack as one page, before anybody else sees it."""

from pathlib import Path

import click

from gyral.cli.place import force_option, require_ours, require_page, write
from gyral.cli.progress import reporting


@click.command("preview")
@click.argument("target")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The page (.html) to write; default NAME-preview.html in the working folder.",
)
@click.option("--stimuli", is_flag=True, help="Also show samples of stimuli that a site would show to nobody.")
@force_option
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def preview(target: str, out: Path | None, stimuli: bool, force: bool, quiet: bool) -> None:
    """Write what TARGET holds as one HTML page: a dataset's name, or a pack's folder.

    Title, licence, shapes, repeats, samples of stimuli, split, canaries, regions with their ceilings. The page needs no
    network and no script. Nothing is sent anywhere.
    """
    if out is not None:
        require_page(out, "--out")
    from gyral.cli.audit import open_named  # slow: pandas
    from gyral.preview import preview as page

    dataset = open_named(target)
    place = out or Path(f"{dataset.name}-preview.html")
    require_ours(place, "--out", "<title>Preview: ", force=force)
    with reporting("none" if quiet else "bar") as report:
        text = page(dataset, stimuli=stimuli, progress=report)
    write(place, text)
    if not quiet:
        click.echo(f"wrote {place} ({len(text) // 1024} kB); open it in a browser")
