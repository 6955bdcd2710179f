"""What a third party's metric must say of itself, and what happens to one that does not."""

from pathlib import Path

import pytest

from gyral.benchmarks.benchmark import measured_by
from gyral.benchmarks.catalogue import find_benchmark
from gyral.errors import UnknownName, UserError
from gyral.metrics import METRICS
from gyral.metrics.metric import TASKS, metrics_of, open_metric, task_of, title_of, told_of
from gyral.plugins import packages_of, require_sound
from planted_package import METRIC, plant


def test_every_metric_of_a_task_has_a_title_and_a_description() -> None:
    for task in TASKS:
        for name in metrics_of(task):
            told = told_of(name)
            assert told.title != name and told.description and not told.package
            assert task_of(name) == task and title_of(name) == told.title
    assert task_of("r2") is None


def test_a_third_partys_metric_is_one_of_its_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = find_benchmark("sim-vision")
    before = recipe.content_hash("x")
    package = plant(tmp_path, monkeypatch, METRIC, metrics_planted="METRIC")
    assert metrics_of("encoding")[-1] == "planted" and "planted" not in metrics_of("rsa")
    told = told_of("planted")
    assert (told.title, told.description, told.package) == ("Planted r", "Pearson r by another name", package)
    require_sound("planted")
    assert packages_of(metric="planted", readout="ridge", models=()) == {"metric planted": package}
    # another package, or another version of it, is another benchmark; ours stay what they were
    own = measured_by(recipe, "planted")
    first = own.content_hash("x")
    assert recipe.content_hash("x") == before != first
    (told_in,) = tmp_path.glob("*/*.dist-info/METADATA")
    told_in.write_text(told_in.read_text().replace("2.5", "2.6"))
    assert own.content_hash("x") != first


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"Planted r"', "None", "its title is None, and a text is expected"),
        ('"Pearson r by another name"', '" "', "its description is ' '"),
        ('"encoding"', '"decoding"', "its task is 'decoding', and one of 'encoding', 'rsa', 'triplets'"),
        ('"encoding"', '"rsa"', "must be a gyral.rsa.comparator.Product"),
        ("METRIC = Metric()", "METRIC = Metric", "it is a class, and an object is expected"),
        ("__call__", "ask", "it cannot be called"),
    ],
)
def test_what_a_metric_lacks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, words: str
) -> None:
    package = plant(tmp_path, monkeypatch, METRIC.replace(old, new), metrics_lacking="METRIC")
    with pytest.raises(UserError, match=f"metric 'lacking' of {package}: .*{words}") as caught:
        open_metric("lacking")
    assert caught.value.code == "plugin-failed"
    assert "lacking" not in metrics_of("encoding") and told_of("lacking").title == "lacking"


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("pearson_r(measured, predicted) + 1e-3 * np.random.standard_normal()", "draws without a seed"),
        ("pearson_r(measured, predicted).mean()", "one number a unit"),
        ("-pearson_r(measured, predicted)", "to the truth itself"),
        ("pearson_r(measured, predicted) + 0 * pearson_r(measured, predicted[:, :2])", "it failed: ValueError"),
        ("pearson_r(measured, predicted) ** len(measured[0])", "when other units stand beside it"),
    ],
)
def test_what_the_suite_refuses_never_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: str, words: str
) -> None:
    code = METRIC.replace("pearson_r(measured, predicted)\n", f"{new}\n")
    package = plant(tmp_path, monkeypatch, code, metrics_careless="METRIC")
    with pytest.raises(UserError, match=f"metric 'careless' of {package}: .*{words}"):
        require_sound("careless")


def test_a_package_that_cannot_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = plant(tmp_path, monkeypatch, "import absent_module_of_tests", metrics_broken="METRIC")
    with pytest.raises(UserError, match=f"metric 'broken' of {package}: .*ModuleNotFoundError") as caught:
        METRICS.load("broken")
    assert caught.value.code == "plugin-broken"
    assert "broken" not in metrics_of("encoding")


def test_two_packages_with_one_name_and_one_with_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (
        plant(tmp_path, monkeypatch, METRIC, metrics_doubled="METRIC", metrics_pearson="METRIC") for _ in "ab"
    )
    with pytest.raises(UserError, match=f"2 packages call something so: {one}, {two}") as caught:
        METRICS.load("doubled")
    assert caught.value.code == "plugin-doubled"
    # what is built in stays ours
    assert METRICS.origin("pearson") == "" and METRICS.load("pearson").__module__ == "gyral.metrics.correlation"


def test_a_metric_that_nobody_registered_is_unknown() -> None:
    with pytest.raises(UnknownName, match="unknown metric of encoding 'planted'"):
        measured_by(find_benchmark("sim-vision"), "planted")


def test_a_name_that_a_site_cannot_keep_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, monkeypatch, METRIC, **{f"metrics_{'long' * 11}": "METRIC"})
    with pytest.raises(UserError, match="its name has more than 40 characters"):
        open_metric("long" * 11)
