"""``gyral data init`` and ``gyral data build``: from a folder of one's own files to a pack."""

import tomllib
from pathlib import Path

import click

from gyral.cli.progress import reporting
from gyral.cli.size import size_bytes
from gyral.errors import BadDataset


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace a dataset.toml that is there.")
def init(folder: Path, force: bool) -> None:
    """Say what FOLDER holds and write a commented dataset.toml, with what is missing marked."""
    from gyral.datasets.folder import disk_faults
    from gyral.datasets.manifest import MANIFEST  # slow: pydantic models
    from gyral.datasets.source import TODO, unfinished
    from gyral.datasets.source_draft import draft
    from gyral.datasets.source_look import LOOKED_FOR, look

    seen = look(folder)
    target = folder / MANIFEST
    if target.exists() and not force:
        raise BadDataset(
            "there is one already.", where=str(target), mend="--force writes a new one.", code="already-there"
        )
    for sight in seen.sights:
        note = "" if sight.readable else f": recognised, not read ({sight.hint})"
        click.echo(f"  {sight.count:>6} {sight.what}{note}")
    if not seen.sights:
        raise BadDataset(
            "nothing in it is recognised, and nothing was written.",
            where=str(folder),
            mend=LOOKED_FOR,
            code="not-recognised",
        )
    if seen.cut:
        click.echo("  (there are more files than were looked at)")
    if seen.subjects:
        click.echo(f"  {len(seen.subjects)} subjects: {', '.join(seen.subjects[:8])}")
    made = draft(folder, seen)
    with disk_faults(folder):
        for name, text in made.others.items():
            if not (folder / name).exists():
                (folder / name).write_text(text, "utf-8")
                click.echo(f"wrote {folder / name}")
        target.write_text(made.text, "utf-8")
    left = len(unfinished(tomllib.loads(made.text)))
    click.echo(f"wrote {target}; fill in the {left} fields that hold {TODO!r}, then:")
    click.echo(f"  gyral data build {folder}")


@click.command("build")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="The pack to make; default FOLDER/pack.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Subjects read side by side.")
@click.option("--memory", default="256M", show_default=True, help="Responses held at once by each process.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def build(folder: Path, out: Path | None, jobs: int, memory: str, quiet: bool) -> None:
    """Make the pack that FOLDER/dataset.toml describes.

    Subjects that are finished are kept: a build that was broken off goes on behind them.
    """
    from gyral.cli.data_install import judge_of  # slow: pydantic models
    from gyral.datasets.manifest import MANIFEST
    from gyral.datasets.source import read_source
    from gyral.datasets.source_build import build_pack

    source = read_source(folder)
    judge = judge_of(source.benchmark, folder / MANIFEST)
    target = out or folder / "pack"
    with reporting("none" if quiet else "bar") as report:
        digest, built = build_pack(
            folder, target, jobs=jobs, budget=size_bytes(memory), judge=judge, progress=report
        )
    if quiet:
        return
    dataset = built.dataset
    units = "" if dataset.responses is None else f", {len(dataset.units)} units"
    click.echo(f"{dataset.name}: {dataset.named_samples}{units}, {len(dataset.regions)} regions")
    for note in built.notes:
        click.echo(f"note: {note}")
    click.echo(f"content {digest[:16]} in {target}")
    click.echo(f"Look at it with `gyral data check {target}`.")
