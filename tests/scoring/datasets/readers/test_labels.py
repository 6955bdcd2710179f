"""Names of the values of a label image: what they say, and that no value has two names."""

import pytest

from gyral.datasets.readers.labels import read_label_names
from gyral.errors import BadDataset
from source_folder import write_csv


def test_a_value_with_two_names_is_refused(tmp_path):
    table = write_csv(tmp_path / "atlas.tsv", index=[1, 1, 2], name=["V1", "V2", "V3"])
    with pytest.raises(
        BadDataset, match=r"atlas.tsv: index 1 stands in rows 1 and 2, which say different things"
    ) as fault:
        read_label_names(table)
    assert fault.value.code == "atlas-labels"
    colours = tmp_path / "atlas.ctab"
    colours.write_text("0 Unknown 0 0 0 0\n1 V1 1 0 0 0\n1 V2 0 1 0 0\n")
    with pytest.raises(BadDataset, match="index 1 stands in rows 2 and 3"):
        read_label_names(colours)


def test_a_value_that_is_said_twice_alike_is_one(tmp_path):
    table = write_csv(tmp_path / "atlas.tsv", index=[1, 1, 2], name=["V1", "V1", "V1"], hemisphere=["L", "R", "L"])
    assert read_label_names(table).names == {1: "V1", 2: "V1"}
