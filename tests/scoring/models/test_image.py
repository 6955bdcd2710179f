"""Images enter a model exactly as the card says."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gyral.datasets.rgb import read_rgb
from gyral.errors import BadDataset
from gyral.models.card import ImageInput
from gyral.models.image import load_images, normalised, square


def _noise(width: int, height: int) -> Image.Image:
    draw = np.random.default_rng(0)
    return Image.fromarray(draw.integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_square_resizes_the_shorter_side_and_cuts_the_centre() -> None:
    image = _noise(100, 60)
    found = square(image, ImageInput(size=28))
    resized = image.resize((round(100 * 32 / 60), 32), Image.Resampling.BICUBIC)
    left = (resized.width - 28) // 2
    assert found.size == (28, 28)
    assert np.array_equal(np.asarray(found), np.asarray(resized)[2:30, left : left + 28])


def test_square_of_the_right_size_is_not_resampled() -> None:
    image = _noise(32, 32)
    assert np.array_equal(np.asarray(square(image, ImageInput(size=32, crop=1.0))), np.asarray(image))


@pytest.mark.parametrize(
    ("name", "filtering"), [("bilinear", Image.Resampling.BILINEAR), ("nearest", Image.Resampling.NEAREST)]
)
def test_the_whole_image_may_be_resized_by_another_filter(name: str, filtering: Image.Resampling) -> None:
    image = _noise(100, 60)
    found = square(image, ImageInput(size=28, resize="square", interpolation=name))  # type: ignore[arg-type]
    assert np.array_equal(np.asarray(found), np.asarray(image.resize((28, 28), filtering)))
    shorter = square(image, ImageInput(size=32, crop=1.0, interpolation=name))  # type: ignore[arg-type]
    resized = np.asarray(image.resize((53, 32), filtering))
    assert np.array_equal(np.asarray(shorter), resized[:, 10:42])


def test_normalised_subtracts_mean_and_divides_by_std_per_channel() -> None:
    spec = ImageInput(size=32, crop=1.0, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    image = _noise(32, 32)
    expected = (np.asarray(image) / 255 - spec.mean) / spec.std
    found = normalised(image, spec)
    assert found.dtype == np.float32 and found.shape == (3, 32, 32)
    np.testing.assert_allclose(found, expected.transpose(2, 0, 1), rtol=1e-5, atol=1e-6)
    last = normalised(image, spec.model_copy(update={"layout": "NHWC"}))
    np.testing.assert_array_equal(last, found.transpose(1, 2, 0))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_composited_on_the_background(mode: str, tmp_path: Path) -> None:
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    image = clear if mode == "RGBA" else clear.convert(mode)
    image.save(tmp_path / "a.png", **({"transparency": 0} if mode == "P" else {}))
    found = np.asarray(read_rgb(tmp_path / "a.png", (10, 20, 30)))
    assert (found == (10, 20, 30)).all()


def test_half_transparent_pixels_mix_with_the_background(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (200, 0, 0, 128)).save(tmp_path / "a.png")
    found = np.asarray(read_rgb(tmp_path / "a.png", (0, 100, 0))).reshape(-1, 3)
    assert np.abs(found - np.array([100, 50, 0])).max() <= 1


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 64).reshape(8, 8).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    found = np.asarray(read_rgb(tmp_path / "a.png", (0, 0, 0)))[..., 0]
    assert np.array_equal(found, (values / 257).round())


def test_grey_and_colour_files_make_one_batch(tmp_path: Path) -> None:
    _noise(50, 40).save(tmp_path / "a.jpg")
    _noise(40, 50).convert("L").save(tmp_path / "b.png")
    batch = load_images([tmp_path / "a.jpg", tmp_path / "b.png"], ImageInput(size=16))
    assert batch.shape == (2, 3, 16, 16) and np.isfinite(batch).all()


def test_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(BadDataset, match=r"a\.png.*not a readable image") as caught:
        read_rgb(tmp_path / "a.png", (0, 0, 0))
    assert caught.value.code == "stimulus-image"
    with pytest.raises(BadDataset) as caught:
        read_rgb(tmp_path / "b.png", (0, 0, 0))
    assert caught.value.code == "stimulus-missing"
