"""The command line as a person meets it."""

import pytest

from gyral.cli.main import main


@pytest.fixture
def gyral(capsys):
    """Run the command line: exit status, standard output, standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return left.value.code, out, err

    return run
