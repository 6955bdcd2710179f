import dataclasses
import socket
import time

import numpy as np
import pytest

import tiny_recipe
from file_server import FileServer, serving
from gyral.datasets import sources
from gyral.datasets.pack import content_hash
from gyral.datasets.recipe import SourceFile, SourceMissing
from gyral.errors import BadDataset
from gyral.hashing import hash_bytes

BODY = np.random.default_rng(0).bytes(300_000)


@pytest.fixture
def server(cold_cache, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(FileServer({"table.csv": tiny_recipe.PUBLIC["table.csv"], "big.bin": BODY})) as running:
        yield running


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    folder = tmp_path / "mirror"
    tiny_recipe.write_mirror(folder)
    monkeypatch.setenv("GYRAL_MIRROR", str(folder))
    return folder / "tiny_mirror"


def at(server, name="table.csv", sha256=None):
    """The tiny recipe with one public file on the local server."""
    file = SourceFile(name, sha256 or hash_bytes(server.files.get(name, b"")), server.url + name)
    return dataclasses.replace(
        tiny_recipe.RECIPE, public=dataclasses.replace(tiny_recipe.RECIPE.public, files=(file,))
    )


def test_both_sources_build_the_same_content(server, mirror, tmp_path):
    recipe = at(server)
    first = sources.read(recipe.mirror, sources.from_mirror(recipe), tmp_path)
    second = sources.read(recipe.public, sources.from_public(recipe), tmp_path)
    assert content_hash(first) == content_hash(second) == recipe.content_hash


def test_mirror_file_with_wrong_hash_is_named(mirror):
    (mirror / "values.f4").write_bytes(b"other")
    with pytest.raises(BadDataset, match=r"tiny_mirror/values.f4: sha256 is .* copy it again") as caught:
        sources.from_mirror(tiny_recipe.RECIPE)
    assert caught.value.code == "mirror-hash"


def test_mirror_that_lacks_a_file_is_missing(mirror):
    (mirror / "values.f4").unlink()
    with pytest.raises(SourceMissing, match=r"the mirror lacks tiny_mirror/values.f4"):
        sources.from_mirror(tiny_recipe.RECIPE)


def test_download_reports_bytes_and_is_kept(server):
    told = []
    recipe = at(server, "big.bin")
    (path,) = sources.from_public(recipe, lambda *report: told.append(report)).values()
    assert path.read_bytes() == BODY
    assert told[0][0] == "download big.bin"
    assert (300_000, 300_000) in {t[1:] for t in told}
    sources.from_public(recipe)
    assert len(server.asked) == 1  # the second time it was there


def test_broken_download_goes_on_where_it_broke(server):
    server.break_after["big.bin"] = [98_304, 40_960]
    (path,) = sources.from_public(at(server, "big.bin")).values()
    assert path.read_bytes() == BODY
    assert [wanted for _, wanted in server.asked] == [None, "bytes=98304-", "bytes=139264-"]


def test_broken_download_goes_on_in_the_next_process(server):
    server.break_after["big.bin"] = [73_728, 0]
    with pytest.raises(SourceMissing, match="cannot be reached"):
        sources.from_public(at(server, "big.bin"))
    server.asked.clear()
    (path,) = sources.from_public(at(server, "big.bin")).values()
    assert path.read_bytes() == BODY
    assert server.asked == [("big.bin", "bytes=73728-")]
    assert sorted(p.name for p in path.parent.iterdir()) == ["big.bin"]


def test_download_starts_again_where_the_server_knows_no_ranges(server):
    server.ranges = False
    server.break_after["big.bin"] = [70_000]
    (path,) = sources.from_public(at(server, "big.bin")).values()
    assert path.read_bytes() == BODY


@pytest.mark.parametrize("left", [BODY, BODY + b"more than there is"])
def test_download_meets_a_part_that_is_whole_or_too_long(server, cold_cache, left):
    folder = cold_cache / "downloads" / "tiny"
    folder.mkdir(parents=True)
    (folder / "big.bin.part").write_bytes(left)
    (path,) = sources.from_public(at(server, "big.bin")).values()
    assert path.read_bytes() == BODY


def test_download_with_wrong_hash_is_named_and_dropped(server, cold_cache):
    with pytest.raises(BadDataset, match=r"big.bin: the download from http://.* use a mirror") as caught:
        sources.from_public(at(server, "big.bin", sha256="0" * 64))
    assert caught.value.code == "download-hash"
    assert [p.name for p in (cold_cache / "downloads" / "tiny").iterdir()] == []


def test_download_of_what_is_not_there_is_missing(server):
    with pytest.raises(SourceMissing, match=r"404.*gone.bin"):
        sources.from_public(at(server, "gone.bin", sha256="0" * 64))


def test_closed_port_is_missing_in_seconds(cold_cache, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    gone = FileServer({"table.csv": b""}, url=f"http://127.0.0.1:{port}/")
    start = time.monotonic()
    with pytest.raises(SourceMissing, match="cannot be reached"):
        sources.from_public(at(gone))
    assert time.monotonic() - start < 5


def test_silent_server_is_missing_in_seconds(cold_cache, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(sources, "TIMEOUT", (0.5, 0.5))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        silent = FileServer({"table.csv": b""}, url=f"http://127.0.0.1:{listening.getsockname()[1]}/")
        start = time.monotonic()
        with pytest.raises(SourceMissing, match="cannot be reached"):
            sources.from_public(at(silent))
        assert time.monotonic() - start < 5


def test_source_of_another_layout_is_named(server, tmp_path):
    server.files["table.csv"] = b"a,b\n"
    recipe = at(server)
    with pytest.raises(BadDataset, match=r"source 'tiny': the files do not have the expected layout") as caught:
        sources.read(recipe.public, sources.from_public(recipe), tmp_path)
    assert caught.value.code == "source-layout"
