"""The surface that is drawn, and the way to it from finer ones and from coordinates."""

import numpy as np
import pytest
from mne.surface import _get_ico_surface
from nilearn.datasets import load_fsaverage

from gyral.brain.mesh import SIDES, VERTICES, nearest, surface, to_drawn
from gyral.datasets.mesh import MESHES


def test_fsaverage5_is_the_icosahedron_that_finer_meshes_subdivide() -> None:
    sphere = load_fsaverage("fsaverage5")["sphere"]
    drawn = _get_ico_surface(5)["rr"]
    for side in SIDES:
        points = sphere.parts[side].coordinates
        points = points / np.linalg.norm(points, axis=1, keepdims=True)
        np.testing.assert_allclose(points, drawn / np.linalg.norm(drawn, axis=1, keepdims=True), atol=1e-5)
    for grade in (6, 7):
        np.testing.assert_array_equal(_get_ico_surface(grade)["rr"][:VERTICES], drawn)


@pytest.mark.parametrize("mesh", MESHES)
def test_first_vertices_of_every_mesh_are_the_same(mesh: str) -> None:
    first = np.arange(min(MESHES[mesh], VERTICES))
    np.testing.assert_array_equal(to_drawn(first, mesh), first)


def test_a_finer_vertex_goes_to_the_nearest_drawn_one() -> None:
    every = to_drawn(np.arange(MESHES["fsaverage"]), "fsaverage")
    # Sixteen fine triangles a coarse one: about as many vertices, and none is left without.
    assert np.bincount(every, minlength=VERTICES).min() >= 7
    fine, drawn = _get_ico_surface(7)["rr"], _get_ico_surface(5)["rr"]
    for vertex in (20_000, 99_999, 163_841):
        assert every[vertex] == np.argmin(((drawn - fine[vertex]) ** 2).sum(axis=1))


def test_surfaces_have_the_vertices_of_their_mesh() -> None:
    for side in SIDES:
        whole = surface(side)
        assert whole.points.shape == (VERTICES, 3) and whole.depth.shape == (VERTICES,)
        assert whole.faces.max() == VERTICES - 1


def test_coordinates_go_to_the_nearest_vertex_of_the_right_hemisphere() -> None:
    pial = load_fsaverage("fsaverage5")["pial"].parts
    there = np.stack([pial["left"].coordinates[77], pial["right"].coordinates[4242]]).astype(float)
    # FreeSurfer's own example of its affine: (10, -20, 35) in MNI305 is (10.695, -18.409, 36.137) in MNI152.
    side, vertex, distance = nearest(np.vstack([_to_152(there), [[0.0, 0.0, 300.0]]]))
    assert side[:2].tolist() == [0, 1] and vertex[:2].tolist() == [77, 4242]
    assert distance[:2].max() < 0.01 and distance[2] > 100
    np.testing.assert_allclose(_to_152(np.array([[10.0, -20.0, 35.0]])), [[10.695, -18.409, 36.137]], atol=0.01)


def _to_152(places: np.ndarray) -> np.ndarray:
    turn = np.array([[0.9975, -0.0073, 0.0176], [0.0146, 1.0009, -0.0024], [-0.0130, -0.0093, 0.9971]])
    return places @ turn.T + [-0.0429, 1.5496, 1.1840]
