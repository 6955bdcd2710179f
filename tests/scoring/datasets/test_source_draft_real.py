"""Real data through `gyral data init`: what it drafts is filled in, and `check` takes it."""

import shutil

import numpy as np
import pytest

from drafts import filled, run
from gyral import places
from gyral.datasets.catalogue import RECIPES
from gyral.datasets.readers.volume import load_image
from source_folder import write_nifti

pytestmark = pytest.mark.data


def mirror(name):
    return places.mirror() / RECIPES.load(name).mirror.folder


def test_haxby_in_two_resolutions_is_drafted_as_one(tmp_path, capsys):
    person = tmp_path / "bids" / "sub-001"
    shutil.copytree(mirror("haxby2001") / "func", person / "func")
    person.joinpath("masks").mkdir()
    for name in ("brain", "vt"):
        own = person / "masks" / f"sub-001_res-25mm_desc-{name}_mask.nii.gz"
        shutil.copy(mirror("haxby2001") / "masks" / f"25mm_{name}.nii.gz", own)
    image = load_image(person / "func" / "sub-001_run-01_res-1slice_bold.nii.gz")
    mean = np.asarray(image.dataobj, np.float64).mean(axis=-1)
    made = write_nifti(tmp_path / "bright.nii.gz", mean > mean.mean(), affine=image.affine)
    told = filled(tmp_path / "bids", mask="bright.nii.gz")["responses"]
    shutil.move(made, tmp_path / "bids" / "bright.nii.gz")
    assert told["files"] == "{subject}/func/{subject}_run-*_res-1slice_bold.nii.gz"
    assert told["events"] == "{subject}/func/{subject}_run-*_events.tsv"
    capsys.readouterr()
    assert run("check", tmp_path / "bids") == 0
    said = capsys.readouterr().out
    assert "96 stimuli (label)" in said and f"96 rows x {int((mean > mean.mean()).sum())} units" in said
