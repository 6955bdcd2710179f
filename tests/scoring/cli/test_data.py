import json
import shutil
import tomllib

import pytest

import tiny_recipe
from file_server import FileServer, serving
from gyral.benchmarks.installed import all_benchmarks
from gyral.datasets.pack import verify_pack, write_pack
from tiny_dataset import tiny_dataset

BENCHMARK = {
    "name": "tiny-benchmark",
    "version": 0,
    "title": "Tiny",
    "modality": "vision",
    "dataset": "tiny",
    "task": "encoding",
    "metric": "pearson",
    "readout": "ridge",
    "ceiling": "ncsnr",
    "main_region": "V4",
}


@pytest.fixture
def plugin(cold_cache, tmp_path, monkeypatch):
    tiny_recipe.install_plugin(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delenv("GYRAL_MIRROR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def mirror(plugin, tmp_path, monkeypatch):
    tiny_recipe.write_mirror(tmp_path / "mirror")
    monkeypatch.setenv("GYRAL_MIRROR", str(tmp_path / "mirror"))
    return tmp_path / "mirror" / "tiny_mirror"


def packed(folder, benchmark=None, **changes):
    dataset = tiny_dataset(folder / "made", **changes)
    extra = dict(dataset.extra) | ({"benchmark": benchmark} if benchmark else {})
    write_pack(tiny_dataset(folder / "made", **changes, extra=extra), folder / "pack")
    return folder / "pack"


def test_fetch_builds_from_the_mirror(gyral, mirror):
    status, out, err = gyral("data", "fetch", "tiny")
    assert (status, err) == (0, "")
    assert out.startswith("tiny: 20 stimuli, 3 units, 1 regions\ncontent " + tiny_recipe.RECIPE.content_hash[:16])
    assert gyral("data", "fetch", "tiny", "--quiet") == (0, "", "")


def test_fetch_without_a_source_is_one_line(gyral, plugin):
    status, out, err = gyral("data", "fetch", "tiny")
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert err.startswith(
        "gyral: dataset 'tiny' is not here: GYRAL_MIRROR is not set; its public address is unverified"
    )


def test_fetch_unverified_downloads(gyral, plugin, monkeypatch):
    import dataclasses

    with serving(FileServer(tiny_recipe.PUBLIC)) as server:
        (file,) = tiny_recipe.RECIPE.public.files
        public = dataclasses.replace(
            tiny_recipe.RECIPE.public, files=(dataclasses.replace(file, url=server.url + file.name),)
        )
        monkeypatch.setattr(tiny_recipe, "RECIPE", dataclasses.replace(tiny_recipe.RECIPE, public=public))
        assert gyral("data", "fetch", "tiny")[0] == 1
        assert server.asked == []  # an unverified address must be asked for
        assert gyral("data", "fetch", "tiny", "--unverified")[0] == 0
    assert gyral("data", "fetch", "tiny")[0] == 0  # it is here now


def test_fetch_suggests_the_nearest_name(gyral):
    assert gyral("data", "fetch", "tuckute") == (
        1,
        "",
        "gyral: unknown dataset 'tuckute'. Did you mean 'tuckute2024'?\n",
    )


def test_list_says_what_is_here(gyral, mirror):
    gyral("data", "fetch", "tiny")
    status, out, _ = gyral("data", "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert status == 0
    assert rows["tiny"]["state"] == "here"
    assert rows["tiny"]["content"] == tiny_recipe.RECIPE.content_hash
    assert rows["sim-vision"]["state"] == "made by code"
    assert rows["haxby2001"]["state"] == "unverified address"
    assert rows["haxby2001"]["licence"] == "CC BY-SA 3.0"
    status, table, _ = gyral("data", "list")
    assert status == 0
    assert all(name in table for name in rows)


def test_check_finds_a_changed_file(gyral, mirror, cold_cache):
    gyral("data", "fetch", "tiny")
    assert gyral("data", "check", "tiny", "--files")[:2] == (0, "tiny: 4 files are as they were written\n")
    path = cold_cache / "packs" / "tiny" / "responses" / "s1.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    status, _, err = gyral("data", "check", "tiny", "--files")
    assert status == 1
    assert "responses/s1.npy: sha256 is" in err


def test_check_of_what_is_not_here_says_how_to_get_it(gyral, plugin):
    status, _, err = gyral("data", "check", "haxby2001")
    assert status == 1
    assert "gyral data fetch haxby2001" in err


def test_install_copies_a_sound_pack(gyral, home, tmp_path):
    status, out, _ = gyral("data", "install", packed(tmp_path, BENCHMARK))
    assert status == 0
    assert "sync_benchmarks" in out
    verify_pack(home / "packs" / "tiny")
    assert "tiny-benchmark@0" in [b.id for b in all_benchmarks()]
    assert [r["state"] for r in json.loads(gyral("data", "list", "--json")[1]) if r["name"] == "tiny"] == [
        "installed"
    ]
    assert gyral("data", "install", tmp_path / "pack")[0] == 0  # the same again is no fault


def test_install_refuses_a_broken_pack_and_leaves_nothing(gyral, home, tmp_path):
    pack = packed(tmp_path)
    (pack / "stimuli" / "item-2.png").unlink()
    status, _, err = gyral("data", "install", pack)
    assert status == 1
    assert "item-2.png: the file is missing" in err
    assert not (home / "packs").exists() or list((home / "packs").iterdir()) == []


def test_install_refuses_other_content_under_a_name(gyral, home, tmp_path):
    gyral("data", "install", packed(tmp_path))
    other = packed(tmp_path / "other", split_folds=3)
    status, _, err = gyral("data", "install", other)
    assert status == 1
    assert "a pack called 'tiny' with other content is installed" in err
    assert gyral("data", "install", other, "--force")[0] == 0
    assert verify_pack(home / "packs" / "tiny").split_folds == 3


def test_install_refuses_a_bundled_name_with_other_content(gyral, home, tmp_path):
    import dataclasses

    dataset = tiny_dataset(tmp_path / "made")
    about = dataclasses.replace(dataset.about, name="tuckute2024")
    write_pack(dataclasses.replace(dataset, about=about), tmp_path / "pack")
    status, _, err = gyral("data", "install", tmp_path / "pack")
    assert status == 1
    assert "the recipe 'tuckute2024' promises" in err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"main_region": "V5"}, r"main_region must be one of ['V4', 'ventral', 'visual']"),
        ({"dataset": "other"}, "dataset must be 'tiny'"),
        ({"modality": "smell"}, "modality must be 'vision', 'language' or 'audio'"),
        ({"metric": "r2"}, "metric must be one of ["),
        ({"task": "rsa"}, "metric must be one of ['rsa-cosine', 'rsa-pearson', 'rsa-spearman'"),
        ({"readout": "rigde"}, "readout must be one of ['assist-alone', "),
        ({"ceiling": "rdm-bounds"}, "ceiling must be one of "),
        ({"rdm": "cosine"}, "rdm goes with task 'rsa'"),
        ({"version": "0"}, "version must be a whole number"),
        ({"name": "tuckute2024"}, "'tuckute2024' is the name of a bundled benchmark"),
        ({"reagion": "V4"}, "unknown field of [benchmark] 'reagion'"),
        ({"metric": None}, "fields are missing: 'metric'"),
    ],
)
def test_install_refuses_a_wrong_benchmark_table(gyral, home, tmp_path, change, words):
    benchmark = {k: v for k, v in (BENCHMARK | change).items() if v is not None}
    status, _, err = gyral("data", "install", packed(tmp_path, benchmark))
    assert status == 1
    assert words in err
    assert not (home / "packs" / "tiny").exists()


def test_a_board_of_rdms_made_of_responses_needs_to_say_how(gyral, home, tmp_path):
    similar = {"task": "rsa", "metric": "rsa-cosine", "readout": "none", "ceiling": "rdm-bounds"}
    named = packed(tmp_path / "named", BENCHMARK | similar | {"rdm": "corelation"})
    status, _, err = gyral("data", "install", named)
    assert status == 1 and "rdm goes with task 'rsa' and must be one of ['correlation', 'cosine'" in err
    assert gyral("data", "install", packed(tmp_path / "made", BENCHMARK | similar | {"rdm": "euclidean"}))[0] == 0


def test_check_names_every_fault(gyral, tmp_path):
    pack = packed(tmp_path)
    assert gyral("check", pack)[0] == 0
    (pack / "stimuli" / "item-2.png").unlink()
    shutil.copy(pack / "repeats" / "s1.npy", pack / "repeats" / "s2.npy")
    status, out, _ = gyral("check", pack, "--json")
    assert status == 1
    assert [fault["code"] for fault in json.loads(out)["faults"]] == ["file-size", "file-missing"]
    assert tomllib.loads((pack / "dataset.toml").read_text())["pack"] == 1
