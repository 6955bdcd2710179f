"""Dissimilarities in the layouts people keep them in."""

import io

import numpy as np
import pytest
from scipy.io import savemat
from scipy.spatial.distance import squareform

from gyral.datasets.readers.rdm import read_rdms
from gyral.datasets.source import RdmSource, read_source
from gyral.datasets.source_build import build_pack
from gyral.datasets.source_plan import plan_source
from gyral.errors import UserError
from source_folder import describe, image_stimuli

ITEMS, SUBJECTS = 6, 3


@pytest.fixture
def stack():
    """Square matrices of three subjects."""
    upper = np.random.default_rng(2).uniform(0.1, 1.9, (SUBJECTS, ITEMS * (ITEMS - 1) // 2))
    return np.stack([squareform(row) for row in upper]).astype(np.float32)


def read(path, **fields):
    return read_rdms(RdmSource(region="IT", kind="fMRI", file=path.name, **fields), path)


def test_every_layout_holds_the_same(tmp_path, stack):
    triangles = np.stack([squareform(m, checks=False) for m in stack])
    np.save(tmp_path / "square.npy", stack)
    np.save(tmp_path / "triangles.npy", triangles)
    np.savez(tmp_path / "named.npz", it=stack, who=np.array(["a", "b", "c"]))
    structs = np.empty((1, SUBJECTS), dtype=[("RDM", object), ("name", object)])
    for i, row in enumerate(triangles):
        structs[0, i] = (row.astype(float), f"subject {i}")
    savemat(tmp_path / "toolbox.mat", {"RDMs": structs})
    savemat(tmp_path / "plain.mat", {"rdm": stack.astype(float)})
    for path in ("square.npy", "triangles.npy", "toolbox.mat", "plain.mat"):
        found = read(tmp_path / path)
        assert found.values.shape == (SUBJECTS, 1, ITEMS, ITEMS), path
        np.testing.assert_allclose(found.values[:, 0], stack, rtol=1e-6)
        assert found.subjects == ("subject-01", "subject-02", "subject-03")
    assert read(tmp_path / "named.npz", key="it", subjects_key="who").subjects == ("a", "b", "c")
    np.save(tmp_path / "sessions.npy", np.stack([stack, stack], axis=1))
    assert read(tmp_path / "sessions.npy").values.shape == (SUBJECTS, 2, ITEMS, ITEMS)
    np.save(tmp_path / "one.npy", stack[0])
    assert read(tmp_path / "one.npy").values.shape == (1, 1, ITEMS, ITEMS)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_files_of_rsatoolbox_are_read(tmp_path, stack):
    from rsatoolbox.rdm import RDMs

    made = RDMs(
        np.stack([squareform(m, checks=False) for m in stack]), rdm_descriptors={"subject": ["BE", "KO", "SN"]}
    )
    made.save(str(tmp_path / "rdms.hdf5"), file_type="hdf5")
    found = read(tmp_path / "rdms.hdf5")
    np.testing.assert_allclose(found.values[:, 0], stack, rtol=1e-6)
    assert read(tmp_path / "rdms.hdf5", subjects_key="subject").subjects == ("BE", "KO", "SN")


@pytest.mark.parametrize(
    ("array", "fields", "code", "words"),
    [
        (np.zeros((3, 5)), {}, "rdm-shape", "neither square matrices nor upper triangles"),
        (np.zeros((2, 2, 2, 4, 4)), {}, "rdm-shape", "too many axes"),
        (np.array(["a"]), {}, "rdm-shape", "no number"),
        (np.zeros((3, 4, 4)), {"subjects": ("a", "b")}, "rdm-shape", "2 subjects are named, 3 have matrices"),
        (np.zeros((3, 4, 4)), {"key": "it"}, "unknown-name", "it"),
    ],
)
def test_bad_matrices_are_named(tmp_path, array, fields, code, words):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(UserError) as fault:
        read(tmp_path / "x.npy", **fields)
    assert fault.value.code == code
    assert words in str(fault.value)


@pytest.mark.parametrize("name", ["x.npz", "x.mat", "x.hdf5", "x.npy", "x.pkl"])
def test_files_that_are_something_else_are_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(UserError, match=name):
        read(tmp_path / name)


def test_pickles_inside_arrays_are_never_read(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "x.npy").write_bytes(stream.getvalue())
    with pytest.raises(UserError, match="allow_pickle"):
        read(tmp_path / "x.npy")


def test_pack_of_matrices_only(tmp_path, stack):
    folder = tmp_path / "own"
    stimuli = image_stimuli(folder, ITEMS)
    np.save(folder / "it.npy", stack)
    describe(
        folder,
        stimuli=stimuli,
        rdms=[
            {"region": "IT", "kind": "fMRI", "file": "it.npy", "path": ["visual"], "title": "Inferior temporal"}
        ],
    )
    _, made = build_pack(folder, tmp_path / "pack")
    assert made.dataset.responses is None
    assert [(r.name, r.path, r.title) for r in made.dataset.regions] == [
        ("IT", ("visual", "IT"), "Inferior temporal")
    ]
    np.save(folder / "it.npy", np.abs(np.random.default_rng(0).normal(size=(2, ITEMS, ITEMS))))
    with pytest.raises(UserError, match=r"it.npy \(RDMs of region 'IT'\): not symmetric: .* rdm.T"):
        build_pack(folder, tmp_path / "pack")
    assert read_source(folder).rdms[0].region == "IT"


def test_a_file_of_several_variables_needs_a_key(tmp_path, stack):
    savemat(tmp_path / "r.mat", {"one": stack, "two": stack})
    with pytest.raises(
        UserError, match="it holds 2 variables, and none is named. key names one of 'one', 'two'"
    ) as fault:
        read(tmp_path / "r.mat")
    assert fault.value.code == "missing-key"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f, m: (f / "it.npy").unlink(), "no file matches 'it.npy'"),
        (lambda f, m: (f / "it.npy").write_bytes((f / "it.npy").read_bytes()[:300]), "it.npy: not a plain array"),
        (lambda f, m: np.save(f / "it.npy", m[:, :-1, :-1]), "is not 3 subjects x sessions x"),
        (lambda f, m: np.save(f / "it.npy", 1 - m), "the diagonal is not zero: a stimulus is 1 from itself"),
        (lambda f, m: np.save(f / "it.npy", np.where(m > np.median(m), np.nan, m)), "it.npy .*NaN or infinite"),
    ],
)
def test_check_reads_the_matrices(tmp_path, stack, spoil, words):
    folder = tmp_path / "own"
    stimuli = image_stimuli(folder, ITEMS)
    np.save(folder / "it.npy", stack)
    describe(folder, stimuli=stimuli, rdms=[{"region": "IT", "kind": "fMRI", "file": "it.npy"}])
    spoil(folder, stack)
    with pytest.raises(UserError, match=words):
        plan_source(read_source(folder), folder, tmp_path / "work")
