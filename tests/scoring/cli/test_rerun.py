"""``gyral rerun`` on records of every kind, whole and tampered with."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gyral.arrays import evaluate_arrays
from gyral.cli.main import cli
from gyral.comparison import compare
from gyral.errors import BadUpload, UserError
from gyral.record import Record
from gyral.rerun import rerun_arrays
from gyral.result import load_record

UPLOADS = Path(__file__).resolve().parents[3] / "fixtures" / "uploads"
CONV, BERT = str(UPLOADS / "conv"), str(UPLOADS / "bert")

# Arguments of `gyral score`, and what `gyral rerun` needs besides the record.
_KINDS: dict[str, tuple[list[str], list[str]]] = {
    "floor-language": (["word-length", "-b", "sim-language"], []),
    "bare-language": (["word-length", "-b", "sim-language", "--no-controls"], []),
    "upload-vision": (
        [CONV, "-b", "sim-vision", "--layers", "stem", "--reduce", "pca:8", "--no-controls"],
        ["--model", CONV],
    ),
    "controlled-vision": ([CONV, "-b", "sim-vision", "--layers", "stem"], ["--model", CONV]),
    "twin-language": (
        [f"{BERT}:untrained", "-b", "sim-language", "--layers", "block.1", "--seed", "3"],
        ["--model", BERT],
    ),
    "joint-language": (
        [
            "word-length",
            "-b",
            "sim-language",
            "--readout",
            "banded",
            "--beside",
            "word-frequency",
            "--no-controls",
        ],
        [],
    ),
    "similarity": (["pixels", "-b", "kriegeskorte2008", "--seed", "2"], []),
    "topology": (["pixels", "-b", "kriegeskorte2008", "--metric", "trsa-0-30"], []),
}
_MARKS = {
    "similarity": [pytest.mark.data],
    "topology": [pytest.mark.data],
    "controlled-vision": [pytest.mark.slow],
}
_PARAMETERS = [pytest.param(kind, marks=_MARKS.get(kind, [])) for kind in _KINDS]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False)


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The record of a kind, scored once."""
    made: dict[str, Path] = {}

    def record(kind: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp("record") / kind
            done = invoke("score", *_KINDS[kind][0], "--out", str(made[kind]), "--quiet")
            assert done.exit_code == 0, done.output
        return made[kind]

    return record


@pytest.fixture
def change(score: Callable[[str], Path], tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], None]], Path]:
    """A copy of the bare floor's record with something in its JSON changed."""

    def changed(edit: Callable[[dict[str, Any]], None]) -> Path:
        folder = tmp_path / "changed"
        shutil.copytree(score("bare-language"), folder)
        fields = json.loads((folder / "record.json").read_text("utf-8"))
        edit(fields)
        (folder / "record.json").write_text(json.dumps(fields), "utf-8")
        return folder

    return changed


@pytest.mark.parametrize("kind", _PARAMETERS)
def test_record_is_made_again_to_the_last_bit(kind: str, score: Callable[[str], Path], tmp_path: Path) -> None:
    folder = score(kind)
    done = invoke(
        "rerun", str(folder), *_KINDS[kind][1], "--json", "--progress", "none", "--out", str(tmp_path / "again")
    )
    found = json.loads(done.output)
    assert (done.exit_code, found["outcome"]) == (0, "same"), found
    assert found["largest"] == 0 and found["tolerance"] == 0
    assert not found["inputs"] and not found["means"] and not found["notes"]
    arrays = sum(np.load(p).size for p in folder.glob("*.npy"))
    assert found["numbers"] > arrays + 10 * len(load_record(folder).rows)
    assert load_record(tmp_path / "again").same_scores_as(load_record(folder))


def test_features_are_computed_anew(score: Callable[[str], Path]) -> None:
    folder = score("bare-language")
    cached = list((Path(os.environ["GYRAL_CACHE"]) / "features").glob("*/length-*.npy"))
    kept = {p: p.read_bytes() for p in cached}
    assert kept
    try:
        for path in cached:
            np.save(path, np.load(path)[::-1])
        done = invoke("rerun", str(folder), "--progress", "none")
        assert done.exit_code == 0, done.output
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


def _value(fields: dict[str, Any]) -> None:
    fields["rows"][0]["value"] += 1e-9


def _seed(fields: dict[str, Any]) -> None:
    fields["provenance"]["seed"] = 7


def _row(fields: dict[str, Any]) -> None:
    del fields["rows"][-1]


def _chosen(fields: dict[str, Any]) -> None:
    fields["rows"][0]["layers_chosen"] = {"length": 4, "other": 1}


@pytest.mark.parametrize(
    ("edit", "says"),
    [(_value, "value"), (_seed, "low"), (_row, "no row -> a row"), (_chosen, "layers_chosen: other")],
    ids=["value", "seed", "row", "layers"],
)
def test_changed_number_is_told_and_where(edit: Any, says: str, change: Any) -> None:
    folder = change(edit)
    done = invoke("rerun", str(folder), "--progress", "none")
    assert done.exit_code == 1
    assert "not the same" in done.output and says in done.output
    assert "Code, libraries, device and processor are the same" in done.output


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_the_same_as_no_number(number: float, score: Callable[[str], Path]) -> None:
    kept = load_record(score("bare-language"))
    fields = kept.model_dump(mode="python")
    fields["rows"][0]["value"] = number
    odd = Record.model_validate(fields)
    for pair in ((odd, kept), (kept, odd)):
        found = compare(*pair)
        assert not found.same and [d.where.rsplit(": ")[-1] for d in found.numbers] == ["value"]
    assert compare(odd, odd).same


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (
            lambda b: re.sub(rb'"value": [-.0-9e]+', b'"value": 1e400', b, count=1),
            "rows.0.value is NaN or infinite",
        ),
        (lambda b: re.sub(rb'"value": [-.0-9e]+', b'"value": NaN', b, count=1), "rows.0.value is NaN or infinite"),
        (lambda b: b"\xff\xfe" + b, "not UTF-8 text"),
    ],
)
def test_a_record_that_is_none_is_refused_with_its_place(
    edit: Callable[[bytes], bytes], says: str, score: Callable[[str], Path], tmp_path: Path
) -> None:
    file = tmp_path / "record.json"
    content = (score("bare-language") / "record.json").read_bytes()
    changed = edit(content)
    assert changed != content
    file.write_bytes(changed)
    done = invoke("rerun", str(file))
    assert done.exit_code == 2
    assert says in " ".join(done.output.split()) and "record.json" in done.output
    with pytest.raises(BadUpload, match=says) as caught:
        invoke("show", str(file))
    assert caught.value.code == "record-schema"


@pytest.mark.parametrize(
    ("part", "field", "named"),
    [("model", "hash", "model"), ("benchmark", "dataset_hash", "dataset"), ("benchmark", "split_hash", "split")],
)
def test_other_hash_is_told_though_every_number_is_equal(part: str, field: str, named: str, change: Any) -> None:
    folder = change(lambda fields: fields[part].update({field: "0" * 64}))
    done = invoke("rerun", str(folder), "--json", "--progress", "none")
    found = json.loads(done.output)
    assert done.exit_code == 1 and found["outcome"] == "differs"
    assert [d["where"] for d in found["inputs"]] == [named] and not found["differences"]


def test_words_of_the_card_are_no_numbers(change: Any) -> None:
    folder = change(lambda fields: fields["model"]["card"].update(licence="of another"))
    done = invoke("rerun", str(folder), "--progress", "none")
    assert done.exit_code == 0, done.output
    assert "equal to the last bit" in done.output
    assert "the model's card (record -> now)\n  card: licence: of another -> BSD-3-Clause" in done.output


def test_other_libraries_allow_a_hundred_thousandth(score: Callable[[str], Path]) -> None:
    kept = load_record(score("bare-language"))
    for by, same in ((9e-6, True), (2e-5, False)):
        fields = kept.model_dump(mode="json")
        fields["provenance"]["libraries"]["numpy"] = "1.26.0"
        fields["rows"][0]["value"] += by
        found = compare(Record.model_validate(fields), kept)
        assert found.same is same and [d.where for d in found.means] == ["libraries"]
        assert found.largest == pytest.approx(by, rel=1e-3)
        assert "numpy 1.26.0" in str(found.means[0])


def test_changed_array_is_told(change: Any) -> None:
    folder = change(lambda fields: None)
    predictions = np.load(folder / "predictions.npy")
    predictions[0, 3, 2] += 0.25
    np.save(folder / "predictions.npy", predictions)
    done = invoke("rerun", str(folder), "--progress", "none")
    assert done.exit_code == 1
    assert f"predictions.npy: {predictions.size} values -> 1 of them other ones (differ by 0.25)" in done.output


def test_json_alone_is_compared_and_what_is_not_there_is_noted(change: Any) -> None:
    folder = change(lambda fields: None)
    for path in (*folder.glob("*.npy"), *folder.glob("*.parquet")):
        path.unlink()
    done = invoke("rerun", str(folder / "record.json"), "--progress", "none")
    assert done.exit_code == 0, done.output
    assert "note: predictions.npy is not beside the record, so it was not compared" in done.output
    assert "the same as far as could be compared" in done.output and "to the last bit" not in done.output


def test_downloaded_json_is_not_compared_with_what_lies_beside_it(change: Any) -> None:
    folder = change(lambda fields: None)
    np.save(folder / "predictions.npy", np.zeros(3))
    (folder / "record.json").rename(folder / "word-length-sim-language-0-record.json")
    done = invoke("rerun", str(folder / "word-length-sim-language-0-record.json"), "--progress", "none")
    assert done.exit_code == 0, done.output
    assert "the same as far as could be compared" in done.output
    assert "only the JSON is here" in done.output


def test_model_of_another_file_is_told(score: Callable[[str], Path], tmp_path: Path) -> None:
    other = shutil.copytree(CONV, tmp_path / "conv")
    card = other / "gyral.toml"
    card.write_text(card.read_text("utf-8").replace("crop = 1.0", "crop = 0.5"), "utf-8")
    assert card.read_text("utf-8") != (UPLOADS / "conv" / "gyral.toml").read_text("utf-8")
    done = invoke("rerun", str(score("upload-vision")), "--model", str(other), "--progress", "none")
    assert done.exit_code == 1
    assert "  model: " in done.output and "numbers (record -> now)" in done.output


def _elsewhere(fields: dict[str, Any]) -> None:
    fields["model"]["name"] = "somebodys-model"


def _path(fields: dict[str, Any]) -> None:
    fields["model"]["name"] = CONV


def _benchmark(fields: dict[str, Any]) -> None:
    fields["benchmark"]["version"] = 99


def _field(fields: dict[str, Any]) -> None:
    del fields["provenance"]["asked"]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (_elsewhere, "no model 'somebodys-model' in the catalogue"),
        (_path, "it was scored from a folder, a file or an upload. Give it by --model PATH."),
        (_benchmark, "unknown benchmark 'sim-language@99'"),
        (_field, "provenance.asked"),
    ],
    ids=["model", "path", "benchmark", "schema"],
)
def test_what_cannot_be_made_again_is_said(edit: Any, says: str, change: Any) -> None:
    folder = change(edit)
    done = invoke("rerun", str(folder), "--progress", "none")
    assert done.exit_code == 2 and says in done.output
    done = invoke("rerun", str(folder), "--progress", "none", "--json")
    assert done.exit_code == 2 and json.loads(done.output)["outcome"] == "cannot"


@pytest.mark.parametrize("option", [["--device", "cdua"], ["--model", "no-such-folder"], ["--beside", CONV]])
def test_wrong_option_is_said(option: list[str], score: Callable[[str], Path]) -> None:
    done = invoke("rerun", str(score("bare-language")), *option, "--progress", "none")
    assert done.exit_code == 2 and "cannot be made again" in done.output


def test_missing_record_is_said(tmp_path: Path) -> None:
    assert invoke("rerun", str(tmp_path / "nowhere")).exit_code == 2


def test_record_of_arrays_asks_for_them_and_is_made_again_with_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x = {"a": rng.standard_normal((60, 4)), "b": rng.standard_normal((60, 3))}
    y = x["a"] @ rng.standard_normal((4, 6)) + rng.standard_normal((60, 6))
    groups = np.repeat(np.arange(12), 5)
    result = evaluate_arrays(x, y, groups=groups, folds=4, seed=5, regions={"odd": [1, 3, 5]})
    folder = result.save(tmp_path / "arrays").parent
    done = invoke("rerun", str(folder), "--progress", "none")
    assert done.exit_code == 2 and "rerun_arrays(record, features, responses)" in done.output
    record = load_record(folder)
    again = rerun_arrays(record, x, y, groups=groups, regions={"odd": [1, 3, 5]})
    found = compare(record, again.record)
    assert found.same and found.tolerance == 0 and found.largest == 0
    other = compare(record, rerun_arrays(record, x, y + 1, groups=groups, regions={"odd": [1, 3, 5]}).record)
    assert not other.same and {d.where for d in other.inputs} == {"benchmark", "dataset"}


def test_record_of_a_model_takes_no_arrays(score: Callable[[str], Path]) -> None:
    record = load_record(score("bare-language"))
    with pytest.raises(UserError, match="not of arrays"):
        rerun_arrays(record, np.zeros((9, 2)), np.zeros((9, 2)))
