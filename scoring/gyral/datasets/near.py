"""Near-duplicates: stimuli that are the same, or all but the same, whatever their ids and bytes.

One primitive for two questions: does a split hold out what it trains on, and was a model trained on what it is
tested on. Two stimuli of equal bytes are exact; else

images
    A perceptual hash proposes, a comparison of pixels decides. The hash is 63 bits: signs, about their median, of
    the lowest 8 x 8 cosine coefficients of the 32 x 32 luminance, without the mean (Zauner 2010, Implementation and
    benchmarking of perceptual image hash functions, section 3.2.1). Pairs within `HAMMING` bits are near if their
    16 x 16 colour thumbnails correlate by `PIXELS` or more. Finds other encodings and sizes, brightness, greyscale of
    a grey image, another small object on the same background, a border of 2 % cut off; a border of 4 % in about one
    of three; not wider crops, mirror images, rotations or greyscale of a colourful image.
sounds
    Levels in 32 bands of frequency and 16 equal parts of the sound, down to 50 dB below the loudest, correlate by
    `SOUNDS` or more, and durations differ by at most a tenth. Finds other encodings, loudness and sample rates (of
    16 kHz and more), mostly a fiftieth cut off the start and faint noise; not the same through a telephone, reversed,
    or within a mixture.
texts
    Jaccard overlap of their character 5-grams of `OVERLAP` or more (Broder 1997, doi:10.1109/SEQUEN.1997.666900;
    .8 as in Lee et al. 2022, doi:10.18653/v1/2022.acl-long.577), after Unicode NFKC, lower case, and anything but
    letters and digits made one space. Finds other punctuation and case, and one word changed in twenty; a word changed
    in a short sentence makes another sentence. Not paraphrase.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gyral.datasets.rgb import read_rgb
from gyral.datasets.sound_print import likeness, sound_prints
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset
from gyral.hashing import hash_bytes
from gyral.progress import Progress, silent

HAMMING = 14
PIXELS = 0.95
SOUNDS = 0.98
OVERLAP = 0.8
GRAM = 5

_SIDE = 32
_THUMBNAIL = 16
_BLOCK = 2048  # stimuli compared with all others at once
_GREY = (128, 128, 128)
_BETWEEN = re.compile(r"[\W_]+")


@dataclass(frozen=True, order=True)
class NearPair:
    """Two stimuli that are the same or nearly so.

    Parameters
    ----------
    first, second : int
        Positions in the two sets (in one set: ``first`` < ``second``).
    likeness : float
        1 where the bytes are equal; else the correlation of thumbnails (images) or levels (sounds), or the overlap of
        5-grams (texts).
    exact : bool
        True where the bytes are equal.
    """

    first: int
    second: int
    likeness: float
    exact: bool


@dataclass(frozen=True, eq=False)
class Prints:
    """What is kept of stimuli to compare them: 8 bytes of hash and 768 of thumbnail an image.

    Parameters
    ----------
    hashes : tuple of str
        Hex sha256 of each item, as `StimulusSet.hashes`.
    codes : uint64 array, items, or None
        Perceptual hashes of images.
    thumbnails : uint8 array, items x 16 x 16 x 3, or None
    texts : tuple of str, or None
        Normalised texts.
    sounds : float32 array, items x 513, or None
        What `gyral.datasets.sound_print.sound_prints` gives.
    """

    hashes: tuple[str, ...]
    codes: NDArray[np.uint64] | None = None
    thumbnails: NDArray[np.uint8] | None = None
    texts: tuple[str, ...] | None = None
    sounds: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.hashes)

    @classmethod
    def joined(cls, parts: Sequence["Prints"]) -> "Prints":
        """Prints of images or of sounds, one set after the other."""
        if sounds := [p.sounds for p in parts if p.sounds is not None]:
            return cls(tuple(digest for p in parts for digest in p.hashes), sounds=np.concatenate(sounds))
        codes = [p.codes for p in parts if p.codes is not None]
        thumbnails = [p.thumbnails for p in parts if p.thumbnails is not None]
        hashes = tuple(digest for p in parts for digest in p.hashes)
        return cls(hashes, np.concatenate(codes), np.concatenate(thumbnails))


def image_prints(
    files: Sequence[Path], hashes: Sequence[str], *, progress: Progress = silent, step: str = "look at images"
) -> Prints:
    """Prints of image files.

    Raises
    ------
    BadDataset
        A file is missing or no image; named.
    """
    codes = np.zeros(len(files), np.uint64)
    thumbnails = np.zeros((len(files), _THUMBNAIL, _THUMBNAIL, 3), np.uint8)
    for i, file in enumerate(files):
        progress(step, i, len(files))
        small = read_rgb(file, _GREY).resize((_SIDE, _SIDE))
        codes[i] = perceptual_hash(np.asarray(small))
        thumbnails[i] = np.asarray(small.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX))
    progress(step, len(files), len(files))
    return Prints(tuple(hashes), codes, thumbnails)


def text_prints(texts: Sequence[str]) -> Prints:
    """Prints of texts."""
    return Prints(tuple(hash_bytes(t.encode()) for t in texts), texts=tuple(normalised_text(t) for t in texts))


def prints_of(stimuli: StimulusSet, *, progress: Progress = silent) -> Prints:
    """Prints of a stimulus set.

    Raises
    ------
    BadDataset
        The set has labels only, which nothing can be compared by; or a file cannot be read.
    """
    if stimuli.modality == "image" and stimuli.files is not None:
        return image_prints(stimuli.files, stimuli.hashes, progress=progress)
    if stimuli.modality == "text" and stimuli.texts is not None:
        return text_prints(stimuli.texts)
    if stimuli.modality == "sound" and stimuli.files is not None:
        return Prints(stimuli.hashes, sounds=sound_prints(stimuli.files, progress=progress))
    raise BadDataset(
        f"stimuli of the kind {stimuli.modality!r} have neither image, sound nor text to compare.",
        where="stimuli",
        code="not-comparable",
    )


def near_pairs(first: Prints, second: Prints | None = None, *, progress: Progress = silent) -> list[NearPair]:
    """All pairs that are the same or nearly so, within one set or between two.

    Parameters
    ----------
    first : Prints
    second : Prints, optional
        Default: ``first`` with itself, each pair once.
    progress : Progress

    Returns
    -------
    list of NearPair
        In the order of ``first``, then ``second``. A whole group of equal stimuli gives all its pairs.

    >>> near_pairs(text_prints(["A dog barked.", "The sea is calm", "a dog  barked!"]))
    [NearPair(first=0, second=2, likeness=1.0, exact=False)]
    """
    alone = second is None
    other = first if second is None else second
    found = {(p.first, p.second): p for p in _alike(first, other, progress)}
    where: dict[str, list[int]] = {}
    for j, digest in enumerate(other.hashes):
        where.setdefault(digest, []).append(j)
    for i, digest in enumerate(first.hashes):
        for j in where.get(digest, ()):
            found[i, j] = NearPair(i, j, 1.0, exact=True)
    return sorted(p for p in found.values() if not alone or p.first < p.second)


def normalised_text(text: str) -> str:
    """NFKC, lower case, letters and digits with one space between words.

    >>> normalised_text("  It\u2019s \u201cFine\u201d, she said... ")
    'it s fine she said'
    """
    return _BETWEEN.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def perceptual_hash(pixels: NDArray[np.uint8]) -> np.uint64:
    """63-bit hash of 32 x 32 x 3 pixels; images that look alike differ in few bits."""
    from scipy.fft import dctn  # slow: scipy

    luminance = pixels.astype(np.float64) @ (0.299, 0.587, 0.114)
    low = dctn(luminance, norm="ortho")[:8, :8].ravel()[1:]
    # Rounding first: on a flat image the coefficients are rounding errors, whose signs say nothing.
    low = np.round(low, 6)
    bits = (low > np.median(low)).astype(np.uint64)
    return np.uint64((bits << np.arange(63, dtype=np.uint64)).sum())


def _alike(first: Prints, second: Prints, progress: Progress) -> Iterator[NearPair]:
    if first.texts is not None and second.texts is not None:
        return _alike_texts(first.texts, second.texts, progress)
    if first.codes is not None and second.codes is not None:
        return _alike_images(first, second, progress)
    if first.sounds is not None and second.sounds is not None:
        return _alike_sounds(first.sounds, second.sounds, progress)
    raise BadDataset(
        "stimuli of one modality cannot be compared with those of another.", where="stimuli", code="not-comparable"
    )


def _alike_images(first: Prints, second: Prints, progress: Progress) -> Iterator[NearPair]:
    a, b = first.codes, second.codes
    assert a is not None and b is not None  # noqa: S101 - for the type checker; `_alike` looked
    for start in range(0, len(a), _BLOCK):
        progress("compare images", start, len(a))
        distance = np.bitwise_count(a[start : start + _BLOCK, None] ^ b)
        rows, columns = np.nonzero(distance <= HAMMING)
        for i, j in zip(rows + start, columns, strict=True):
            if (first is not second or i < j) and (r := _correlation(first, int(i), second, int(j))) >= PIXELS:
                yield NearPair(int(i), int(j), r, exact=False)
    progress("compare images", len(a), len(a))


def _alike_sounds(
    first: NDArray[np.float32], second: NDArray[np.float32], progress: Progress
) -> Iterator[NearPair]:
    for start in range(0, len(first), _BLOCK):
        progress("compare sounds", start, len(first))
        alike = likeness(first[start : start + _BLOCK], second)
        for i, j in zip(*np.nonzero(alike >= SOUNDS), strict=True):
            yield NearPair(int(i) + start, int(j), min(1.0, float(alike[i, j])), exact=False)
    progress("compare sounds", len(first), len(first))


def _correlation(first: Prints, i: int, second: Prints, j: int) -> float:
    assert first.thumbnails is not None and second.thumbnails is not None  # noqa: S101 - as above
    a, b = (t.astype(np.float64).ravel() for t in (first.thumbnails[i], second.thumbnails[j]))
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 0 else float(np.array_equal(first.thumbnails[i], second.thumbnails[j]))


def _alike_texts(first: Sequence[str], second: Sequence[str], progress: Progress) -> Iterator[NearPair]:
    # Integers for 5-grams: a text is one row of a sparse matrix, shared grams are a product of two.
    column: dict[str, int] = {}
    a = _gram_matrix(first, column)
    b = a if first is second else _gram_matrix(second, column)
    width = len(column)
    size_a, size_b = np.diff(a.indptr), np.diff(b.indptr)
    a.resize(a.shape[0], width)
    b.resize(b.shape[0], width)
    other = b.T.tocsr()
    for start in range(0, len(first), _BLOCK):
        progress("compare texts", start, len(first))
        shared = (a[start : start + _BLOCK] @ other).tocoo()
        rows, columns = shared.coords[0] + start, shared.coords[1]
        likeness = shared.data / (size_a[rows] + size_b[columns] - shared.data)
        for n in np.flatnonzero(likeness >= OVERLAP):
            yield NearPair(int(rows[n]), int(columns[n]), float(likeness[n]), exact=False)
    progress("compare texts", len(first), len(first))


def _gram_matrix(texts: Sequence[str], column: dict[str, int]) -> Any:
    from scipy.sparse import csr_array  # slow: scipy

    indices: list[int] = []
    starts = [0]
    for text in texts:
        grams = {text[i : i + GRAM] for i in range(max(1, len(text) - GRAM + 1))} - {""}
        indices += [column.setdefault(g, len(column)) for g in sorted(grams)]
        starts.append(len(indices))
    shape = (len(texts), max(1, len(column)))
    return csr_array((np.ones(len(indices), np.int32), indices, starts), shape=shape)
