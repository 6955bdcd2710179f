"""Geodesics: closest pairs are edges, others are not, paths are those of networkx."""

import networkx as nx
import numpy as np
import pytest

from gyral.errors import BadArrays
from gyral.rsa.geodesic import edges_of, geodesic, geodesic_ranks
from gyral.rsa.vector import squared

SAMPLES = 12


@pytest.fixture
def rdms() -> np.ndarray:
    x = np.random.default_rng(0).standard_normal((2, SAMPLES, 2))
    first, second = np.triu_indices(SAMPLES, 1)
    return np.linalg.norm(x[:, first] - x[:, second], axis=2)


def test_pair_at_distance_zero_is_an_edge() -> None:
    """d01 = 0, d12 = .4, d02 = 1 and no edge: paths 0, .4, .4, none of them infinite."""
    assert geodesic(np.array([[0.0, 1.0, 0.4]]), np.array([[True, False, True]])).tolist() == [[0.0, 0.4, 0.4]]


def test_pair_without_a_path_is_infinitely_far() -> None:
    assert geodesic(np.array([[0.1, 1.0, 0.4]]), np.array([[True, False, False]])).tolist() == [
        [0.1, np.inf, np.inf]
    ]


@pytest.mark.parametrize(("rule", "share"), [("shortest", 0.3), ("nearest", 3)])
def test_paths_equal_networkx(rdms, rule, share) -> None:
    edges = edges_of(rdms, rule, share)
    found = geodesic(rdms, edges)
    first, second = np.triu_indices(SAMPLES, 1)
    for lengths, mask, paths in zip(rdms, edges, found, strict=True):
        graph = nx.Graph()
        graph.add_nodes_from(range(SAMPLES))
        graph.add_weighted_edges_from(zip(first[mask], second[mask], lengths[mask], strict=True))
        expected = dict(nx.all_pairs_dijkstra_path_length(graph))
        np.testing.assert_allclose(
            paths, [expected[i].get(j, np.inf) for i, j in zip(first, second, strict=True)], atol=1e-12
        )


def test_nearest_neighbours_are_counted_from_both_sides(rdms) -> None:
    edges = squared(edges_of(rdms, "nearest", 2).astype(float))
    assert (edges.sum(axis=1) >= 2).all()
    assert edges_of(rdms, "shortest", 0.25).sum() == pytest.approx(0.25 * rdms.size, abs=2 * len(rdms))


def test_ranks_of_paths_lie_in_0_to_1_and_follow_the_graph(rdms) -> None:
    found = geodesic_ranks(rdms)
    assert found.min() == 0
    assert found.max() == 1
    # A ring, of which only neighbours are near: far along it is far, though the chord is no longer.
    angle = 2 * np.pi * np.arange(SAMPLES) / SAMPLES
    ring = np.abs(np.subtract.outer(np.arange(SAMPLES), np.arange(SAMPLES)))
    steps = np.minimum(ring, SAMPLES - ring)[np.triu_indices(SAMPLES, 1)]
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    chords = np.linalg.norm(x[:, None] - x[None], axis=2)[np.triu_indices(SAMPLES, 1)].round(9)
    paths = geodesic(chords[None], edges_of(chords[None], "nearest", 2))[0]
    np.testing.assert_allclose(paths, steps * chords.min(), atol=1e-8)


def test_bad_graphs_are_refused(rdms) -> None:
    with pytest.raises(BadArrays, match="negative lengths"):
        geodesic(-rdms, np.ones(rdms.shape, bool))
    with pytest.raises(BadArrays, match="does not fit RDMs"):
        geodesic(rdms, np.ones((1, 3), bool))
    with pytest.raises(BadArrays, match="12 neighbours of 12 stimuli"):
        edges_of(rdms, "nearest", 12)
