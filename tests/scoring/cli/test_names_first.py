"""What names alone tell is said before anything slow is imported, and flags that contradict each other are refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import uploads
from gyral.cli.main import main
from gyral.errors import UserError
from gyral.fitting import _size
from gyral.readouts.reduction import parse_reduction


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit status and all that was printed."""
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in arguments])
    out = capsys.readouterr()
    return int(str(caught.value.code or 0)), out.out + out.err


SCORE = ("score", "minilm-l6", "-b", "sim-language")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("score", "nonsense", "-b", "sim-language"), "unknown model 'nonsense'"),
        (("score", "minilm-l6", "-b", "sim-vision"), "is a language model"),
        (("score", "minilm-l6", "-b", "nonsense"), "unknown benchmark 'nonsense'"),
        (("score", "minilm-l6:untrained:permuted", "-b", "sim-language"), "'minilm-l6' has more than one suffix"),
        (("score", "minilm-l6", "-b", "haxby2001"), "It has no board: `gyral decode haxby2001`"),
        ((*SCORE, "--readout", "rigde"), "Did you mean 'ridge'"),
        ((*SCORE, "--readout", "qqq"), "Known: "),
        ((*SCORE, "--reduce", "nonsense"), "'nonsense' is no reduction"),
        ((*SCORE, "--reduce", "pca:0"), "WIDTH is a whole number from 1"),
        ((*SCORE, "--device", "gpu"), "gyral: device: 'gpu' is unknown; choose cpu, cuda or cuda:N"),
        ((*SCORE, "--beside", "nonsense"), "--beside: unknown model 'nonsense'"),
        (("overlap", "-b", "nonsense"), "unknown benchmark 'nonsense'"),
    ],
)
def test_a_wrong_name_is_said_without_slow_imports(arguments: tuple[str, ...], words: str) -> None:
    code = (
        "import sys\nfrom gyral.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n"
        "    slow = {'torch', 'transformers', 'sklearn', 'pandas', 'onnx'} & set(sys.modules)\n"
        "    sys.exit(f'imported {slow}' if slow else end.code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and words in done.stderr, done.stderr
    assert "imported" not in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("controls", ["all", "nuisances"])
def test_controls_and_no_controls_contradict_each_other(controls: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = said(capsys, *SCORE, "--controls", controls, "--no-controls")
    assert status == 2 and "contradict each other" in text


def test_show_prints_or_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = said(capsys, "show", tmp_path, "--json", "--html", tmp_path / "page.html")
    assert status == 2 and "one of them" in text and not (tmp_path / "page.html").exists()


def test_list_says_which_metrics_no_benchmark_can_have(capsys: pytest.CaptureFixture[str]) -> None:
    _, text = said(capsys, "list", "metrics")
    marked = [line.split()[0] for line in text.splitlines() if "no benchmark's metric" in line]
    assert marked == ["r2"]
    _, text = said(capsys, "list", "metrics", "--json")
    tasks = {row["name"]: row["task"] for row in json.loads(text)["metrics"]}
    assert (tasks["r2"], tasks["pearson"], tasks["rsa-cosine"]) == (None, "encoding", "rsa")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_init_of_one_file_of_a_folder_names_the_folder(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = said(capsys, "init", uploads.GOOD / "bert" / name)
    assert status == 1 and "one file of a model" in text and f"gyral init {uploads.GOOD / 'bert'}" in text


@pytest.mark.parametrize(("folder", "name"), [("bert", "gyral.toml"), ("features", "features.toml")])
def test_init_of_a_card_says_that_it_is_one(folder: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = said(capsys, "init", uploads.GOOD / folder / name)
    assert status == 1 and "a card itself" in text and "gyral check" in text


def test_memory_is_never_rounded_to_nothing() -> None:
    assert (_size(300_000), _size(5 << 20), _size(3 << 30)) == ("0.29 MiB", "5 MiB", "3,072 MiB")


def test_errors_of_the_library_name_arguments_not_flags() -> None:
    from gyral.device import check_device

    for call in (lambda: parse_reduction("x"), lambda: check_device("gpu")):
        with pytest.raises(UserError) as caught:
            call()
        assert caught.value.where in ("reduce", "device") and "--" not in str(caught.value)
