"""Mesh: surfaces that people share, so that a vertex of one person is the same place as that vertex of another."""

from difflib import get_close_matches

from gyral.errors import UnknownName

# FreeSurfer's average brain at its resolutions, vertices a hemisphere: subdivisions of one icosahedron.
MESHES = {
    "fsaverage3": 642,
    "fsaverage4": 2_562,
    "fsaverage5": 10_242,
    "fsaverage6": 40_962,
    "fsaverage7": 163_842,
    "fsaverage": 163_842,
}
# Other spaces that people share; a name that is like none of them may be a laboratory's own.
_OTHERS = (
    "fsaveragesym",
    "fsLR",
    "onavg",
    "MNI152NLin2009cAsym",
    "MNI152NLin6Asym",
    "MNI305",
    "MNIColin27",
    "MNI152Lin",
)
_FAMILIES = ("mni", "icbm")  # whose versions are many


def require_space(name: str) -> str:
    """``name`` of a common space, if it is known or like none that is known.

    Raises
    ------
    UnknownName
        It looks like a misspelt one, which no picture would know.
    """
    lower = name.lower()
    if name in MESHES or lower in {other.lower() for other in _OTHERS} or lower.startswith(_FAMILIES):
        return name
    known = {space.lower(): space for space in (*MESHES, *_OTHERS)}
    if near := get_close_matches(lower, known, n=3, cutoff=0.7):
        raise UnknownName("responses.space", name, [known[n] for n in near])
    return name
