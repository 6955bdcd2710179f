import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tiny_recipe
from gyral.datasets.catalogue import RECIPES, about_of, dataset_names, find_pack, open_dataset
from gyral.datasets.pack import verify_pack, write_pack
from gyral.errors import BadDataset, Unavailable, UnknownName
from tiny_dataset import tiny_dataset

SUPPORT = Path(tiny_recipe.__file__).parent
_OPEN = (
    "import sys; from gyral.datasets.catalogue import open_dataset; print(open_dataset(sys.argv[1]).content_hash)"
)


@pytest.fixture
def cache(cold_cache, tmp_path, monkeypatch):
    """A cold cache, no mirror, and the third party's recipes registered, here and in child processes."""
    tiny_recipe.install_plugin(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), str(SUPPORT)]))
    monkeypatch.setenv("TINY_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("GYRAL_MIRROR", raising=False)
    return cold_cache


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    tiny_recipe.write_mirror(tmp_path / "mirror")
    monkeypatch.setenv("GYRAL_MIRROR", str(tmp_path / "mirror"))
    return tmp_path / "mirror" / "tiny_mirror"


def start(name, code=_OPEN):
    return subprocess.Popen([sys.executable, "-c", code, name], stdout=subprocess.PIPE, text=True)


def hidden(cache):
    return sorted(p.name for p in (cache / "packs").glob(".*.part"))


def test_recipes_name_all_bundled_datasets():
    assert set(RECIPES.table) == set(RECIPES.summaries)
    for name in RECIPES.table:
        loaded = RECIPES.load(name)
        assert callable(loaded) or loaded.name == name


def test_listing_recipes_imports_nothing_heavy():
    code = (
        "import sys; import gyral.datasets.catalogue as c; c.dataset_names();"
        "print([m for m in ('pandas', 'torch', 'scipy', 'sklearn', 'nibabel', 'pooch', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_open_dataset_suggests_the_nearest_name():
    with pytest.raises(UnknownName, match="Did you mean 'tuckute2024'"):
        open_dataset("tuckute-2024")


def test_open_dataset_builds_once_and_finds_it_afterwards(cache, mirror):
    assert find_pack("tiny") is None
    first = open_dataset("tiny")
    assert first.content_hash == tiny_recipe.RECIPE.content_hash
    assert first.root == cache / "packs" / "tiny" == find_pack("tiny")
    (mirror / "values.f4").unlink()  # no longer needed
    assert open_dataset("tiny").content_hash == first.content_hash
    assert hidden(cache) == []


def test_open_dataset_without_any_source_says_how_to_get_it(cache):
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        open_dataset("tiny")
    assert time.monotonic() - began < 5
    assert str(caught.value) == (
        "dataset 'tiny' is not here: GYRAL_MIRROR is not set; its public address is unverified. "
        "Let GYRAL_MIRROR name a folder that holds 'tiny_mirror', or try `gyral data fetch tiny --unverified`."
    )


def test_open_dataset_with_unreachable_address_takes_seconds(cache):
    began = time.monotonic()
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        open_dataset("tiny", unverified=True)
    assert time.monotonic() - began < 10
    assert "--unverified" not in str(caught.value)
    assert hidden(cache) == []


def test_open_dataset_names_a_damaged_mirror_file(cache, mirror):
    (mirror / "values.f4").write_bytes(b"damaged")
    with pytest.raises(BadDataset, match="tiny_mirror/values.f4: sha256"):
        open_dataset("tiny")
    assert find_pack("tiny") is None
    assert hidden(cache) == []


def test_open_dataset_refuses_content_the_recipe_does_not_promise(cache, mirror, monkeypatch):
    import dataclasses

    monkeypatch.setattr(tiny_recipe, "RECIPE", dataclasses.replace(tiny_recipe.RECIPE, content_hash="1" * 64))
    with pytest.raises(BadDataset, match="the recipe 'tiny' promises 1111") as caught:
        open_dataset("tiny")
    assert caught.value.code == "content-hash"
    assert find_pack("tiny") is None


def test_words_of_today_stand_over_those_that_a_pack_was_built_with(cache, mirror, monkeypatch):
    import dataclasses

    before = open_dataset("tiny").about
    about = dataclasses.replace(before, description="Each was judged about twenty times.")
    monkeypatch.setattr(tiny_recipe, "RECIPE", dataclasses.replace(tiny_recipe.RECIPE, about=about))
    (mirror / "values.f4").unlink()  # nothing is built again for them
    assert open_dataset("tiny").about == about == about_of("tiny", find_pack("tiny"))


def test_open_dataset_builds_again_what_an_older_recipe_made(cache, mirror):
    open_dataset("tiny")
    toml = cache / "packs" / "tiny" / "dataset.toml"
    toml.write_text(toml.read_text().replace('recipe = "', 'recipe = "old'))
    assert find_pack("tiny") is None
    assert open_dataset("tiny").content_hash == tiny_recipe.RECIPE.content_hash
    assert find_pack("tiny") is not None


def test_open_dataset_builds_again_over_an_unknown_pack_version(cache, mirror):
    open_dataset("tiny")
    toml = cache / "packs" / "tiny" / "dataset.toml"
    toml.write_text(toml.read_text().replace("pack = 1", "pack = 9"))
    verify_pack(open_dataset("tiny").root)


def test_force_builds_again(cache, monkeypatch):
    monkeypatch.setenv("TINY_SECONDS", "0")
    open_dataset("slow")
    open_dataset("slow")
    assert len(Path(os.environ["TINY_LOG"]).read_text().splitlines()) == 1
    open_dataset("slow", force=True)
    assert len(Path(os.environ["TINY_LOG"]).read_text().splitlines()) == 2


def test_two_processes_build_once(cache):
    both = [start("slow"), start("slow")]
    hashes = [p.communicate(timeout=60)[0] for p in both]
    assert [p.returncode for p in both] == [0, 0]
    assert len(set(hashes)) == 1
    assert len(Path(os.environ["TINY_LOG"]).read_text().splitlines()) == 1
    verify_pack(cache / "packs" / "slow")
    assert hidden(cache) == []


def test_killed_builder_leaves_nothing_that_hurts(cache, monkeypatch):
    monkeypatch.setenv("TINY_SECONDS", "30")
    victim = start("slow")
    log = Path(os.environ["TINY_LOG"])
    deadline = time.monotonic() + 30
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    victim.send_signal(signal.SIGKILL)
    victim.communicate(timeout=10)
    assert len(hidden(cache)) == 1
    monkeypatch.setenv("TINY_SECONDS", "0")
    verify_pack(open_dataset("slow").root)
    assert hidden(cache) == []


def test_full_disk_while_the_cache_is_written_leaves_nothing(cache, monkeypatch):
    monkeypatch.setenv("TINY_SECONDS", "0")
    code = (
        "import resource, sys\n"
        "from gyral.datasets.catalogue import open_dataset\n"
        "from gyral.errors import OutOfResources\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_500, resource.RLIM_INFINITY))\n"
        "try: open_dataset(sys.argv[1])\n"
        "except OutOfResources as error: print(error.code)\n"
    )
    done = start("slow", code)
    assert done.communicate(timeout=60)[0] == "disk-full\n"
    assert hidden(cache) == []
    assert find_pack("slow") is None
    verify_pack(open_dataset("slow").root)


def test_installed_pack_is_found_and_named(cache, home, tmp_path):
    write_pack(tiny_dataset(tmp_path / "made"), home / "packs" / "mine")
    assert dataset_names()[-1] == "mine"
    assert open_dataset("mine").root == home / "packs" / "mine"


def test_installed_pack_of_a_recipe_must_be_what_it_promises(cache, mirror, home, tmp_path):
    write_pack(open_dataset("tiny"), home / "packs" / "tiny")
    assert open_dataset("tiny").root == home / "packs" / "tiny"
    write_pack(tiny_dataset(tmp_path / "made"), home / "packs" / "tiny")
    with pytest.raises(BadDataset, match="the recipe 'tiny' promises") as caught:
        open_dataset("tiny")
    assert caught.value.code == "content-hash"
