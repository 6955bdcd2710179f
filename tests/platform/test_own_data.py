"""From files to a public board by the commands alone: localisers, netCDF, and volumes brought to a surface."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tomli_w
import xarray
from django.core.management import call_command
from django.test import Client
from nibabel.freesurfer.io import write_annot
from scipy.spatial import ConvexHull

from gyral.benchmarks import installed
from gyral.cli.main import main
from gyral.datasets.pack import read_pack
from gyral.datasets.png import png
from published_walk import finished
from source_folder import write_csv, write_nifti

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore")]

COUNT, REPEATS = 40, 2
Walk = Callable[[dict[str, Any]], dict[str, Any]]


def pictures(folder: Path) -> np.ndarray:
    """Forty pictures of one brightness each, in steps from black to white; what each is, stimuli."""
    draw = np.random.default_rng(0)
    brightness = draw.permutation(np.linspace(-1.5, 1.5, COUNT))
    (folder / "images").mkdir(parents=True)
    for i, b in enumerate(brightness):
        pixels = np.clip(128 + 70 * b + draw.normal(0, 20, (16, 16, 3)), 0, 255)
        (folder / f"images/scene-{i:02d}.png").write_bytes(png(pixels.astype(np.uint8)))
    return brightness


def shown(draw: np.random.Generator) -> np.ndarray:
    """Every picture in each of the sessions, in orders of their own."""
    return np.stack([draw.permutation(COUNT) for _ in range(REPEATS)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "study"


@pytest.fixture
def walk(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, client: Client
) -> Walk:
    """All commands from `init` to `sync_benchmarks`, and the page of the board; the record's rows by region."""
    monkeypatch.setattr(installed, "BUNDLED", ())

    def gyral(*arguments: object) -> str:
        with pytest.raises(SystemExit) as left:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert left.value.code == 0, f"{arguments}\n{out}\n{err}"
        return out

    def walked(said: dict[str, Any]) -> dict[str, Any]:
        gyral("data", "init", folder)
        drafted = tomllib.loads((folder / "dataset.toml").read_text("utf-8"))
        fields = finished(drafted, responses=said["responses"], about={"name": "study", "ordered": False})
        # what the draft took for responses, and is a localiser
        fields["responses"] = {k: v for k, v in fields["responses"].items() if v is not None}
        fields |= {"regions": said["regions"], "split": {"kind": "contiguous", "folds": 4}}
        fields["benchmark"] = {
            "name": "study-board",
            "version": 0,
            "title": "Brightness",
            "modality": "vision",
            "dataset": "study",
            "task": "encoding",
            "metric": "pearson",
            "readout": "ridge",
            "ceiling": "ncsnr",
            "main_region": said["main_region"],
        }
        (folder / "dataset.toml").write_bytes(tomli_w.dumps(fields).encode())
        assert "fit each other" in gyral("data", "check", folder)
        gyral("data", "build", folder)
        assert "No canary refuses this split." in gyral("data", "check", folder / "pack")
        gyral("data", "install", folder / "pack")
        gyral("score", "pixels", "-b", "study-board", "--no-controls", "--out", folder / "result")
        record = json.loads((folder / "result/record.json").read_text("utf-8"))
        call_command("sync_benchmarks", verbosity=1)
        assert "study-board@0: created" in capsys.readouterr().out
        page = client.get("/boards/study-board@0/")
        assert page.status_code == 200 and said["main_region"] in page.content.decode()
        return {r["region"]: r for r in record["rows"] if (r["subject"], r["layer"]) == ("all", "chosen")}

    return walked


def test_regions_by_a_localiser_reach_a_board(folder: Path, walk: Walk) -> None:
    """Voxels that answer to faces in runs of their own also answer to brightness; the rest is noise."""
    brightness, shape, tr = pictures(folder), (4, 4, 3), 2.0
    faces = np.zeros(shape, bool)
    faces[1] = True
    for subject in ("sub-01", "sub-02"):
        draw = np.random.default_rng(int(subject[-1]))
        orders = shown(draw)
        for session, order in enumerate(orders, 1):
            betas = draw.normal(size=(*shape, COUNT)) + 2 * faces[..., None] * brightness[order]
            write_nifti(folder / subject / f"{subject}_ses-{session}_betas.nii.gz", betas)
        write_csv(folder / subject / f"{subject}_trials.csv", stimulus=[f"scene-{i:02d}" for i in orders.ravel()])
        write_nifti(folder / subject / f"{subject}_desc-brain_mask.nii.gz", np.ones(shape))
        time = np.arange(80) * tr
        for run in (1, 2):
            stem = f"{subject}/{subject}_task-loc_run-{run}"
            onsets, kinds = np.arange(7) * 20.0 + 4, [("face", "house")[(k + run) % 2] for k in range(7)]
            series = 500 + 5 * draw.normal(size=(*shape, len(time)))
            for onset, kind in zip(onsets, kinds, strict=True):
                series += 15.0 * (kind == "face") * faces[..., None] * ((time > onset + 4) & (time < onset + 14))
            write_nifti(folder / f"{stem}_bold.nii.gz", series, tr=tr)
            write_csv(folder / f"{stem}_events.tsv", onset=onsets, duration=[10.0] * 7, trial_type=kinds)
    rows = walk(
        {
            "responses": {
                "reader": "images",
                "unit": "z",
                "files": "{subject}/*_betas.nii.gz",
                "trials": "{subject}/{subject}_trials.csv",
                "stimulus": "stimulus",
                "mask": "{subject}/{subject}_desc-brain_mask.nii.gz",
                "events": None,
                "estimate": None,
            },
            "regions": [
                {"name": "brain", "all": True},
                {
                    "name": "FFA",
                    "localiser": {
                        "files": "{subject}/{subject}_task-loc_run-*_bold.nii.gz",
                        "events": "{subject}/{subject}_task-loc_run-*_events.tsv",
                        "contrast": {"face": 1.0, "house": -1.0},
                        "t": 5.0,
                    },
                },
            ],
            "main_region": "FFA",
        }
    )
    pack = read_pack(folder / "pack")
    found = pack.units.iloc[pack.region("FFA").units]
    assert set(found["i"]) == {1} and len(found) >= 20
    assert rows["FFA"]["value"] > 0.6 and rows["FFA"]["ceiling"] > 0.8
    assert abs(rows["brain"]["value"]) < 0.3


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_netcdf_reaches_a_board(folder: Path, walk: Walk, engine: Any) -> None:
    """Six sites of two areas of one animal; those of IT fire by brightness."""
    brightness, draw = pictures(folder), np.random.default_rng(1)
    order = shown(draw).ravel()
    areas = ["V4"] * 3 + ["IT"] * 3
    rates = draw.normal(20, 1, (len(order), 6))
    rates[:, 3:] += 3 * brightness[order, None]
    xarray.Dataset(
        {"rates": (("trial", "site"), rates), "shown": ("trial", [f"scene-{i:02d}" for i in order])},
        coords={"site": [f"{a}-{k}" for k, a in enumerate(areas)], "area": ("site", areas)},
    ).to_netcdf(folder / "monkey.nc", engine=engine, **({"format": "NETCDF3_64BIT"} if engine == "scipy" else {}))
    rows = walk(
        {
            "responses": {
                "kind": "spikes",
                "unit": "spikes/s",
                "subjects": ["monkey"],
                "key": "rates",
                "dimensions": ["trial", "site"],
                "stimulus": "shown",
            },
            "regions": [{"column": "area"}],
            "main_region": "IT",
        }
    )
    assert rows["IT"]["value"] > 0.6 and rows["IT"]["ceiling"] > 0.8
    assert abs(rows["V4"]["value"]) < 0.35


def test_volumes_on_a_surface_reach_a_board(folder: Path, walk: Walk) -> None:
    """A sphere in a grid: where x is above 0 mm the volume answers to brightness, and V1 is there."""
    brightness, draw = pictures(folder), np.random.default_rng(2)
    shape, vertices = (14, 14, 14), 60
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -13
    x = (np.arange(shape[0]) * 2.0 - 13)[:, None, None, None]
    points = draw.normal(size=(vertices, 3))
    points *= 8 / np.linalg.norm(points, axis=1, keepdims=True)
    arrays = [
        nibabel.gifti.GiftiDataArray(points.astype(np.float32), "NIFTI_INTENT_POINTSET"),
        nibabel.gifti.GiftiDataArray(ConvexHull(points).simplices.astype(np.int32), "NIFTI_INTENT_TRIANGLE"),
    ]
    for subject in ("sub-01", "sub-02"):
        orders = shown(draw)
        for session, order in enumerate(orders, 1):
            betas = draw.normal(size=(*shape, COUNT)) + 2 * (x > 0) * brightness[order]
            write_nifti(folder / subject / f"{subject}_ses-{session}_betas.nii.gz", betas, affine=affine)
        write_csv(folder / subject / f"{subject}_trials.csv", stimulus=[f"scene-{i:02d}" for i in orders.ravel()])
        nibabel.save(
            nibabel.gifti.GiftiImage(darrays=arrays), folder / subject / f"{subject}_hemi-L_pial.surf.gii"
        )
        labels = np.where(points[:, 0] > 3, 1, np.where(points[:, 0] < -3, 2, 0))
        table = np.array([[0, 0, 0, 0, 0], [10, 20, 30, 0, 1], [40, 50, 60, 0, 2]])
        write_annot(folder / subject / "lh.areas.annot", labels, table, ["unknown", "V1", "V2"], fill_ctab=True)
    rows = walk(
        {
            "responses": {
                "reader": "images",
                "kind": "fMRI",
                "unit": "z",
                "subjects": ["sub-01", "sub-02"],
                "files": "{subject}/*_betas.nii.gz",
                "trials": "{subject}/{subject}_trials.csv",
                "stimulus": "stimulus",
                "project": {"left": "{subject}/{subject}_hemi-L_pial.surf.gii"},
            },
            "regions": [{"atlas": "{subject}/lh.areas.annot"}],
            "main_region": "V1",
        }
    )
    pack = read_pack(folder / "pack")
    assert set(pack.units["hemisphere"]) == {"left"} and "vertex" in pack.units
    assert (points[pack.units.iloc[pack.region("V1").units]["vertex"], 0] > 3).all()
    assert rows["V1"]["value"] > 0.6 and rows["V1"]["ceiling"] > 0.8
    assert abs(rows["V2"]["value"]) < 0.3
