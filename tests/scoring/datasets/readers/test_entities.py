"""Names of BIDS files: what belongs together, and which sidecars speak of a file."""

import json
from pathlib import Path

import pytest

from gyral.datasets.readers.entities import entities_of, require_paired, sidecar_of
from gyral.errors import BadDataset

BOLD = Path("sub-01/ses-a/func/sub-01_ses-a_task-faces_run-1_space-T1w_desc-preproc_bold.nii.gz")


@pytest.mark.parametrize(
    "name",
    [
        "sub-01_ses-a_task-faces_run-1_events.tsv",
        "sub-01_ses-a_task-faces_run-01_events.tsv",
        "sub-01_ses-a_task-faces_events.tsv",
        "events.tsv",
        "run_2.csv",
    ],
)
def test_a_file_whose_name_says_nothing_else_belongs_beside(name: str) -> None:
    require_paired(BOLD, Path(name), "events table")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sub-01_ses-a_task-faces_run-2_events.tsv", "run is 2, not 1"),
        ("sub-01_ses-b_task-faces_run-1_events.tsv", "ses is b, not a"),
        ("sub-01_ses-a_task-houses_run-1_events.tsv", "task is houses, not faces"),
        ("sub-02_ses-a_task-faces_run-1_events.tsv", "sub is 02, not 01"),
    ],
)
def test_a_file_of_something_else_is_refused(name: str, words: str) -> None:
    with pytest.raises(BadDataset, match=words) as caught:
        require_paired(BOLD, Path(name), "events table")
    assert caught.value.code == "entities" and name in str(caught.value)


def test_sidecars_are_inherited_and_the_nearest_has_the_last_word(tmp_path: Path) -> None:
    path = tmp_path / BOLD
    path.parent.mkdir(parents=True)

    def write(name: str, **said: object) -> None:
        (tmp_path / name).write_text(json.dumps(said))

    write("dataset_description.json", Name="d", RepetitionTime=9)
    write("task-faces_bold.json", RepetitionTime=2.0, A=1)
    write("task-houses_bold.json", RepetitionTime=7.0)
    write("task-faces_events.json", RepetitionTime=8.0)
    assert sidecar_of(path, tmp_path) == {"RepetitionTime": 2.0, "A": 1}
    assert sidecar_of(path, path.parent) == {}
    write("sub-01/sub-01_task-faces_bold.json", RepetitionTime=1.5)
    assert sidecar_of(path, tmp_path)["RepetitionTime"] == 1.5
    write(str(path.with_name(path.name.split(".")[0] + ".json").relative_to(tmp_path)), RepetitionTime=1.0)
    assert sidecar_of(path, tmp_path) == {"RepetitionTime": 1.0, "A": 1}


@pytest.mark.parametrize("text", ["{", "[1]", "3"])
def test_a_sidecar_that_is_no_object_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "task-x_bold.json").write_text(text)
    with pytest.raises(BadDataset, match="not a BIDS sidecar") as caught:
        sidecar_of(tmp_path / "sub-01_task-x_bold.nii.gz", tmp_path)
    assert "task-x_bold.json" in str(caught.value)


def test_a_name_stands_over_the_folders_it_lies_in() -> None:
    path = Path("/home/sub-99/own") / BOLD
    assert (entities_of(path)["subject"], entities_of(path)["session"]) == ("01", "a")
    assert entities_of(Path("sub-01/ses-a/betas.nii.gz"))["subject"] == "01"


def test_plain_names_have_no_entities() -> None:
    assert not {"subject", "session", "task", "run"} & set(entities_of(Path("betas_3.nii.gz")))
