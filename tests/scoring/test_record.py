"""Records on disk: whole or not there, and in words where the disk does not allow them."""

import subprocess
import sys
from pathlib import Path

import pytest

from gyral.errors import BadUpload
from gyral.result import load_record

# A limit on file size refuses writes as a full disk does.
SAVE = """
import resource, sys
from pathlib import Path
import numpy as np
from gyral import evaluate_arrays
from gyral.errors import UserError
rng = np.random.default_rng(0)
x = rng.standard_normal((60, 3))
result = evaluate_arrays(x, x @ rng.standard_normal((3, 2)))
folder = Path(sys.argv[1]) / "record"
result.save(folder)
before = (folder / "record.json").read_bytes()
setattr(result, sys.argv[2], np.ones((1, 1000, 1000)))
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, resource.RLIM_INFINITY))
try:
    result.save(folder)
except UserError as error:
    print(error.code, (folder / "record.json").read_bytes() == before, [p.name for p in folder.parent.iterdir()])
"""


def test_what_is_no_json_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("of a year")
    with pytest.raises(BadUpload) as refused:
        load_record(tmp_path / "notes.txt")
    assert str(refused.value).startswith(f"{tmp_path / 'notes.txt'}: this is no valid JSON: ")
    (tmp_path / "notes.txt").write_text('{"schema_version": 1}')
    with pytest.raises(BadUpload, match="notes.txt: [a-z_]+: "):
        load_record(tmp_path / "notes.txt")


@pytest.mark.parametrize("array", ["predictions", "redraws"])
def test_save_on_a_full_disk_keeps_the_older_record(tmp_path: Path, array: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAVE, str(tmp_path), array], capture_output=True, text=True, check=False
    )
    assert done.stdout == "disk-full True ['record']\n", done.stderr
