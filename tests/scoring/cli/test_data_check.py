"""What `gyral data check` says of a pack's repeats, of units that were left out, and of where images stood."""

import re
from dataclasses import replace

import numpy as np
import pytest

from gyral.cli.data_check import _describe
from gyral.datasets.manifest import read_manifest
from gyral.datasets.pack import content_hash, read_pack
from source_folder import beta_folder, built, write_nifti

STIMULI = 40


@pytest.fixture
def said(capsys):
    """What is printed of a pack before its audit."""

    def describe(folder):
        _describe(read_pack(folder), 1)
        return capsys.readouterr().out

    return describe


@pytest.fixture
def noisy(tmp_path):
    """A person who saw forty pictures twice; signal and noise of known sizes in six voxels. The tables, and the presentations."""
    tables = beta_folder(tmp_path, subjects=("sub-01",), count=STIMULI)
    draw = np.random.default_rng(3)
    signal = draw.normal(size=(4, 3, 2, STIMULI))
    shown = [signal + draw.normal(size=signal.shape) for _ in range(2)]
    orders = (np.arange(STIMULI), np.arange(STIMULI)[::-1])
    for session, order in enumerate(orders):
        place = tmp_path / "sub-01" / f"sub-01_ses-{session + 1}_betas.nii.gz"
        write_nifti(place, shown[session][..., order])
    return tables, shown


def test_reliability_is_that_of_halves_stepped_up(noisy, tmp_path, said):
    tables, shown = noisy
    built(tmp_path, tables | {"benchmark": {"main_region": "V1"}})
    both = np.stack([s[1, 1:3, :].reshape(4, STIMULI) for s in shown])  # the voxels of V1
    draw = np.random.default_rng(0)
    found = []
    for _ in range(200):  # which presentation is in which half is drawn anew for every stimulus
        swapped = np.where(draw.random(STIMULI) < 0.5, both[::-1], both)
        found.append([np.corrcoef(a, b)[0, 1] for a, b in zip(*swapped, strict=True)])
    r = np.mean(found, axis=0)
    (told,) = re.findall(r"reliability: split-half median (\S+) in V1 \(4 units\)\n", said(tmp_path / "pack"))
    assert float(told) == pytest.approx(np.median(2 * r / (1 + r)), abs=0.02)


def test_reliability_of_many_units_is_told_of_some(noisy, tmp_path, said, monkeypatch):
    monkeypatch.setattr("gyral.cli.data_check._MOST_UNITS", 3)
    built(tmp_path, noisy[0])
    assert " in cortex (3 of 8 units)\n" in said(tmp_path / "pack")


def test_nothing_is_said_of_repeats_that_there_are_not(noisy, tmp_path, said):
    tables, _ = noisy
    tables["responses"]["files"] = "{subject}/*_ses-1_betas.nii.gz"
    trials = tmp_path / "sub-01" / "sub-01_trials.csv"
    trials.write_text("\n".join(trials.read_text().splitlines()[: STIMULI + 1]) + "\n")
    built(tmp_path, tables)
    assert "reliability" not in said(tmp_path / "pack")


def test_units_that_were_left_out_are_counted_and_change_no_hash(tmp_path, said):
    tables = beta_folder(tmp_path)
    digest, _ = built(tmp_path, tables)
    assert "left_out" not in read_manifest(tmp_path / "pack").extra
    assert "left out" not in said(tmp_path / "pack")
    tables["responses"]["not_a_number"] = "drop"
    assert built(tmp_path, tables)[0] == digest
    # a mask that is a voxel too wide, where the betas have no number
    wide = np.zeros((4, 3, 2))
    wide[1:3, 1:, :] = 1
    wide[0, 0, 0] = 1
    write_nifti(tmp_path / "sub-02" / "sub-02_mask.nii.gz", wide)
    built(tmp_path, tables)
    pack = read_pack(tmp_path / "pack")
    assert pack.extra["left_out"] == {"sub-02": 1}
    assert content_hash(replace(pack, extra={})) == pack.content_hash
    out = said(tmp_path / "pack")
    assert "left out: 1 unit with NaN (sub-02)\n" in out
    write_nifti(tmp_path / "sub-01" / "sub-01_mask.nii.gz", wide)
    built(tmp_path, tables)
    assert "left out: 2 units with NaN (sub-01: 1, sub-02: 1)\n" in said(tmp_path / "pack")


def test_width_of_images_is_told(tmp_path, said):
    built(tmp_path, beta_folder(tmp_path))
    assert "images: 8 degrees of visual angle wide\n" in said(tmp_path / "pack")
