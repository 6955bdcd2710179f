"""From nothing to a row on the board, in a browser, with a real worker."""

from pathlib import Path
from typing import Any

import pytest

from live_site import LiveSite
from visitor import Visitor

pytestmark = pytest.mark.browser
MODEL = "tiny-conv-net"


def journey(visitor: Visitor, model: Path, name: str) -> None:
    page = visitor.page
    visitor.register(f"visitor-{name}")
    visitor.fill_card(name, model, title=f"The {name}")
    page.get_by_label("public: everybody does").check()
    visitor.submit()
    page.get_by_role("heading", name=f"The {name} on Simulated visual cortex").wait_for()
    visitor.wait_for_state("finished", 300)
    page.get_by_role("link", name="find it on the board").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=f"The {name}"))
    row.first.wait_for()  # counting does not wait for the page
    assert row.count() == 1
    assert any(character.isdigit() for character in row.inner_text())
    row.get_by_role("link", name=f"The {name}").click()
    assert "gyral score PATH-OF-YOUR-MODEL --benchmark sim-vision@1" in page.locator("pre").first.inner_text()


def test_visitor_submits_a_model_and_finds_it_on_the_board(site: LiveSite, chromium: Any, fixtures: Path) -> None:
    visitor = Visitor(chromium, site.address)
    journey(visitor, fixtures / "conv" / "model.onnx", MODEL)
    visitor.close()


@pytest.mark.slow
def test_visitor_without_javascript_does_the_same(
    site: LiveSite, chromium: Any, fixtures: Path, tmp_path: Path
) -> None:
    visitor = Visitor(chromium, site.address, javascript=False)
    journey(visitor, fixtures / "conv" / "model.onnx", f"{MODEL}-plain")
    visitor.close()


@pytest.mark.slow
@pytest.mark.services
def test_visitor_does_the_same_on_postgresql_and_redis(
    grown_site: LiveSite, chromium: Any, fixtures: Path
) -> None:
    visitor = Visitor(chromium, grown_site.address)
    journey(visitor, fixtures / "conv" / "model.onnx", f"{MODEL}-grown")
    visitor.close()


def test_form_with_mistakes_loses_nothing(site: LiveSite, chromium: Any, fixtures: Path) -> None:
    visitor = Visitor(chromium, site.address)
    visitor.register("clumsy")
    visitor.fill_card("Not A Name", fixtures / "conv" / "model.onnx", title="Kept title")
    visitor.page.get_by_label("Mean", exact=True).fill("0.5, oops")
    visitor.submit()
    page = visitor.page
    assert "Nothing was submitted" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Name", exact=True).get_attribute("aria-invalid") == "true"
    assert page.get_by_label("Title").input_value() == "Kept title"
    assert page.get_by_label("Simulated visual cortex").is_checked()
    assert "model.onnx" in page.get_by_role("alert").inner_text()
    page.get_by_label("Name", exact=True).fill("kept-net")
    page.get_by_label("Mean", exact=True).fill("0.5, 0.5, 0.5")
    visitor.submit()
    page.get_by_role("heading", name="Kept title on Simulated visual cortex").wait_for()
    page.get_by_role("button", name="Cancel the run").click()
    page.get_by_text("The run is cancelled.").wait_for()
    page.get_by_role("button", name="Retry").click()
    page.get_by_text("The run is queued again.").wait_for()
    page.get_by_role("button", name="Cancel the run").click()
    visitor.close()
