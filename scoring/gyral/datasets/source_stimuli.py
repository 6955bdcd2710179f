"""Stimuli of a source: its table, files and joined tables as a `StimulusSet`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.png import png
from gyral.datasets.readers.files import column, find_file, find_files, numbers, read_table, texts
from gyral.datasets.readers.hdf5 import opened, variable
from gyral.datasets.readers.textgrid import ENDING as TEXTGRID
from gyral.datasets.readers.textgrid import read_words
from gyral.datasets.sound import read_sound
from gyral.datasets.source import StimuliSource
from gyral.datasets.source_canvas import compose, read_placement, shown_as
from gyral.datasets.source_parts import JoinSource, PixelsSource
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.timeline import OFFSET, ONSET
from gyral.errors import BadDataset


def read_stimuli(source: StimuliSource, folder: Path, scratch: Path) -> StimulusSet | None:
    """The stimuli of the table, in its order; None where events are the stimuli.

    Parameters
    ----------
    source : StimuliSource
    folder : Path
        The source's folder.
    scratch : Path
        Where images that are written anew go.

    Raises
    ------
    BadDataset
        A row, file, text or joined row is missing, or an id comes twice.
    UnknownName
        A column that is not there.
    """
    if source.table is None:
        for name in ("tier", "degrees", "position", "canvas"):
            if getattr(source, name) is not None:
                raise BadDataset(
                    f"{name} goes with a table of stimuli, and none is named.",
                    where=f"stimuli.{name}",
                    code="source",
                )
        return None
    table, path = _table(source, source.table, folder)
    if table.empty:
        raise BadDataset("the table has no row.", where=str(path), code="table")
    ids = texts(table, source.id, path)
    _check_ids(ids, path)
    groups = None if source.group is None else texts(table, source.group, path)
    columns = {name: column(table, name, path) for name in source.columns}
    for ours, theirs in ((ONSET, source.onset), (OFFSET, source.offset)):
        if theirs is not None:
            columns[ours] = numbers(table, theirs, path)
    for join in source.join:
        columns |= _joined(join, table, folder, path)
    placement = read_placement(source, table, path)
    if source.modality == "sound":
        return shown_as(_sounds(source, table, ids, folder, path, groups, columns), source, placement)
    if source.modality == "image":
        if source.pixels is not None:
            files = _rows_of_pixels(source.pixels, table, folder, path, scratch)
        else:
            files = _files(source, table, folder, path)
        if placement is not None:
            columns |= placement.columns
        if (canvas := source.canvas) is not None and placement is not None:
            files = compose(files, ids, placement, canvas, path, scratch)
            made = StimulusSet.from_files(files, ids, groups=groups, columns=columns, degrees=canvas.degrees)
            return replace(made, position=canvas.position)
        if source.encode == "png" and source.pixels is None:
            files = _encoded(files, scratch)
        return shown_as(StimulusSet.from_files(files, ids, groups=groups, columns=columns), source, placement)
    if source.text is None:
        raise BadDataset(
            "no column of texts is named.", where="stimuli.text", mend='text = "sentence"', code="source"
        )
    found = texts(table, source.text, path)
    empty = next((i for i, t in enumerate(found) if not t.strip()), None)
    if empty is not None:
        raise BadDataset(f"row {empty + 1} (stimulus {ids[empty]!r}) has no text.", where=str(path), code="table")
    made = StimulusSet.from_texts(found, ids, modality=source.modality, groups=groups, columns=columns)
    return shown_as(made, source, placement)


def _sounds(
    source: StimuliSource,
    table: pd.DataFrame,
    ids: Sequence[str],
    folder: Path,
    path: Path,
    groups: Sequence[str] | None,
    columns: dict[str, NDArray[Any]],
) -> StimulusSet:
    for name, given in (("pixels", source.pixels), ("text", source.text), ("encode", source.encode != "as-is")):
        if given:
            raise BadDataset(
                f"{name} does not go with sounds.", where=f"stimuli.{name}", mend="Leave it out.", code="source"
            )
    files = _files(source, table, folder, path)
    return StimulusSet.from_files(files, ids, modality="sound", groups=groups, columns=columns)


def stimuli_of_events(shown: pd.DataFrame, source: StimuliSource, folder: Path) -> StimulusSet:
    """Labels: one stimulus an event, with the run as its group, and further columns that the source asks for.

    Raises
    ------
    UnknownName
        Events have no such column.
    """
    labels = [str(t) for t in shown["label"]]
    where = folder / "events"
    columns = {"category": np.array(labels)} | {name: column(shown, name, where) for name in source.columns}
    for join in source.join:
        columns |= _joined(join, shown, folder, where)
    return StimulusSet.from_texts(
        labels,
        [str(s) for s in shown["stimulus"]],
        modality="label",
        groups=[str(g) for g in shown["group"]],
        columns=columns,
    )


def _table(source: StimuliSource, pattern: str, folder: Path) -> tuple[pd.DataFrame, Path]:
    """The table and the file that errors name; of TextGrids, a file a story, the first."""
    if pattern.lower().endswith(TEXTGRID):
        paths = find_files(folder, pattern)
        return read_words(paths, source.tier), paths[0]
    if source.tier is not None:
        raise BadDataset(
            f"tier {source.tier!r} goes with TextGrids; the table is {pattern!r}.",
            where="stimuli.tier",
            code="source",
        )
    path = find_file(folder, pattern)
    return read_table(path), path


def _check_ids(ids: Sequence[str], path: Path) -> None:
    seen: dict[str, int] = {}
    for row, name in enumerate(ids):
        if not name.strip():
            raise BadDataset(f"row {row + 1} has no id.", where=str(path), code="stimulus-ids")
        if name in seen:
            raise BadDataset(
                f"the id {name!r} stands in rows {seen[name] + 1} and {row + 1}.",
                where=str(path),
                mend="The stimulus table has one row a stimulus; repeated presentations belong into the trials.",
                code="stimulus-ids",
            )
        seen[name] = row


def _files(source: StimuliSource, table: pd.DataFrame, folder: Path, path: Path) -> list[Path]:
    if source.file is None:
        raise BadDataset("no column of files is named.", where="stimuli.file", mend='file = "file"', code="source")
    base = folder / source.folder if source.folder else folder
    found = []
    for row, text in enumerate(texts(table, source.file, path)):
        file = base / text
        if not text.strip() or not file.resolve().is_relative_to(folder.resolve()):
            raise BadDataset(
                f"row {row + 1}: {text!r} is no file below the folder.", where=str(path), code="path-escapes"
            )
        if not file.is_file():
            raise BadDataset(
                f"row {row + 1}: there is no file {text!r} in {base}.",
                where=str(path),
                mend="stimuli.folder says what paths of files are relative to.",
                code="stimulus-missing",
            )
        if source.modality == "sound":
            read_sound(file)
        else:
            _require_picture(file)
        found.append(file)
    return found


def _require_picture(file: Path) -> None:
    """Refuse what is no image, or ends early: PNG by its checksums, what has none by unpacking it."""
    from PIL import Image, UnidentifiedImageError  # slow import, only when a pack is built

    try:
        with Image.open(file) as image:
            image.verify()
            sums = image.format == "PNG"
        if not sums:
            with Image.open(file) as image:
                image.draft("RGB", (1, 1))  # JPEG in an eighth of its size: the whole file is read all the same
                image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:  # SyntaxError: of a broken PNG
        raise BadDataset(f"not an image: {error}.", where=str(file), code="not-an-image") from None


def _rows_of_pixels(
    source: PixelsSource, table: pd.DataFrame, folder: Path, path: Path, scratch: Path
) -> list[Path]:
    """Images of an HDF5 file as uncompressed RGB PNG files, one a row of the table."""
    held_in = find_file(folder, source.file)
    rows = numbers(table, source.row, path)
    out = []
    target = scratch / "images"
    target.mkdir(parents=True, exist_ok=True)
    with opened(held_in) as file:
        held = variable(file, source.key, held_in, 4)
        if held.shape[3] != 3 or held.dtype != np.uint8:
            raise BadDataset(
                f"{source.key!r} has shape {held.shape!r}, {held.dtype}; images x height x width x 3, uint8, is expected.",
                where=str(held_in),
                code="array",
            )
        wrong = np.flatnonzero(~((rows >= 0) & (rows < len(held)) & (rows == np.floor(rows))))
        if len(wrong):
            raise BadDataset(
                f"column {source.row!r}, row {int(wrong[0]) + 1}: {rows[wrong[0]]:g} is no place from 0 to {len(held) - 1}.",
                where=str(path),
                code="stimulus-missing",
            )
        for i, row in enumerate(rows.astype(np.int64).tolist()):
            out.append(target / f"{i + 1:06d}.png")
            out[-1].write_bytes(png(held[row]))
    return out


def _encoded(files: Sequence[Path], scratch: Path) -> list[Path]:
    """The same pixels as uncompressed RGB PNG files, so that equal pictures have equal hashes."""
    from PIL import Image, UnidentifiedImageError  # slow import, only when a pack is built

    folder = scratch / "images"
    folder.mkdir(parents=True, exist_ok=True)
    out = []
    for i, file in enumerate(files):
        try:
            with Image.open(file) as image:
                pixels = np.asarray(image.convert("RGB"))
        except (UnidentifiedImageError, OSError) as error:
            raise BadDataset(f"not an image: {error}.", where=str(file), code="not-an-image") from None
        out.append(folder / f"{i + 1:06d}.png")
        out[-1].write_bytes(png(pixels))
    return out


def _joined(join: JoinSource, table: pd.DataFrame, folder: Path, path: Path) -> dict[str, NDArray[Any]]:
    other_path = find_file(folder, join.table)
    other = read_table(other_path)
    keys, own = texts(other, join.on, other_path), texts(table, join.on, path)
    rows = {k: i for i, k in enumerate(keys)}
    wanted = set(own)
    if len(rows) != len(keys) and (twice := sorted(k for k in wanted if keys.count(k) > 1)):
        raise BadDataset(f"{join.on} {twice[0]!r} stands in it twice.", where=str(other_path), code="stimuli-join")
    missing = [k for k in own if k not in rows]
    if missing:
        raise BadDataset(
            f"{len(missing)} of {len(own)} stimuli are not in it, {missing[0]!r} first.",
            where=str(other_path),
            code="stimuli-join",
        )
    index = [rows[k] for k in own]
    part = other.iloc[index].reset_index(drop=True)
    return {name: column(part, name, other_path) for name in join.columns}
