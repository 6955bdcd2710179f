"""When a phone shows the first content of a page: Chromium on a throttled phone profile, the site that `gyral serve` starts.

    python tests/benchmarks/paint.py                     10,000 models x 200 columns x 5 subjects on SQLite, seven loads a page
    python tests/benchmarks/paint.py --models 1000       something quicker
    python tests/benchmarks/paint.py --home FOLDER       a home that `tests/benchmarks/board.py --home` or this has filled

The profile: 412 x 823 pixels at 2.6 device pixels, touch, a processor four times slower than this one, 150 ms before each answer, 1.6
Mbit/s down and 0.75 up (what Lighthouse calls "slow 4G"), nothing in the browser's cache. "fcp_ms" is first contentful paint after the
navigation began, "lcp_ms" the largest one, "cls" how much moved afterwards (cumulative layout shift), "kb" what came over the wire. The
limit is 1,000 ms of first contentful paint in the median; the status is 1 where a page passes it. One line of JSON a page.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "support"), str(Path(__file__).resolve().parent)]

from board import fill_database, say, serving

from live_site import environment

LIMIT = 1000.0  # ms
PAGES = (
    "/",
    "/boards/data00/",
    "/boards/all/",
    "/boards/all/?sort=name&page=7",
    "/boards/data00/scatter/",
    "/boards/data00/compare/?model=model-00001&model=model-00002",
    "/models/model-00001/",
    "/benchmarks/data00/",
    "/reading/",
    "/accounts/signup/",
)
PHONE = {
    "viewport": {"width": 412, "height": 823},
    "device_scale_factor": 2.6,
    "is_mobile": True,
    "has_touch": True,
}
SLOW_4G = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 0.75e6 / 8,
}
WATCH = """
window.__seen = {lcp: 0, cls: 0};
new PerformanceObserver((l) => { for (const e of l.getEntries()) window.__seen.lcp = e.startTime; })
  .observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver((l) => { for (const e of l.getEntries()) if (!e.hadRecentInput) window.__seen.cls += e.value; })
  .observe({type: "layout-shift", buffered: true});
"""
READ = """() => {
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  const parts = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  return {fcp: paint ? paint.startTime : null, wire: parts.reduce((n, p) => n + p.transferSize, 0), ...window.__seen};
}"""


def main() -> None:
    """Fill, start, load, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=200)
    parser.add_argument("--subjects", type=int, default=5)
    parser.add_argument("--loads", type=int, default=7, help="of each page")
    parser.add_argument("--home", type=Path, help="keep the filled home here")
    asked = parser.parse_args()
    with ExitStack() as stack:
        home = asked.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.mkdir(parents=True, exist_ok=True)
        variables = environment(home, GYRAL_STATIC="collected")
        if not (home / "filled").exists():
            fill_database(variables, asked)
            (home / "filled").touch()
        port, _ = stack.enter_context(serving(variables))
        late = [page for page in PAGES if not measure(f"http://127.0.0.1:{port}", page, asked.loads)]
    if late:
        sys.exit(1)


def measure(site: str, page: str, loads: int) -> bool:
    """Print what a page takes; True where its median is below the limit."""
    from playwright.sync_api import sync_playwright

    # What a process reads once, at its first page, is measured by board.py ("cold").
    with urllib.request.urlopen(site + page, timeout=600) as answer:
        answer.read()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        # Every load in a profile of its own: nothing is in a cache, no connection is open.
        seen = [_load(browser, site + page) for _ in range(loads)]
        browser.close()
    painted = statistics.median(one["fcp"] for one in seen)
    say(
        page,
        fcp_ms=round(painted),
        fcp_ms_best=round(min(one["fcp"] for one in seen)),
        fcp_ms_worst=round(max(one["fcp"] for one in seen)),
        lcp_ms=round(statistics.median(one["lcp"] for one in seen)),
        cls=round(max(one["cls"] for one in seen), 3),
        kb=round(statistics.median(one["wire"] for one in seen) / 1000),
        below_limit=painted < LIMIT,
    )
    return painted < LIMIT


def _load(browser: Any, address: str) -> dict[str, float]:
    context = browser.new_context(**PHONE)
    page = context.new_page()
    control = context.new_cdp_session(page)
    control.send("Network.enable")
    control.send("Network.emulateNetworkConditions", SLOW_4G)
    control.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.add_init_script(WATCH)
    answer = page.goto(address, wait_until="load")
    if answer is None or answer.status != 200:
        raise SystemExit(f"{address} answered {answer.status if answer else None}")
    page.wait_for_timeout(500)
    found: dict[str, float] = page.evaluate(READ)
    context.close()
    return found


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gyral_portal.settings")
    main()
