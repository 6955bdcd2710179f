"""Spikes in NWB from `init` to a pack, on files that pynwb writes; and every refusal."""

import tomllib

import h5py
import numpy as np
import pytest

from gyral.datasets.readers.nwb import spike_counts
from gyral.datasets.source_draft import draft
from gyral.datasets.source_look import look
from nwb_folder import nwb_session
from published_walk import built, finished, refused
from source_folder import image_stimuli

SHOWN = [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]]


@pytest.fixture
def sessions(tmp_path):
    """Two sessions of one animal with the same three units, one of another with two; the description's tables."""
    image_stimuli(tmp_path, 6)
    for number, shown in enumerate(SHOWN):
        nwb_session(tmp_path / f"sub-a/sub-a_ses-{number + 1}.nwb", shown, session=number)
    nwb_session(tmp_path / "sub-b/sub-b_ses-1.nwb", SHOWN[0], areas=("IT", "IT"))
    return tmp_path


def described(folder, **responses):
    fields = tomllib.loads(draft(folder, look(folder)).text)
    fields["responses"] |= {"count": [0.05, 0.25], "stimulus": "image", **responses}
    fields["stimuli"] = image_stimuli(folder, 6)
    fields["regions"] = [{"name": "all", "all": True}, {"column": "location"}]
    fields["split"] = {"kind": "contiguous", "folds": 3}
    return finished(fields)


def test_draft_names_the_intervals_and_their_columns(sessions):
    text = draft(sessions, look(sessions)).text
    assert "trials (id, image, start_time, stop_time)" in text
    told = tomllib.loads(text)["responses"]
    assert (told["reader"], told["stimulus"], told["files"]) == ("nwb", "image", "{subject}/{subject}_ses-*.nwb")
    assert told["subjects"] == ["sub-a", "sub-b"]


def test_pack_counts_spikes_in_the_window_by_stimulus_and_session(sessions):
    pack, _ = built(sessions, described(sessions, unit="spikes"))
    units = pack.units[pack.units["subject"] == "sub-a"]
    assert units["unit"].tolist() == ["unit-10", "unit-11", "unit-12"]
    assert units["location"].tolist() == ["V4", "V4", "IT"]
    assert units["group_name"].tolist() == ["V4 array", "V4 array", "IT array"]
    assert units["quality"].tolist() == ["good"] * 3
    repeats = np.asarray(pack.responses.repeats["sub-a"])
    expected = np.arange(6)[:, None] + np.arange(3)
    np.testing.assert_array_equal(repeats[:, 0], expected)
    np.testing.assert_array_equal(repeats[:, 1], expected + 1)
    np.testing.assert_array_equal(pack.responses.values["sub-b"], expected[:, :2])
    assert (len(pack.region("V4")), len(pack.region("IT"))) == (2, 3)
    assert pack.responses.kind == "spikes"


def test_rates_are_counts_by_seconds_and_a_wider_window_counts_more(sessions):
    rates, _ = built(sessions, described(sessions, unit="spikes/s"))
    np.testing.assert_allclose(rates.responses.values["sub-b"][:, 1], (np.arange(6) + 1) / 0.2, rtol=1e-6)
    wide, _ = built(sessions, described(sessions, unit="spikes", count=[0.0, 0.45]))
    np.testing.assert_array_equal(wide.responses.values["sub-b"][:, 1], np.arange(6) + 2)


def test_intervals_of_another_name(tmp_path):
    image_stimuli(tmp_path, 6)
    nwb_session(tmp_path / "sub-a/sub-a.nwb", SHOWN[0], intervals="presentations")
    told = described(tmp_path)
    assert told["responses"]["intervals"] == "presentations"
    assert built(tmp_path, told)[0].samples == 6


def test_window_counts_its_start_and_not_its_end():
    spikes = np.array([0.0, 0.1, 0.2, 0.2, 1.15])
    assert spike_counts(spikes, np.array([0.0, 1.0]), (0.0, 0.2)).tolist() == [2.0, 1.0]
    observed = np.array([[0.0, 1.0]])
    assert np.isnan(spike_counts(spikes, np.array([0.0, 1.0]), (0.0, 0.2), observed)).tolist() == [False, True]


def first(folder):
    return folder / "sub-a/sub-a_ses-1.nwb"


def within(change):
    """Change the first file from inside."""

    def spoil(folder, told):
        with h5py.File(first(folder), "a") as file:
            change(file)

    return spoil


def again(**options):
    """Write the first file once more."""

    def spoil(folder, told):
        first(folder).unlink()
        nwb_session(first(folder), SHOWN[0], **options)

    return spoil


def cut(folder, told):
    whole = first(folder).read_bytes()
    first(folder).write_bytes(whole[: len(whole) // 2])


def older(file):
    file.attrs["nwb_version"] = "NWB-1.0.6"


def no_version(file):
    del file.attrs["nwb_version"]


def shorter_index(file):
    file["units/spike_times_index"][-1] = 2


def same_ids(file):
    file["units/id"][1] = 10


def say(**responses):
    return lambda folder, told: told["responses"].update(responses)


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (cut, "not-hdf5", "sub-a_ses-1.nwb"),
        (within(older), "nwb", "NWB version 'NWB-1.0.6'"),
        (within(no_version), "nwb", "no NWB file"),
        (within(shorter_index), "nwb", "index of 'spike_times' does not fit"),
        (within(same_ids), "nwb", "comes twice"),
        (within(lambda f: f["units"].pop("spike_times")), "missing-key", "units with spike times"),
        (within(lambda f: f["units"].pop("spike_times_index")), "nwb", "has no index"),
        (within(lambda f: f["intervals/trials"].pop("start_time")), "missing-key", "no start_time"),
        (say(intervals="trial"), "missing-key", "names one of 'trials'"),
        (say(stimulus="imge"), "unknown-name", "Did you mean 'image'?"),
        (say(unit="Hz"), "physical-unit", "'spikes' or 'spikes/s'"),
        (say(count=[0.3, 0.1]), "source", "is empty"),
        (say(count=[50.0, 300.0]), "events-outside", "looks like milliseconds: count = [0.05, 0.3]"),
        (say(count=[0.0, 300.0]), "events-outside", "reaches 300 s, over trials that follow each other by 1 s"),
        (say(count=[-2.0, -1.0]), "events-outside", "outside the recording, which lasts from 0 to 6.5 s"),
        (lambda f, t: t["responses"].pop("count"), "source", "which spikes are counted"),
        (again(areas=("V4",)), "unit-count", "each session as a subject"),
        (again(scale=1000.0), "events-outside", "look like milliseconds"),
        (again(start=-3.0), "events-outside", "3 s before"),
        (again(observed=[[0.0, 3.0]]), "not-finite", "NaN"),
        (lambda f, t: (f / "stimuli.csv").write_text("id,picture,scene,animate,size\nx,item00.png,b,1,1\n"), "stimulus-unknown", "'item00' first"),
    ],
)  # fmt: skip
def test_bad_nwb_is_named(sessions, spoil, code, words):
    told = described(sessions)
    spoil(sessions, told)
    assert words in refused(code, sessions, told)
