"""View: a painted hemisphere seen from one side, drawn triangle by triangle from the far ones to the near ones."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gyral.brain.mesh import Surface, surface
from gyral.brain.painting import Painting
from gyral.brain.ramp import colour_names, colour_numbers

Array = NDArray[np.floating[Any]]

# The inflated surface is 216 mm long, 146 mm high and 83 mm wide; each view has a margin around it.
WIDE, HIGH, LOW = 230.0, 158.0, 94.0
_GYRUS, _SULCUS = 205.0, 168.0  # grey of what is not painted
_FINE = 2  # drawn so many times larger, and brought down, so that edges are smooth
_X, _Y, _Z = np.eye(3)


@dataclass(frozen=True)
class View:
    """One side of one hemisphere.

    Parameters
    ----------
    side : str
        ``left`` or ``right``.
    seen_from : str
        ``outside`` (lateral), ``the middle`` (medial) or ``below`` (ventral, the middle of the head upwards).
    """

    side: str
    seen_from: str

    @property
    def title(self) -> str:
        """What it is called in pictures."""
        return f"{self.side}, from {self.seen_from}"

    @property
    def high(self) -> float:
        """Height, mm."""
        return LOW if self.seen_from == "below" else HIGH

    @property
    def axes(self) -> Array:
        """Unit vectors to the right, upwards and to the eye: 3 x 3."""
        turn = 1.0 if (self.side == "left") == (self.seen_from != "outside") else -1.0
        if self.seen_from == "below":
            return np.stack([turn * _Y, turn * _X, -_Z])
        return np.stack([turn * _Y, _Z, turn * _X])


VIEWS = tuple(View(side, eye) for eye in ("outside", "the middle", "below") for side in ("left", "right"))


def top_of(n: int, views: Sequence[View] = VIEWS) -> float:
    """Upper edge of the row of view ``n`` where views stand two in a row, mm."""
    return float(sum(view.high for view in views[: n // 2 * 2 : 2]))


@dataclass(frozen=True, eq=False)
class Seen:
    """Triangles of a view that face the eye.

    Parameters
    ----------
    corners : array, triangles x 3 x 2
        To the right and downwards from the upper left corner of the view, mm; the farthest triangle first.
    faces : array, triangles x 3
        Vertices of each.
    light : array, triangles
        0 to 1.
    """

    corners: Array
    faces: NDArray[np.integer[Any]]
    light: Array


def see(view: View, whole: Surface) -> Seen:
    """What of a hemisphere is in view."""
    corners = (whole.points @ view.axes.T)[whole.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    facing = np.flatnonzero(normal[:, 2] > 0)
    order = facing[np.argsort(corners[facing, :, 2].mean(axis=1), kind="stable")]
    flat = corners[order][:, :, :2] * (1.0, -1.0) + (WIDE / 2, view.high / 2)
    # Light comes from the eye and somewhat from above.
    light = np.clip(normal[order] @ (np.array([0.0, 0.35, 1.0]) / np.hypot(0.35, 1.0)), 0, 1)
    return Seen(flat, whole.faces[order], light)


def face_values(painting: Painting, view: View, seen: Seen) -> Array:
    """Value of each triangle: the mean over its corners that have one; of names the last."""
    if painting.names:
        return face_names(painting.values, view, seen)
    values = painting.values[view.side][seen.faces].astype(np.float64)
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


def face_names(places: Mapping[str, Array], view: View, seen: Seen) -> Array:
    """Number of the name of each triangle: the last of those at its corners, NaN for none."""
    values = places[view.side][seen.faces].astype(np.float64)
    known = np.isfinite(values)
    return np.where(known.any(axis=1), np.where(known, values, -1).max(axis=1), np.nan)


def draw_views(painting: Painting, *, scale: int = 2, views: Sequence[View] = VIEWS) -> bytes:
    """PNG of the views, two in a row, on a transparent ground.

    Parameters
    ----------
    painting : Painting
    scale : int
        Pixels a millimetre of the inflated surface.
    views : sequence of View
    """
    fine = scale * _FINE
    high = top_of(len(views) + 1, views)
    image = Image.new("RGBA", (round(2 * WIDE * fine), round(high * fine)), (255, 255, 255, 0))
    pen = ImageDraw.Draw(image)
    for n, view in enumerate(views):
        whole = surface(view.side)
        seen = see(view, whole)
        deep = whole.depth[seen.faces].mean(axis=1) > 0
        grey = np.where(deep, _SULCUS, _GYRUS)[:, None].repeat(3, axis=1)
        values = face_values(painting, view, seen)
        painted = colour_names(values) if painting.names else colour_numbers(values, painting.low, painting.high)
        known = np.isfinite(values)
        # Painted triangles are shaded less: their colour is a number.
        shade = np.where(known, 0.82 + 0.18 * seen.light, 0.55 + 0.45 * seen.light)
        colours = np.round(np.where(known[:, None], painted, grey) * shade[:, None]).astype(int)
        corners = (seen.corners + np.array([n % 2 * WIDE, top_of(n, views)])) * fine
        for triangle, colour in zip(corners.reshape(-1, 6).tolist(), colours.tolist(), strict=True):
            pen.polygon(triangle, fill=(*colour, 255))
    size = (image.width // _FINE, image.height // _FINE)
    small = image.resize(size, Image.Resampling.BOX).quantize(255, method=Image.Quantize.FASTOCTREE)
    out = io.BytesIO()
    small.save(out, "PNG", optimize=True)
    return out.getvalue()
