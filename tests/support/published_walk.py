"""Steps from the draft of a published layout to a pack, and refusals on the way."""

from pathlib import Path
from typing import Any

import pytest
import tomli_w

from gyral.datasets.dataset import Dataset
from gyral.datasets.pack import check_pack, read_pack
from gyral.datasets.source_build import Built, build_pack
from gyral.datasets.source_draft import draft
from gyral.datasets.source_look import look
from gyral.errors import UserError


def finished(fields: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What the owner of the data still has to say, said."""
    said = {"licence": "CC BY", "title": "T", "description": "D", "citation": "C"}
    fields["about"] = {k: said.get(k, "x") if v == "TODO" else v for k, v in fields["about"].items()}
    for table, values in changes.items():
        fields[table] = fields.get(table, {}) | values
    return fields


def built(folder: Path, fields: dict[str, Any]) -> tuple[Dataset, Built]:
    """The pack of a description, checked."""
    (folder / "dataset.toml").write_bytes(tomli_w.dumps(fields).encode())
    _, made = build_pack(folder, folder / "pack")
    assert check_pack(folder / "pack") == []
    return read_pack(folder / "pack"), made


def refused(code: str, folder: Path, fields: dict[str, Any]) -> str:
    """What a build says that must be refused with a code."""
    (folder / "dataset.toml").write_bytes(tomli_w.dumps(fields).encode())
    with pytest.raises(UserError) as caught:
        build_pack(folder, folder / "pack")
    assert caught.value.code == code, caught.value
    return str(caught.value)


def undrafted(code: str, folder: Path) -> str:
    """What a draft says that must be refused with a code."""
    with pytest.raises(UserError) as caught:
        draft(folder, look(folder))
    assert caught.value.code == code, caught.value
    return str(caught.value)
