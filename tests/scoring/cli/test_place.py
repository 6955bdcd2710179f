"""Files that commands are asked to write."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gyral.cli.place import FILES, require_ours, require_own, require_page, require_place
from gyral.cli.score import score
from gyral.cli.show import show
from gyral.errors import UserError


def test_place_in_a_folder_that_exists_is_taken(tmp_path: Path) -> None:
    require_place(tmp_path / "new.html", "--html")


@pytest.mark.parametrize("name", ["missing/new.html", "."])
def test_place_that_cannot_be_written_is_refused_by_its_option(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        require_place(tmp_path / name, "--html")
    assert (caught.value.code, caught.value.where) == ("no-place", "--html")


def test_a_record_replaces_only_its_like(tmp_path: Path) -> None:
    held = {"model": {"name": "gabor"}, "benchmark": {"name": "sim-meg", "version": 1}}
    (tmp_path / "record.json").write_text(json.dumps(held))
    for model, benchmark in (("gabor", "sim-meg"), ("gabor", "sim-meg@1"), (str(tmp_path), "sim-meg")):
        require_own(tmp_path, model, benchmark, "--out")
    for model, benchmark in (("gabor", "sim-vision"), ("pixels", "sim-meg"), ("gabor:untrained", "sim-meg@1")):
        with pytest.raises(UserError, match="holds the record of 'gabor' on sim-meg@1") as caught:
            require_own(tmp_path, model, benchmark, "--out")
        assert caught.value.code == "record-elsewhere"
        require_own(tmp_path, model, benchmark, "--out", force=True)


def test_a_record_takes_no_folder_that_holds_anything_else(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    require_own(folder, "gabor", "sim-meg", "--out")
    folder.mkdir()
    require_own(folder, "gabor", "sim-meg", "--out")
    (folder / "thesis.tex").write_text("years of work")
    held = {"model": {"name": "gabor"}, "benchmark": {"name": "sim-meg", "version": 1}}
    for text in (None, "{", json.dumps(held)):
        if text is not None:
            (folder / "record.json").write_text(text)
        with pytest.raises(UserError, match=r"holds '(thesis.tex|record.json)'") as caught:
            require_own(folder, "gabor", "sim-meg", "--out")
        assert caught.value.code == "not-ours" and "--force" in str(caught.value)
    require_own(folder, "gabor", "sim-meg", "--out", force=True)
    with pytest.raises(UserError, match="is a file") as caught:
        require_own(folder / "thesis.tex", "gabor", "sim-meg", "--out", force=True)
    assert caught.value.code == "no-place"


def test_files_of_a_record_are_those_that_are_saved(tmp_path: Path) -> None:
    written = {file.name for file in made_record(tmp_path / "r").iterdir()}
    assert {"record.json", "units.parquet", "redraws.npy"} <= written <= FILES


def test_a_file_replaces_only_its_like(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    require_ours(file, "--html", "<mark>", force=False)
    for text in ("<p>by hand</p>", "<mark> of ours", ""):
        file.write_text(text)
        if "mark" in text or not text:
            require_ours(file, "--html", "<mark>", force=False)
        else:
            require_ours(file, "--html", "<mark>", force=True)
            with pytest.raises(UserError, match="was not written by this command") as caught:
                require_ours(file, "--html", "<mark>", force=False)
            assert (caught.value.code, caught.value.where) == ("not-ours", "--html")


def test_a_page_says_which_ending_is_expected() -> None:
    require_page(Path("x.html"), "--out")
    with pytest.raises(UserError, match=r"'x.pdf' does not end in .html") as caught:
        require_page(Path("x.pdf"), "--out")
    assert caught.value.code == "page-format" and "prints it as PDF" in str(caught.value)


def test_what_show_writes_it_replaces_and_nothing_else(tmp_path: Path) -> None:
    folder = made_record(tmp_path / "r")
    for option, name in (("--html", "p.html"), ("--brain", "b.svg")):
        out = tmp_path / name
        for _ in range(2):
            done = CliRunner().invoke(show, [str(folder), option, str(out)])
            assert done.exit_code == 0, done.exception
        out.write_text("<svg>drawn by hand</svg>")
        refused = CliRunner().invoke(show, [str(folder), option, str(out)])
        assert isinstance(refused.exception, UserError) and refused.exception.code == "not-ours"
        assert out.read_text() == "<svg>drawn by hand</svg>"
        assert CliRunner().invoke(show, [str(folder), option, str(out), "--force"]).exit_code == 0
        assert "drawn by hand" not in out.read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--region", "V1"], "--region has no effect here: it goes with --rdms"),
        (["--brain", "b.svg", "--region", "V1"], "--region has no effect"),
        (["--brain-shows", "units"], "--brain-shows has no effect here: it goes with --brain"),
        (["--html", "p.html", "--brain-shows", "regions"], "--brain-shows has no effect"),
        (["--json", "--all"], "--all has no effect here: it goes with the table and --html"),
        (["--force"], "--force has no effect"),
    ],
)
def test_options_without_effect_are_refused(options: list[str], words: str) -> None:
    done = CliRunner().invoke(show, ["anything", *options])
    assert done.exit_code == 2 and words in done.output


def made_record(folder: Path) -> Path:
    done = CliRunner().invoke(
        score, ["word-length", "-b", "sim-language", "--no-controls", "--out", str(folder), "--progress", "none"]
    )
    assert done.exit_code == 0, done.exception
    return folder
