"""``gyral init``: write a model card from what a file says of itself."""

from pathlib import Path

import click

from gyral.errors import BadUpload


@click.command("init")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite a card that is there.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def init(path: Path, force: bool, quiet: bool) -> None:
    """Write the card of PATH: an .onnx file, a folder with safetensors, or a folder with features.

    It becomes gyral.toml beside the model (features.toml beside features), with what the file says of itself filled
    in and every other key explained. The model is not run.
    """
    from gyral.models.card_template import file_name, render  # slow import (pydantic), after --help
    from gyral.models.inspection import inspect_upload

    found = inspect_upload(path)
    card = found.folder / file_name(found)
    if card.exists() and not force:
        raise BadUpload(
            "the card is there already.",
            where=str(card),
            mend="Edit it, or give --force to write a new one over it.",
            code="card-exists",
        )
    text = render(found)
    try:
        card.write_text(text, "utf-8")
    except OSError as error:
        raise BadUpload(
            f"the card could not be written: {error.strerror or error}.",
            where=str(card),
            mend="Copy the model to a folder of yours.",
            code="not-writable",
        ) from None
    if quiet:
        return
    click.echo(f"{card}: {found.kind}")
    for key, source in found.told.items():
        click.echo(f"  {key}: {source}")
    click.echo(f"Read it through, then: gyral check {found.folder}")
