"""The made stimuli are the same everywhere."""

import numpy as np

from gyral.hashing import hash_array, hash_json
from gyral.models import calibration


def test_sixty_four_different_images_and_sentences() -> None:
    images, sentences = calibration.images(), calibration.sentences()
    assert len({hash_array(np.asarray(i)) for i in images}) == len(images) == 64
    assert len(set(sentences)) == 64
    assert all(image.size == (256, 256) and image.mode == "RGB" for image in images)


def test_images_vary_in_brightness_contrast_and_colour() -> None:
    values = np.stack([np.asarray(i, np.float64) for i in calibration.images()])
    assert values.mean(axis=(1, 2, 3)).std() > 10
    assert values.std(axis=(1, 2)).min() > 10


def test_sentences_never_change() -> None:
    # Twins are drawn against them: a change would change every stored score of a twin.
    assert hash_json(calibration.sentences())[:16] == "7f13062d2d39f019"
