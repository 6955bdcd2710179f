"""The preview of a pack: everything its owner should see, and nothing that the page would have to fetch."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gyral.cli.main import main
from gyral.datasets.catalogue import open_dataset
from gyral.datasets.dataset import About, Dataset
from gyral.datasets.pack import read_pack, write_pack
from gyral.preview import preview
from planted_subjects import dataset_of, install
from tiny_dataset import tiny_dataset


def planted(**changes) -> Dataset:
    draw = np.random.default_rng(0)
    signal = draw.normal(size=(60, 1, 4))
    return dataset_of({s: signal + draw.normal(size=(60, 3, 4)) for s in ("s1", "s2")}, **changes)


def packed(dataset: Dataset, folder: Path) -> Dataset:
    write_pack(dataset, folder)
    return read_pack(folder)


def test_the_page_shows_the_pack_and_fetches_nothing(tmp_path: Path) -> None:
    page = preview(packed(planted(), tmp_path / "pack"))
    assert page.startswith("<!doctype html>") and "<script" not in page
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!data:)""", page)
    for heading in (
        "Rights and origin",
        "What was measured",
        "Samples of stimuli",
        "Split",
        "Does the split leak?",
        "Regions and what can be predicted of them",
        "Regions on the brain",
        "Its board",
    ):
        assert f"<h2>{heading}</h2>" in page
    assert '<td>s1</td><td class="number">60</td><td class="number">4</td><td class="number">3</td>' in page
    assert "s1: 4, s2: 4" in page and "not stated" in page
    (ceiling,) = re.findall(r">(0\.\d\d) r²</td><td class=\"number\">(0\.\d\d) to (0\.\d\d)</td><td>ncsnr", page)
    low, value, high = (float(ceiling[k]) for k in (1, 0, 2))
    # signal and noise have one variance, and three presentations are averaged
    assert low < value < high and low < 0.75 < high
    assert "the units cannot be drawn on the cortex" in page or "surface" in page
    assert "declares no <code>[benchmark]</code>" in page


def test_stimuli_that_a_site_hides_are_shown_only_when_asked_for(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path / "images")
    shown = replace(dataset, about=replace(dataset.about, display="login"))
    hidden, public = (packed(d, tmp_path / n) for d, n in ((dataset, "hidden"), (shown, "shown")))
    assert (hidden.about.display, public.about.display) == ("none", "login")
    page = preview(hidden)
    assert "data:image/png" not in page and "None are shown" in page and "display = 'none'" in page
    asked = preview(hidden, stimuli=True)
    assert asked.count("data:image/png") == 12 and "Do not pass this page on." in asked
    assert preview(public).count('alt="stimulus ') == 12


def test_names_from_a_pack_are_text(tmp_path: Path) -> None:
    about = About(
        name="planted", title="<script>alert(1)</script>", description="<img src=x>", citation="<b>", licence="&"
    )
    page = preview(packed(planted(about=about), tmp_path / "pack"))
    assert "<script" not in page and "<img src=x" not in page and "&lt;script&gt;" in page


def test_regions_with_places_are_drawn_on_the_brain() -> None:
    page = preview(open_dataset("sim-vision"))
    assert '<figure class="brain"><svg' in page and "Regions of Simulated visual cortex" in page
    assert "sim-vision@1" in page and "Public it becomes" not in page


def test_the_command_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = install(planted(), "none")
    monkeypatch.chdir(tmp_path)
    for arguments, file in (([name], f"{name}-preview.html"), ([name, "--out", "page.html"], "page.html")):
        with pytest.raises(SystemExit) as left:
            main(["data", "preview", *arguments])
        assert left.value.code == 0
        assert f"wrote {file}" in capsys.readouterr().out
        text = (tmp_path / file).read_text("utf-8")
        assert "Nothing bounds this metric" in text and "Public it becomes" in text
