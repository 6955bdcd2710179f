"""Precomputed features: matched by id and hash, or refused by name."""

import csv
from pathlib import Path

import numpy as np
import pytest

import uploads
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset, BadFeatures, BadUpload, UnknownName, UserError
from gyral.models.card import ModelCard
from gyral.models.features_writer import write_features
from gyral.models.model import Batch, Model, Reduction
from gyral.models.precomputed import PrecomputedFeatures
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


# Words ---------------------------------------------------------------------------------------------------------

COUNTS = [len(text.split()) for text in uploads.SENTENCES]
LONGEST = max(COUNTS)


def word_features(
    folder: Path, *, card: ModelCard = CARD, words: bool = True, array: np.ndarray | None = None
) -> Path:
    made = np.random.default_rng(0).standard_normal((8, 9, 3)).astype(np.float32)
    for row, count in enumerate(COUNTS):
        made[row, count:] = 0
    arrays = {"words": made if array is None else array, "flat": np.ones((8, 2), np.float32)}
    write_features(folder, card, uploads.sentences(), [Batch(0, arrays)], words=words)
    return folder


def read(folder: Path, words: int, stimuli: StimulusSet | None = None) -> dict[str, np.ndarray]:
    model = PrecomputedFeatures(folder)
    (batch,) = model.batches(stimuli or uploads.sentences(), model.layers(), reduction=Reduction(words=words))
    return dict(batch.arrays)


@pytest.mark.parametrize("words", [3, LONGEST, 20])
def test_word_sequences_are_cut_and_padded_to_what_is_asked_for(tmp_path: Path, words: int) -> None:
    order = np.array([5, 0, 7])
    found = read(word_features(tmp_path), words, uploads.sentences().subset(order))
    (given,) = (np.load(file) for file in tmp_path.glob("000-*.npy"))
    assert found["words"].shape == (3, words, 3) and found["flat"].shape == (3, 2)
    for row, source in enumerate(order):
        kept = given[source, : COUNTS[source]][-words:]
        np.testing.assert_array_equal(found["words"][row, : len(kept)], kept)
        assert not found["words"][row, len(kept) :].any()


@pytest.mark.parametrize("pooling", ["mean", "last", "cls"])
def test_word_sequences_are_pooled_as_the_card_says_where_no_words_are_asked_for(
    tmp_path: Path, pooling: str
) -> None:
    card = CARD.model_copy(update={"text": CARD.text.model_copy(update={"pooling": pooling})})
    found = read(word_features(tmp_path, card=card), 0)["words"]
    (given,) = (np.load(file) for file in tmp_path.glob("000-*.npy"))
    for row, count in enumerate(COUNTS):
        own = given[row, :count]
        expected = {"mean": own.mean(axis=0), "last": own[-1], "cls": own[0]}[pooling]
        np.testing.assert_allclose(found[row], expected, rtol=1e-5, atol=1e-6)


def test_tokens_nobody_called_words_stay_as_they_are_and_are_no_words(tmp_path: Path) -> None:
    given = np.random.default_rng(0).standard_normal((8, 64, 3)).astype(np.float32)  # a square, and no grid
    folder = word_features(tmp_path, words=False, array=given)
    np.testing.assert_array_equal(read(folder, 0)["words"], given)
    with pytest.raises(BadFeatures, match="layer 'words'.*positions = \"words\"") as caught:
        read(folder, 6)
    assert caught.value.code == "no-positions"


def test_words_of_pooled_vectors_are_refused_by_name(tmp_path: Path) -> None:
    flat = {"early": np.ones((8, 2), np.float32), "late": np.ones((8, 2), np.float32)}
    write_features(tmp_path, CARD, uploads.sentences(), [Batch(0, flat)], words=True)
    with pytest.raises(BadFeatures, match="layer 'early': the layer has no positions") as caught:
        read(tmp_path, 6)
    assert caught.value.code == "no-positions"


@pytest.mark.parametrize(("count", "says"), [(0, "0 vectors and 7 words"), (9, "9 vectors and 7 words")])
def test_a_text_with_other_vectors_than_words_is_named(tmp_path: Path, count: int, says: str) -> None:
    made = np.ones((8, 9, 3), np.float32)
    for row, own in enumerate([*COUNTS[:2], count, *COUNTS[3:]]):
        made[row, own:] = 0
    texts = [*uploads.SENTENCES[:2], "rain fell on the very empty street", *uploads.SENTENCES[3:]]
    stimuli = StimulusSet.from_texts(texts)
    write_features(tmp_path, CARD, stimuli, [Batch(0, {"a": made})], words=True)
    for words in (0, 7):
        with pytest.raises(BadFeatures, match=f"'0003' has {says}") as caught:
            read(tmp_path, words, stimuli)
        assert caught.value.code == "features-words"


@pytest.mark.parametrize(
    ("modality", "array"), [("vision", np.ones((8, 9, 3), np.float32)), ("language", np.ones((8, 9), np.float32))]
)
def test_what_cannot_be_words_is_not_called_words(tmp_path: Path, modality: str, array: np.ndarray) -> None:
    card = CARD.model_copy(update={"modality": modality})
    folder = word_features(tmp_path, card=card, words=False, array=array)
    manifest = folder / "features.toml"
    text = manifest.read_text("utf-8").replace('name = "words"', 'name = "words"\npositions = "words"')
    manifest.write_text(text.replace('{ name = "words"\n', '{ name = "words",'), "utf-8")
    with pytest.raises(UserError) as caught:
        PrecomputedFeatures(folder)
    assert caught.value.code == "features-words", caught.value
    assert not check_folder(folder).ok
