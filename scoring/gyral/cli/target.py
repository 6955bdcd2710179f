"""Target: whether a word means a dataset of this machine or a folder, by one rule for all commands."""

import os
from pathlib import Path

import click

from gyral.errors import BadDataset


def folder_meant(target: str) -> Path | None:
    """The folder that TARGET means; None where it is a dataset's name.

    A word without a separator that is the name of a dataset is that dataset, even beside a folder that is called so; then a line on
    standard error says how to mean the folder. Anything else is a folder, if there is one.

    Raises
    ------
    BadDataset
        There is no ``dataset.toml`` in the folder (``no-pack``).
    """
    from gyral.datasets.catalogue import dataset_names  # slow: pandas

    folder = Path(target)
    there = (folder / "dataset.toml").is_file()
    plain = not any(mark in target for mark in ("/", os.sep)) and target not in (".", "..")
    if plain and target in dataset_names():
        if there:
            click.echo(
                f"note: {target!r} is the dataset of that name; for the folder here write .{os.sep}{target}",
                err=True,
            )
        return None
    if folder.is_dir() and not there:
        raise BadDataset(
            "there is no dataset.toml in it: it is no pack.",
            where=target,
            mend=f"Of your own files `gyral data init {target}` and `gyral data build {target}` make one, in {folder / 'pack'}.",
            code="no-pack",
        )
    return folder if there else None
