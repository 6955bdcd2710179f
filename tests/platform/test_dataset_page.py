"""Datasets without a board have a page that shows what their responses decode."""

import numpy as np
import pandas as pd
import pytest
from django.test import Client
from django.urls import reverse

from board_rows import make_benchmark, make_scored
from gyral.datasets.dataset import About, Dataset
from gyral.datasets.region import Region
from gyral.datasets.responses import Responses
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.time_axis import TimeAxis
from gyral.decode import decode_dataset
from gyral_submissions.models import Dataset as Row

pytestmark = pytest.mark.django_db


def made(classes, *, times=1):
    rng = np.random.default_rng(0)
    y, runs = np.tile(classes, 18), np.repeat([f"run-{k}" for k in range(6)], 3 * len(classes))
    x = rng.standard_normal((len(y), 4 * times)) + 2 * (
        y[:, None] == np.array(classes)[np.arange(4 * times) % len(classes)]
    )
    units = pd.DataFrame({"subject": "s", "unit": [f"u{k}" for k in range(4 * times)]})
    if times > 1:
        units["sensor"], units["time"] = np.repeat(list("abcd"), times), np.tile(np.arange(times) / 10, 4)
    return Dataset(
        about=About("made", "Made <b>labels</b>", "Some words.", licence="CC0"),
        stimuli=StimulusSet.from_texts(
            y.tolist(),
            [f"{k}" for k in range(len(y))],
            modality="label",
            groups=runs.tolist(),
            columns={"category": y},
        ),
        responses=Responses("EEG", "uV", {"s": x.astype(np.float32)}, {}),
        rdms={},
        units=units,
        regions=(Region("all sensors", np.arange(4 * times)),),
        split_kind="leave-one-group-out",
        time=TimeAxis(tuple(np.arange(times) / 10), (0.0, 1.0)) if times > 1 else None,
    )


def shown(dataset, client):
    report = decode_dataset(dataset, permutations=10, classifiers=("lda", "centroid"))
    Row.objects.create(
        name="made",
        content_hash="1" * 64,
        title=dataset.about.title,
        about={"description": "Some words.", "n_stimuli": 54, "n_units": 4, "kind": "EEG", "physical_unit": "uV"},
        decoding=report.model_dump(mode="json"),
    )
    return report, client.get(reverse("leaderboard:dataset", args=["made"])).content.decode()


def test_numbers_stand_beside_chance_and_pairs_in_a_table(client: Client):
    report, page = shown(made(["face", "house", "shoe"]), client)
    assert "Made &lt;b&gt;labels&lt;/b&gt;" in page
    for result in report.results:
        assert f"{result.accuracy.value:.2f} (" in page
    assert "0.333" in page
    assert "Each pair of classes in all sensors, lda" in page
    assert "gyral decode made" in page
    assert 'href="/datasets/made/"' in client.get("/benchmarks/").content.decode()


def test_two_classes_over_time_have_a_curve(client: Client):
    report, page = shown(made(["face", "house"], times=3), client)
    assert report.results[0].curve.times == (0.0, 0.1, 0.2)
    assert "<svg" in page
    assert "Each pair" not in page


def test_all_datasets_stand_in_a_list_each_marked(client: Client):
    assert "no datasets yet" in client.get("/datasets/").content.decode()
    make_benchmark("cortex")
    make_benchmark("made-up", simulated=True)
    shown(made(["face", "house"]), client)
    page = client.get("/datasets/").content.decode()
    for part in ('href="/benchmarks/cortex@0/"', 'href="/benchmarks/made-up@0/"', 'href="/datasets/made/"'):
        assert part in page
    assert page.count('class="badge simulated"') == 1
    assert 'href="/datasets/"' in client.get("/datasets/made/").content.decode()


def test_thousands_are_marked(client: Client):
    make_benchmark("cortex", about={"n_stimuli": 2127})
    assert '<td class="number">2,127</td>' in client.get("/datasets/").content.decode()
    assert "<dd>2,127 stimuli</dd>" in client.get("/benchmarks/cortex/").content.decode()


def test_api_has_the_report_of_a_dataset(client: Client):
    report, _ = shown(made(["face", "house"]), client)
    (listed,) = client.get("/api/v1/datasets").json()["items"]
    assert (listed["name"], listed["about"]["n_stimuli"], "decoding" in listed) == ("made", 54, False)
    assert client.get("/api/v1/datasets/made").json() == listed | {"decoding": report.model_dump(mode="json")}
    missing = client.get("/api/v1/datasets/none")
    assert (missing.status_code, missing.json()["where"]) == (404, "name")


def test_an_unknown_dataset_has_no_page(client: Client):
    assert client.get("/datasets/none/").status_code == 404


def test_a_record_shows_chance_and_candidates_and_copes_without(client: Client):
    run = make_scored("m", make_benchmark("cortex"), {"V1": 0.8}).runs.get()
    told = {"candidates": 30.0, "two_way": 0.812, "top_1": 0.0, "top_1_chance": 0.033, "median_rank": 3.0}
    row = {
        "region": "V1",
        "subject": "all",
        "layer": "chosen",
        "value": 0.812,
        "chance": 0.5,
        "p": 0.001,
        "q": 0.001,
    }
    for identification in (told, {}):
        run.record["rows"] = [row | {"identification": identification}]
        run.save(update_fields=["record"])
        page = client.get(f"/records/{run.pk}/").content.decode()
        assert "Beside chance" in page
        assert "0.500" in page
        assert ("0.812</td><td" in page) and (('<td class="number">30</td>' in page) == bool(identification))


def test_facts_that_nobody_gave_are_left_out(client: Client):
    told = {"classes": ["a", "b"], "permutations": 9, "results": []}
    about = {"n_stimuli": 9, "split": "leave-one-group-out"}
    Row.objects.create(name="bare", content_hash="1" * 64, title="Bare", about=about, decoding=told)
    page = client.get(reverse("leaderboard:dataset", args=["bare"])).content.decode()
    assert "<dt>Samples</dt><dd>9</dd>" in page
    assert "<dt>Species" not in page and "<dt>Units" not in page and "(, in" not in page
    Row.objects.filter(name="bare").update(about=about | {"n_units": 4, "physical_unit": "uV"})
    page = client.get(reverse("leaderboard:dataset", args=["bare"])).content.decode()
    assert "<dt>Units</dt><dd>4 (in uV)</dd>" in page
