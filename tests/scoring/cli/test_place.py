"""Files that commands are asked to write."""

from pathlib import Path

import pytest

from gyral.cli.place import require_place
from gyral.errors import UserError


def test_place_in_a_folder_that_exists_is_taken(tmp_path: Path) -> None:
    require_place(tmp_path / "new.html", "--html")


@pytest.mark.parametrize("name", ["missing/new.html", "."])
def test_place_that_cannot_be_written_is_refused_by_its_option(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        require_place(tmp_path / name, "--html")
    assert (caught.value.code, caught.value.where) == ("no-place", "--html")
