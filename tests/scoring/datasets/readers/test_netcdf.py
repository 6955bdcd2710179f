"""Arrays in netCDF from `init` to a pack, in all its versions; and every refusal."""

import tomllib

import numpy as np
import pytest
import xarray

from gyral.datasets.source_draft import draft
from gyral.datasets.source_look import look
from published_walk import built, finished, refused
from source_folder import image_stimuli

SHOWN = [f"item{k:02d}" for k in (2, 0, 1, 3, 5, 4, 0, 1, 2, 3, 4, 5)]


def saved(path, engine="h5netcdf", order=("trial", "site"), **changes):
    """Twelve trials of four sites; value of site k at trial t: ``t + k / 10``; what was shown is a variable of its own."""
    values = np.arange(12)[:, None] + np.arange(4) / 10
    held = {
        "rates": (order, values if order[0] == "trial" else values.T),
        "shown": ("trial", np.array(SHOWN)),
        "depth": ("site", np.arange(4) * 100.0),
        "gain": ((), 2.0),
    }
    made = xarray.Dataset(
        {k: v for k, v in (held | changes).items() if v is not None},
        coords={"site": ["V4-1", "V4-2", "IT-1", "IT-2"], "area": ("site", ["V4", "V4", "IT", "IT"])},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    options = {"format": "NETCDF3_64BIT"} if engine == "scipy" else {}
    made.to_netcdf(path, engine=engine, **options)
    return path


def described(folder, **responses):
    return finished(
        {
            "source": 1,
            "about": {
                "name": "own",
                "title": "T",
                "description": "D",
                "version": "0",
                "licence": "CC0",
                "citation": "C",
            },
            "stimuli": image_stimuli(folder, 6),
            "responses": {
                "reader": "netcdf",
                "kind": "spikes",
                "unit": "spikes/s",
                "subjects": ["a"],
                "files": "{subject}.nc",
                "key": "rates",
                "dimensions": ["trial", "site"],
                "stimulus": "shown",
                **responses,
            },
            "regions": [{"name": "all", "all": True}, {"column": "area"}],
            "split": {"kind": "contiguous", "folds": 3},
        }
    )


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
@pytest.mark.parametrize("order", [("trial", "site"), ("site", "trial")])
def test_pack_holds_the_array_with_its_coordinates(tmp_path, engine, order):
    saved(tmp_path / "a.nc", engine, order)
    pack, _ = built(tmp_path, described(tmp_path))
    assert pack.units["unit"].tolist() == ["V4-1", "V4-2", "IT-1", "IT-2"]
    assert pack.units["depth"].tolist() == [0.0, 100.0, 200.0, 300.0]
    assert (len(pack.region("V4")), len(pack.region("IT"))) == (2, 2)
    repeats = np.asarray(pack.responses.repeats["a"])
    for k, name in enumerate(pack.stimuli.ids):
        rows = [t for t, s in enumerate(SHOWN) if s == name]
        np.testing.assert_allclose(repeats[k], np.array(rows)[:, None] + np.arange(4) / 10, rtol=1e-6)


def test_draft_of_netcdf_that_is_no_assembly_asks_for_its_dimensions(tmp_path):
    saved(tmp_path / "a.nc")
    made = draft(tmp_path, look(tmp_path))
    assert "rates: trial x site" in made.text
    told = tomllib.loads(made.text)["responses"]
    assert (told["reader"], told["dimensions"], told["files"]) == ("netcdf", ["TODO", "TODO"], "a.nc")


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda t, p: t.pop("dimensions"), "source", "ncdump -h"),
        (lambda t, p: t.update(dimensions=["site", "site"]), "source", "ncdump -h"),
        (lambda t, p: t.update(dimensions=["trials", "site"]), "assembly", "rates: trial x site"),
        (lambda t, p: t.update(key="rate"), "unknown-name", "Did you mean 'rates'?"),
        (lambda t, p: t.update(stimulus="show"), "unknown-name", "Did you mean 'shown'?"),
        (lambda t, p: t.update(key="shown"), "assembly", "no array of trial x site|1 array of trial x site"),
        (lambda t, p: t.update(subject_name="animal"), "unknown-name", "coordinate of site"),
        (lambda t, p: saved(p, rates=(("trial", "site", "bin"), np.zeros((12, 4, 2)))), "assembly", "trial x site x bin"),
        (lambda t, p: saved(p, rates=(("trial", "site"), np.full((12, 4), "x"))), "assembly", "no numbers"),
        (lambda t, p: p.write_bytes(p.read_bytes()[:-4000]), "not-netcdf", "a.nc"),
        (lambda t, p: p.write_bytes(b"CDF\x05" + bytes(60)), "netcdf-version", "this reader takes CDF-1, CDF-2 and netCDF-4"),
        (lambda t, p: p.write_bytes(b"CDF\x01" + bytes(3)), "not-netcdf", "a.nc"),
        (lambda t, p: p.write_bytes(b"rates"), "not-netcdf", "it begins with b'rates'"),
        (lambda t, p: p.unlink(), "file-missing", "a.nc"),
    ],
)  # fmt: skip
def test_bad_netcdf_is_named(tmp_path, spoil, code, words):
    path = saved(tmp_path / "a.nc")
    told = described(tmp_path)
    spoil(told["responses"], path)
    found = refused(code, tmp_path, told)
    assert any(w in found for w in words.split("|")), found
