"""What a model is held to."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.png import png
from gyral.datasets.stimulus import StimulusSet
from gyral.models.card import ModelCard
from gyral.models.model import Model, Reduction

Array = NDArray[np.floating[Any]]

_COUNT = 11


def check_model(model: Model, stimuli: StimulusSet | None = None, *, grid: int = 7) -> None:
    """Check a model: batches in order and whole, finite, the same twice, of each stimulus by itself, and not all alike.

    Parameters
    ----------
    model : Model
    stimuli : StimulusSet, optional
        Three or more that differ; default: eleven made images, sentences or sounds, as the card's modality says.
    grid : int
        Positions a side that maps may have (`gyral.models.model.Reduction`).
    """
    missing = [name for name in ("card", "hash", "layers", "batches") if not hasattr(model, name)]
    if missing:
        raise AssertionError(f"{type(model).__name__} is no model: it has no {', '.join(missing)}")
    if not isinstance(model.card, ModelCard):
        raise AssertionError(f"its card is {type(model.card).__name__}: a gyral.models.card.ModelCard is expected")  # noqa: TRY004 - as every other check
    digest = model.hash
    if not isinstance(digest, str) or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise AssertionError(
            f"its hash is {digest!r}; 64 hex digits (sha256) are expected: features are kept under it"
        )
    if model.hash != digest:
        raise AssertionError("its hash is another one each time it is asked")
    layers = model.layers()
    if not layers or len(set(layers)) != len(layers) or not all(isinstance(n, str) and n for n in layers):
        raise AssertionError(f"its layers are {layers!r}; different names, one at least, are expected")
    if stimuli is not None:
        _check_features(model, stimuli, layers, grid)
        return
    with tempfile.TemporaryDirectory(prefix="gyral-testing-") as folder:
        _check_features(model, _made(model.card.modality, Path(folder)), layers, grid)


def _check_features(model: Model, stimuli: StimulusSet, layers: Sequence[str], grid: int) -> None:
    np.random.seed(1)  # what a careless model would draw from
    whole = _read(model, stimuli, layers, grid)
    np.random.seed(2)
    again = _read(model, stimuli, layers, grid)
    backwards = list(range(len(stimuli)))[::-1]
    turned = _read(model, stimuli.subset(backwards), layers, grid)
    alone = _read(model, stimuli.subset([1]), layers, grid)
    for name, values in whole.items():
        if not np.array_equal(values, again[name]):
            raise AssertionError(f"layer {name!r}: shown the same stimuli twice, it gave two answers")
        near = 1e-4 * float(np.abs(values).max(initial=1e-12))
        if not np.allclose(values, turned[name][::-1], rtol=1e-3, atol=near):
            raise AssertionError(f"layer {name!r}: the features of a stimulus depend on the order of the stimuli")
        if not np.allclose(values[1], alone[name][0], rtol=1e-3, atol=near):
            raise AssertionError(
                f"layer {name!r}: the features of a stimulus depend on those beside it in a batch"
            )
    if all(np.allclose(v, v[:1]) for v in whole.values()):
        raise AssertionError("every layer gives the same features to every stimulus")
    one = _read(model, stimuli, layers[-1:], grid)
    if not np.array_equal(one[layers[-1]], whole[layers[-1]]):
        raise AssertionError(f"layer {layers[-1]!r} is another one when it is asked for alone")


def _read(model: Model, stimuli: StimulusSet, layers: Sequence[str], grid: int) -> dict[str, Array]:
    parts: dict[str, list[Array]] = {name: [] for name in layers}
    done = 0
    for batch in model.batches(stimuli, layers, reduction=Reduction(grid)):
        if batch.start != done:
            raise AssertionError(f"a batch starts at row {batch.start}; {done} is expected")
        if set(batch.arrays) != set(layers):
            raise AssertionError(
                f"a batch holds the layers {sorted(batch.arrays)!r}; {sorted(layers)!r} were asked for"
            )
        for name, values in batch.arrays.items():
            _check_array(name, values, len(batch), grid)
            parts[name].append(np.asarray(values))
        done += len(batch)
    if done != len(stimuli):
        raise AssertionError(f"batches hold {done} rows together; {len(stimuli)} stimuli were shown")
    for name, own in parts.items():
        shapes = sorted({p.shape[1:] for p in own})
        if len(shapes) > 1:
            raise AssertionError(f"layer {name!r} has shapes {shapes!r} in different batches")
    return {name: np.concatenate(own) for name, own in parts.items()}


def _check_array(name: str, values: Array, rows: int, grid: int) -> None:
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        raise AssertionError(f"layer {name!r} is no array of floating-point numbers")
    if values.ndim not in (2, 3, 4):
        raise AssertionError(
            f"layer {name!r} has shape {values.shape}; samples x features, samples x positions x channels, or samples x "
            "channels x height x width is expected"
        )
    if len(values) != rows:
        raise AssertionError(f"layer {name!r} has {len(values)} rows in a batch of {rows}")
    if not np.isfinite(values).all():
        raise AssertionError(f"layer {name!r} holds NaN or infinite numbers")
    if values.ndim == 4 and max(values.shape[2:]) > grid:
        raise AssertionError(
            f"layer {name!r} has maps of {values.shape[2]} x {values.shape[3]}; {grid} x {grid} is the most that was asked "
            "for (gyral.models.activation.reduced)"
        )


def _made(modality: str, folder: Path) -> StimulusSet:
    draw = np.random.default_rng(4)
    if modality == "language":
        words = ["one", "red", "house", "stood", "near", "the", "old", "river", "while", "two", "birds", "sang"]
        return StimulusSet.from_texts([" ".join(draw.permutation(words)[: 3 + k % 4]) for k in range(_COUNT)])
    if modality == "audio":
        return _made_sounds(folder, draw)
    files = [folder / f"{k:02d}.png" for k in range(_COUNT)]
    for file in files:
        coarse = draw.integers(0, 256, (4, 4, 3)).astype(np.uint8)
        file.write_bytes(png(np.kron(coarse, np.ones((16, 16, 1), np.uint8))))
    return StimulusSet.from_files(files)


def _made_sounds(folder: Path, draw: np.random.Generator) -> StimulusSet:
    import soundfile  # slow: loads libsndfile, and only models that hear need it

    files = [folder / f"{k:02d}.wav" for k in range(_COUNT)]
    for k, file in enumerate(files):
        times = np.arange(8_000 + 1_000 * (k % 3)) / 16_000
        tone = np.sin(2 * np.pi * 100 * 2 ** draw.uniform(0, 5) * times)
        soundfile.write(file, 0.3 * tone + 0.03 * draw.standard_normal(len(times)), 16_000)
    return StimulusSet.from_files(files, modality="sound")
