"""Channels projected inside the guest: positions stay, distances nearly so, and no model or batch has its own matrix."""

from pathlib import Path

import numpy as np
import pytest

import uploads
from guests import run
from gyral.benchmarks.benchmark import Benchmark
from gyral.benchmarks.installed import find_benchmark
from gyral.isolation.host import IsolatedModel
from gyral.models.activation import projected, reduced
from gyral.models.model import Reduction
from gyral.models.upload import open_folder


def test_positions_stay_where_they_are() -> None:
    maps = np.zeros((2, 512, 5, 5), np.float32)
    maps[0, :, 1, 3] = 1
    found = projected(maps, 64)
    assert found.shape == (2, 64, 5, 5)
    assert np.argwhere(np.abs(found).sum(axis=1) > 0).tolist() == [[0, 1, 3]]


def test_maps_and_tokens_of_a_width_meet_the_same_matrix() -> None:
    maps = np.random.default_rng(0).standard_normal((3, 96, 4, 4)).astype(np.float32)
    tokens = maps.reshape(3, 96, 16).transpose(0, 2, 1)
    found = projected(tokens, 10)
    np.testing.assert_allclose(
        projected(maps, 10).reshape(3, 10, 16).transpose(0, 2, 1), found, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_array_equal(projected(tokens[1:2], 10), found[1:2])


def test_distances_between_stimuli_are_kept_as_well_as_the_width_allows() -> None:
    tokens = np.random.default_rng(1).standard_normal((40, 1, 2000)).astype(np.float32)
    there, here = (t.reshape(40, -1) for t in (tokens, projected(tokens, 400)))
    pairs = np.triu_indices(40, 1)
    ratios = np.array(
        [
            np.linalg.norm(here[i] - here[j]) / np.linalg.norm(there[i] - there[j])
            for i, j in zip(*pairs, strict=True)
        ]
    )
    assert abs(ratios.mean() - 1) < 0.02
    assert ratios.std() < 2 / np.sqrt(2 * 400)  # the theory's own spread, doubled


def test_what_is_narrow_flat_or_unasked_for_is_left_alone() -> None:
    for shape in ((4, 1000), (4, 9, 64), (4, 64, 3, 3)):
        values = np.ones(shape, np.float32)
        assert projected(values, 64) is values
        assert projected(values, None) is values
    with pytest.raises(ValueError, match="channels"):
        Reduction(channels=0)
    assert len({Reduction().key, Reduction(channels=64).key, Reduction(channels=65).key}) == 3


def test_class_token_is_projected_with_its_grid() -> None:
    tokens = np.random.default_rng(2).standard_normal((2, 1 + 14 * 14, 48)).astype(np.float32)
    found = reduced(tokens, Reduction(7, channels=8), prefix=1)
    assert found.shape == (2, 1 + 49, 8)
    np.testing.assert_allclose(found[:, 0], projected(tokens[:, :1], 8)[:, 0], rtol=1e-5)


def test_guest_hands_over_no_more_than_was_asked_for(tmp_path: Path) -> None:
    stimuli, reduction = uploads.pictures(tmp_path), Reduction(7, channels=3)
    here, there = open_folder(uploads.GOOD / "vit"), IsolatedModel(uploads.GOOD / "vit", tier="process")
    whole = run(there, tmp_path)
    for a, b, c in zip(
        here.batches(stimuli, here.layers(), reduction=reduction),
        there.batches(stimuli, there.layers(), reduction=reduction),
        whole,
        strict=True,
    ):
        for layer in here.layers():
            np.testing.assert_array_equal(a.arrays[layer], b.arrays[layer])
            assert b.arrays[layer].shape[:2] == c.arrays[layer].shape[:2]
            assert b.arrays[layer].shape[2] == 3 < c.arrays[layer].shape[2]


def test_benchmark_keeps_maps_that_show_where_a_unit_reads() -> None:
    known = find_benchmark("sim-vision")
    fields = {name: getattr(known, name) for name in known.__dataclass_fields__}
    with pytest.raises(ValueError, match="7 is the least"):
        Benchmark(**fields | {"grid": 6})
    with pytest.raises(ValueError, match="only texts"):
        Benchmark(**fields | {"context": "group"})
    other = Benchmark(**fields | {"channels": 256})
    assert other.content_hash("x") != known.content_hash("x")
