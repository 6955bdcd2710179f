"""From files to a pack: numbers, order, resuming, memory, processes."""

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
from gyral.datasets.source_plan import plan_source
from gyral.errors import BadDataset, UserError
from source_folder import SHAPE, beta_folder, built, describe, image_stimuli, write_csv


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
    assert [plan.repeats(s) for s in ("sub-01", "sub-02")] == [2, 2]
    assert all((counts == 2).all() for counts in plan.shown.values())


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
