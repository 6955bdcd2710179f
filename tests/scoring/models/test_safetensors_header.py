"""The header of a safetensors file: what the library itself writes is read, and lies are refused in words."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save

import uploads
from gyral.errors import BadUpload
from gyral.models.safetensors_header import read_header


def test_header_agrees_with_the_library() -> None:
    path = uploads.GOOD / "bert" / "model.safetensors"
    found = {fact.name: fact.shape for fact in read_header(path)}
    with safe_open(path, framework="np") as file:
        assert found == {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "uint8", "bool"])
def test_every_dtype_has_its_size(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(
        save({"a": np.ones((3, 5), dtype), "empty": np.ones((0, 2), dtype), "one": np.ones((), dtype)})
    )
    assert {fact.name: fact.shape for fact in read_header(path)} == {"a": (3, 5), "empty": (0, 2), "one": ()}


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 250), piece=st.binary(min_size=1, max_size=6), keep=st.none() | st.integers(0, 300))
def test_damage_is_refused_in_words_or_harmless(tmp_path: Path, at: int, piece: bytes, keep: int | None) -> None:
    data = save({"a": np.ones((3, 5), np.float32), "b": np.ones(4, np.float16)})
    path = tmp_path / "a.safetensors"
    path.write_bytes((data[:at] + piece + data[at + len(piece) :])[:keep])
    try:
        facts = read_header(path)
    except BadUpload as error:
        assert error.code.startswith("safetensors-")
        assert error.where == "a.safetensors"
    else:
        assert len(facts) <= 2
