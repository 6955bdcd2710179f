"""Records and regions of the simulated cortex on fsaverage5: each number where its unit is planted."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from gyral.brain.mesh import SIDES
from gyral.brain.shown import Mapped, map_dataset, paint_dataset, paint_record, record_units, why_not_mapped
from gyral.chart import written
from gyral.cli.score import score
from gyral.cli.show import show
from gyral.datasets.catalogue import open_dataset
from gyral.datasets.dataset import About, Dataset
from gyral.datasets.pack import write_pack
from gyral.datasets.region import Region
from gyral.datasets.responses import Kind, Responses
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import UserError
from gyral.places import home
from gyral.record import Record
from gyral.result import load_record


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("record") / "r"
    arguments = ["word-length", "-b", "sim-language", "--no-controls", "--out", str(made), "--progress", "none"]
    done = CliRunner().invoke(score, arguments)
    assert done.exit_code == 0, done.output
    return made


@pytest.fixture
def mapped() -> Mapped:
    open_dataset("sim-language")
    return map_dataset("sim-language")


@pytest.fixture
def record(folder: Path) -> Record:
    return load_record(folder)


def test_every_region_stands_where_its_units_are(mapped: Mapped) -> None:
    shown = paint_dataset(mapped)
    units = mapped.units
    for number, region in enumerate(mapped.manifest.regions):
        mine = units[units["region"] == region.name]
        for side in SIDES:
            there = np.flatnonzero(shown.values[side] == number)
            assert set(there) == set(mine[mine["hemisphere"] == side]["vertex"])
    assert shown.names == tuple(r.title for r in mapped.manifest.regions)
    assert "Simulated data." in shown.notes
    first = mapped.manifest.regions[0].name
    alone = paint_dataset(mapped, region=first)
    assert len(alone.names) == 1 and 0 < alone.painted < shown.painted
    with pytest.raises(UserError, match="region"):
        paint_dataset(mapped, region="nothing")


def test_a_vertex_shows_the_mean_score_of_its_units(mapped: Mapped, record: Record, folder: Path) -> None:
    scores = record_units(folder)
    shown = paint_record(mapped, record, scores)
    joined = scores.set_index("unit")["r"].to_frame().join(mapped.units[["hemisphere", "vertex"]])
    for (side, vertex), mine in joined.groupby(["hemisphere", "vertex"]):
        np.testing.assert_allclose(shown.values[side][vertex], mine["r"].mean(), rtol=1e-5)
    assert shown.painted == len(joined.dropna().drop_duplicates(["hemisphere", "vertex"]))
    assert shown.title.endswith(": Pearson r"), "where all regions are shown none is named"
    some = record.model_copy(update={"rows": tuple(r for r in record.rows if r.region == record.rows[0].region)})
    assert paint_record(mapped, some, scores).title.endswith(f"; {mapped.titles[record.rows[0].region]}")
    below, above = shown.beyond
    assert above > 0 and f"{above} lie above it" in " ".join(shown.notes) and below > 0
    one = paint_record(mapped, record, scores, subject="sim-1")
    assert 0 < one.painted < shown.painted and "sim-1" in one.title


def test_a_region_shows_the_value_of_its_row(mapped: Mapped, record: Record, folder: Path) -> None:
    shown = paint_record(mapped, record, record_units(folder), show="regions")
    for row in record.chosen:
        if row.subject != "all":
            continue
        mine = mapped.units[mapped.units["region"] == row.region]
        for side in SIDES:
            found = shown.values[side][mine[mine["hemisphere"] == side]["vertex"]]
            np.testing.assert_allclose(found, row.value, rtol=1e-5)
    assert "median over units" in shown.unit
    assert shown.regions is not None and shown.beyond == (0, 0)
    rows = [r for r in record.chosen if r.subject == "all"]
    assert shown.regions.names == tuple(f"{mapped.titles[r.region]} {written(r.value, 3)}" for r in rows)
    assert shown.regions.numbers == tuple(r.value for r in rows)
    assert "each with its region's score" in shown.notes[0]
    assert shown.title == f"Score of each region of word-length on sim-language@1: Pearson r; {len(rows)} regions"
    with pytest.raises(UserError, match="subject"):
        paint_record(mapped, record, record_units(folder), subject="nobody")
    with pytest.raises(UserError, match="single units"):
        paint_record(mapped, record, pd.DataFrame())


def test_data_of_other_content_are_not_drawn(mapped: Mapped) -> None:
    assert "not those that were scored" in why_not_mapped("sim-language", "0" * 64)
    assert "not on this machine" in why_not_mapped("nothing-of-that-name")
    with pytest.raises(UserError, match="not on this machine"):
        map_dataset("nothing-of-that-name")


@pytest.mark.parametrize(
    ("kind", "species", "units"),
    [
        ("spikes", "macaque", "single neurons of a macaque"),
        ("spikes", "human", "single neurons"),
        ("EEG", "human", "electrodes on the scalp"),
        ("MEG", "human", "sensors outside the head"),
        ("behaviour", "human", "measures of behaviour"),
    ],
)
def test_units_without_a_place_are_called_what_they_are(kind: Kind, species: str, units: str) -> None:
    dataset = Dataset(
        about=About(name="placeless", title="Placeless", description="For tests.", species=species),
        stimuli=StimulusSet.from_texts([f"word{i}" for i in range(8)]),
        responses=Responses(kind, "z", {"s": np.random.default_rng(0).normal(size=(8, 2))}, {}),
        rdms={},
        units=pd.DataFrame({"subject": ["s"] * 2, "unit": ["a", "b"]}),
        regions=(Region("all", np.arange(2)),),
    )
    (home() / "packs").mkdir(exist_ok=True)
    write_pack(dataset, home() / "packs" / "placeless")
    with pytest.raises(UserError) as refused:
        map_dataset("placeless")
    assert refused.value.what == f"Units here are {units}, which have no vertex on the cortical surface."
    assert refused.value.mend is None, "no column would give them one"


def test_sensors_have_no_place() -> None:
    open_dataset("sim-eeg")
    assert "electrodes on the scalp" in why_not_mapped("sim-eeg")


def test_the_command_line_draws_the_picture(folder: Path, tmp_path: Path) -> None:
    for shows in ("units", "regions"):
        done = CliRunner().invoke(show, [str(folder), "--brain", str(tmp_path / "b.svg"), "--brain-shows", shows])
        assert done.exit_code == 0, done.output
        assert f"Score of each {shows[:-1]} of word-length" in (tmp_path / "b.svg").read_text("utf-8")
    done = CliRunner().invoke(show, [str(folder), "--brain", str(tmp_path / "b.png")])
    assert done.exit_code != 0 and isinstance(done.exception, UserError)
    assert CliRunner().invoke(show, [str(folder), "--brain", "b.svg", "--json"]).exit_code == 2
