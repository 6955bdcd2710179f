"""A file that is dropped on the submission form."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from live_site import LiveSite
from visitor import Visitor

pytestmark = pytest.mark.browser

DROP = """([target, names, text]) => {
    const carried = new DataTransfer();
    const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
    for (const name of names) carried.items.add(new File([bytes], name));
    const said = {bubbles: true, cancelable: true, dataTransfer: carried};
    const at = document.querySelector(target);
    const over = new DragEvent("dragover", said), drop = new DragEvent("drop", said);
    at.dispatchEvent(over);
    const marked = document.querySelector(".dropping") !== null;
    at.dispatchEvent(drop);
    return [over.defaultPrevented && drop.defaultPrevented, marked];
}"""
CHOSEN = "[...document.querySelector('[name=file]').files].map(f => f.name)"


def test_file_is_dropped_on_the_form_and_sent(site: LiveSite, chromium: Any, fixtures: Path) -> None:
    visitor = Visitor(chromium, site.address)
    visitor.register("dropper")
    page, model = visitor.page, fixtures / "conv" / "model.onnx"
    text = b64encode(model.read_bytes()).decode()
    visitor.fill_card("dropped-net", model, title="Dropped net")
    page.get_by_label("Model file").set_input_files([])
    assert page.evaluate(CHOSEN) == []
    zone = page.get_by_text("Or drop the file here.")
    assert zone.is_visible()

    assert page.evaluate(DROP, ["h1", ["beside.onnx"], text]) == [True, False], "the page is not left for the file"
    assert page.evaluate(CHOSEN) == []
    assert page.evaluate(DROP, ["#drop", ["one.onnx", "two.onnx"], text]) == [True, True]
    assert page.evaluate(CHOSEN) == []
    page.get_by_text("One file, please: zip several, and drop the zip.").wait_for()
    assert page.evaluate(DROP, ["#drop", ["model.onnx"], text]) == [True, True]
    assert page.evaluate(CHOSEN) == ["model.onnx"]
    page.get_by_text("model.onnx is chosen.").wait_for()

    visitor.submit()
    page.get_by_role("heading", name="Dropped net on Simulated visual cortex").wait_for()
    page.get_by_role("button", name="Cancel the run").click()
    page.get_by_text("The run is cancelled.").wait_for()
    visitor.close()


def test_without_javascript_no_zone_is_promised(site: LiveSite, chromium: Any) -> None:
    visitor = Visitor(chromium, site.address, javascript=False)
    visitor.register("careful")
    visitor.page.goto("/submit/")
    assert visitor.page.get_by_label("Model file").is_visible()
    assert not visitor.page.get_by_text("Or drop the file here.").is_visible()
    visitor.close()
