"""Pictures of the README, made from a site that serves the demo; only of simulated stimuli.

    make demo                                            in one terminal
    python docs/pictures.py http://127.0.0.1:8000        in another, once it has scored sim-vision and its twins

``images/board.png`` is the board of sim-vision as a browser shows it, ``images/brain.svg`` what `gyral show --brain` draws of one network.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).resolve().parent / "images"
BOARD, MODEL = "sim-vision", "efficientnet-lite0"


def board(site: str) -> None:
    """The board as it is at the width of a desktop."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1240, "height": 980}, color_scheme="light")
        answer = page.goto(f"{site.rstrip('/')}/boards/{BOARD}/", wait_until="networkidle")
        if answer is None or not answer.ok or "twin not scored" in page.content():
            raise SystemExit(f"{site} has no whole board {BOARD}: wait until the demo has scored it, twins too.")
        page.screenshot(path=str(IMAGES / "board.png"))
        browser.close()


def brain() -> None:
    """Scores of units on the cortex, from the command line."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record"
        score = ["gyral", "score", MODEL, "-b", BOARD, "--no-controls", "-q", "--out", str(record)]
        subprocess.run(score, check=True)
        drawn = Path(folder) / "brain.svg"
        subprocess.run(["gyral", "show", str(record), "--brain", str(drawn)], check=True)
        shutil.copyfile(drawn, IMAGES / "brain.svg")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", help="address of the site")
    board(parser.parse_args().site)
    brain()
