"""Job folders: staged stimuli, and none left behind."""

import subprocess
import sys
from pathlib import Path

import pytest

import uploads
from gyral.errors import BadDataset
from gyral.isolation.job import Job, sweep


@pytest.mark.parametrize("link", [True, False])
def test_stage_names_files_by_row_and_keeps_their_bytes(tmp_path: Path, link: bool) -> None:
    stimuli = uploads.pictures(tmp_path / "pictures")
    job = Job(tmp_path / "jobs")
    fields = job.stage(stimuli, link=link)
    assert fields["files"] == [f"{row:07d}.png" for row in range(5)]
    for name, source in zip(fields["files"], stimuli.files or (), strict=True):
        staged = job.folder / "stimuli" / name
        assert staged.read_bytes() == source.read_bytes()
        assert staged.samefile(source) == link
    job.remove()
    assert all(file.is_file() for file in stimuli.files or ())


def test_stage_names_a_missing_file(tmp_path: Path) -> None:
    stimuli = uploads.pictures(tmp_path / "pictures")
    (tmp_path / "pictures" / "picture-3.png").unlink()
    job = Job(tmp_path / "jobs")
    with pytest.raises(BadDataset, match="picture-3") as caught:
        job.stage(stimuli, link=False)
    assert caught.value.code == "stimulus-missing"
    job.remove()


def test_sweep_takes_only_what_a_dead_host_left(tmp_path: Path) -> None:
    parent = tmp_path / "jobs"
    living = Job(parent)
    code = f"from pathlib import Path; from gyral.isolation.job import Job; Job(Path({str(parent)!r})); import os; os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(list(parent.iterdir())) == 2
    assert sweep(parent) == 1
    assert list(parent.iterdir()) == [living.folder]
    living.remove()
    living.remove()
    assert list(parent.iterdir()) == []
