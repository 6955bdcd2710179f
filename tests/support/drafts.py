"""Drafts of `gyral data init` as their owner goes on with them: filled in, checked, built."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from gyral.cli.main import main
from gyral.datasets.pack import check_pack, read_pack
from gyral.datasets.source import TODO, unfinished

OWN = {"title": "Own data", "description": "Made for tests.", "licence": "CC0", "citation": "Nobody (2026).",
       "kind": "fMRI", "unit": "z"}  # fmt: skip


def run(*words: object) -> int:
    """Exit status of a command of `gyral data`."""
    with pytest.raises(SystemExit) as left:
        main(["data", *map(str, words)])
    return int(left.value.code or 0)


def drafted(folder: Path) -> dict[str, Any]:
    """What `gyral data init` writes."""
    assert run("init", folder) == 0
    return tomllib.loads((folder / "dataset.toml").read_text())


def filled(folder: Path, **own: Any) -> dict[str, Any]:
    """The draft with what is marked filled in, by the names of fields; nothing else is touched."""
    told = _filled(drafted(folder), OWN | own)
    assert unfinished(told) == []
    (folder / "dataset.toml").write_bytes(tomli_w.dumps(told).encode())
    return told


def built(folder: Path, **own: Any) -> Any:
    """The pack of the filled draft; `check` and `build` accept it."""
    filled(folder, **own)
    assert run("check", folder, "--quiet") == 0
    assert run("build", folder, "--quiet") == 0
    assert check_pack(folder / "pack") == []
    return read_pack(folder / "pack")


def _filled(told: Any, own: dict[str, Any]) -> Any:
    if isinstance(told, dict):
        return {k: own.get(k, v) if v == TODO else _filled(v, own) for k, v in told.items()}
    return [_filled(v, own) for v in told] if isinstance(told, list) else told
