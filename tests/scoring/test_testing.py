"""The conformance suite passes what is in order and finds what is not."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from array_model import ArrayModel
from gyral.datasets.layouts.layout import Draft, Layout
from gyral.datasets.readers import READERS
from gyral.datasets.readers.known import table as open_table
from gyral.features.features import Features
from gyral.metrics.correlation import pearson_r, r2_score
from gyral.models.catalogue import open_model
from gyral.models.model import Batch
from gyral.readouts import READOUTS
from gyral.readouts.ridge import Ridge
from gyral.rsa.rank import SPEARMAN
from gyral.testing import (
    check_layout,
    check_metric,
    check_model,
    check_reader,
    check_readout,
    check_registered,
)
from gyral.triplets import cosine
from source_folder import describe, write_csv


@pytest.mark.parametrize("metric", [pearson_r, r2_score])
def test_bundled_metrics_conform(metric: Callable[..., Any]) -> None:
    check_metric(metric)


@pytest.mark.parametrize("name", ["ridge", "pls"])
def test_bundled_readouts_conform(name: str) -> None:
    check_readout(READOUTS.load(name)())


def draws(measured: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return pearson_r(measured, predicted) + 1e-3 * np.random.standard_normal(measured.shape[1])


def writes(measured: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    predicted -= predicted.mean(axis=0)
    return pearson_r(measured, predicted)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (draws, "draws without a seed"),
        (writes, "writes into its input"),
        (lambda y, p: pearson_r(y, p).mean(), "one number a unit"),
        (lambda y, p: ((y - p) ** 2).mean(axis=0), "to the truth itself"),
        (lambda y, p: np.ones(y.shape[1]), "noise as much as the truth"),
    ],
)
def test_careless_metrics_are_found_out(metric: Callable[..., Any], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_metric(metric)


class Peeking(Ridge):
    """Centres by all responses, those held out included."""

    def fit(self, features: Features, responses: Any, rows: Any, inner: Any, **named: Any) -> Any:
        return super().fit(features, responses - np.nanmean(responses, axis=0), rows, inner, **named)


class Restless(Ridge):
    """Draws without a seed."""

    def fit(self, features: Features, responses: Any, rows: Any, inner: Any, **named: Any) -> Any:
        return super().fit(features, responses + np.random.standard_normal(responses.shape), rows, inner, **named)


class Deaf(Ridge):
    """Learns from nothing but noise."""

    def fit(self, features: Features, responses: Any, rows: Any, inner: Any, **named: Any) -> Any:
        noise = np.random.default_rng(0).standard_normal(responses.shape)
        return super().fit(features, noise, rows, inner, **named)


@pytest.mark.parametrize(
    ("readout", "words"),
    [
        (Peeking(), "held-out responses changed"),
        (Restless(), "the same seed gave other"),
        (Deaf(), "planted responses are predicted"),
        (object(), "object is no readout: it has no name"),
    ],
)
def test_careless_readouts_are_found_out(readout: Any, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_readout(readout)


# Metrics of RDMs and of triplets ---------------------------------------------------------------------------------


class Careless(type(SPEARMAN)):  # type: ignore[misc]
    """Says something else under redraws."""

    def redrawn(self, *given: Any) -> Any:
        return 0.5 * super().redrawn(*given)


def test_comparators_whose_redraws_say_something_else_are_found_out() -> None:
    check_metric(SPEARMAN)
    with pytest.raises(AssertionError, match="redrawn with every stimulus once gives something else"):
        check_metric(Careless())


class Alike:
    """A metric of triplets."""

    task = "triplets"

    def __init__(self, of: Callable[[Any], Any]) -> None:
        self.of = of

    def __call__(self, features: Any) -> Any:
        return self.of(features)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (lambda x: cosine(x)[0], r"shape \(9,\) to 9 samples"),
        (lambda x: -cosine(x), "less alike than others"),
        (lambda x: cosine(x) + np.arange(len(x)), "depends on which comes first"),
        (lambda x: cosine(x) + np.random.standard_normal(), "draws without a seed"),
        (lambda x: cosine(x) * np.nan, "not finite"),
    ],
)
def test_careless_metrics_of_triplets_are_found_out(of: Callable[[Any], Any], words: str) -> None:
    check_metric(Alike(cosine))
    with pytest.raises(AssertionError, match=words):
        check_metric(Alike(of))


# Models ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pixels", "gabor", "spectrogram", "word-length"])
def test_bundled_models_conform(name: str) -> None:
    check_model(open_model(name)[0])


class Changed:
    """The pixels, with something wrong about them."""

    def __init__(self, **changes: Any) -> None:
        self.inner = open_model("pixels")[0]
        self.card, self.hash, self.change = self.inner.card, changes.get("hash", self.inner.hash), changes
        self.calls = 0

    def layers(self) -> tuple[str, ...]:
        return self.change.get("layers", self.inner.layers())  # type: ignore[no-any-return]

    def batches(self, stimuli: Any, layers: Any, **named: Any) -> Iterator[Batch]:
        self.calls += 1
        for batch in self.inner.batches(stimuli, self.inner.layers(), **named):
            (values,) = batch.arrays.values()
            change = self.change.get("values", lambda v, model: v)
            found = change(values, self)
            yield Batch(batch.start + self.change.get("ahead", 0), dict.fromkeys(layers, found))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hash": "abc"}, "its hash is 'abc'; 64 hex digits"),
        ({"layers": ()}, r"its layers are \(\)"),
        ({"layers": ("a", "a")}, "different names"),
        ({"ahead": 1}, "a batch starts at row 1; 0 is expected"),
        ({"values": lambda v, m: v.astype(int)}, "no array of floating-point numbers"),
        ({"values": lambda v, m: v * np.nan}, "NaN or infinite"),
        ({"values": lambda v, m: v[1:]}, "batches hold 10 rows together; 11 stimuli"),
        ({"values": lambda v, m: v + m.calls}, "shown the same stimuli twice, it gave two answers"),
        ({"values": lambda v, m: v + np.random.random()}, "shown the same stimuli twice, it gave two answers"),
        ({"values": lambda v, m: v - v.mean(axis=0)}, "depend on those beside it in a batch"),
        ({"values": lambda v, m: v + np.arange(len(v), dtype=np.float32)[:, None]}, "depend on the order"),
        ({"values": lambda v, m: v * 0}, "the same features to every stimulus"),
        ({"values": lambda v, m: np.zeros((len(v), 2, 9, 9), np.float32)}, "maps of 9 x 9; 7 x 7 is the most"),
    ],
)
def test_careless_models_are_found_out(changes: dict[str, Any], words: str) -> None:
    if "values" in changes:
        flat = changes["values"]
        changes = {**changes, "values": lambda v, m: flat(v.reshape(len(v), -1), m)}
    with pytest.raises(AssertionError, match=words):
        check_model(Changed(**changes))


def test_what_is_no_model_is_said() -> None:
    with pytest.raises(AssertionError, match="object is no model: it has no card, hash, layers, batches"):
        check_model(object())  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="its hash is"):
        check_model(ArrayModel(("a",), {"x": np.zeros((1, 2), np.float32)}))


# Readers and layouts ---------------------------------------------------------------------------------------------


def folder_of(place: Path, reader: str) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    write_csv(place / "data.csv", stimulus=["a", "b", "c", "d"], left=[1.0, 2, 3, 4], right=[5.0, 4, 3, 2])
    return describe(
        place,
        stimuli={"modality": "label"},
        responses={"reader": reader, "kind": "fMRI", "unit": "z", "subjects": ["s1"], "files": "data.csv"},
        regions=[{"name": "all", "all": True}],
    )


def test_bundled_readers_conform(tmp_path: Path) -> None:
    check_reader(folder_of(tmp_path, "table"))


def _uneven(recording: Any) -> Any:
    (part,) = recording.parts
    blocks = lambda most: (b + 0.1 * (most == 1) for b in part.blocks(most))
    return replace(recording, parts=(replace(part, blocks=blocks),))


def _with_part(**changes: Any) -> Callable[[Any], Any]:
    return lambda recording: replace(recording, parts=(replace(recording.parts[0], **changes),))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: "text", "it gives str, and a Recording is expected"),
        (lambda r: 1 / 0, "it failed on subject 's1': ZeroDivisionError"),
        (lambda r: replace(r, shown=r.shown.iloc[1:]), "'shown' has 3 rows, and the parts have 4"),
        (lambda r: replace(r, shown=r.shown.rename(columns={"stimulus": "item"})), "no 'stimulus'"),
        (lambda r: replace(r, units=r.units.rename(columns={"unit": "name"})), "no 'unit'"),
        (lambda r: replace(r, units=r.units.assign(unit="same")), "two units have one name"),
        (_uneven, "numbers depend on how many rows are asked for at a time"),
        (_with_part(blocks=lambda most: iter([np.zeros((4, 3))])), r"shape \(4, 3\); rows x 2 units"),
        (
            _with_part(blocks=lambda most: iter([np.zeros((3, 2))])),
            "blocks hold 3 rows together; 4 were announced",
        ),
        (_with_part(blocks=lambda most: iter([np.zeros((4, 2))])), "4 rows where 1 at most were asked for"),
        (_with_part(blocks=lambda most: iter([np.full((4, 2), "x")])), "numbers are expected"),
        (
            _with_part(blocks=lambda most: iter([np.random.random((4, 2))])),
            "the blocks of one recording, read twice, differ",
        ),
    ],
)
def test_careless_readers_are_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], Any], words: str
) -> None:
    def careless(source: Any, folder: Path, subject: str) -> Any:
        return change(open_table(source, folder, subject))

    load = type(READERS).load
    monkeypatch.setattr(type(READERS), "own", lambda self: ("careless",) if self.kind == "reader" else ())
    monkeypatch.setattr(type(READERS), "load", lambda self, n: careless if n == "careless" else load(self, n))
    monkeypatch.setattr(type(READERS), "origin", lambda self, n: "somebody 1.0" if n == "careless" else "")
    with pytest.raises(AssertionError, match=words):
        check_reader(folder_of(tmp_path, "careless"))


def test_layouts_tell_of_their_own_files_and_draft_a_description(tmp_path: Path) -> None:
    folder_of(tmp_path, "table")
    text = 'source = 1\n[about]\nname = "x"\n[stimuli]\nmodality = "label"\n'
    good = Layout("Own", lambda n: n == "data.csv", lambda folder: Draft(text))
    check_layout(good, tmp_path)
    for layout, words in (
        (replace(good, tell=lambda n: False), "tells of none of the 2 files"),
        (replace(good, tell=lambda n: True), "which many datasets have"),
        (replace(good, draft=lambda folder: text), "its draft is str"),
        (replace(good, draft=lambda folder: Draft("source =")), "not valid TOML"),
        (replace(good, draft=lambda folder: Draft("source = 1")), "its draft lacks about, stimuli"),
    ):
        with pytest.raises(AssertionError, match=words):
            check_layout(layout, tmp_path)


def test_what_is_checked_by_name_must_be_somebody_elses(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="readout 'ridge' is Gyral's own"):
        check_registered("readout", "ridge")
    with pytest.raises(AssertionError, match="unknown metric 'nobodys'"):
        check_registered("metric", "nobodys")
    with pytest.raises(AssertionError, match="a reader is checked on a folder"):
        check_registered("reader", "table")
    with pytest.raises(AssertionError, match="does not name the reader 'array'"):
        check_registered("reader", "array", folder_of(tmp_path, "table"))
