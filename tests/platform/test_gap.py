"""Readout gap: the same models in the same region of the same data through two readouts."""

import re
import xml.etree.ElementTree as ET

import pytest
from django.test import Client

from board_rows import make_benchmark, make_run, make_scored
from gyral_portal.leaderboard.gap import gap_links
from gyral_submissions.models import Benchmark

pytestmark = pytest.mark.django_db
PAIR = "/boards/cortex@0+cortex-mapped@0/scatter/?x=cortex@0/V4&y=cortex-mapped@0/V4"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def mapped(board: Benchmark) -> Benchmark:
    """Another readout of the dataset of ``board``, with three models on both: it reads .1, -.05 and .02 more out."""
    other = make_benchmark("cortex-mapped", dataset=board.dataset, readout="mapped", title="Cortex, mapped")
    for name, value, more in (("up", 0.3, 0.1), ("down", 0.4, -0.05), ("little", 0.5, 0.02)):
        make_run(make_scored(name, board, {"V1": 0.1, "V4": value}), other, {"V1": 0.2, "V4": value + more})
    return other


def test_two_readouts_have_the_diagonal_and_say_which_reads_out_more(client: Client, mapped: Benchmark) -> None:
    text = client.get(PAIR).content.decode()
    assert "<h1>Cortex, mapped: readout gap</h1>" in text
    assert "above it mapped reads out more, below it ridge regression does" in text
    assert "2 of 3 models lie above it; the median difference is 0.020." in text
    assert re.findall(r'<td class="number">(−?[.0-9]+)</td></tr>', text) == ["0.100", "0.020", "−0.050"]
    assert "on the front" not in text
    root = ET.fromstring(text[text.index('<svg xmlns="') : text.index("</svg>") + 6])
    (diagonal,) = [n.get("d", "") for n in root.iter(f"{SVG}path") if n.get("stroke-dasharray")]
    start, stop = ([float(v) for v in part.split()] for part in diagonal.removeprefix("M").split("L"))
    assert start[0] < stop[0] and start[1] > stop[1], "from the lower left to the upper right"
    ticks = [n.text for n in root.iter(f"{SVG}text") if n.get("text-anchor") in ("middle", "end")]
    assert ticks.count("0.30") == 2, "both axes have the same ends"


def test_file_of_the_gap_is_the_picture_of_the_page(client: Client, mapped: Benchmark) -> None:
    answer = client.get(PAIR.replace("/scatter/", "/scatter.svg"))
    said = ET.fromstring(answer.content).findtext(f"{SVG}desc") or ""
    assert "2 of 3 models lie above it" in said


@pytest.mark.parametrize("axes", ["x=cortex@0/V1&y=cortex-mapped@0/V4", "x=cortex@0/V1&y=cortex@0/V4"])
def test_other_regions_and_one_readout_have_no_diagonal(client: Client, mapped: Benchmark, axes: str) -> None:
    text = client.get(f"{PAIR.partition('?')[0]}?{axes}").content.decode()
    assert "one score against another" in text and "diagonal" not in text and "on the front" in text


def test_benchmark_leads_to_the_gaps_of_its_data_alone(
    client: Client, mapped: Benchmark, board: Benchmark
) -> None:
    make_benchmark("elsewhere", readout="fwrf")
    make_benchmark("cortex-r2", dataset=board.dataset, readout="fwrf", metric="r2")
    make_benchmark("cortex-new", dataset=board.dataset, readout="fwrf", dataset_hash="9" * 64)
    make_benchmark("cortex-old", dataset=board.dataset, readout="fwrf", retired=True)
    (link,) = gap_links(mapped)
    assert link == ("ridge regression", PAIR)
    text = client.get("/benchmarks/cortex-mapped/").content.decode()
    assert f'<a href="{PAIR.replace("&", "&amp;")}">against ridge regression</a>' in text
    assert "Readout gap" not in client.get("/benchmarks/elsewhere/").content.decode()
