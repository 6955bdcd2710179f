"""A large file through the form, in a browser: in pieces, with a connection that breaks, and after a reload."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from live_site import LiveSite
from made_models import onnx_bytes
from visitor import Visitor

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of 14 MiB: four pieces."""
    weights = {"w": np.random.default_rng(0).normal(size=(3072, 1200)).astype(np.float32)}
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["wide"], name="wide"),
        helper.make_node("Relu", ["wide"], ["out"], name="last"),
    ]
    path = tmp_path_factory.mktemp("large") / "large.onnx"
    path.write_bytes(onnx_bytes(nodes, weights))
    return path


def test_large_file_survives_a_broken_connection_and_a_reload(site: LiveSite, chromium: Any, large: Path) -> None:
    visitor = Visitor(chromium, site.address)
    visitor.register("patient")
    page, offsets = visitor.page, list[str]()
    page.on("request", lambda r: offsets.append(r.url.partition("offset=")[2]) if r.method == "PUT" else None)
    # The third piece never comes through, however often it is tried.
    third = re.compile("offset=8388608$")
    page.route(third, lambda route: route.abort())
    visitor.fill_card("large-net", large, title="Large net")
    page.get_by_role("button", name="Submit", exact=True).click()
    page.get_by_text("The connection broke at 8.0 MiB; trying again.").wait_for()
    assert page.get_by_label("Upload", exact=True).evaluate("bar => bar.value") == 8 << 20
    page.goto("/submit/")  # the page that still tries is gone before its piece may pass
    page.unroute(third)
    visitor.complaints.clear()  # the browser's own words about the connection
    offsets.clear()

    visitor.fill_card("large-net", large, title="Large net")
    assert "1 unfinished upload of yours" in page.locator("main").inner_text()
    visitor.submit()
    page.get_by_role("heading", name="Large net on Simulated visual cortex").wait_for()
    assert offsets[0] == "8388608", "it began anew"
    page.get_by_role("button", name="Cancel the run").click()
    page.get_by_text("The run is cancelled.").wait_for()
    page.goto("/submit/")
    assert "unfinished" not in page.locator("main").inner_text()
    visitor.close()


def test_what_the_site_refuses_is_said_beside_the_file(site: LiveSite, chromium: Any, tmp_path: Path) -> None:
    visitor = Visitor(chromium, site.address)
    visitor.register("impatient")
    (tmp_path / "weights.bin").write_bytes(b"\x80\x02" + bytes(5 << 20))
    visitor.fill_card("odd-net", tmp_path / "weights.bin")
    visitor.submit()
    page = visitor.page
    page.get_by_role("alert").wait_for()
    assert "pickle" in page.locator("main").inner_text().lower()
    assert page.get_by_label("Name", exact=True).input_value() == "odd-net"
    visitor.close()


@pytest.mark.slow
def test_large_file_without_javascript_goes_whole(site: LiveSite, chromium: Any, large: Path) -> None:
    visitor = Visitor(chromium, site.address, javascript=False)
    visitor.register("plain")
    visitor.fill_card("large-plain-net", large, title="Large plain net")
    visitor.submit()
    visitor.page.get_by_role("heading", name="Large plain net on Simulated visual cortex").wait_for()
    visitor.page.get_by_role("button", name="Cancel the run").click()
    visitor.close()
