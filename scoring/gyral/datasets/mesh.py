"""Mesh: surfaces that people share, so that a vertex of one person is the same place as that vertex of another."""

# FreeSurfer's average brain at its resolutions, vertices a hemisphere: subdivisions of one icosahedron.
MESHES = {
    "fsaverage3": 642,
    "fsaverage4": 2_562,
    "fsaverage5": 10_242,
    "fsaverage6": 40_962,
    "fsaverage7": 163_842,
    "fsaverage": 163_842,
}
