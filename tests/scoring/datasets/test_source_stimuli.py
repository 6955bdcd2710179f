"""What stimuli may be: frames of a video by clip, and where images were shown."""

from dataclasses import replace

import pytest

from gyral.datasets.pack import read_pack
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset
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


def test_position_rests_in_the_pack_and_changes_no_hash(pictures, tmp_path):
    digest, _ = built(tmp_path, pictures)
    assert "position" not in (tmp_path / "pack" / "dataset.toml").read_text()
    assert read_pack(tmp_path / "pack").stimuli.shown == "8 degrees of visual angle wide"
    pictures["stimuli"]["position"] = [3, -1.5]
    assert built(tmp_path, pictures)[0] == digest
    stimuli = read_pack(tmp_path / "pack").stimuli
    assert stimuli.position == stimuli.subset([1, 3]).position == (3.0, -1.5)
    assert stimuli.shown == "8 degrees of visual angle wide, centre 3 degrees right of fixation and 1.5 below it"


@pytest.mark.parametrize(
    ("position", "said"),
    [
        ([1.0, 181.0], "two numbers from -180 to 180"),
        ([float("nan"), 0.0], "two numbers from -180 to 180"),
        ([3.0], "stimuli.position"),
        ("left", "stimuli.position"),
    ],
)
def test_a_position_that_cannot_be_is_refused(pictures, tmp_path, position, said):
    pictures["stimuli"]["position"] = position
    with pytest.raises(BadDataset, match=said):
        built(tmp_path, pictures)


def test_a_position_goes_with_a_width_and_with_images(pictures, tmp_path):
    pictures["stimuli"]["position"] = [0.0, 0.0]
    del pictures["stimuli"]["degrees"]
    with pytest.raises(BadDataset, match="nothing says how wide"):
        built(tmp_path, pictures)
    with pytest.raises(BadDataset, match="text stimuli have no position"):
        replace(StimulusSet.from_texts(["a", "b"]), position=(0.0, 0.0))


@pytest.mark.parametrize("field", [{"position": [1.0, 0.0]}, {"tier": "words"}])
def test_events_that_are_stimuli_have_no_table_to_say_more_of(pictures, tmp_path, field):
    with pytest.raises(BadDataset, match="goes with a table of stimuli"):
        built(tmp_path, {**pictures, "stimuli": {"modality": "label", **field}})
