"""From files to a pack: numbers, order, resuming, memory, processes, and every fault of a user's."""

import gzip
import json
import shutil
import tracemalloc

import numpy as np
import pytest

from gyral.datasets.manifest import read_manifest
from gyral.datasets.pack import check_pack, content_hash, read_pack
from gyral.datasets.source import read_source
from gyral.datasets.source_build import assemble, build_pack
from gyral.datasets.source_plan import plan_source, propose_split
from gyral.errors import BadDataset, UnknownName, UserError
from source_folder import ABOUT, AFFINE, SHAPE, beta_folder, describe, image_stimuli, write_csv, write_nifti


@pytest.fixture
def betas(tmp_path):
    """A description's tables and the folder they are about."""
    folder = tmp_path / "own"
    return beta_folder(folder), folder


def built(folder, tables, **options):
    describe(folder, **tables)
    return build_pack(folder, folder / "pack", **options)


def test_pack_holds_the_numbers_of_the_images_by_stimulus_and_repeat(betas):
    tables, folder = betas
    digest, made = built(folder, tables)
    pack = read_pack(folder / "pack")
    assert check_pack(folder / "pack") == []
    assert pack.content_hash == digest == content_hash(made.dataset)
    assert pack.stimuli.ids == tuple(f"item{i:02d}" for i in range(12))
    assert pack.stimuli.groups[:3] == ("scene0", "scene0", "scene1")
    assert pack.stimuli.degrees == 8.0
    assert pack.stimuli.columns["size"].tolist()[:3] == [0.0, 0.1, 0.2]
    voxels = [np.ravel_multi_index((i, j, k), SHAPE) for i in (1, 2) for j in (1, 2) for k in (0, 1)]
    first = pack.units[pack.units["subject"] == "sub-01"]
    assert [tuple(r) for r in first[["i", "j", "k"]].to_numpy()] == [np.unravel_index(v, SHAPE) for v in voxels]
    expected = 100 * np.array(voxels) + np.arange(12)[:, None]
    for subject in ("sub-01", "sub-02"):
        repeats = np.asarray(pack.responses.repeats[subject])
        # the second session showed them in reversed order
        np.testing.assert_allclose(repeats[:, 0], expected, rtol=1e-6)
        np.testing.assert_allclose(repeats[:, 1], expected + 0.1, rtol=1e-6)
        np.testing.assert_allclose(pack.responses.values[subject], expected + 0.05, rtol=1e-6)
    assert len(pack.region("cortex")) == 16
    v1 = pack.region("V1")
    assert (v1.path, pack.units["i"].iloc[v1.units].tolist()) == (("cortex", "V1"), [1] * 8)
    assert "cortex and V1 share 8 units" in made.notes[0]
    assert not list(folder.glob(".pack*"))


def test_build_goes_on_behind_finished_subjects_and_reads_changed_ones_again(tmp_path):
    folder = tmp_path / "own"
    tables = beta_folder(folder, compressed=False)
    source = read_source(describe(folder, **tables))
    work = folder.parent / "work"
    damaged = folder / "sub-02" / "sub-02_ses-2_betas.nii"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-100])
    with pytest.raises(BadDataset) as fault:
        assemble(source, folder, work)
    assert fault.value.code == "image-truncated"
    assert "sub-02_ses-2_betas.nii" in str(fault.value)
    read = []

    def watch(step, done, total):
        read.append(step)

    damaged.write_bytes(whole)
    made = assemble(source, folder, work, progress=watch)
    assert "read sub-02" in read
    assert "read sub-01" not in read
    assert made.dataset.responses.subjects == ("sub-01", "sub-02")
    other = folder / "sub-01" / "sub-01_ses-1_betas.nii"
    shutil.copy(folder / "sub-01" / "sub-01_ses-2_betas.nii", other)
    read.clear()
    again = assemble(source, folder, work, progress=watch)
    assert "read sub-01" in read
    assert "read sub-02" not in read
    assert content_hash(again.dataset) != content_hash(made.dataset)


def test_processes_side_by_side_make_the_same_pack_and_hand_faults_back(betas):
    tables, folder = betas
    alone, _ = built(folder, tables)
    together, _ = built(folder, tables, jobs=2)
    assert alone == together
    tables["responses"]["mask"] = "sub-01/sub-01_V1.nii.gz"
    tables["regions"] = [{"name": "x", "units": ["voxel-999"]}]
    with pytest.raises(UserError, match="voxel-999"):
        built(folder, tables, jobs=2)


def test_memory_stays_below_the_budget_however_many_rows_there_are(tmp_path):
    draw = np.random.default_rng(0)
    peaks = {}
    for rows in (100, 1600):
        folder = tmp_path / str(rows)
        folder.mkdir()
        np.save(folder / "responses.npy", draw.standard_normal((rows, 10_000), np.float32))
        write_csv(
            folder / "stimuli.csv", id=[f"s{i}" for i in range(rows)], text=[f"words {i}" for i in range(rows)]
        )
        describe(
            folder,
            stimuli={"modality": "text", "table": "stimuli.csv", "text": "text"},
            responses={
                "reader": "array",
                "kind": "fMRI",
                "unit": "z",
                "subjects": ["s"],
                "files": "responses.npy",
            },
            regions=[{"name": "all", "all": True}],
        )
        tracemalloc.start()
        build_pack(folder, folder / "pack", budget=8 << 20)
        peaks[rows] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # 4 and 64 MB of responses; tables of 10,000 units cost the same in both
    assert peaks[1600] < peaks[100] + (12 << 20), peaks


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


def test_files_of_a_pack_made_before_are_not_read_as_the_source(tmp_path):
    folder = tmp_path / "own"
    stimuli = image_stimuli(folder, 6)
    np.save(folder / "r.npy", np.arange(12.0).reshape(6, 2) ** 2)
    tables = {
        "stimuli": stimuli,
        "responses": {"reader": "array", "kind": "EEG", "unit": "V", "subjects": ["s"], "files": "**/*.npy"},
        "regions": [{"name": "all", "all": True}],
    }
    assert built(folder, tables)[0] == built(folder, tables)[0]


def test_pack_that_is_no_pack_is_not_overwritten(betas):
    tables, folder = betas
    (folder / "pack").mkdir()
    (folder / "pack" / "thesis.txt").write_text("mine")
    with pytest.raises(BadDataset, match="something else than a pack"):
        built(folder, tables)
    with pytest.raises(BadDataset, match="replace its own source"):
        build_pack(folder, folder)
    assert (folder / "pack" / "thesis.txt").read_text() == "mine"


def broken(change):
    """A folder with one thing wrong; the description's tables."""

    def make(folder):
        tables = beta_folder(folder)
        change(tables, folder)
        return tables

    return make


def first(folder, what):
    return folder / "sub-01" / f"sub-01_{what}.nii.gz"


def flip(tables, folder):
    write_nifti(first(folder, "V1"), np.ones(SHAPE), affine=AFFINE * np.array([-1, 1, 1, 1]))


def shift(tables, folder):
    write_nifti(first(folder, "V1"), np.ones(SHAPE), affine=AFFINE + np.array([[0, 0, 0, 1.5], *[[0] * 4] * 3]))


def cut(tables, folder):
    path = first(folder, "ses-1_betas")
    path.write_bytes(path.read_bytes()[:200])


def no_orientation(tables, folder):
    import nibabel

    path = first(folder, "ses-1_betas")
    image = nibabel.load(path)
    bare = nibabel.Nifti1Image(np.asarray(image.dataobj), None)
    nibabel.save(bare, path)


def trials(**columns):
    return lambda tables, folder: write_csv(folder / "sub-01" / "sub-01_trials.csv", **columns)


def stimuli(text):
    return lambda tables, folder: (folder / "stimuli.csv").write_text(text)


def put(*path):
    """Set a field of the description: names, then the value."""
    *names, last, value = path

    def change(tables, folder):
        at = tables
        for name in names:
            at = at[name]
        at[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda t, f: write_nifti(first(f, "V1"), np.ones((4, 3, 3))), "image-shape", "(4, 3, 3)"),
        (flip, "image-flipped", "its axes point to RAS, those of sub-01_ses-1_betas.nii.gz to LAS"),
        (shift, "image-affine", "first voxel 1.5 mm apart"),
        (lambda t, f: write_nifti(first(f, "ses-2_betas"), np.ones((4, 4, 2, 12))), "image-shape", "ses-2"),
        (no_orientation, "image-affine", "says nothing of orientation"),
        (cut, "not-an-image|image-truncated", "sub-01_ses-1_betas.nii.gz"),
        (lambda t, f: first(f, "ses-1_betas").write_bytes(b"no image"), "not-an-image", "sub-01_ses-1"),
        (lambda t, f: write_nifti(first(f, "mask"), np.zeros(SHAPE)), "empty-mask", "nothing is inside"),
        (lambda t, f: t["responses"].pop("mask") and t["regions"].pop(), "no-mask", "which places are units"),
        (trials(stimulus=["item00"] * 23), "trial-count", "23 trials in the table, 24 rows"),
        (trials(stimulus=["itme00"] * 24), "stimulus-unknown", "'itme00' first"),
        (trials(stimulis=["item00"] * 24), "unknown-name", "Did you mean 'stimulis'?"),
        (lambda t, f: (f / "sub-01" / "sub-01_trials.csv").unlink(), "file-missing", "sub-01_trials.csv"),
        (put("responses", "trials", "../trials.csv"), "path-escapes", "leaves the folder"),
        (put("responses", "files", "/etc/passwd"), "path-escapes", "leaves the folder"),
        (put("stimuli", "folder", "C:\\pictures"), "path-escapes", "leaves the folder"),
        (stimuli("id,picture,scene,animate,size\na,../../x.png,b,1,1\n"), "path-escapes", "../../x.png"),
        (
            stimuli("id,picture,scene,animate,size\na,item00.png,b,1,1\na,item01.png,b,1,1\n"),
            "stimulus-ids",
            "rows 1 and 2",
        ),
        (stimuli("id,picture,scene,animate,size\n,item00.png,b,1,1\n"), "stimulus-ids", "row 1 has no id"),
        (stimuli("id,picture,scene,animate,size\na,item77.png,b,1,1\n"), "stimulus-missing", "item77.png"),
        (stimuli("id,picture,scene,animate,size\n"), "table", "no row"),
        (put("stimuli", "table", "stimuli.xlsx"), "file-missing", "stimuli.xlsx"),
        (put("regions", 1, "at_least", 20), "region-small", "'V1' has 8 units, at least 20"),
        (put("regions", 1, "maks", "x.nii"), "source", "Did you mean 'mask'?"),
        (put("about", {**ABOUT, "licence": "TODO"}), "unfinished", "about.licence"),
        (put("source", 2), "source-version", "source version 2 is not known"),
        (put("split", {"kind": "grouped", "folds": 9}), "too-few-samples", "6 groups"),
        (put("published", [{"region": "V9", "value": 0.5, "unit": "r2", "source": "x"}]), "bad-dataset", "V9"),
    ],
)
def test_bad_input_is_named(tmp_path, change, code, words):
    folder = tmp_path / "own"
    tables = broken(change)(folder)
    with pytest.raises(UserError) as fault:
        built(folder, tables)
    assert fault.value.code in code.split("|")
    assert words in str(fault.value)
    assert not (folder / "pack").exists()


def test_link_out_of_the_folder_is_refused(betas, tmp_path):
    tables, folder = betas
    outside = tmp_path / "outside.csv"
    shutil.copy(folder / "sub-01" / "sub-01_trials.csv", outside)
    (folder / "sub-01" / "sub-01_trials.csv").unlink()
    (folder / "sub-01" / "sub-01_trials.csv").symlink_to(outside)
    with pytest.raises(BadDataset) as fault:
        built(folder, tables)
    assert fault.value.code == "path-escapes"


def test_pack_and_source_are_told_apart(betas):
    tables, folder = betas
    built(folder, tables)
    with pytest.raises(BadDataset, match="gyral data build") as fault:
        read_manifest(folder)
    assert fault.value.code == "not-a-pack"
    with pytest.raises(BadDataset, match="a pack already"):
        read_source(folder / "pack")
    path = folder / "pack" / "dataset.toml"
    path.write_text(path.read_text().replace("pack = 1", "pack = 9"))
    with pytest.raises(BadDataset, match="newer Gyral"):
        read_manifest(folder / "pack")


def test_plan_reads_headers_only(betas, tmp_path):
    tables, folder = betas
    plan = plan_source(read_source(describe(folder, **tables)), folder, tmp_path)
    assert (plan.rows, plan.units) == ({"sub-01": 24, "sub-02": 24}, {"sub-01": 8, "sub-02": 8})
    assert plan.repeats == {"sub-01": 2, "sub-02": 2}


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


def test_provenance_says_what_it_was_made_of(betas):
    tables, folder = betas
    built(folder, tables)
    text = (folder / "pack" / "PROVENANCE.md").read_text()
    assert "sub-01/sub-01_ses-1_betas.nii.gz" in text
    assert "Nobody (2026)." in text
    (folder / "PROVENANCE.md").write_text("mine\n")
    built(folder, tables)
    assert (folder / "pack" / "PROVENANCE.md").read_text() == "mine\n"


def test_compressed_and_plain_files_are_the_same_data(tmp_path):
    packed = {}
    for compressed in (True, False):
        folder = tmp_path / str(compressed)
        packed[compressed], _ = built(folder, beta_folder(folder, compressed=compressed), budget=3000)
    assert packed[True] == packed[False]
    assert json.loads(json.dumps(packed[True]))
    assert gzip.GzipFile  # compressed ones went through gzip, block by block
