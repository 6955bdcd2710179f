"""Images that were shown at places and sizes of their own, laid on one field: what the eye saw becomes what models see."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.png import png
from gyral.datasets.readers.files import column, numbers, texts
from gyral.datasets.source import StimuliSource
from gyral.datasets.source_parts import CanvasSource
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset

_LEAST = 8  # pixels; an image of fewer is no picture any more
_WIDEST, _FARTHEST = 360.0, 180.0  # degrees of visual angle

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Placement:
    """How wide and where each image of a table was shown, in degrees of visual angle.

    Parameters
    ----------
    width, right, up : float array, stimuli
        Width, and centre right of fixation and above it.
    columns : dict of str to array, stimuli
        What columns of the table said of it.
    """

    width: Floats
    right: Floats
    up: Floats
    columns: dict[str, NDArray[Any]]


def read_placement(source: StimuliSource, table: pd.DataFrame, path: Path) -> Placement | None:
    """Widths and places, from numbers or columns; None where nothing says a width.

    Raises
    ------
    BadDataset
        A place or a canvas without a width, a cell that is no number, a width that is not above 0 and at most 360, or a centre not
        from -180 to 180 (``degrees``); or widths and places for what are no images (``source``).
    UnknownName
        There is no such column.
    """
    where = ("degrees", "position", "canvas")
    named = [isinstance(v, str) for v in (source.degrees, *(source.position or ()))]
    if source.modality != "image" and (any(named) or source.canvas is not None):
        given = next(n for n in reversed(where) if getattr(source, n) is not None)
        raise BadDataset(
            f"{source.modality} stimuli have no width and place on a screen.",
            where=f"stimuli.{given}",
            mend="Leave it out.",
            code="source",
        )
    if source.degrees is None:
        if any(named) or source.canvas is not None:
            raise BadDataset(
                "nothing says how wide images were shown.",
                where="stimuli.degrees",
                mend='degrees = 8.0 says it of all images, degrees = "width_deg" names a column.',
                code="degrees",
            )
        return None
    told = (source.degrees, *(source.position or (0.0, 0.0)))
    width, right, up = (_each(value, table, path) for value in told)
    ids = texts(table, source.id, path)
    _require(told[0], width, (width > 0) & (width <= _WIDEST), ids, path, "above 0 and at most 360")
    for value, values in ((told[1], right), (told[2], up)):
        _require(value, values, np.abs(values) <= _FARTHEST, ids, path, "from -180 to 180")
    kept = [value for value in told if isinstance(value, str)]
    return Placement(width, right, up, {name: column(table, name, path) for name in kept})


def shown_as(stimuli: StimulusSet, source: StimuliSource, placement: Placement | None) -> StimulusSet:
    """The same stimuli with the one width and place at which all were shown.

    Raises
    ------
    BadDataset
        They differ (``canvas``), or stimuli have no place on a screen (``degrees``).
    """
    if placement is None:
        # a place without a width is refused there
        return replace(stimuli, position=None if source.position is None else _pair(source.position))
    for values, field, said in (
        (placement.width, "degrees", "degrees wide"),
        (placement.right, "position", "degrees right of fixation"),
        (placement.up, "position", "degrees above fixation"),
    ):
        if values.min() < values.max():
            raise BadDataset(
                f"images were shown at different {'sizes' if field == 'degrees' else 'places'}: {values.min():g} to {values.max():g} {said}.",
                where=f"stimuli.{field}",
                mend="Say on which field they are to be laid: [stimuli.canvas] with degrees (its side) and pixels.",
                code="canvas",
            )
    at = None if source.position is None else (float(placement.right[0]), float(placement.up[0]))
    return replace(stimuli, degrees=float(placement.width[0]), position=at)


def compose(
    files: Sequence[Path],
    ids: Sequence[str],
    placement: Placement,
    canvas: CanvasSource,
    path: Path,
    scratch: Path,
) -> list[Path]:
    """Every image at its place and size on a grey square, as uncompressed RGB PNG; edges fall on whole pixels.

    Parameters
    ----------
    files : sequence of Path
    ids : sequence of str
    placement : Placement
    canvas : CanvasSource
    path : Path
        The table, which errors name.
    scratch : Path
        Where images go.

    Raises
    ------
    BadDataset
        An image reaches beyond the canvas and may not be cropped, nothing of it is on it, or it would have fewer than 8 pixels
        (``canvas``); or it cannot be read (``stimulus-image``).
    """
    from PIL import Image  # slow import, only where images are laid out

    from gyral.datasets.rgb import read_rgb

    edges = _edges(files, placement, canvas)
    _require_on_canvas(edges, ids, placement, canvas, path)
    folder = scratch / "canvas"
    folder.mkdir(parents=True, exist_ok=True)
    whole = np.floor(edges * canvas.pixels / canvas.degrees + 0.5).astype(np.int64)
    out = []
    for i, (file, (left, top, right, bottom)) in enumerate(zip(files, whole.tolist(), strict=True)):
        image = read_rgb(file, (canvas.grey,) * 3)
        field = np.full((canvas.pixels, canvas.pixels, 3), canvas.grey, np.uint8)
        x, y = (slice(max(a, 0), min(b, canvas.pixels)) for a, b in ((left, right), (top, bottom)))
        # what is cut off is never made: a wide image on a small canvas would not fit into memory
        across, down = image.width / (right - left), image.height / (bottom - top)
        part = ((x.start - left) * across, (y.start - top) * down, (x.stop - left) * across, (y.stop - top) * down)
        size = (x.stop - x.start, y.stop - y.start)
        field[y, x] = np.asarray(image.resize(size, Image.Resampling.LANCZOS, box=part))
        out.append(folder / f"{i + 1:06d}.png")
        out[-1].write_bytes(png(field))
    return out


def canvas_note(canvas: CanvasSource, count: int) -> str:
    """What was done, for the notes of a build."""
    fine = canvas.pixels / canvas.degrees
    return (
        f"{count} images were laid on a canvas of {canvas.degrees:g} degrees, {canvas.pixels} x {canvas.pixels} pixels "
        f"({fine:.3g} a degree)"
    )


def _each(value: float | str, table: pd.DataFrame, path: Path) -> Floats:
    return numbers(table, value, path) if isinstance(value, str) else np.full(len(table), float(value))


def _require(
    told: float | str, values: Floats, good: NDArray[np.bool_], ids: Sequence[str], path: Path, range_: str
) -> None:
    """Refuse a width or place that cannot be; ``good`` is false for NaN, too."""
    if good.all():
        return
    row = int(np.flatnonzero(~good)[0])
    if not isinstance(told, str):
        raise BadDataset(
            "position must be two numbers from -180 to 180, degrees right of fixation and above it; "
            f"one of them is {told!r}.",
            where="stimuli.position",
            code="degrees",
        )
    raise BadDataset(
        f"column {told!r}, row {row + 1} (stimulus {ids[row]!r}): a number {range_} is expected, in degrees of visual angle, "
        f"not {values[row]:g}.",
        where=str(path),
        code="degrees",
    )


def _pair(position: tuple[float | str, float | str]) -> tuple[float, float]:
    return float(position[0]), float(position[1])


def _edges(files: Sequence[Path], placement: Placement, canvas: CanvasSource) -> Floats:
    """Left, top, right and bottom of each image in degrees from the canvas's upper left corner: images x 4."""
    from PIL import Image, UnidentifiedImageError

    tall = np.empty(len(files))
    for i, file in enumerate(files):
        try:
            with Image.open(file) as image:
                tall[i] = image.height / image.width
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
            raise BadDataset(f"not a readable image: {error}.", where=str(file), code="stimulus-image") from None
    right, up = canvas.position or (0.0, 0.0)
    x = canvas.degrees / 2 + placement.right - right
    y = canvas.degrees / 2 - placement.up + up
    across, down = placement.width / 2, placement.width * tall / 2
    return np.stack([x - across, y - down, x + across, y + down], axis=1)


def _require_on_canvas(
    edges: Floats, ids: Sequence[str], placement: Placement, canvas: CanvasSource, path: Path
) -> None:
    pixel = canvas.degrees / canvas.pixels
    size = np.minimum(edges[:, 2] - edges[:, 0], edges[:, 3] - edges[:, 1])
    if (small := size < (_LEAST - 0.5) * pixel).any():
        row = int(np.flatnonzero(small)[0])
        raise BadDataset(
            f"row {row + 1} (stimulus {ids[row]!r}) would be {size[row] / pixel:.1f} pixels on the canvas of {canvas.pixels} "
            f"pixels for {canvas.degrees:g} degrees; at least {_LEAST} are needed.",
            where=str(path),
            mend=f"stimuli.canvas.pixels = {int(np.ceil(_LEAST / size.min() * canvas.degrees))} or more, or a smaller field.",
            code="canvas",
        )
    beyond = np.max(
        [-edges[:, 0], -edges[:, 1], edges[:, 2] - canvas.degrees, edges[:, 3] - canvas.degrees], axis=0
    )
    # nothing but what the rounding to pixels takes
    over = beyond > pixel / 2
    if over.any() and not canvas.crop:
        row = int(np.flatnonzero(over)[0])
        needed = canvas.degrees + 2 * beyond.max()
        raise BadDataset(
            f"{over.sum()} of {len(ids)} images reach beyond the canvas, row {row + 1} (stimulus {ids[row]!r}) first, by "
            f"{beyond[row]:.3g} degrees.",
            where=str(path),
            mend=f"stimuli.canvas.degrees = {np.ceil(needed * 100) / 100:g} holds all of them; stimuli.canvas.crop = true cuts them off.",
            code="canvas",
        )
    inner = np.clip(edges, 0, canvas.degrees)
    seen = np.minimum(inner[:, 2] - inner[:, 0], inner[:, 3] - inner[:, 1])
    if (gone := seen < pixel).any():
        row = int(np.flatnonzero(gone)[0])
        raise BadDataset(
            f"nothing of row {row + 1} (stimulus {ids[row]!r}) is on the canvas: its centre is {placement.right[row]:g} degrees right of "
            f"fixation and {placement.up[row]:g} above it.",
            where=str(path),
            mend="Make the canvas larger, or put its centre (stimuli.canvas.position) where images are.",
            code="canvas",
        )
