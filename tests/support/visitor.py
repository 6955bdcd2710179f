"""A visitor: what a person does on the site, in a browser, in words of the journey."""

import re
import time
from pathlib import Path
from typing import Any

PASSWORD = "correct horse battery"


class Visitor:
    """One browser context.

    Parameters
    ----------
    browser : playwright Browser
    address : str
        Of the site.
    javascript : bool
        False for a browser without scripts.
    """

    def __init__(self, browser: Any, address: str, *, javascript: bool = True, **context: Any) -> None:
        self.context = browser.new_context(java_script_enabled=javascript, base_url=address, **context)
        self.page = self.context.new_page()
        self.javascript = javascript
        self.complaints: list[str] = []
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _listen(self, message: Any) -> None:
        # A form with mistakes answers 400, which the browser logs as a failed resource.
        if message.type in ("error", "warning") and "400 (Bad Request)" not in message.text:
            self.complaints.append(message.text)

    def register(self, name: str) -> None:
        """Sign up."""
        self.page.goto("/accounts/signup/")
        self.page.get_by_label("Username").fill(name)
        self.page.get_by_label("Email").fill(f"{name}@example.org")
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_label("Password (again)").fill(PASSWORD)
        self.page.get_by_role("button", name="Register").click()
        self.page.get_by_role("link", name="My submissions").wait_for()

    def fill_card(self, name: str, file: Path, *, title: str = "", size: int = 32) -> None:
        """The submission form of a small ONNX net, with the simulated vision benchmark."""
        self.page.goto("/submit/")
        self.page.get_by_label("Model file").set_input_files(file)
        self.page.get_by_label("Name", exact=True).fill(name)
        self.page.get_by_label("Title").fill(title)
        self.page.get_by_label("Image size").fill(str(size))
        self.page.get_by_label("Crop").fill("1.0")
        self.page.get_by_label("Simulated visual cortex").check()

    def submit(self) -> None:
        """Send the form."""
        self.page.get_by_role("button", name="Submit", exact=True).click()
        self.page.wait_for_load_state()

    def wait_for_state(self, state: str, seconds: float) -> None:
        """Watch the run's page until it says ``state``; without JavaScript by reloading."""
        deadline = time.monotonic() + seconds
        wanted = re.compile(state, re.IGNORECASE)
        while True:
            text = self.page.get_by_role("status").last.inner_text()
            if wanted.search(text):
                return
            assert time.monotonic() < deadline, f"still {text!r}: {self.page.locator('main').inner_text()}"
            assert "Failed" not in text, self.page.locator("main").inner_text()
            if self.javascript:
                time.sleep(0.5)  # the page asks for itself
            else:
                time.sleep(2)
                self.page.reload()

    def close(self) -> None:
        """Leave; nothing may have gone wrong in the console."""
        self.context.close()
        assert not self.complaints, self.complaints
