"""Hashes of the code that made a number."""

from pathlib import Path

import pytest

from gyral import provenance
from gyral.features.extract import _MADE_BY
from gyral.provenance import code_hash


def test_a_hash_of_code_is_of_the_library_of_a_folder_or_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    for name in ("provenance.py", "models/a.py", "models/b.py"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))

    def hashes() -> list[str]:
        code_hash.cache_clear()
        return [code_hash(), code_hash("models"), code_hash("models/a.py")]

    try:
        before = hashes()
        assert len(set(before)) == 3
        (tmp_path / "models" / "b.py").write_text("changed")
        whole, folder, file = hashes()
        assert (whole != before[0], folder != before[1], file == before[2]) == (True, True, True)
    finally:
        code_hash.cache_clear()


def test_what_features_are_made_by_is_there() -> None:
    root = Path(provenance.__file__).parent
    assert all((root / part).exists() for part in _MADE_BY)
