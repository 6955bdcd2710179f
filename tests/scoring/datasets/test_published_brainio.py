"""BrainIO assemblies from `init` to a pack, on look-alikes made here, and packages that are not installed."""

import sys

import h5py
import numpy as np
import pytest
import xarray

from gyral.datasets.source_build import build_pack
from gyral.datasets.source_draft import draft
from gyral.datasets.source_look import look
from gyral.errors import UserError
from published_folder import GRID, brainio, lebel, nsd, nsd_sessions
from published_walk import built, finished, refused
from source_folder import write_csv


def test_brainio_assembly(tmp_path, begun):
    made = brainio(tmp_path / "assy_dicarlo_Made2026.nc")
    fields, out = begun(tmp_path)
    assert "1 netCDF (assemblies of BrainIO, or plain arrays)" in out
    assert (fields["about"]["name"], fields["about"]["title"]) == ("dicarlo.made2026", "dicarlo.Made2026")
    assert fields["responses"]["subjects"] == ["Chabo", "Tito"]
    assert fields["stimuli"] == {
        "modality": "image",
        "table": "stimulus_made.csv",
        "id": "image_id",
        "file": "filename",
        "folder": "images",
    }
    fields["split"] = {"kind": "contiguous", "folds": 2}
    pack, _ = built(tmp_path, finished(fields, responses={"kind": "spikes", "unit": "a.u."}))
    repeats = np.asarray(pack.responses.repeats["Tito"])
    np.testing.assert_array_equal(repeats, made.values[3:, :, 0].reshape(3, 3, 4).transpose(2, 1, 0))
    assert pack.units["unit"].tolist() == [f"site_{k}" for k in range(6)]
    assert {r.name: len(r) for r in pack.regions} == {"all": 6, "V4": 2, "IT": 4}
    assert pack.units["x"].tolist() == [0, 0.5, 1, 1.5, 2, 2.5]


def test_brainio_assembly_of_sentences(tmp_path, begun):
    """As Pereira 2018: presentations x neuroids without time bins, several experiments, NaN where one was not measured."""
    draw = np.random.default_rng(2)
    values = draw.normal(size=(6, 5)).astype(np.float32)
    values[3:, 1] = np.nan
    made = xarray.DataArray(
        values,
        dims=("presentation", "neuroid"),
        coords={
            "stimulus_id": ("presentation", [f"384sentences.{k}" for k in range(6)]),
            "experiment": ("presentation", ["384sentences"] * 6),
            "neuroid_id": ("neuroid", np.arange(5)),
            "subject": ("neuroid", ["018", "018", "018", "215", "215"]),
            "atlas": ("neuroid", ["language", "language", "visual", "language", "language"]),
        },
    )
    made.to_dataset(name="data").to_netcdf(tmp_path / "assy_Pereira2018.nc", engine="h5netcdf")
    sentences = [f"Sentence number {k} of a story." for k in range(6)]
    write_csv(
        tmp_path / "stimulus_Pereira2018.csv",
        stimulus_id=made["stimulus_id"],
        sentence=sentences,
        story=list("aabbcc"),
    )
    fields = finished(begun(tmp_path)[0], responses={"kind": "fMRI", "unit": "z"})
    assert fields["stimuli"]["group"] == "story"
    assert "1 of 3 units are NaN or infinite in row 4" in refused("not-finite", tmp_path, fields)
    fields["responses"]["not_a_number"] = "drop"
    pack, made_of = built(tmp_path, fields)
    assert any("subject 018: 1 units with NaN were left out" in note for note in made_of.notes)
    assert {s: v.shape for s, v in pack.responses.values.items()} == {"018": (6, 2), "215": (6, 2)}
    np.testing.assert_array_equal(pack.responses.values["018"], values[:, [0, 2]])
    assert pack.stimuli.texts == tuple(sentences)
    assert len(pack.region("language")) == 3
    assert pack.split().name.startswith("leave-one-group-out")


def test_brainio_of_another_version_or_shape_is_refused(tmp_path, begun):
    path = tmp_path / "assy_x.nc"
    brainio(path, bins=2)
    fields = finished(begun(tmp_path)[0], responses={"kind": "spikes", "unit": "a.u."})
    fields["split"] = {"kind": "contiguous", "folds": 2}
    assert fields["responses"].pop("time_bin") == "TODO"
    assert "responses.time_bin names one of [70, 170], [170, 270]" in refused("time-bins", tmp_path, fields)
    fields["responses"]["time_bin"] = [170.0, 270.0]
    built(tmp_path, fields)
    fields["responses"]["time_bin"] = [0.0, 1.0]
    refused("time-bins", tmp_path, fields)
    brainio(path)
    fields["responses"] |= {"time_bin": [70.0, 170.0], "subject_name": "monkey"}
    assert "Known: " in refused("unknown-name", tmp_path, fields)
    fields["responses"] |= {"subject_name": "animal", "subjects": ["Chabo", "Magneto"]}
    assert "'Magneto'" in refused("unknown-name", tmp_path, fields)
    del fields["responses"]["subject_name"]
    assert "no coordinate says whose" in refused("source", tmp_path, fields)
    brainio(path, engine="scipy")
    assert path.read_bytes()[:4] in (b"CDF\x01", b"CDF\x02")
    assert "netCDF-3 (64-bit offset, CDF-2)" in refused("netcdf-version", tmp_path, fields)
    assert "BrainIO assemblies are netCDF-4" in begun(tmp_path, status=1)
    path.write_bytes(b"CDF\x05" + b"\0" * 50)
    assert "netCDF-3 (64-bit data, CDF-5)" in refused("netcdf-version", tmp_path, fields)
    path.write_bytes(b"nonsense")
    refused("not-netcdf", tmp_path, fields)
    with h5py.File(path, "w") as file:
        file["data"] = np.zeros((3, 3))
    assert str(path) in refused("assembly", tmp_path, fields)


@pytest.mark.parametrize(
    ("package", "extra", "made"),
    [
        (
            "h5py",
            "hdf5",
            lambda folder: nsd(
                folder, {"subj01": nsd_sessions(0)}, {"subj01": [[0] * 9] * 2}, grid=GRID, pixels=4
            ),
        ),
        ("praatio", "textgrid", lambda folder: lebel(folder, {"UTS01": 7, "UTS02": 5}, {"alpha": 40})),
        ("h5netcdf", "netcdf", lambda folder: brainio(folder / "assy_x.nc")),
    ],
)
def test_a_package_that_is_not_installed_is_named_with_its_extra(tmp_path, monkeypatch, package, extra, made):
    made(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"gyral\[{extra}\]") as caught:
        made = draft(tmp_path, look(tmp_path))
        for name, text in made.others.items():
            (tmp_path / name).write_text(text)
        (tmp_path / "dataset.toml").write_text(made.text.replace('"TODO"', '"x"'))
        build_pack(tmp_path, tmp_path / "pack")
    assert caught.value.code == "extra-missing"
