"""Records on disk: whole or not there, and in words where the disk does not allow them."""

import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("array", ["predictions", "redraws"])
def test_save_on_a_full_disk_keeps_the_older_record(tmp_path: Path, array: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAVE, str(tmp_path), array], capture_output=True, text=True, check=False
    )
    assert done.stdout == "disk-full True ['record']\n", done.stderr
