"""What a build makes of stimuli, rows, units and times of each subject."""

import numpy as np
import pandas as pd
import pytest

from gyral.datasets.pack import read_pack
from gyral.datasets.source_plan import propose_split
from gyral.errors import BadDataset, UnknownName
from source_folder import SHAPE, built, image_stimuli, write_csv, write_nifti


def test_split_is_proposed_by_groups_and_said(betas):
    tables, folder = betas
    del tables["split"]
    _, made = built(folder, tables)
    assert made.dataset.split().name == "grouped-5"
    assert any("no [split] is declared; grouped in 5 folds is proposed" in note for note in made.notes)
    stimuli = made.dataset.stimuli
    import dataclasses

    few = dataclasses.replace(stimuli, groups=tuple("ab" * 6))
    assert propose_split(few, None).kind == "leave-one-group-out"
    assert propose_split(dataclasses.replace(stimuli, groups=None), None).kind == "contiguous"


def test_units_may_differ_between_subjects(betas):
    tables, folder = betas
    larger = np.zeros(SHAPE)
    larger[1:3, 1:, :] = 1
    larger[2, 2, 1] = 0
    write_nifti(folder / "sub-02" / "sub-02_mask.nii.gz", larger)
    _, made = built(folder, tables)
    assert [v.shape[1] for v in made.dataset.responses.values.values()] == [8, 7]
    assert len(made.dataset.region("cortex")) == 15


def test_stimuli_that_a_subject_never_saw_are_refused_or_dropped_for_all(betas):
    tables, folder = betas
    path = folder / "sub-02" / "sub-02_trials.csv"
    path.write_text(path.read_text().replace("item03", "blank"))
    tables["responses"]["ignore"] = ["blank"]
    with pytest.raises(BadDataset, match="never saw 1 of 12 stimuli, 'item03' first") as fault:
        built(folder, tables)
    assert fault.value.code == "stimulus-unseen"
    tables["stimuli"]["unseen"] = "drop"
    _, made = built(folder, tables)
    assert len(made.dataset.stimuli) == 11
    assert "item03" not in made.dataset.stimuli.ids
    np.testing.assert_allclose(made.dataset.responses.values["sub-01"][3] % 100, 4.05, rtol=1e-4)


def test_nan_inside_the_mask_is_refused_or_its_units_left_out(betas):
    tables, folder = betas
    del tables["responses"]["mask"]
    whole = write_nifti(folder / "all.nii.gz", np.ones(SHAPE))
    tables["responses"]["mask"] = whole.name
    with pytest.raises(BadDataset, match="16 of 24 units are NaN") as fault:
        built(folder, tables)
    assert fault.value.code == "not-finite"
    tables["responses"]["not_a_number"] = "drop"
    _, made = built(folder, tables)
    assert made.dataset.responses.n_units == 16
    assert "subject sub-01: 16 units with NaN were left out" in made.notes
    assert len(made.dataset.region("V1")) == 8


def test_zscore_takes_each_file_by_itself(betas):
    tables, folder = betas
    tables["responses"]["zscore"] = "file"
    _, made = built(folder, tables, budget=1000)
    repeats = np.asarray(made.dataset.responses.repeats["sub-01"], np.float64)
    np.testing.assert_allclose(repeats.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(repeats.std(axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(repeats[:, 0], repeats[:, 1], atol=1e-4)


def test_table_with_a_column_of_subjects(tmp_path):
    stimuli = image_stimuli(tmp_path, 6)
    ids = [f"item{i:02d}" for i in range(6)]
    write_csv(
        tmp_path / "r.csv",
        subject=["a"] * 6 + ["b"] * 6,
        stimulus=ids * 2,
        IFG=np.arange(12.0),
        STS=-np.arange(12.0),
        note=["x"] * 12,
    )
    tables = {
        "stimuli": stimuli,
        "responses": {"reader": "table", "kind": "fMRI", "unit": "z", "subjects": ["a", "b"], "files": "r.csv"},
        "regions": [{"column": "unit", "path": ["language"]}],
    }
    _, made = built(tmp_path, tables)
    assert [r.path for r in made.dataset.regions] == [("language", "IFG"), ("language", "STS")]
    assert made.dataset.responses.values["b"][0].tolist() == [6, -6]
    tables["responses"]["subjects"] = ["a", "c"]
    with pytest.raises(BadDataset, match="no row of subject 'c'"):
        built(tmp_path, tables)
    text = (tmp_path / "r.csv").read_text().replace("3.0", "three")
    (tmp_path / "r.csv").write_text(text)
    tables["responses"] |= {"subjects": ["a"], "units": ["IFG"]}
    with pytest.raises(BadDataset, match="column 'IFG', row 4: 'three' is no number"):
        built(tmp_path, tables)
    tables["responses"]["units"] = ["IFC"]
    with pytest.raises(UnknownName, match="IFC"):
        built(tmp_path, tables)


def rated(folder, cells, **responses):
    """A table a person, one of them with the cells of a second unit; the description."""
    stimuli = image_stimuli(folder, 6)
    ids = [f"item{i:02d}" for i in range(6)]
    write_csv(folder / "a.csv", stimulus=ids, u1=np.arange(6.0), u2=np.arange(6.0), hand=["left"] * 6)
    write_csv(folder / "b.csv", stimulus=ids, u1=np.arange(6.0), u2=cells, hand=["left"] * 6)
    told = {"reader": "table", "kind": "fMRI", "unit": "z", "subjects": ["a", "b"], "files": "{subject}.csv"}
    regions = [{"name": "all", "all": True}]
    return {"stimuli": stimuli, "responses": {**told, **responses}, "regions": regions}


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([0, 1, "x", 3, 4, 5], "b.csv: column 'u2' holds numbers, but row 3 says 'x'"),
        (["0,5"] * 6, "b.csv: column 'u2' holds numbers, but row 1 says '0,5'"),
    ],
)
def test_a_text_among_numbers_does_not_drop_a_unit_of_one_person(tmp_path, cells, words):
    with pytest.raises(BadDataset, match=words) as fault:
        built(tmp_path, rated(tmp_path, cells))
    assert fault.value.code == "table"


def test_columns_that_are_no_units_are_noted(tmp_path):
    _, made = built(tmp_path, rated(tmp_path, np.arange(6.0)))
    assert "columns without numbers are no units: 'hand' (a, b)" in made.notes


def test_a_column_that_picks_trials_is_no_unit(tmp_path):
    tables = rated(tmp_path, np.arange(6.0), where={"session": "1"})
    for subject in "ab":
        table = pd.read_csv(tmp_path / f"{subject}.csv")
        pd.concat([table.assign(session=1), table.assign(session=2)]).to_csv(
            tmp_path / f"{subject}.csv", index=False
        )
    _, made = built(tmp_path, tables)
    assert made.dataset.units["unit"].tolist() == ["u1", "u2"] * 2
    assert not made.dataset.responses.repeats


def sized(folder, **sizes):
    """A table a person and session, of numbers of a size each; the description."""
    stimuli = image_stimuli(folder, 6)
    for name, size in sizes.items():
        write_csv(folder / f"{name}.csv", stimulus=[f"item{i:02d}" for i in range(6)], u=size * np.arange(1, 7))
    told = {"reader": "table", "kind": "fMRI", "unit": "%", "subjects": ["a", "b"], "files": "{subject}*.csv"}
    return {"stimuli": stimuli, "responses": told, "regions": [{"name": "all", "all": True}]}


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"a1": 0.01, "a2": 1.0, "b": 1.0}, "a2.csv: its numbers are of a size of 3.5, those of a1.csv of 0.035"),
        ({"a": 1.0, "b": 0.01}, "numbers of subject 'a' are of a size of 3.5, those of 'b' of 0.035"),
        ({"a": 1.0, "b": 0.015}, "not in one unit"),
    ],
)
def test_percent_and_fractions_are_not_mixed(tmp_path, sizes, words):
    with pytest.raises(BadDataset, match=words) as fault:
        built(tmp_path, sized(tmp_path, **sizes))
    assert fault.value.code == "mixed-units"


def test_sizes_ten_times_apart_are_noted(tmp_path):
    _, made = built(tmp_path, sized(tmp_path, a=1.0, b=0.3))
    assert not [n for n in made.notes if "one unit" in n]
    other = tmp_path / "other"
    _, made = built(other, sized(other, a1=0.05, a2=1.0, b=25.0))
    assert [n for n in made.notes if "one unit" in n] == [
        "numbers of a2.csv of subject 'a' are of a size of 3.5, those of a1.csv of 0.175: are they in one unit?",
        "numbers of subject 'b' are of a size of 87.5, those of 'a' of 1.84: are they in one unit?",
    ]


def test_words_in_time_come_through_a_table(tmp_path):
    draw = np.random.default_rng(1)
    words, rows = 40, 30
    write_csv(
        tmp_path / "words.csv",
        id=[f"w{i}" for i in range(2 * words)],
        word=["once"] * 2 * words,
        story=["a"] * words + ["b"] * words,
        start=[f"{1.4 * i:.1f}" for i in range(words)] * 2,
    )
    for subject in "xy":
        write_csv(
            tmp_path / f"{subject}.csv",
            story=["a"] * rows + ["b"] * rows,
            loudness=draw.normal(size=2 * rows),
            STG=draw.normal(size=2 * rows),
        )
    tables = {
        "stimuli": {"modality": "text", "table": "words.csv", "text": "word", "group": "story", "onset": "start"},
        "responses": {
            "reader": "table",
            "kind": "fMRI",
            "unit": "z",
            "subjects": ["x", "y"],
            "files": "{subject}.csv",
            "story": "story",
            "units": ["STG"],
        },
        "regions": [{"name": "STG", "all": True}],
        "timeline": {"period": 2.0, "signals": {"loudness": ["loudness"]}},
    }
    _, made = built(tmp_path, tables)
    pack = read_pack(tmp_path / "pack")
    assert (pack.samples, len(pack.stimuli)) == (60, 80)
    assert pack.timeline.delays == (1, 2, 3, 4)
    assert list(pack.timeline.signals) == ["loudness"]
    assert pack.split().name == "leave-one-group-out"
    path = tmp_path / "words.csv"
    path.write_text("\n".join(line.replace(".", "") for line in path.read_text().splitlines()))
    with pytest.raises(BadDataset) as fault:
        built(tmp_path, tables)
    assert fault.value.code == "timeline-onsets"
    write_csv(tmp_path / "y.csv", story=["a"] * 60, loudness=[0.0] * 60, STG=draw.normal(size=60))
    with pytest.raises(BadDataset, match="differ from those of 'x'"):
        built(tmp_path, tables)
