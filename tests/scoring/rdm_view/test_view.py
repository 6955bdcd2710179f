"""Measured and modelled dissimilarities beside one another: order, groups, ranks, and what is not shown."""

import io
import re
from base64 import b64decode
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy.stats import rankdata, spearmanr

from array_model import ArrayModel
from gyral.benchmarks.benchmark import Benchmark
from gyral.cli.show import show
from gyral.datasets.dataset import About, Dataset
from gyral.datasets.pack import read_pack, write_pack
from gyral.datasets.region import Region
from gyral.datasets.responses import RegionRdms, Responses
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import UserError
from gyral.evaluate import evaluate
from gyral.places import home
from gyral.rdm_view.picture import rdm_svg, says
from gyral.rdm_view.view import CELLS, payload, view_rdms
from gyral.record import Record, TimeRef
from gyral.result import load_record
from gyral.rsa.rdm import correlation_rdm
from gyral.rsa.vector import squared

KINDS = ("tool", "face", "tool", "house", "face", "house") * 5
FIELDS: dict[str, Any] = {
    "name": "kinds",
    "version": 0,
    "title": "Kinds",
    "modality": "language",
    "dataset": "kinds",
    "task": "rsa",
    "metric": "rsa-spearman",
    "readout": "none",
    "ceiling": "rdm-bounds",
    "main_region": "IT",
}


def kinds(count: int = 30, **changes: Any) -> Dataset:
    """Stimuli of three kinds in no order; two subjects in whom those of a kind are alike."""
    draw = np.random.default_rng(1)
    names = np.array((KINDS * (count // 6 + 1))[:count])
    apart = (names[:, None] != names[None]).astype(float)
    noisy = np.stack([apart + 0.2 * np.abs(draw.standard_normal((count, count))) for _ in range(2)])
    noisy = noisy + noisy.swapaxes(1, 2)
    noisy[:, np.arange(count), np.arange(count)] = 0
    texts = [f"word{i}" for i in range(count)]
    stimuli = StimulusSet.from_texts(texts, columns={"category": names})
    fields: dict[str, Any] = {
        "about": About(name="kinds", title="Kinds", description="For tests.", ordered=False),
        "stimuli": stimuli,
        "responses": None,
        "rdms": {"IT": RegionRdms("IT", "fMRI", noisy[:, None], ("a", "b"))},
        "units": pd.DataFrame({"subject": [], "unit": []}),
        "regions": (Region("IT", np.arange(0)),),
    }
    return Dataset(**(fields | changes))


def scored(dataset: Dataset, folder: Path, **changes: Any) -> Record:
    """A model that knows kinds and one that knows nothing, as layers; its record, with the pack installed."""
    (home() / "packs").mkdir(exist_ok=True)
    declared = FIELDS | changes
    fields = {k: getattr(dataset, k) for k in ("about", "stimuli", "responses", "rdms", "units", "regions")}
    write_pack(Dataset(**fields, extra={"benchmark": declared}), home() / "packs" / "kinds")
    draw = np.random.default_rng(2)
    names = dataset.stimuli.columns.get("category", np.array(KINDS[:1] * len(dataset.stimuli)))
    known = np.stack([names == k for k in sorted(set(names))], axis=1) + 0.1 * draw.standard_normal(
        (len(names), len(set(names)))
    )
    layers = {"noise": draw.standard_normal((len(names), 9)), "kinds": np.hstack([known, known**2])}
    model = ArrayModel(dataset.stimuli.ids, {k: v.astype(np.float32) for k, v in layers.items()})
    benchmark = Benchmark(**declared)
    result = evaluate([model], benchmark, read_pack(home() / "packs" / "kinds"), controls="none")
    result.save(folder)
    return load_record(folder)


def test_stimuli_of_a_kind_stand_together_and_the_chosen_layer_is_shown(tmp_path: Path) -> None:
    dataset = kinds()
    view = view_rdms(scored(dataset, tmp_path / "r"), tmp_path / "r")
    assert (view.region, view.layer, view.subjects, view.stimuli) == ("IT", "kinds", 2, 30)
    assert [(g.name, g.count) for g in view.groups] == [("tool", 10), ("face", 10), ("house", 10)]
    assert view.between is not None
    for n, group in enumerate(view.groups):
        block = np.s_[10 * n : 10 * n + 10, 10 * n : 10 * n + 10]
        assert group.measured == pytest.approx(np.nanmean(view.measured[block]))
        assert group.model == pytest.approx(np.nanmean(view.model[block]))
        assert group.measured < 0.35 and group.model < 0.35
    assert min(view.between) > 0.6


def test_ranks_are_those_of_the_pairs(tmp_path: Path) -> None:
    dataset = kinds()
    view = view_rdms(scored(dataset, tmp_path / "r"), tmp_path / "r")
    order = np.argsort([["tool", "face", "house"].index(k) for k in KINDS], kind="stable")
    mean = dataset.rdms["IT"].pooled().mean(axis=0)
    expected = squared((rankdata(mean) - 1) / (len(mean) - 1))[np.ix_(order, order)]
    upper = np.triu_indices(30, 1)
    np.testing.assert_allclose(view.measured[upper], expected[upper])
    np.testing.assert_array_equal(view.measured[upper], view.measured.T[upper])
    assert np.isnan(np.diag(view.measured)).all() and np.isnan(np.diag(view.model)).all()
    # The record's own score is of pairs with a held-out stimulus; of all pairs it is near.
    assert view.value == pytest.approx(spearmanr(view.measured[upper], view.model[upper])[0], abs=0.15)


def test_rdms_of_responses_are_made_as_the_benchmark_says(tmp_path: Path) -> None:
    values = np.random.default_rng(3).standard_normal((30, 7)).astype(np.float32)
    dataset = kinds(
        responses=Responses("fMRI", "z", {"a": values}, {}),
        rdms={},
        units=pd.DataFrame({"subject": ["a"] * 7, "unit": [f"u{i}" for i in range(7)]}),
        regions=(Region("IT", np.arange(7)),),
    )
    view = view_rdms(scored(dataset, tmp_path / "r", rdm="correlation"), tmp_path / "r", "IT")
    found = correlation_rdm(values)
    order = np.argsort([["tool", "face", "house"].index(k) for k in KINDS], kind="stable")
    expected = squared((rankdata(found) - 1) / (len(found) - 1))[np.ix_(order, order)]
    np.testing.assert_allclose(view.measured[0, 1:], expected[0, 1:])


def test_many_stimuli_are_averaged(tmp_path: Path) -> None:
    dataset = kinds(CELLS + 22)
    view = view_rdms(scored(dataset, tmp_path / "r"), tmp_path / "r")
    assert view.measured.shape == (CELLS, CELLS) and view.stimuli == CELLS + 22
    np.testing.assert_allclose(view.measured, view.measured.T)
    assert "Each cell is the mean" in rdm_svg(view)
    third = CELLS // 3 - 1
    assert np.nanmean(view.measured[:third, :third]) < 0.35


def test_without_kinds_stimuli_keep_their_order(tmp_path: Path) -> None:
    plain = StimulusSet.from_texts([f"word{i}" for i in range(30)])
    view = view_rdms(scored(kinds(stimuli=plain), tmp_path / "r"), tmp_path / "r")
    assert view.groups == () and view.between is None
    assert "in the order of the dataset" in rdm_svg(view)


def test_the_title_says_which_times_are_shown(tmp_path: Path) -> None:
    record = scored(kinds(), tmp_path / "r")
    timed = record.model_copy(update={"time": TimeRef(times=(0.0, 0.1, 0.2), window=(0.05, 0.2))})
    assert view_rdms(timed, tmp_path / "r").title.startswith(
        "Dissimilarities of IT, 50 to 200 ms and of array-model"
    )
    made = record.model_copy(update={"benchmark": record.benchmark.model_copy(update={"simulated": True})})
    assert "Simulated data." in rdm_svg(view_rdms(made, tmp_path / "r"))
    assert "Simulated data." not in rdm_svg(view_rdms(record, tmp_path / "r"))


def test_what_is_private_or_not_here_is_not_shown(tmp_path: Path) -> None:
    secret = About(name="kinds", title="Kinds", description="For tests.", ordered=False, private=True)
    record = scored(kinds(about=secret), tmp_path / "private")
    with pytest.raises(UserError, match="private"):
        view_rdms(record, tmp_path / "private")
    record = scored(kinds(), tmp_path / "r")
    with pytest.raises(UserError, match="region"):
        view_rdms(record, tmp_path / "r", "V1")
    other = record.model_copy(update={"benchmark": record.benchmark.model_copy(update={"dataset_hash": "0" * 64})})
    with pytest.raises(UserError, match="not those that were scored"):
        view_rdms(other, tmp_path / "r")
    np.save(tmp_path / "r" / "predictions.npy", np.zeros((1, 2, 7)))
    with pytest.raises(UserError, match="other stimuli"):
        view_rdms(record, tmp_path / "r")
    (tmp_path / "r" / "predictions.npy").unlink()
    with pytest.raises(UserError, match="holds no dissimilarities"):
        view_rdms(record, tmp_path / "r")


def test_picture_words_and_numbers_say_the_same(tmp_path: Path) -> None:
    scored(kinds(), tmp_path / "r")
    out = tmp_path / "rdms.svg"
    done = CliRunner().invoke(show, [str(tmp_path / "r"), "--rdms", str(out)])
    assert done.exit_code == 0, done.output
    text = out.read_text("utf-8")
    view = view_rdms(load_record(tmp_path / "r"), tmp_path / "r")
    assert text == rdm_svg(view) and not re.search(r"<style|<script|style=", text)
    ElementTree.fromstring(text)
    assert "1 tool (10); 2 face (10); 3 house (10)" in text and "array-model, layer kinds" in text
    assert "IT, mean of 2 subjects" in text and "rank of the dissimilarity among all pairs" in text
    title = f"Dissimilarities of IT and of array-model on kinds@0: Rank correlation (ρ-a) of dissimilarities {view.value:.3f}"
    assert view.title == title and title in " ".join(re.findall(r'font-weight="700">([^<]*)</text>', text))
    images = [Image.open(io.BytesIO(b64decode(d))) for d in re.findall(r"base64,([^\"]+)", text)]
    assert [i.size for i in images] == [(30, 30), (30, 30)]
    # Alike is dark: inside the first kind, against the corner between kinds.
    assert sum(images[0].getpixel((5, 2))) < sum(images[0].getpixel((25, 2)))
    assert images[0].getpixel((4, 4)) == (200, 200, 200)
    told = payload(view)
    assert told["measured"][0][0] is None and told["groups"][0]["name"] == "tool"
    assert f"{view.groups[0].measured:.2f}" in says(view)
    refused = CliRunner().invoke(show, [str(tmp_path / "r"), "--rdms", "x.png"])
    assert isinstance(refused.exception, UserError)
