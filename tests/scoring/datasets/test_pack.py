import dataclasses
import tomllib

import numpy as np
import pandas as pd
import pytest
import tomli_w

from gyral.datasets.pack import check_pack, content_hash, copy_pack, read_pack, verify_pack, write_pack
from gyral.datasets.region import Region
from gyral.datasets.responses import RegionRdms, Responses
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset
from tiny_dataset import SAMPLES, tiny_dataset


@pytest.fixture
def dataset(tmp_path):
    return tiny_dataset(tmp_path / "made")


@pytest.fixture
def pack(dataset, tmp_path):
    write_pack(dataset, tmp_path / "pack")
    return tmp_path / "pack"


def edit(pack, change):
    """Apply ``change`` to the parsed dataset.toml."""
    path = pack / "dataset.toml"
    fields = tomllib.loads(path.read_text())
    change(fields)
    path.write_text(tomli_w.dumps(fields))


def test_pack_gives_back_what_was_written(dataset, pack):
    back = read_pack(pack)
    assert back.about == dataset.about
    assert (back.stimuli.ids, back.stimuli.hashes) == (dataset.stimuli.ids, dataset.stimuli.hashes)
    assert back.stimuli.groups == dataset.stimuli.groups
    assert {n: c.tolist() for n, c in back.stimuli.columns.items()} == {
        n: c.tolist() for n, c in dataset.stimuli.columns.items()
    }
    for subject in ("s1", "s2"):
        np.testing.assert_array_equal(
            back.responses.values[subject], dataset.responses.values[subject].astype("f4")
        )
        np.testing.assert_array_equal(
            back.responses.repeats[subject], dataset.responses.repeats[subject].astype("f4")
        )
    np.testing.assert_array_equal(back.rdms["V4"].values, dataset.rdms["V4"].values.astype("f4"))
    assert back.rdms["V4"].subjects == ("m1", "m2")
    pd.testing.assert_frame_equal(back.units, dataset.units)
    assert [(r.name, r.units.tolist(), r.path, r.title) for r in back.regions] == [
        (r.name, r.units.tolist(), r.path, r.title) for r in dataset.regions
    ]
    assert [dataclasses.asdict(p) for p in back.published] == [dataclasses.asdict(p) for p in dataset.published]
    assert (back.split_kind, back.split_folds) == ("grouped", 4)
    assert back.extra["note"] == "kept"
    np.testing.assert_array_equal(back.extra["truth"], np.arange(6))
    assert (pack / "PROVENANCE.md").read_text() == "made for tests\n"
    assert back.content_hash == content_hash(dataset)
    assert check_pack(pack) == []


def test_a_pack_keeps_how_wide_its_images_were_shown(dataset, tmp_path):
    wide = dataclasses.replace(dataset, stimuli=dataclasses.replace(dataset.stimuli, degrees=12.5))
    assert write_pack(wide, tmp_path / "wide") == content_hash(dataset)  # it decides no score
    back = verify_pack(tmp_path / "wide")
    assert back.stimuli.degrees == back.stimuli.subset([1, 3]).degrees == 12.5


def test_a_pack_that_does_not_know_its_width_says_nothing_of_it(pack):
    assert "degrees" not in (pack / "dataset.toml").read_text()
    assert read_pack(pack).stimuli.degrees is None


@pytest.mark.parametrize("value", [0.0, -3.0, float("nan"), float("inf"), 400.0])
def test_a_width_no_image_can_have_is_refused(dataset, pack, value):
    with pytest.raises(BadDataset, match="degrees of visual angle") as caught:
        dataclasses.replace(dataset.stimuli, degrees=value)
    assert caught.value.code == "degrees"
    edit(pack, lambda fields: fields["stimuli"].update(degrees=value))
    with pytest.raises(BadDataset, match="stimuli.degrees"):
        read_pack(pack)


def test_sentences_have_no_width():
    with pytest.raises(BadDataset, match="text stimuli have no width"):
        dataclasses.replace(StimulusSet.from_texts(["a", "b"]), degrees=8.0)


def test_read_pack_maps_arrays_without_loading_them(pack):
    back = read_pack(pack)
    arrays = [*back.responses.values.values(), *back.responses.repeats.values(), back.rdms["V4"].values]
    assert all(isinstance(a, np.memmap) and a.dtype == np.float32 for a in arrays)


def test_content_hash_does_not_depend_on_the_route(dataset, tmp_path):
    again = tiny_dataset(tmp_path / "elsewhere")
    values = {s: np.asfortranarray(v.astype(np.float32)) for s, v in again.responses.values.items()}
    again = dataclasses.replace(
        again,
        about=dataclasses.replace(again.about, title="Another title", citation="Rewritten."),
        responses=dataclasses.replace(again.responses, values=values),
        units=again.units.set_index(np.arange(6)[::-1]).astype({"unit": "string"}),
        regions=tuple(dataclasses.replace(r, units=r.units[::-1]) for r in again.regions),
    )
    assert content_hash(again) == content_hash(dataset)
    first, second = tmp_path / "first", tmp_path / "second"
    assert write_pack(dataset, first) == write_pack(again, second)
    assert content_hash(read_pack(first)) == content_hash(read_pack(second))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: {"about": dataclasses.replace(d.about, version="1")},
        lambda d: {"stimuli": dataclasses.replace(d.stimuli, ids=tuple(reversed(d.stimuli.ids)))},
        lambda d: {"stimuli": dataclasses.replace(d.stimuli, columns={})},
        lambda d: {
            "stimuli": dataclasses.replace(d.stimuli, groups=("one",) * SAMPLES),
            "split_kind": "contiguous",
        },
        lambda d: {"responses": dataclasses.replace(d.responses, physical_unit="%")},
        lambda d: {"responses": dataclasses.replace(d.responses, repeats={})},
        lambda d: {
            "responses": dataclasses.replace(
                d.responses,
                values=d.responses.values | {"s1": d.responses.values["s1"] + np.eye(SAMPLES, 4) * 1e-4},
            )
        },
        lambda d: {"rdms": {}},
        lambda d: {"units": d.units.assign(x=0.0)},
        lambda d: {"regions": (*d.regions[:2], Region("ventral", np.array([0, 1])))},
        lambda d: {"published": ()},
        lambda d: {"split_folds": 3},
    ],
)
def test_content_hash_sees_all_that_decides_a_score(dataset, change):
    assert content_hash(dataclasses.replace(dataset, **change(dataset))) != content_hash(dataset)


def test_write_pack_replaces_an_older_one_whole(dataset, pack):
    (pack / "left-over").write_text("old")
    write_pack(dataclasses.replace(dataset, rdms={}), pack)
    assert not (pack / "left-over").exists()
    assert check_pack(pack) == []
    assert [p.name for p in pack.parent.iterdir() if p.name.startswith(".")] == []


def test_constant_units_are_counted_not_fatal(pack):
    assert read_pack(pack).extra["constant_units"] == 1


def test_write_pack_refuses_missing_stimulus(dataset, tmp_path):
    dataset.stimuli.files[4].unlink()
    with pytest.raises(BadDataset, match="picture 4.PNG: the stimulus file is missing") as caught:
        write_pack(dataset, tmp_path / "pack")
    assert caught.value.code == "stimulus-missing"
    assert not (tmp_path / "pack").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["made"]


def test_write_pack_refuses_changed_stimulus(dataset, tmp_path):
    dataset.stimuli.files[4].write_bytes(b"other")
    with pytest.raises(BadDataset, match="picture 4.PNG: sha256 is") as caught:
        write_pack(dataset, tmp_path / "pack")
    assert caught.value.code == "stimulus-hash"
    assert [p.name for p in tmp_path.iterdir()] == ["made"]


def test_read_pack_refuses_missing_stimulus(pack):
    (pack / "stimuli" / "item-5.png").unlink()
    with pytest.raises(BadDataset, match=r"item-5.png: the file is missing. .*--force") as caught:
        read_pack(pack)
    assert caught.value.code == "file-missing"


def test_read_pack_refuses_truncated_file(pack):
    path = pack / "responses" / "s1.npy"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(BadDataset, match=r"s1.npy: the file has \d+ bytes, dataset.toml says"):
        read_pack(pack)


def test_verify_pack_finds_changed_bytes_that_opening_does_not(pack):
    path = pack / "stimuli" / "item-5.png"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    read_pack(pack)  # cheap: sizes only
    with pytest.raises(BadDataset, match=r"item-5.png: sha256 is") as caught:
        verify_pack(pack)
    assert caught.value.code == "file-hash"


def test_check_pack_names_every_broken_file(pack):
    (pack / "stimuli" / "item-1.png").unlink()
    (pack / "repeats" / "s2.npy").write_bytes(b"short")
    assert [f.code for f in check_pack(pack)] == ["file-size", "file-missing"]


def test_read_pack_refuses_changed_table(pack):
    path = pack / "units.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadDataset, match="units.parquet: sha256"):
        read_pack(pack)


@pytest.mark.parametrize("version", [2, "1", True, None])
def test_read_pack_refuses_unknown_version(pack, version):
    edit(pack, lambda f: f.pop("pack") if version is None else f.update(pack=version))
    with pytest.raises(BadDataset, match=f"pack version {version!r} is not known") as caught:
        read_pack(pack)
    assert caught.value.code == "pack-version"
    assert ("upgrade" in str(caught.value)) == (version == 2)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../secret", "stimuli/../../x", "C:\\x", "a\\..\\b", "", "a//b"]
)
def test_read_pack_refuses_paths_that_escape(pack, path):
    edit(pack, lambda f: f["files"][0].update(path=path))
    with pytest.raises(BadDataset, match=r"files.0.path: path .* leaves the pack"):
        read_pack(pack)


def test_read_pack_refuses_escaping_subject_names(pack):
    edit(pack, lambda f: f["responses"].update(subjects=["../s1", "s2"]))
    with pytest.raises(BadDataset, match=r"responses.subjects.0: '../s1' cannot be a file name"):
        read_pack(pack)


def test_read_pack_refuses_escaping_stimulus_files(pack):
    table = pd.read_parquet(pack / "stimuli.parquet")
    table.loc[2, "file"] = "../../outside.png"
    table.to_parquet(pack / "stimuli.parquet", index=False)
    relist(pack, "stimuli.parquet")
    with pytest.raises(BadDataset, match="leaves the pack") as caught:
        read_pack(pack)
    assert caught.value.code == "path-escapes"


def relist(pack, name):
    """Make dataset.toml agree with a file that was changed."""
    import hashlib

    data = (pack / name).read_bytes()
    entry = {"path": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    edit(pack, lambda f: f.update(files=[entry if e["path"] == name else e for e in f["files"]]))


def test_read_pack_refuses_links_out_of_it(pack, tmp_path):
    target = pack / "PROVENANCE.md"
    (tmp_path / "outside").write_bytes(target.read_bytes())
    target.unlink()
    target.symlink_to(tmp_path / "outside")
    with pytest.raises(BadDataset, match="link out of the pack"):
        read_pack(pack)


def test_check_pack_sees_numbers_changed_under_a_matching_list(pack):
    values = np.load(pack / "responses" / "s1.npy")
    np.save(pack / "responses" / "s1.npy", values + 1)
    relist(pack, "responses/s1.npy")
    assert [f.code for f in check_pack(pack)] == ["content-hash"]


def test_check_pack_refuses_nan_in_mean_responses(pack):
    values = np.load(pack / "responses" / "s1.npy")
    values[3, 2] = np.nan
    np.save(pack / "responses" / "s1.npy", values)
    relist(pack, "responses/s1.npy")
    (fault,) = check_pack(pack)
    assert fault.code == "not-finite"
    assert "sample 3, unit 2" in str(fault)


def test_read_pack_never_unpickles(pack):
    np.save(pack / "responses" / "s1.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    relist(pack, "responses/s1.npy")
    with pytest.raises(BadDataset, match=r"s1.npy: not a plain .npy array"):
        read_pack(pack)


def test_read_pack_refuses_arrays_that_do_not_fit(pack):
    np.save(pack / "responses" / "s1.npy", np.zeros((5, 4), "f4"))
    relist(pack, "responses/s1.npy")
    with pytest.raises(BadDataset, match=r"shape \(5, 4\) does not fit 12 stimuli"):
        read_pack(pack)


def test_read_pack_names_what_is_no_pack(tmp_path):
    with pytest.raises(BadDataset, match="no dataset.toml"):
        read_pack(tmp_path)
    (tmp_path / "dataset.toml").write_text("pack = ")
    with pytest.raises(BadDataset, match="not valid TOML"):
        read_pack(tmp_path)


def test_read_pack_names_the_wrong_field(pack):
    edit(pack, lambda f: f["about"].update(display="everyone"))
    with pytest.raises(BadDataset, match=r"about.display: it must be 'public', 'login' or 'none', not 'everyone'"):
        read_pack(pack)


def nan_at_start(dataset):
    values = dict(dataset.responses.values)
    values["s1"] = values["s1"].copy()
    values["s1"][0, 0] = np.nan
    return Responses("fMRI", "z", values, {})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: {"split_kind": "contiguous", "split_folds": 13}, "12 samples cannot be held out in 13 folds"),
        (lambda d: {"split_folds": 5}, "4 groups cannot be held out in 5 folds"),
        (lambda d: {"responses": nan_at_start(d)}, "NaN or infinite at sample 0, unit 0"),
        (lambda d: {"units": d.units.iloc[::-1]}, "does not follow the order of subjects"),
        (lambda d: {"units": d.units.iloc[:5]}, "6 units measured, 5 in the unit table"),
        (lambda d: {"regions": (Region("visual", np.array([6])),)}, "names units outside the unit table"),
        (lambda d: {"regions": d.regions[:1] * 2}, "region names must be unique"),
        (lambda d: {"regions": d.regions[:1]}, r"published ceilings of unknown regions: \['V4'\]"),
        (lambda d: {"responses": None, "rdms": {}}, "neither responses nor RDMs"),
        (lambda d: {"about": dataclasses.replace(d.about, name="../tiny")}, "cannot be a folder name"),
        (
            lambda d: {"rdms": {"V4": RegionRdms("V4", "spikes", np.tri(12)[None, None], ("m",))}},
            "not symmetric",
        ),
        (
            lambda d: {"rdms": {"V4": RegionRdms("V4", "spikes", np.ones((1, 1, 12, 12)), ("m",))}},
            "the diagonal is not zero",
        ),
        (
            lambda d: {"stimuli": StimulusSet.from_texts(["a"] * 12, columns={"sha256": np.arange(12)})},
            "may not be called 'sha256'",
        ),
    ],
)
def test_write_pack_refuses_unsound_datasets(dataset, tmp_path, change, words):
    defaults = {"split_kind": "contiguous", "split_folds": 2} if "stimuli" in change(dataset) else {}
    with pytest.raises(BadDataset, match=words):
        write_pack(dataclasses.replace(dataset, **(defaults | change(dataset))), tmp_path / "pack")
    assert [p.name for p in tmp_path.iterdir()] == ["made"]


def test_copy_pack_takes_listed_files_only(pack, tmp_path):
    (pack / "private.txt").write_text("not listed")
    copy_pack(pack, tmp_path / "copy")
    assert not (tmp_path / "copy" / "private.txt").exists()
    assert verify_pack(tmp_path / "copy").content_hash == read_pack(pack).content_hash
