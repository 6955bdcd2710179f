"""Readouts asked for by one word."""

import re
from pathlib import Path

import pytest

from gyral.errors import UnknownName, UserError
from gyral.readouts import READOUTS
from gyral.readouts.readout import JointReadout, Readout
from gyral.readouts.spec import label, open_readout


@pytest.mark.parametrize("name", READOUTS.table)
def test_every_registered_readout_opens_under_its_own_name(name: str) -> None:
    readout = open_readout(name)
    assert isinstance(readout, Readout | JointReadout)
    assert readout.name == name
    assert label(readout) == name
    assert READOUTS.summaries[name]


@pytest.mark.parametrize("name", READOUTS.table)
def test_every_registered_readout_is_explained(name: str) -> None:
    page = Path(__file__).parents[3] / "docs" / "readouts.md"
    assert re.search(rf"(`|--readout ){name}\b", page.read_text("utf-8"))


def test_options_are_read_and_come_back_in_the_label() -> None:
    readout = open_readout("attention:queries=2,epochs=10")
    assert (readout.queries, readout.epochs) == (2, 10)
    assert label(readout) == "attention:queries=2,epochs=10" or label(readout) == "attention:epochs=10,queries=2"
    assert label(open_readout(label(readout))) == label(readout)


def test_the_assisted_track_takes_the_options_of_the_readout_it_assists() -> None:
    readout = open_readout("semantic-assisted:warps=translation,members=1")
    assert (readout.warps, readout.members) == ("translation", 1)
    assert label(readout) == "semantic-assisted:warps=translation,members=1"


def test_a_default_value_is_left_out_of_the_label() -> None:
    default = open_readout("attention").queries
    assert label(open_readout(f"attention:queries={default}")) == "attention"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("rigde", "unknown readout 'rigde'. Did you mean 'ridge'"),
        ("attention:querys=2", "unknown option 'querys'. Did you mean 'queries'"),
        ("attention:queries=two", "'two' is no queries: .*whole number"),
        ("attention:members=0", "members must be above 0; it is 0"),
        ("attention-full:dropout=1", "dropout must be at least 0 and below 1"),
        ("attention-full:queries=voxel", "is no queries"),
        ("ridge:selection=loo", "'loo' is no selection: it must be 'kfold', 'kfold-reduced' or 'gcv'. Default"),
        ("attention:device=cuda", "unknown option 'device'"),
    ],
)
def test_wrong_specifications_are_named(spec: str, words: str) -> None:
    with pytest.raises((UserError, UnknownName), match=words):
        open_readout(spec)


@pytest.mark.parametrize("spec", ["ridge:", "ridge:,", "banded:,spread=3"])
def test_a_colon_needs_an_option_behind_it(spec: str) -> None:
    with pytest.raises(UserError, match="names an option without a name") as caught:
        open_readout(spec)
    assert caught.value.code == "bad-readout"
