"""Files that commands are asked to write."""

import json
from pathlib import Path

import pytest

from gyral.cli.place import require_own, require_place
from gyral.errors import UserError


def test_place_in_a_folder_that_exists_is_taken(tmp_path: Path) -> None:
    require_place(tmp_path / "new.html", "--html")


@pytest.mark.parametrize("name", ["missing/new.html", "."])
def test_place_that_cannot_be_written_is_refused_by_its_option(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        require_place(tmp_path / name, "--html")
    assert (caught.value.code, caught.value.where) == ("no-place", "--html")


def test_a_record_replaces_only_its_like(tmp_path: Path) -> None:
    held = {"model": {"name": "gabor"}, "benchmark": {"name": "sim-meg", "version": 1}}
    (tmp_path / "record.json").write_text(json.dumps(held))
    for model, benchmark in (("gabor", "sim-meg"), ("gabor", "sim-meg@1"), (str(tmp_path), "sim-meg")):
        require_own(tmp_path, model, benchmark, "--out")
    for model, benchmark in (("gabor", "sim-vision"), ("pixels", "sim-meg"), ("gabor:untrained", "sim-meg@1")):
        with pytest.raises(UserError, match="holds the record of 'gabor' on sim-meg@1") as caught:
            require_own(tmp_path, model, benchmark, "--out")
        assert caught.value.code == "record-elsewhere"
    (tmp_path / "record.json").write_text("{")
    require_own(tmp_path, "pixels", "sim-meg", "--out")
