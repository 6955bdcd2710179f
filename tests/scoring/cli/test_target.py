"""A word that means a dataset or a folder: a folder without a pack is said to be one."""

from pathlib import Path

import pytest

from gyral.cli.main import main


@pytest.mark.parametrize("command", [["audit"], ["data", "check"], ["data", "preview"], ["decode"]])
def test_a_folder_without_a_pack_is_no_unknown_name(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([*command, str(tmp_path)])
    said = capsys.readouterr().err
    assert left.value.code == 1
    assert f"{tmp_path}: there is no dataset.toml in it: it is no pack." in said
    assert f"`gyral data build {tmp_path}`" in said
