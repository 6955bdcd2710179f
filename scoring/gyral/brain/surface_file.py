"""Surface file: the drawn surface and what is painted on it as GIFTI, which viewers of the field read."""

from typing import Any

import numpy as np

from gyral.brain.mesh import surface
from gyral.brain.painting import Painting
from gyral.brain.ramp import colour_of_name, rgb

_STRUCTURE = {"left": "CortexLeft", "right": "CortexRight"}


def surface_gifti(side: str) -> bytes:
    """The inflated hemisphere of fsaverage5 that pictures are drawn on (``.surf.gii``)."""
    gifti = _gifti()
    whole = surface(side)
    about = {"AnatomicalStructurePrimary": _STRUCTURE[side], "GeometricType": "Inflated"}
    points = gifti.GiftiDataArray(
        whole.points.astype(np.float32),
        intent="NIFTI_INTENT_POINTSET",
        coordsys=gifti.GiftiCoordSystem(3, 3),
        meta=about,
    )
    faces = gifti.GiftiDataArray(whole.faces.astype(np.int32), intent="NIFTI_INTENT_TRIANGLE")
    return bytes(gifti.GiftiImage(darrays=[points, faces]).to_bytes())


def depth_gifti(side: str) -> bytes:
    """1 in sulci, 0 on gyri of fsaverage5 (``.shape.gii``)."""
    gifti = _gifti()
    deep = (surface(side).depth > 0).astype(np.float32)
    array = gifti.GiftiDataArray(deep, intent="NIFTI_INTENT_SHAPE")
    return bytes(gifti.GiftiImage(darrays=[array]).to_bytes())


def painting_gifti(painting: Painting, side: str) -> bytes:
    """What one hemisphere of fsaverage5 shows: numbers (``.func.gii``, NaN where there is nothing) or names (``.label.gii``).

    Raises
    ------
    KeyError
        ``side`` is neither of `gyral.brain.mesh.SIDES`.
    """
    gifti = _gifti()
    values = painting.values[side]
    meta = gifti.GiftiMetaData({"AnatomicalStructurePrimary": _STRUCTURE[side], "Name": painting.title})
    if not painting.names:
        array = gifti.GiftiDataArray(values.astype(np.float32), intent="NIFTI_INTENT_SHAPE")
        return bytes(gifti.GiftiImage(darrays=[array], meta=meta).to_bytes())
    keys = np.where(np.isfinite(values), np.nan_to_num(values) + 1, 0).astype(np.int32)
    array = gifti.GiftiDataArray(keys, intent="NIFTI_INTENT_LABEL")
    return bytes(gifti.GiftiImage(darrays=[array], meta=meta, labeltable=_table(painting.names)).to_bytes())


def _table(names: tuple[str, ...]) -> Any:
    """Key 0 for nothing, and one a name."""
    gifti = _gifti()
    table = gifti.GiftiLabelTable()
    for key, name in enumerate(("???", *names)):
        red, green, blue = (c / 255 for c in rgb(colour_of_name(key - 1))) if key else (0.0, 0.0, 0.0)
        label = gifti.GiftiLabel(key, red, green, blue, 1.0 if key else 0.0)
        label.label = name
        table.labels.append(label)
    return table


def _gifti() -> Any:
    import nibabel.gifti  # slow import, only for this format

    return nibabel.gifti
