"""What stimuli may be: frames of a video by clip, and where images were shown."""

import pytest

from gyral.datasets.pack import read_pack
from source_folder import built, image_stimuli, write_csv


@pytest.fixture
def pictures(tmp_path):
    """Twelve pictures, and a voxel that answered to each; the tables of a description."""
    stimuli = image_stimuli(tmp_path)
    write_csv(
        tmp_path / "x.csv", stimulus=[f"item{i:02d}" for i in range(12)], V1=[float(i % 5) for i in range(12)]
    )
    responses = {"reader": "table", "kind": "fMRI", "unit": "z", "subjects": ["x"], "files": "{subject}.csv"}
    return {
        "stimuli": stimuli,
        "responses": {**responses, "units": ["V1"]},
        "regions": [{"name": "V1", "all": True}],
    }


def test_frames_of_a_clip_stand_on_one_side_of_a_split(pictures, tmp_path):
    clips = [f"clip{i // 4}" for i in range(12)]
    write_csv(tmp_path / "frames.csv", id=[f"item{i:02d}" for i in range(12)],
              frame=[f"item{i:02d}.png" for i in range(12)], clip=clips)  # fmt: skip
    told = {"modality": "image", "table": "frames.csv", "file": "frame", "folder": "pictures", "group": "clip"}
    _, made = built(tmp_path, {**pictures, "stimuli": told})
    assert any("leave-one-group-out in 3 folds is proposed" in note for note in made.notes)
    pack = read_pack(tmp_path / "pack")
    assert pack.stimuli.groups == tuple(clips)
    for fold in pack.split().folds:
        held, left = ({clips[row] for row in rows} for rows in (fold.test, fold.train))
        assert len(held) == 1 and not held & left
