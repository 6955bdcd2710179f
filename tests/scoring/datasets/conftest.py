"""The command that every published layout starts with, and a folder of betas."""

import tomllib

import pytest

from gyral.cli.main import main
from source_folder import beta_folder


@pytest.fixture
def begun(capsys):
    """Run `gyral data init` on a folder; the fields of its draft, and what was said."""

    def run(folder, status=0):
        with pytest.raises(SystemExit) as left:
            main(["data", "init", str(folder), "--force"])
        out, err = capsys.readouterr()
        assert left.value.code == status, err
        assert "Traceback" not in err
        return (tomllib.loads((folder / "dataset.toml").read_text()), out) if status == 0 else err

    return run


@pytest.fixture
def betas(tmp_path):
    """A description's tables and the folder they are about."""
    folder = tmp_path / "own"
    return beta_folder(folder), folder
