"""The command line: lazy, quick, suggesting, with exit codes one can rely on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "transformers", "onnxruntime", "sklearn", "nilearn", "mne", "django", "matplotlib", "scipy")


def gyral(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gyral.cli.main", *arguments], capture_output=True, text=True, check=False
    )


def test_list_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from gyral.cli.main import main\n"
        "try:\n    main(['list', '--json'])\n"
        "except SystemExit as leave:\n    assert not leave.code, leave.code\n"
        f"print(sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    names = {row["name"] for row in json.loads(done.stdout)["benchmarks"]}
    assert {"tuckute2024@1", "cowley2023-v4@1", "sim-vision@1"} <= names


def test_list_names_twins_readouts_and_metrics() -> None:
    tables = json.loads(gyral("list", "--json").stdout)
    models = {row["name"] for row in tables["models"]}
    assert {"efficientnet-lite0", "efficientnet-lite0:untrained", "pixels", "smollm2-135m"} <= models
    assert "pixels:untrained" not in models
    assert {row["name"] for row in tables["readouts"]} >= {"ridge", "gap", "cls"}
    assert all(row["summary"] for kind in tables.values() for row in kind)
    told = {row["name"]: row["summary"] for row in tables["metrics"]}
    assert "dissimilarities of pairs of stimuli in a region and in a layer" in told["rsa-spearman"]
    assert not any("correlation RDMs" in text for text in told.values())


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["scroe"], 2, "Did you mean 'score'?"),
        (["score", "pixels"], 2, "--benchmark"),
        (["score", "pixels", "-b", "tuckute2042"], 1, "Did you mean 'tuckute2024'"),
        (["score", "pixels", "-b", "tuckute2024@9"], 1, "tuckute2024@1"),
        (["score", "pixel", "-b", "sim-vision"], 1, "Did you mean 'pixels'"),
        (["score", "pixels", "-b", "sim-vision", "--readout", "rigde"], 1, "Did you mean 'ridge'"),
        (["score", "pixels", "-b", "kriegeskorte2008", "--readout", "ridge"], 1, "takes no readout"),
        (["score", "pixels", "-b", "kriegeskorte2008", "--metric", "trsa-0-03"], 1, "Did you mean 'trsa-0-30'"),
        (
            ["score", "pixels", "-b", "sim-vision", "--metric", "rsa-spearman"],
            1,
            "'rsa-spearman' is a metric of rsa; sim-vision@1 is scored by metrics of encoding. It takes pearson, ",
        ),
        (
            ["score", "pixels", "-b", "sim-vision", "--metric", "r2"],
            1,
            "'r2' stands beside every score and is no benchmark's metric",
        ),
        (["score", "pixels", "-b", "sim-vision", "--metric", "peerson"], 1, "Did you mean 'pearson'"),
        (["show", "nowhere.json"], 1, "there is no such record"),
        (
            ["score", "pixels", "-b", "sim-vision", "--readout", "ridge:"],
            1,
            "'ridge:' names an option without a name",
        ),
        (["list", "models", "--options"], 2, "--options has no effect here"),
        (["data", "preview", "sim-vision", "--out", "x.pdf"], 1, "'x.pdf' does not end in .html"),
    ],
)
def test_mistakes_are_one_line_with_a_mend(arguments: list[str], status: int, words: str) -> None:
    done = gyral(*arguments)
    assert done.returncode == status, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pipe_gets_a_line_a_step_and_no_control_codes(tmp_path: Path) -> None:
    out = str(tmp_path / "r")
    done = gyral("score", "word-length", "-b", "sim-language", "--no-controls", "--out", out)
    assert done.returncode == 0, done.stderr
    assert {line.partition(":")[0] for line in done.stderr.splitlines()} >= {"features", "ridge", "statistics"}
    assert "statistics: 1 of 1" in done.stderr.splitlines()
    assert "\x1b" not in done.stderr + done.stdout and "\r" not in done.stderr
    assert gyral("score", "word-length", "-b", "sim-language", "--no-controls", "--out", out, "-q").stderr == ""


def test_mistakes_reach_a_parent_process_as_json() -> None:
    done = gyral("score", "pixels", "-b", "tuckute2042", "--progress", "json")
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "unknown-benchmark"
    assert "tuckute2024" in error["mend"]


def test_help_names_every_command_without_importing_them() -> None:
    done = gyral("--help")
    assert done.returncode == 0
    for name in ("list", "score", "show", "check", "extract", "stimuli", "data", "models", "serve"):
        assert f"  {name} " in done.stdout
