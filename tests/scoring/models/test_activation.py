"""Activations are reduced, float32, finite and batched by memory."""

import numpy as np
import pytest
import torch

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset, BadFeatures
from gyral.models.activation import reduced, require_finite, require_modality, spans
from gyral.models.model import Reduction
from made_models import text_card, vision_card


@pytest.mark.parametrize(("high", "wide"), [(14, 14), (15, 9), (8, 31), (7, 7), (3, 20)])
def test_maps_are_pooled_as_torch_pools_adaptively(high: int, wide: int) -> None:
    maps = np.random.default_rng(0).normal(size=(2, 3, high, wide)).astype(np.float32)
    expected = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(maps), (min(high, 7), min(wide, 7)))
    np.testing.assert_allclose(reduced(maps, Reduction(7)), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_maps_stay_where_no_grid_is_asked() -> None:
    maps = np.random.default_rng(0).normal(size=(2, 3, 14, 14))
    np.testing.assert_array_equal(reduced(maps, Reduction(None)), maps.astype(np.float32))


@pytest.mark.parametrize(("prefix", "given"), [(1, None), (1, 1), (0, 0), (5, 5), (2, None)])
def test_patches_are_pooled_and_tokens_before_them_kept(prefix: int, given: int | None) -> None:
    tokens = np.random.default_rng(0).normal(size=(2, prefix + 144, 5)).astype(np.float32)
    found = reduced(tokens, Reduction(6), given)
    assert found.shape == (2, prefix + 36, 5)
    np.testing.assert_array_equal(found[:, :prefix], tokens[:, :prefix])
    grid = torch.from_numpy(tokens[:, prefix:]).reshape(2, 12, 12, 5).permute(0, 3, 1, 2)
    expected = torch.nn.functional.adaptive_avg_pool2d(grid, (6, 6)).flatten(2).permute(0, 2, 1)
    np.testing.assert_allclose(found[:, prefix:], expected.numpy(), rtol=1e-5, atol=1e-6)


def test_sequences_that_are_no_grid_stay() -> None:
    tokens = np.zeros((2, 143, 5), np.float32)
    assert reduced(tokens, Reduction(7)).shape == (2, 143, 5)


def test_a_row_does_not_depend_on_its_batch() -> None:
    maps = np.random.default_rng(0).normal(size=(9, 4, 20, 20)).astype(np.float32)
    np.testing.assert_array_equal(reduced(maps, Reduction(7))[4:5], reduced(maps[4:5], Reduction(7)))


def test_spans_cover_all_rows_once_within_the_budget() -> None:
    for memory in (1, 100, 10_000):
        found = list(spans(101, 30, memory))
        assert [r for start, stop in found for r in range(start, stop)] == list(range(101))
        assert max(stop - start for start, stop in found) <= max(1, min(32, memory // 30))
    assert list(spans(0, 30, 100)) == []


def test_a_value_that_is_not_finite_names_layer_and_stimulus() -> None:
    stimuli = StimulusSet.from_texts(["a", "b", "c"], ["one", "two", "three"])
    values = np.zeros((2, 4), np.float32)
    require_finite("block.0", values, stimuli, 1)
    values[1, 2] = np.inf
    with pytest.raises(BadFeatures, match=r"block\.0.*'three'"):
        require_finite("block.0", values, stimuli, 1)


def test_a_model_is_not_shown_the_other_modality() -> None:
    with pytest.raises(BadDataset, match="language model"):
        require_modality(vision_card(), StimulusSet.from_texts(["a"]))
    require_modality(text_card(), StimulusSet.from_texts(["a"]))
