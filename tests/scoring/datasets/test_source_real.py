"""Real data through the door a user takes: the packs are those of the recipes."""

import shutil
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import tomli_w

from gyral import places
from gyral.cli.main import main
from gyral.datasets.catalogue import RECIPES
from gyral.datasets.pack import read_pack
from gyral.datasets.readers.volume import load_image
from gyral.datasets.recipes import alice, haxby2001, kriegeskorte2008, tuckute2024
from source_folder import write_nifti

pytestmark = pytest.mark.data


def build(folder, fields, *options):
    """The pack of a folder by the command line."""
    (folder / "dataset.toml").write_bytes(tomli_w.dumps(fields).encode())
    with pytest.raises(SystemExit) as left:
        main(["data", "build", str(folder), "--quiet", *options])
    assert left.value.code == 0
    return read_pack(folder / "pack")


def described(module):
    """A recipe's description as what a file would hold."""
    return module.SOURCE.model_dump(mode="json", exclude_none=True)


def mirror(name):
    return places.mirror() / RECIPES.load(name).mirror.folder


def test_haxby_enters_as_a_bids_folder_of_runs(tmp_path):
    folder = tmp_path / "bids"
    shutil.copytree(mirror("haxby2001") / "func", folder / "sub-001" / "func")
    shutil.copy(mirror("haxby2001") / "half_slice_mask.nii.gz", folder / "mask.nii.gz")
    image = load_image(folder / "sub-001" / "func" / "sub-001_run-01_res-1slice_bold.nii.gz")
    mean = np.asarray(image.dataobj, np.float64).mean(axis=-1)
    write_nifti(folder / "bright.nii.gz", mean > mean.mean(), affine=image.affine)
    fields = described(haxby2001)
    for name in ("volumes", "tr"):
        del fields["responses"][name]
    fields["responses"] |= {
        "files": "sub-001/func/*_res-1slice_bold.nii.gz",
        "events": "sub-001/func/*_events.tsv",
        "stimulus": "trial_type",
    }
    assert build(folder, fields).content_hash == RECIPES.load("haxby2001").content_hash


def test_kriegeskorte_enters_as_matrices_and_pictures(tmp_path):
    folder = tmp_path / "own"
    shutil.copytree(mirror("kriegeskorte2008"), folder)
    fields = described(kriegeskorte2008)
    assert build(folder, fields).content_hash == RECIPES.load("kriegeskorte2008").content_hash


def test_tuckute_enters_as_two_tables(tmp_path):
    folder = tmp_path / "own"
    shutil.copytree(mirror("tuckute2024"), folder)
    (folder / "ratings_2000_sentences.csv").rename(folder / "norms.csv")
    assert build(folder, described(tuckute2024)).content_hash == RECIPES.load("tuckute2024").content_hash


def test_alice_enters_as_tables_of_words_and_of_samples(tmp_path):
    """As a laboratory holds it after its own cleaning: a table of words in time, and one of samples a listener."""
    folder = tmp_path / "own"
    folder.mkdir()
    words = pd.read_csv(mirror("alice") / "words.csv", dtype=str, keep_default_na=False)
    words = words.rename(columns={"onset_s": "onset", "offset_s": "offset"}).assign(story=alice.STORY)
    words.insert(0, "id", [f"{i + 1:04d}" for i in range(len(words))])
    words.to_csv(folder / "stimuli.csv", index=False)
    with np.load(mirror("alice") / "timecourses.npz") as found:
        held = {name: found[name] for name in ("subjects", alice.SPHERE, "motion", "sound_power")}
    subjects = [str(s) for s in held["subjects"]]
    for subject, series, motion in zip(subjects, held[alice.SPHERE], held["motion"], strict=True):
        samples = pd.DataFrame(
            alice.clean(series.astype(float), motion.astype(float)), columns=list(alice.REGIONS)
        )
        power = held["sound_power"][0].astype(float).round(4)
        samples.assign(story=alice.STORY, power=power).to_csv(folder / f"{subject}.csv", index=False)
    fields = {
        "source": 1,
        "about": {name: value for name, value in asdict(alice.ABOUT).items() if value is not None},
        "stimuli": {"modality": "text", "table": "stimuli.csv", "text": "word", "group": "story"}
        | {"onset": "onset", "offset": "offset"},
        "responses": {"reader": "table", "kind": "fMRI", "unit": "z", "subjects": subjects, "story": "story"}
        | {"files": "{subject}.csv", "units": list(alice.REGIONS)},
        "regions": [
            {"name": name, "title": title, "path": ["language"], "units": [name]}
            for name, title in alice.REGIONS.items()
        ],
        "timeline": {"period": alice.TR, "signals": {"sound-power": ["power"]}, "convolved": ["sound-power"]},
        "split": {"kind": "contiguous", "folds": alice.FOLDS, "gap": alice.GAP},
    }
    assert build(folder, fields).content_hash == RECIPES.load("alice").content_hash


def test_single_block_betas_of_haxby_know_their_category(tmp_path):
    """Another estimate of the same blocks: the pattern of a category in one half of the runs is nearest to its own in the other."""
    folder = tmp_path / "bids"
    shutil.copytree(mirror("haxby2001") / "func", folder / "func")
    shutil.copy(mirror("haxby2001") / "half_slice_mask.nii.gz", folder / "mask.nii.gz")
    fields = described(haxby2001)
    for name in ("volumes", "window"):
        del fields["responses"][name]
    fields["responses"] |= {
        "files": "func/*_res-1slice_bold.nii.gz",
        "events": "func/*_events.tsv",
        "stimulus": "trial_type",
        "estimate": "lsa",
        "zscore": "file",
    }
    fields["regions"] = fields["regions"][:1]
    pack = build(folder, fields)
    values = np.asarray(pack.responses.values["sub001"])
    labels, odd = np.array(pack.stimuli.texts), np.array([int(g[4:]) % 2 for g in pack.stimuli.groups])
    names = sorted(set(labels))
    halves = [np.stack([values[(labels == n) & (odd == k)].mean(axis=0) for n in names]) for k in (0, 1)]
    agreement = np.corrcoef(*halves)[: len(names), len(names) :]
    # of eight matched at random one is right, five or more in .4 % of cases
    assert (agreement.argmax(axis=1) == np.arange(8)).sum() >= 5
