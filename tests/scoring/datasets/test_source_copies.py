"""Files with equal bytes among responses are noted, and found without reading every file whole."""

import shutil

from gyral.datasets import source_copies
from gyral.datasets.source_copies import equal_files
from source_folder import built, write_csv


def test_a_session_that_is_a_copy_is_noted(betas):
    tables, folder = betas
    _, made = built(folder, tables)
    assert not [n for n in made.notes if "byte for byte" in n]
    own = folder / "sub-01" / "sub-01_ses-1_betas.nii.gz"
    shutil.copyfile(own, own.with_name("sub-01_ses-2_betas.nii.gz"))
    _, made = built(folder, tables)
    assert [n for n in made.notes if "byte for byte" in n] == [
        "files of sub-01 are equal byte for byte: sub-01_ses-1_betas.nii.gz, sub-01_ses-2_betas.nii.gz; was one copied by mistake?"
    ]


def test_a_person_that_is_a_copy_of_another_is_noted(betas):
    tables, folder = betas
    own = folder / "sub-01" / "sub-01_ses-2_betas.nii.gz"
    shutil.copyfile(own, folder / "sub-02" / "sub-02_ses-2_betas.nii.gz")
    _, made = built(folder, tables)
    assert [n for n in made.notes if "byte for byte" in n] == [
        "files of sub-01 and sub-02 are equal byte for byte: sub-01_ses-2_betas.nii.gz, sub-02_ses-2_betas.nii.gz; was one copied by mistake?"
    ]


def test_one_table_of_two_people_is_no_copy(betas):
    tables, folder = betas
    ids = [f"item{i:02d}" for i in range(12)]
    write_csv(folder / "both.csv", subject=["a"] * 12 + ["b"] * 12, stimulus=ids * 2, V1=range(24))
    tables["responses"] = {
        "reader": "table",
        "kind": "fMRI",
        "unit": "z",
        "subjects": ["a", "b"],
        "files": "both.csv",
    }
    tables["regions"] = [{"name": "V1", "all": True}]
    _, made = built(folder, tables)
    assert not [n for n in made.notes if "byte for byte" in n]


def test_files_are_read_whole_only_where_samples_agree(tmp_path, monkeypatch):
    read = []
    whole = source_copies.hash_file
    monkeypatch.setattr(source_copies, "hash_file", lambda p: read.append(p.name) or whole(p))
    paths = [tmp_path / name for name in "abcd"]
    for path, text in zip(paths, (b"x" * 9, b"x" * 9, b"y" * 9, b"x" * 8), strict=True):
        path.write_bytes(text)
    assert equal_files(paths) == [paths[:2]]
    assert read == ["a", "b"]
