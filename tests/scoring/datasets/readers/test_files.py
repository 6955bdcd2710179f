"""Tables of a source folder: two columns of one name."""

import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from gyral.datasets.readers.files import read_table
from gyral.errors import BadDataset


@pytest.mark.parametrize(("ending", "separator"), [("csv", ","), ("tsv", "\t")])
def test_a_column_name_that_stands_twice_is_refused(tmp_path, ending, separator):
    """pandas would read the second one as ``V1.1``, and nobody would look at it."""
    path = tmp_path / f"table.{ending}"
    path.write_text(
        "\n".join(separator.join(row) for row in (["stimulus", "V1", "V2", "V1"], ["a", "1", "2", "3"]))
    )
    with pytest.raises(BadDataset, match=rf"table.{ending}: columns 2 and 4 are both called 'V1'") as fault:
        read_table(path)
    assert fault.value.code == "table"


def test_parquet_with_a_name_twice_is_refused(tmp_path):
    path = tmp_path / "table.parquet"
    table = pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], names=["V1", "V1"])
    pyarrow.parquet.write_table(table, path)
    with pytest.raises(BadDataset, match=r"table.parquet: columns 1 and 2 are both called 'V1'") as fault:
        read_table(path)
    assert fault.value.code == "table"


def test_columns_without_a_name_and_names_that_look_alike_are_read(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(',,V1,V1.1,"a,b"\n0,1,2,3,4\n')
    assert [str(c) for c in read_table(path)][2:] == ["V1", "V1.1", "a,b"]
    pd.DataFrame({"V1": [1], "V1.1": [2]}).to_parquet(tmp_path / "table.parquet")
    assert list(read_table(tmp_path / "table.parquet")) == ["V1", "V1.1"]
    path.write_text("")
    with pytest.raises(BadDataset, match="not a readable table"):
        read_table(path)
