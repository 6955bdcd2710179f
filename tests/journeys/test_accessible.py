"""All pages: axe finds nothing, light and dark, wide and narrow; they work without scripts and by keyboard."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from live_site import LiveSite
from seeded_pages import LOST, PAGES, SEED, SUPPORT
from visitor import PASSWORD, Visitor

pytestmark = pytest.mark.browser

# Pages that are no part of the site's frame: what `gyral data preview` writes.
FRAMELESS = ("leaderboard:preview",)
# What a script would have to bring to life, and what only the pointer can leave or reach.
IDLE = "[...document.querySelectorAll('main button')].filter(b => !b.form && b.checkVisibility()).map(b => b.outerHTML)"
UNREACHED = "[...document.querySelectorAll('[tabindex]')].filter(e => e.tabIndex > 0).map(e => e.outerHTML)"
FOCUSED = """() => {
    const e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e);
    // The calendar of a date is the browser's own, and so is what marks it.
    const shown = e.type === 'date' || style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
    return {body: e === document.body, shown, width: box.width, height: box.height, html: e.outerHTML.slice(0, 160)};
}"""
STEPS = 12  # of the Tab key on each page


@pytest.fixture(scope="module")
def pages(site: LiveSite) -> dict[str, list[tuple[str, str]]]:
    """Names and addresses of every page, with rows on them, by who looks at them."""
    told = [line.partition("=") for line in site.manage(code=SEED).splitlines() if "=" in line]
    filled = {key: value for key, _, value in told}
    found: dict[str, list[tuple[str, str]]] = {}
    for name, page in PAGES.items():
        found.setdefault(page.viewer, []).extend((name, a.format(**filled)) for a in page.addresses)
    found["ada"].append(("", LOST))
    return found


@contextmanager
def visit(site: LiveSite, chromium: Any, viewer: str, **context: Any) -> Iterator[Visitor]:
    """A browser that ``viewer`` is logged in with, or nobody; it may not complain, except of what is not there."""
    visitor = Visitor(chromium, site.address, **context)
    if viewer:
        visitor.page.goto("/accounts/login/")
        visitor.page.get_by_label("Login").fill(viewer)
        visitor.page.get_by_label("Password").fill(PASSWORD)
        visitor.page.get_by_role("button", name="Log in").click()
        visitor.page.get_by_role("link", name="My submissions").wait_for()
    yield visitor
    visitor.complaints = [c for c in visitor.complaints if "404 (Not Found)" not in c]
    visitor.close()


def _faults(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {[node['html'][:120] for node in fault['nodes'][:3]]}" for fault in found]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_pages_are_accessible(site: LiveSite, chromium: Any, pages: Any, width: int, scheme: str) -> None:
    faults = {}
    for viewer, addresses in pages.items():
        context = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
        with visit(site, chromium, viewer, **context) as visitor:
            page = visitor.page
            for name, address in [*addresses, ("", "/")]:
                answer = page.goto(address)
                if name in FRAMELESS:  # its policy lets no script run, axe neither
                    text = answer.text()
                    page.goto("about:blank")
                    page.set_content(text)
                faults[f"{address} for {viewer}"] = _faults(page)
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, f"{address} is {wide} pixels wide on a screen of {width}"
            if viewer == "ada":
                page.goto("/submit/")
                page.get_by_role("button", name="Submit", exact=True).click()
                page.get_by_role("alert").wait_for()
                faults["/submit/ with mistakes"] = _faults(page)
    assert {address: found for address, found in faults.items() if found} == {}


def test_pages_work_without_javascript(site: LiveSite, chromium: Any, pages: Any) -> None:
    idle = {}
    for viewer, addresses in pages.items():
        with visit(site, chromium, viewer, javascript=False) as visitor:
            for name, address in addresses:
                answer = visitor.page.goto(address)
                assert answer.status == (200 if name else 404), address
                assert visitor.page.locator("h1").count() == 1, address
                assert visitor.page.locator("h1").inner_text().strip(), address
                idle[address] = visitor.page.evaluate(IDLE)
    assert {address: found for address, found in idle.items() if found} == {}


def test_pages_are_used_by_keyboard(site: LiveSite, chromium: Any, pages: Any) -> None:
    faults: dict[str, list[str]] = {}
    for viewer, addresses in pages.items():
        with visit(site, chromium, viewer) as visitor:
            page = visitor.page
            for name, address in addresses:
                page.goto(address)
                found = [f"before others: {html}" for html in page.evaluate(UNREACHED)]
                if name not in FRAMELESS:
                    page.keyboard.press("Tab")
                    assert "Skip to the content" in page.evaluate(FOCUSED)["html"], address
                    page.keyboard.press("Enter")
                for _ in range(STEPS):
                    page.keyboard.press("Tab")
                    at = page.evaluate(FOCUSED)
                    if at["body"]:  # after the last
                        break
                    if not (at["shown"] and at["width"] and at["height"]):
                        found.append(f"focus is not seen: {at['html']}")
                if found:
                    faults[address] = found
    assert faults == {}


@pytest.mark.parametrize("address", ["/boards/seeded@0/", "/boards/all/"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800)])
def test_first_screen_of_a_board_has_a_number(
    site: LiveSite, chromium: Any, pages: Any, address: str, width: int, height: int
) -> None:
    visitor = Visitor(chromium, site.address, viewport={"width": width, "height": height})
    visitor.page.goto(address)
    box = visitor.page.locator("td.cell .value").first.bounding_box()
    assert box["y"] + box["height"] <= height
    visitor.close()


def test_board_filters_without_reloading_and_the_address_keeps_it(
    site: LiveSite, chromium: Any, pages: Any
) -> None:
    visitor = Visitor(chromium, site.address)
    page = visitor.page
    page.goto("/boards/seeded@0/")
    page.evaluate("window.stays = true")
    page.get_by_label("Search").fill("Network 1")
    page.get_by_text("1 of 4 models").wait_for()
    assert page.evaluate("window.stays") is True
    assert "q=Network+1" in page.url or "q=Network%201" in page.url
    page.reload()
    assert page.get_by_role("rowheader").count() == 1
    page.get_by_role("link", name="V1").click()
    assert "sort=V1" in page.url
    visitor.close()


def test_run_page_lives(site: LiveSite, chromium: Any, pages: Any) -> None:
    visitor = Visitor(chromium, site.address)
    page = visitor.page
    public = "from gyral_submissions.models import *; from board_rows import *; "
    public = f"import sys; sys.path.insert(0, {str(SUPPORT)!r}); {public}"
    run = site.manage(
        code=public + "print(make_run(make_submission('lively'), Benchmark.objects.get(name='seeded')).pk)"
    ).splitlines()[-1]
    page.goto(f"/runs/{run}/")
    page.evaluate("window.stays = true")
    assert "Queued" in page.get_by_role("status").inner_text()
    site.manage(
        code=f"from gyral_submissions.models import Run; Run.objects.filter(pk='{run}').update(state='cancelled')"
    )
    page.get_by_text("Cancelled", exact=True).wait_for()
    assert page.evaluate("window.stays") is True
    visitor.close()


def test_ticked_models_are_compared_without_javascript(site: LiveSite, chromium: Any, pages: Any) -> None:
    visitor = Visitor(chromium, site.address, javascript=False)
    page = visitor.page
    page.goto("/boards/seeded@0/")
    for name in ("Network 2", "Network 0"):
        page.get_by_label(f"Compare {name}").check()
    page.get_by_role("button", name="Compare ticked models").click()
    assert page.url.endswith("/boards/seeded@0/compare/?model=net0&model=net2")
    page.get_by_role("heading", name="Difference from Network 0").wait_for()
    page.get_by_label("Compare with").select_option("Network 2")
    page.get_by_label("Add a model by name").fill("net1")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("heading", name="Difference from Network 2").wait_for()
    page.get_by_role("link", name="leave out Network 0").click()
    assert "net0" not in page.url and "model=net1" in page.url
    page.get_by_role("link", name="Tick others on the board").click()
    page.get_by_role("link", name="Score against size").click()
    page.get_by_label("To the right").select_option("V1")
    page.get_by_role("button", name="Draw").click()
    assert "x=V1" in page.url
    page.get_by_text("no public model is better in both scores").wait_for()
    visitor.close()


def test_combined_board_works_without_javascript(site: LiveSite, chromium: Any, pages: Any) -> None:
    visitor = Visitor(chromium, site.address, javascript=False)
    page = visitor.page
    page.goto("/boards/all/?open=")
    page.locator("thead").get_by_role("link", name="Vision").click()
    page.get_by_role("link", name="Seeded cortex").click()
    assert "open=" in page.url
    page.get_by_role("link", name="V1", exact=True).first.click()
    assert "sort=seeded@0/V1" in page.url
    assert page.locator("tbody th a").first.inner_text() == "Network 2"
    page.get_by_text("Columns, files, views").click()
    page.get_by_role("link", name="Choose columns and weights").click()
    page.get_by_label("Weight of V4 on Seeded cortex, Pearson r, ridge").fill("2")
    page.get_by_role("button", name="Show these columns").click()
    assert "weights=seeded@0/V4:2" in page.url
    page.get_by_label("Search").fill('"Network 1" OR "Network 2"')
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_text("2 of 5 models").wait_for()
    visitor.close()
