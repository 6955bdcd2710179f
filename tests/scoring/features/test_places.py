"""Places: positions of token grids, maps and word sequences, with nothing that is no place among them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gyral.features.features import Features
from gyral.models.image import load_images
from gyral.models.transformers_check import quiet
from gyral.models.transformers_folder import TransformersModel
from made_models import SIZE, features, vision_card
from uploads import pictures

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": SIZE, "patch_size": 4}
GRID = SIZE // 4


def _folder(family: str, folder: Path, **settings: Any) -> Path:
    """An untrained vision transformer, saved as the library saves it."""
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(1)
    with quiet():
        net = AutoModel.from_config(AutoConfig.for_model(family, **SMALL, **settings)).eval()
        net.save_pretrained(folder)
    return folder


def _library(folder: Path, images: torch.Tensor) -> list[np.ndarray]:
    from transformers import AutoModel

    with quiet(), torch.no_grad():
        net = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
        return [state.numpy() for state in net(images, output_hidden_states=True).hidden_states]


@pytest.mark.parametrize(
    ("family", "settings", "prefix"),
    [
        ("vit", {"intermediate_size": 24}, 1),
        ("deit", {"intermediate_size": 24}, 2),  # class and distillation token
        ("dinov2", {}, 1),
        ("dinov2_with_registers", {"num_register_tokens": 4}, 5),
    ],
)
@pytest.mark.parametrize("grid", [None, 7, 4])
def test_a_vision_transformer_s_places_are_its_patches(
    family: str, settings: dict[str, Any], prefix: int, grid: int | None, tmp_path: Path
) -> None:
    folder = _folder(family, tmp_path / family, **settings)
    model, stimuli = TransformersModel(folder, vision_card()), pictures(tmp_path, 3)
    states = _library(folder, torch.from_numpy(load_images(stimuli.files or (), vision_card().image)))
    side = GRID if grid is None else grid
    for (name, array), state in zip(features(model, stimuli, grid=grid).items(), states, strict=True):
        found = Features(name, array)
        assert (
            found.has_class_token and found.has_positions and found.grid == (side, side) and found.channels == 16
        )
        places = found.places(np.array([2, 0]))
        assert places.grid == (side, side) and places.present.all() and places.present.shape == (2, side**2)
        patches = torch.from_numpy(state[:, prefix:]).transpose(1, 2).reshape(3, 16, GRID, GRID)
        expected = torch.nn.functional.adaptive_avg_pool2d(patches, side).flatten(2).transpose(1, 2).numpy()
        np.testing.assert_allclose(places.values, expected[[2, 0]], rtol=2e-3, atol=2e-4)
        np.testing.assert_allclose(found.first_token().array, state[:, 0], rtol=2e-3, atol=2e-4)
        np.testing.assert_allclose(found.pooled().array, expected.mean(axis=1), rtol=2e-3, atol=2e-4)


def test_tokens_without_a_class_token_are_all_places() -> None:
    array = np.random.default_rng(0).standard_normal((3, 49, 5)).astype(np.float16)
    found = Features("block", array)
    assert not found.has_class_token and found.grid == (7, 7)
    places = found.places()
    np.testing.assert_array_equal(places.values, array.astype(np.float32))
    assert places.values.dtype == np.float32 and places.values.flags.c_contiguous


def test_patches_stand_row_after_row_as_in_a_map() -> None:
    maps = np.random.default_rng(0).standard_normal((3, 5, 4, 4)).astype(np.float32)
    tokens = maps.reshape(3, 5, 16).transpose(0, 2, 1)
    grid, tokened = Features("map", maps).places(), Features("tokens", tokens).places()
    assert grid.grid == tokened.grid == (4, 4)
    np.testing.assert_array_equal(grid.values, tokened.values)
    np.testing.assert_array_equal(grid.values[1, 1 * 4 + 2], maps[1, :, 1, 2])


def test_a_map_need_not_be_square() -> None:
    found = Features("map", np.random.default_rng(0).standard_normal((2, 5, 3, 4)))
    places = found.places()
    assert found.grid == places.grid == (3, 4) and found.channels == 5 and not found.has_class_token
    np.testing.assert_array_equal(places.values[0, 2 * 4 + 1], found.array[0, :, 2, 1].astype(np.float32))
    np.testing.assert_allclose(found.pooled().array, found.array.mean(axis=(2, 3)), rtol=1e-5)


def test_padding_of_a_word_sequence_is_not_present() -> None:
    array = np.random.default_rng(0).standard_normal((3, 9, 5)).astype(np.float32)
    lengths = [9, 4, 1]
    for row, length in enumerate(lengths):
        array[row, length:] = 0
    array[1, 2] = 0  # a word of zeros between others is a word
    found = Features("block", array, sequence=True)
    assert found.grid == (1, 9) and not found.has_class_token and found.has_positions
    places = found.places()
    assert places.grid == (1, 9)
    np.testing.assert_array_equal(places.present, np.arange(9) < np.array(lengths)[:, None])
    np.testing.assert_array_equal(places.values, array)
    expected = [array[row, :length].mean(axis=0) for row, length in enumerate(lengths)]
    np.testing.assert_allclose(found.pooled().array, expected, rtol=1e-5)


def test_flat_features_have_one_place_and_no_positions() -> None:
    array = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
    found = Features("head", array)
    assert not found.has_positions and found.grid == (1, 1) and found.channels == 5
    places = found.places(np.array([1]))
    np.testing.assert_array_equal(places.values, array[1:2, None])
    assert places.present.all() and found.pooled() is found
