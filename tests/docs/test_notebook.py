"""The notebook in docs runs as it stands and shows what its text says."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def executed():
    notebook = nbformat.read(DOCS / "score_your_arrays.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.pop("outputs", None)
        if cell.cell_type == "code":
            cell.outputs = []
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(DOCS)}}
    ).execute()
    return notebook


def shown(notebook, marker):
    """Text output of the cell whose source holds ``marker``."""
    (cell,) = [c for c in notebook.cells if c.cell_type == "code" and marker in c.source]
    parts = [o["text"] if o.output_type == "stream" else o["data"]["text/plain"] for o in cell.outputs]
    return "\n".join(parts)


def test_notebook_finds_the_planted_layer_and_ceiling(executed):
    row = ast.literal_eval(shown(executed, "import gyral"))
    assert row["layers_chosen"] == {"late": 5}
    assert row["low"] < row["value"] < row["high"]
    assert abs(row["ceiling"] - 0.64) < 0.03
    assert 0.9 < row["ceiled"] < 1.1


def test_notebook_scores_without_repeats_have_no_ceiling(executed):
    value, ceiling = ast.literal_eval(shown(executed, "raw.ceiling"))
    assert ceiling is None
    assert 0.7 < value < 0.85


def test_notebook_refuses_arrays_that_do_not_fit(executed):
    assert "299 samples, but responses have 300" in shown(executed, "UserError")


def test_notebook_keeps_the_three_lines(executed):
    (cell,) = [c for c in executed.cells if "import gyral\n" in c.source]
    assert len([line for line in cell.source.splitlines() if line.strip()]) == 3
