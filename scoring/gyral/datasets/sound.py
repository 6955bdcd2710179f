"""Sound: a WAV, FLAC or Ogg file as samples of one channel, and the same at another rate."""

from math import gcd
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadDataset

Floats = NDArray[np.float32]

ENDINGS = (".flac", ".oga", ".ogg", ".opus", ".wav")
SHORTEST, LONGEST = 0.01, 60.0  # seconds
LOUDEST = 8.0  # times full scale, which floating-point files may pass
RATES = (1_000, 192_000)  # Hz
# What libsndfile calls containers whose samples are where the file says; a decoder of MP3 shifts and pads them.
_FORMATS = frozenset(("FLAC", "OGG", "RF64", "WAV", "WAVEX"))
_CONVERT = "Convert it to WAV, FLAC or Ogg."
_UNKNOWN_SIZE = 0xFFFFFFFF


class Sound(NamedTuple):
    """One sound.

    Parameters
    ----------
    samples : float32 array, times
        Mean over the channels of the file; full scale of whole-number formats is 1.
    rate : int
        Samples a second, Hz.
    """

    samples: Floats
    rate: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.samples) / self.rate


def read_sound(path: Path) -> Sound:
    """Read a sound file, its channels averaged.

    Raises
    ------
    BadDataset
        ``stimulus-missing``; ``not-a-sound``: nothing that can be read, or another format than WAV, FLAC and Ogg;
        ``sound-truncated``, ``sound-empty``; ``sound-rate``: outside of `RATES`; ``sound-long``: more than `LONGEST`;
        ``sound-short``: less than `SHORTEST`; ``sound-finite``: NaN or infinity; ``sound-scale``: beyond `LOUDEST`; ``sound-silent``: every sample is the same.
    """
    import soundfile  # slow: loads libsndfile

    if not path.is_file():
        raise BadDataset("the stimulus file is missing.", where=str(path), code="stimulus-missing")
    if path.stat().st_size == 0:
        raise _refusal(path, "sound-empty", "the file is empty.")
    try:
        opened = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: raw samples, told by their ending
        why = getattr(error, "error_string", str(error)).strip().rstrip(".")
        raise _refusal(path, "not-a-sound", f"not a sound that can be read: {why}.", _CONVERT) from None
    with opened as file:
        _check_header(file, path)
        rate, promised = int(file.samplerate), int(file.frames)
        try:
            values = file.read(dtype="float32", always_2d=True)
        except soundfile.SoundFileError:
            values = np.empty((0, 1), np.float32)
    if len(values) < promised or _ends_early(path):
        raise _refusal(
            path, "sound-truncated", "the sound cannot be read to its end; the file was cut short or changed.",
            "Copy it again, whole.",
        )  # fmt: skip
    if not np.isfinite(values).all():
        raise _refusal(path, "sound-finite", "samples hold NaN or infinity.")
    if (peak := float(np.abs(values).max())) > LOUDEST:
        raise _refusal(
            path,
            "sound-scale",
            f"samples reach {peak:g}; full scale is 1.",
            "Divide by what full scale was (32768 of 16 bits).",
        )
    samples = np.ascontiguousarray(values.mean(axis=1), np.float32)
    if not np.ptp(samples):
        raise _refusal(
            path, "sound-silent", f"every sample is {samples[0]:g} (channels averaged): there is nothing to hear."
        )
    return Sound(samples, rate)


def resampled(sound: Sound, rate: int) -> Floats:
    """Samples at another rate: polyphase filtering (`scipy.signal.resample_poly`), so nothing is aliased."""
    if sound.rate == rate:
        return sound.samples
    from scipy.signal import resample_poly  # slow: scipy

    common = gcd(sound.rate, rate)
    return np.asarray(resample_poly(sound.samples, rate // common, sound.rate // common), np.float32)


def _check_header(file: Any, path: Path) -> None:
    if file.format not in _FORMATS:
        raise _refusal(path, "not-a-sound", f"sounds of the format {file.format} are not read.", _CONVERT)
    if not RATES[0] <= file.samplerate <= RATES[1]:
        raise _refusal(
            path,
            "sound-rate",
            f"its sample rate is {file.samplerate} Hz; {RATES[0]} to {RATES[1]} are read.",
            "Look at how it was saved.",
        )
    if file.frames == 0:
        raise _refusal(path, "sound-empty", "it holds not one sample.")
    if file.frames < SHORTEST * file.samplerate:
        raise _refusal(
            path,
            "sound-short",
            f"it lasts {1000 * file.frames / file.samplerate:.3g} ms; {1000 * SHORTEST:g} are the least.",
        )
    if file.frames > LONGEST * file.samplerate:
        raise _refusal(
            path,
            "sound-long",
            f"it lasts {file.frames / file.samplerate:.1f} seconds; at most {LONGEST:g} are read.",
            "Cut it into the pieces that people heard; speech that goes on is a story of words.",
        )


def _ends_early(path: Path) -> bool:
    """Whether WAV or Ogg promises more than there is; libsndfile reads what there is and says nothing."""
    data = path.read_bytes()
    if data[:4] == b"OggS":
        return _ogg_ends_early(data)
    at = 12
    while data[:4] == b"RIFF" and at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"data":
            # Writers that cannot go back leave the largest number there: nothing was promised.
            return size != _UNKNOWN_SIZE and at + 8 + size > len(data)
        at += 8 + size + size % 2
    return False


def _ogg_ends_early(data: bytes) -> bool:
    """Whether the last page is not marked as the last, or is not whole (RFC 3533, section 6)."""
    at = data.rfind(b"OggS")
    head = data[at : at + 27]
    if len(head) < 27 or not head[5] & 4:
        return True
    table = data[at + 27 : at + 27 + head[26]]
    return at + 27 + head[26] + sum(table) > len(data)


def _refusal(path: Path, code: str, what: str, mend: str | None = None) -> BadDataset:
    return BadDataset(what, where=str(path), mend=mend, code=code)
