"""Geodesic: distances along a graph of near stimuli instead of straight ones.

Which pairs are edges is said by a mask of their own. A pair at distance 0 is an edge (the closest there is), and a pair
that is no edge is not one of length 0.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.rsa.rank import middled_ranks
from gyral.rsa.topology import geo_topological
from gyral.rsa.vector import check_vectors, condensed, samples_of, squared

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Edges = NDArray[np.bool_]
Rule = Literal["two-step", "shortest", "nearest"]


def geodesic(vectors: Array, edges: Edges) -> Floats:
    """Length of the shortest path between each pair: RDMs x pairs; infinite where there is none.

    Parameters
    ----------
    vectors : array, RDMs x pairs
        Lengths of edges, none negative.
    edges : bool array, RDMs x pairs
        Which pairs are edges.

    Raises
    ------
    BadArrays
        Negative lengths, or a mask of another shape.

    Examples
    --------
    >>> geodesic(np.array([[0.0, 1.0, 0.4]]), np.array([[True, False, True]])).tolist()
    [[0.0, 0.4, 0.4]]
    """
    from scipy.sparse import csr_array  # slow import, and `gyral list` never comes here
    from scipy.sparse.csgraph import shortest_path

    lengths = check_vectors(vectors, "rdms")
    if edges.shape != lengths.shape:
        raise BadArrays(f"shape {edges.shape} does not fit RDMs {lengths.shape}.", where="edges", code="shape")
    if (lengths[edges] < 0).any():
        raise BadArrays(
            "edges have negative lengths.", where="rdms", mend="Rank or transform them first.", code="negative"
        )
    samples = samples_of(lengths.shape[1])
    rows, columns = np.triu_indices(samples, 1)
    out = np.empty_like(lengths)
    for k, mask in enumerate(edges):
        # Stored zeros are edges to scipy, absent entries are none.
        graph = csr_array((lengths[k, mask], (rows[mask], columns[mask])), shape=(samples, samples))
        out[k] = condensed(np.asarray(shortest_path(graph, directed=False)))
    return out


def edges_of(vectors: Array, rule: Rule, share: float) -> Edges:
    """The near pairs.

    Parameters
    ----------
    vectors : array, RDMs x pairs
    rule : {"two-step", "shortest", "nearest"}
        ``two-step``: pairs below 1 (of a geo-topological transform); ``shortest``: this share of the pairs, the shortest;
        ``nearest``: this many neighbours of each stimulus, or of which it is one.
    share : float or int
        Share for ``shortest``, number for ``nearest``; unused for ``two-step``.
    """
    lengths = check_vectors(vectors, "rdms")
    if rule == "two-step":
        return np.asarray(lengths < 1)
    if rule == "shortest":
        return np.asarray(lengths <= np.quantile(lengths, share, axis=1, keepdims=True))
    matrix = squared(lengths)
    samples = matrix.shape[-1]
    if not 1 <= share < samples:
        raise BadArrays(f"{share!r} neighbours of {samples} stimuli.", where="share", code="neighbours")
    matrix[:, np.arange(samples), np.arange(samples)] = np.inf
    reach = np.sort(matrix, axis=2)[:, :, int(share) - 1]
    near = matrix <= reach[:, :, None]
    return np.asarray(condensed(near | near.swapaxes(1, 2)))


def geodesic_ranks(
    vectors: Array, rule: Rule = "two-step", share: float = 0.05, *, low: float = 0.2, high: float = 0.8
) -> Floats:
    """Ranks of path lengths, scaled to [0, 1]: RDMs x pairs; pairs without a path share the last rank.

    Paths run over the geo-topological transform between ``low`` and ``high``.
    """
    transformed = geo_topological(vectors, low, high)
    ranks = middled_ranks(geodesic(transformed, edges_of(transformed, rule, share)))
    low_rank, high_rank = ranks.min(axis=1, keepdims=True), ranks.max(axis=1, keepdims=True)
    return np.asarray((ranks - low_rank) / np.maximum(high_rank - low_rank, 1))
