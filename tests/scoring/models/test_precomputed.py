"""Precomputed features: matched by id and hash, or refused by name."""

import csv
from pathlib import Path

import numpy as np
import pytest

import uploads
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset, BadFeatures, BadUpload, UnknownName, UserError
from gyral.models.card import ModelCard
from gyral.models.model import Batch, Model, Reduction
from gyral.models.precomputed import PrecomputedFeatures, write_features
from gyral.models.upload import check_folder

CARD = ModelCard(name="mine", modality="language", layers=("block.*",))


def arrays(rows: int = 8) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {"flat": (rows, 5), "block.0/attn out": (rows, 4, 3), "map": (rows, 2, 9, 9)}
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def written(folder: Path, stimuli: StimulusSet | None = None) -> Path:
    given = arrays()
    batches = [Batch(s, {n: a[s : s + 3] for n, a in given.items()}) for s in range(0, 8, 3)]
    write_features(folder, CARD, stimuli or uploads.sentences(), batches, benchmark="made@0")
    return folder


def everything(model: Model, stimuli: StimulusSet, **settings: int) -> dict[str, np.ndarray]:
    batches = list(model.batches(stimuli, model.layers(), reduction=Reduction(None), **settings))
    assert [b.start for b in batches] == list(np.cumsum([0, *(len(b) for b in batches[:-1])]))
    return {name: np.concatenate([b.arrays[name] for b in batches]) for name in model.layers()}


def edit_ids(folder: Path, change: object) -> None:
    path = folder / "ids.csv"
    rows = list(csv.reader(path.read_text("utf-8").splitlines()))
    changed = change(rows)  # type: ignore[operator]
    path.write_text("".join(",".join(row) + "\n" for row in changed), "utf-8")


@pytest.mark.parametrize("memory", [1, 1 << 30])
def test_features_written_are_features_read(tmp_path: Path, memory: int) -> None:
    model = PrecomputedFeatures(written(tmp_path))
    assert isinstance(model, Model)
    assert model.layers() == ("flat", "block.0/attn out", "map")
    found = everything(model, uploads.sentences(), memory=memory)
    for name, array in arrays().items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], array)
    assert model.card == CARD.model_copy(update={"layers": ()})
    assert model.manifest.stimuli == uploads.sentences().content_hash


def test_reordered_rows_and_subsets_are_matched_by_id(tmp_path: Path) -> None:
    stimuli = uploads.sentences()
    order = np.random.default_rng(1).permutation(8)[:6]
    model = PrecomputedFeatures(written(tmp_path))
    found = everything(model, stimuli.subset(order))
    np.testing.assert_array_equal(found["flat"], arrays()["flat"][order])
    assert [note.code for note in model.match(stimuli.subset(order)).notes] == [
        "features-reordered",
        "features-extra",
    ]
    assert model.match(stimuli).notes == ()


def test_maps_larger_than_the_grid_are_averaged(tmp_path: Path) -> None:
    model = PrecomputedFeatures(written(tmp_path))
    (batch,) = model.batches(uploads.sentences(), ["map"], reduction=Reduction(3))
    wanted = arrays()["map"].reshape(8, 2, 3, 3, 3, 3).mean(axis=(3, 5))
    np.testing.assert_allclose(batch.arrays["map"], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4"])
def test_other_float_dtypes_are_read(tmp_path: Path, dtype: str) -> None:
    folder = written(tmp_path)
    file = next(folder.glob("000-*.npy"))
    np.save(file, np.load(file).astype(dtype))
    found = everything(PrecomputedFeatures(folder), uploads.sentences())
    np.testing.assert_allclose(found["flat"], arrays()["flat"], rtol=1e-3)


def test_folder_without_named_layers_takes_every_file(tmp_path: Path) -> None:
    folder = written(tmp_path)
    for file in folder.glob("*.npy"):
        file.unlink()
    np.save(folder / "conv1.npy", arrays()["flat"])
    (folder / "features.toml").write_text('[card]\nname = "mine"\nmodality = "language"\n')
    assert PrecomputedFeatures(folder).layers() == ("conv1",)
    assert check_folder(folder).ok


def test_missing_ids_are_named(tmp_path: Path) -> None:
    folder = written(tmp_path)
    edit_ids(folder, lambda rows: rows[:-2])
    for file in folder.glob("*.npy"):
        np.save(file, np.load(file)[:-2])
    with pytest.raises(BadFeatures, match="2 of 8 stimuli have no row: '0007', '0008'") as caught:
        everything(PrecomputedFeatures(folder), uploads.sentences())
    assert caught.value.code == "features-missing"


def test_row_of_another_item_is_named(tmp_path: Path) -> None:
    other = list(uploads.SENTENCES)
    other[3] = "something else entirely"
    with pytest.raises(BadFeatures, match="'0004'") as caught:
        everything(PrecomputedFeatures(written(tmp_path)), StimulusSet.from_texts(other))
    assert caught.value.code == "features-hash"


def test_images_are_not_shown_to_language_features(tmp_path: Path) -> None:
    with pytest.raises(BadDataset):
        everything(PrecomputedFeatures(written(tmp_path / "f")), uploads.pictures(tmp_path / "p"))


def test_unknown_layer_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownName):
        next(PrecomputedFeatures(written(tmp_path)).batches(uploads.sentences(), ["flt"], reduction=Reduction()))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_value_that_is_not_finite_is_named_with_layer_and_row(tmp_path: Path, value: float) -> None:
    folder = written(tmp_path)
    file = next(folder.glob("001-*.npy"))
    spoiled = np.load(file)
    spoiled[5, 1, 2] = value
    np.save(file, spoiled)
    (fault,) = check_folder(folder).faults
    assert fault.code == "features-finite"
    assert "row 5" in fault.what
    assert "'0006'" in fault.what
    assert fault.where == "layer 'block.0/attn out'"
    with pytest.raises(BadFeatures, match="'0006'"):
        everything(PrecomputedFeatures(folder), uploads.sentences())


def test_float64_beyond_float32_is_refused_as_infinite(tmp_path: Path) -> None:
    folder = written(tmp_path)
    file = next(folder.glob("000-*.npy"))
    np.save(file, np.load(file).astype(np.float64) * 1e300)
    assert [fault.code for fault in check_folder(folder).faults] == ["features-finite"]


@pytest.mark.parametrize(
    ("array", "code", "says"),
    [
        (np.ones((8, 5), np.int64), "features-dtype", "int64"),
        (np.ones((8, 5), np.complex64), "features-dtype", "complex64"),
        (np.ones((8, 5), bool), "features-dtype", "bool"),
        (np.array([["a"]] * 8), "features-dtype", "float32"),
        (np.array([[{}]] * 8, dtype=object), "features-array", "numpy.save"),
        (np.ones((7, 5), np.float32), "features-rows", "7 rows, and 8 ids"),
        (np.ones((9, 5), np.float32), "features-rows", "9 rows, and 8 ids"),
        (np.ones(8, np.float32), "features-shape", "(8,)"),
        (np.ones((8, 0), np.float32), "features-shape", "(8, 0)"),
        (np.ones((8, 1, 1, 1, 1), np.float32), "features-shape", "samples x"),
    ],
)
def test_wrong_array_is_refused(tmp_path: Path, array: np.ndarray, code: str, says: str) -> None:
    folder = written(tmp_path)
    file = next(folder.glob("000-*.npy"))
    np.save(file, array, allow_pickle=True)
    with pytest.raises(UserError) as caught:
        PrecomputedFeatures(folder)
    assert caught.value.code == code
    assert says in str(caught.value)
    assert caught.value.where == file.name
    assert [fault.code for fault in check_folder(folder).faults] == [code]


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array"])
def test_file_that_is_no_array_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = written(tmp_path)
    next(folder.glob("000-*.npy")).write_bytes(content)
    with pytest.raises(BadFeatures) as caught:
        PrecomputedFeatures(folder)
    assert caught.value.code == "features-array"


def test_truncated_array_and_archive_in_disguise_are_refused(tmp_path: Path) -> None:
    folder = written(tmp_path)
    file = next(folder.glob("000-*.npy"))
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(BadFeatures, match="truncated"):
        PrecomputedFeatures(folder)
    with file.open("wb") as stream:
        np.savez(stream, a=np.ones((8, 5)))
    with pytest.raises(BadFeatures, match="not a plain .npy"):
        PrecomputedFeatures(folder)


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (lambda rows: [*rows, rows[3]], "features-doubled", "'0003'"),
        (lambda rows: [["name", "hash"], *rows[1:]], "features-ids", "id,sha256"),
        (lambda rows: [rows[0], [rows[1][0], "abc"], *rows[2:]], "features-ids", "line 2"),
        (lambda rows: [rows[0], [rows[1][0]], *rows[2:]], "features-ids", "line 2"),
        (lambda rows: rows[:1], "features-ids", "no rows"),
        (lambda rows: [], "features-ids", "id,sha256"),
        (lambda rows: rows[:-1], "features-rows", "7 ids"),
    ],
)
def test_wrong_table_of_ids_is_refused(tmp_path: Path, change: object, code: str, says: str) -> None:
    folder = written(tmp_path)
    edit_ids(folder, change)
    with pytest.raises(BadFeatures) as caught:
        PrecomputedFeatures(folder)
    assert caught.value.code == code
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('name = "flat"', 'nam = "flat"', "features-manifest"),
        ("format = 1", "format = 2", "features-manifest"),
        ("format = 1", "colour = 1", "features-manifest"),
        ("[card]", "[card", "features-manifest"),
        ('file = "000', 'file = "../000', "features-manifest"),
        ('file = "000', 'file = "009', "features-missing-file"),
        ('modality = "language"', 'modality = "smell"', "card-value"),
        ('modality = "language"', 'modalty = "language"', "card-key"),
    ],
)
def test_wrong_manifest_is_refused(tmp_path: Path, old: str, new: str, code: str) -> None:
    folder = written(tmp_path)
    path = folder / "features.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BadUpload) as caught:
        PrecomputedFeatures(folder)
    assert caught.value.code in (code, "card-missing")


def test_writer_refuses_batches_that_do_not_cover_the_stimuli(tmp_path: Path) -> None:
    given = arrays()
    for starts in ([0], [3, 0], [0, 6]):
        batches = [Batch(s, {n: a[s : s + 3] for n, a in given.items()}) for s in starts]
        with pytest.raises(BadFeatures):
            write_features(tmp_path / str(len(starts)), CARD, uploads.sentences(), batches)


def test_hash_follows_every_array(tmp_path: Path) -> None:
    folder = written(tmp_path)
    before = PrecomputedFeatures(folder).hash
    file = next(folder.glob("002-*.npy"))
    changed = np.load(file)
    changed[0, 0, 0, 0] += 1
    np.save(file, changed)
    assert PrecomputedFeatures(folder).hash != before
