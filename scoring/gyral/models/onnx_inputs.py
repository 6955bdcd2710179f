"""What an ONNX graph takes, held against the card before anything runs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gyral.errors import BadUpload
from gyral.models.card import ImageInput, SoundInput
from gyral.models.export import way

TEXT_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
DYNAMIC = f"Use a dynamic batch axis. {way('pytorch')}"


def graph_inputs(graph: Any) -> dict[str, Any]:
    """The inputs a caller feeds, by name: those that no initialiser fills."""
    fixed = {tensor.name for tensor in graph.initializer}
    return {value.name: value for value in graph.input if value.name not in fixed}


def numpy_type(value: Any) -> np.dtype[Any]:
    """The dtype a graph input takes."""
    import onnx  # nested: slow to import

    return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))


def _sides(value: Any) -> list[int | None]:
    """Axes of a graph input; None where the graph leaves them open."""
    return [d.dim_value if d.dim_value > 0 else None for d in value.type.tensor_type.shape.dim]


def _refuse_fixed_batch(value: Any, where: str) -> None:
    sides = _sides(value)
    if sides and sides[0] is not None:
        raise BadUpload(
            f"the input {value.name!r} has a fixed batch size of {sides[0]}.",
            where=where,
            mend=DYNAMIC,
            code="onnx-fixed-batch",
        )


def check_image_input(inputs: Mapping[str, Any], spec: ImageInput, where: str) -> None:
    """Refuse a graph that does not take one batch of images of the card's size.

    Raises
    ------
    BadUpload
        ``onnx-inputs``, ``onnx-fixed-batch``, ``onnx-input-size``.
    """
    values = list(inputs.values())
    if len(values) != 1 or len(_sides(values[0])) != 4 or numpy_type(values[0]).kind != "f":
        raise BadUpload(
            f"a vision model takes one float input with 4 axes; this one takes {list(inputs)!r}.",
            where=where,
            mend='Export it with the image batch as its only input; a model that hears says modality = "audio" in its card '
            "(`gyral init` writes one).",
            code="onnx-inputs",
        )
    _refuse_fixed_batch(values[0], where)
    sides = _sides(values[0])[1:]
    expected = [3, spec.size, spec.size] if spec.layout == "NCHW" else [spec.size, spec.size, 3]
    if any(have not in (None, want) for have, want in zip(sides, expected, strict=True)):
        shown = [side if side is not None else "any" for side in sides]
        raise BadUpload(
            f"the input wants {shown}, the card says {expected} ({spec.layout}).",
            where=where,
            mend="Set image.size and image.layout in gyral.toml to what the graph takes.",
            code="onnx-input-size",
        )


def check_sound_input(inputs: Mapping[str, Any], spec: SoundInput, where: str) -> None:
    """Refuse a graph that does not take one batch of samples of the card's length.

    Raises
    ------
    BadUpload
        ``onnx-inputs``, ``onnx-fixed-batch``, ``onnx-input-size``.
    """
    if spec.seconds is None:
        raise BadUpload("sound.seconds: a number is needed.", where="card", code="card-value")
    values = list(inputs.values())
    if len(values) != 1 or len(_sides(values[0])) not in (2, 3) or numpy_type(values[0]).kind != "f":
        shapes = ", ".join(f"{name} {[side or 'any' for side in _sides(value)]}" for name, value in inputs.items())
        raise BadUpload(
            f"a model that hears takes one float input, batch x samples or batch x 1 x samples; this one takes {shapes}.",
            where=where,
            mend="Put the spectrogram into the graph, so that it takes the waveform; or extract features at home.",
            code="onnx-inputs",
        )
    _refuse_fixed_batch(values[0], where)
    sides, expected = _sides(values[0])[1:], [1, spec.length][-len(_sides(values[0])) + 1 :]
    if any(have not in (None, want) for have, want in zip(sides, expected, strict=True)):
        shown = [side if side is not None else "any" for side in sides]
        raise BadUpload(
            f"the input wants {shown}, the card says {expected}: {spec.seconds:g} s at {spec.rate} Hz, one channel.",
            where=where,
            mend="Set sound.rate and sound.seconds in gyral.toml to what the graph takes.",
            code="onnx-input-size",
        )


def input_axes(inputs: Mapping[str, Any]) -> int:
    """Axes of the graph's first input."""
    return len(_sides(next(iter(inputs.values()))))


def check_text_inputs(inputs: Mapping[str, Any], where: str) -> None:
    """Refuse a graph that does not take token ids of any number and length.

    Raises
    ------
    BadUpload
        ``onnx-inputs``, ``onnx-fixed-batch``.
    """
    strange = [name for name in inputs if name not in TEXT_INPUTS]
    wrong = [n for n, v in inputs.items() if numpy_type(v).kind not in "iu" or len(_sides(v)) != 2]
    if strange or wrong or "input_ids" not in inputs:
        raise BadUpload(
            f"a language model takes integer inputs with 2 axes out of {list(TEXT_INPUTS)!r}, "
            f"'input_ids' among them; this one takes {list(inputs)!r}.",
            where=where,
            code="onnx-inputs",
        )
    for value in inputs.values():
        _refuse_fixed_batch(value, where)
        if _sides(value)[1] is not None:
            raise BadUpload(
                f"the input {value.name!r} has a fixed length of {_sides(value)[1]} tokens.",
                where=where,
                mend="Export with a dynamic sequence axis.",
                code="onnx-inputs",
            )
