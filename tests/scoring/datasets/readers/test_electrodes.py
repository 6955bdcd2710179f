"""BIDS-iEEG from `init` to a pack: types, bad channels, places, anatomical regions; and every refusal."""

import json
import tomllib

import numpy as np
import pandas as pd
import pytest

from gyral.datasets.source_draft import draft
from gyral.datasets.source_look import look
from gyral.datasets.time_axis import sensor_times
from ieeg_folder import ANATOMY, ieeg
from published_walk import built, finished, refused
from source_folder import write_csv


def tables(folder, **responses):
    """The draft of the folder, with what its owner has to say."""
    fields = tomllib.loads(draft(folder, look(folder)).text)
    fields["responses"] |= {"kind": "ECoG", "unit": "µV", **responses}
    fields["epochs"] |= {"start": -0.1, "stop": 0.3, "window": [0.0, 0.3]}
    fields["regions"] = [
        {"name": "all", "all": True},
        {"column": "anatomy", "path": ["anatomy"]},
        {"column": "group"},
    ]
    write_csv(folder / "stimuli.csv", id=["face", "house"], text=["A face.", "A house."])
    fields["stimuli"] = {"modality": "text", "table": "stimuli.csv", "text": "text"}
    fields["split"] = {"kind": "contiguous", "folds": 2}
    return finished(fields)


def test_draft_names_channels_and_electrodes(tmp_path):
    ieeg(tmp_path)
    fields = tomllib.loads(draft(tmp_path, look(tmp_path)).text)
    told = fields["responses"]
    assert told["channels"] == "{subject}/ieeg/{subject}_task-see_run-*_channels.tsv"
    assert told["electrodes"] == "{subject}/ieeg/{subject}_electrodes.tsv"
    assert fields["epochs"]["picks"] == "ecog"


def test_pack_has_the_good_electrodes_at_their_places_in_anatomical_regions(tmp_path):
    ieeg(tmp_path)
    pack, _ = built(tmp_path, tables(tmp_path))
    cube, sensors = sensor_times(pack, "sub-02")
    # the fourth is bad in one run, the others are no electrodes
    assert sensors == ("LG1", "LG2", "LG3")
    # faces were shown twice in each of two runs, houses once; their answers are doubled in the second run
    np.testing.assert_allclose(cube[:, :, 20], np.outer([1.5, 3], [1, 2, 3]), atol=1e-4)
    repeats = np.asarray(pack.responses.repeats["sub-02"]).reshape(2, 4, 3, 41)
    np.testing.assert_allclose(repeats[0, :, 1, 20], [2, 2, 4, 4], atol=1e-4)
    assert np.isnan(repeats[1, 2:]).all()
    units = pack.units[pack.units["subject"] == "sub-02"].drop_duplicates("sensor")
    assert units["sensor_type"].tolist() == ["ecog"] * 3
    np.testing.assert_allclose(
        units[["x", "y", "z"]], [[0.004, 0.01, -0.005], [0.003, 0.01, -0.005], [0.002, 0.01, -0.005]]
    )
    fusiform = pack.units.iloc[pack.region("fusiform").units]
    assert set(fusiform["sensor"]) == {"LG1", "LG2"}
    assert fusiform["time"].min() == 0.0
    assert {r.name for r in pack.regions} == {"all", "fusiform", "V1", "LG"}
    assert pack.region("V1").path == ("anatomy", "V1")


def test_electrodes_without_places_or_anatomy_stay(tmp_path):
    ieeg(tmp_path, ("sub-01",), runs=1)
    path = tmp_path / "sub-01/ieeg/sub-01_electrodes.tsv"
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    table[["x", "y", "z"]] = "n/a"
    table.to_csv(path, sep="\t", index=False)
    (tmp_path / "sub-01/ieeg/sub-01_coordsystem.json").unlink()
    pack, _ = built(tmp_path, tables(tmp_path))
    assert "x" not in pack.units
    assert set(pack.units["sensor"]) == set(ANATOMY)
    assert "n/a" not in {r.name for r in pack.regions}


def table(which, /, **changes):
    """Change a table of the first person; a function of its frame, by name of column."""

    def spoil(folder, told):
        path = folder / "sub-01" / "ieeg" / f"sub-01_{which}.tsv"
        frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        for column, change in changes.items():
            if change is None:
                frame = frame.drop(columns=column)
            else:
                frame[column] = change(frame[column])
        frame.to_csv(path, sep="\t", index=False)

    return spoil


def coordinates(value):
    def spoil(folder, told):
        text = value if isinstance(value, str) else json.dumps(value)
        (folder / "sub-01/ieeg/sub-01_coordsystem.json").write_text(text)

    return spoil


def no_coordinates(folder, told):
    (folder / "sub-01/ieeg/sub-01_coordsystem.json").unlink()


def fewer_tables(folder, told):
    (folder / "sub-01/ieeg/sub-01_task-see_run-2_channels.tsv").unlink()


def cut_recording(folder, told):
    path = folder / "sub-01/ieeg/sub-01_task-see_run-1_ieeg.eeg"
    path.write_bytes(path.read_bytes()[:777])


RUN = "task-see_run-1_channels"


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (table(RUN, name=lambda n: n.replace("LG1", "LG9")), "sensors-differ", "'LG9' first"),
        (table(RUN, name=lambda n: n.replace("LG1", "LG2")), "table", "'LG2' stands in it twice"),
        (table(RUN, type=None), "unknown-name", "'type'"),
        (table(RUN, type=lambda t: "SEEG"), "no-sensors", "no ecog sensor; there are 5 seeg"),
        (table(RUN, status=lambda t: "bad"), "no-sensors", "every channel is bad"),
        (fewer_tables, "trial-count", "1 tables of channels for 2 recordings"),
        (table("electrodes", name=lambda n: n.replace("LG1", "L1")), "unit-count", "1 of 3 electrodes"),
        (table("electrodes", name=lambda n: n.replace("unused", "LG1")), "unit-count", "stands in it twice"),
        (table("electrodes", x=lambda x: "left"), "table", "'left' is no number"),
        (table("electrodes", anatomy=None), "unknown-name", "'anatomy'"),
        (coordinates({"iEEGCoordinateUnits": "pixels"}), "coordinates", "in 'pixels'"),
        (coordinates("[1]"), "coordinates", "not a BIDS sidecar"),
        (no_coordinates, "coordinates", "sub-01_coordsystem.json"),
        (cut_recording, "events-outside", "run-1"),
        (lambda f, t: t["responses"].update(unit="fT"), "physical-unit", "'µV'"),
        (lambda f, t: t["responses"].update(electrodes="../x.tsv"), "path-escapes", "leaves the folder"),
        (lambda f, t: t["responses"].update(electrodes="{subject}/ieeg/{subject}_elec.tsv"), "file-missing", "elec.tsv"),
    ],
)  # fmt: skip
def test_bad_ieeg_is_named(tmp_path, spoil, code, words):
    ieeg(tmp_path)
    told = tables(tmp_path)
    spoil(tmp_path, told)
    assert words in refused(code, tmp_path, told)
