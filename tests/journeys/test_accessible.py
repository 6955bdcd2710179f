"""axe finds nothing on any page, light and dark, wide and narrow; nothing breaks the content policy."""

from pathlib import Path
from typing import Any

import pytest

from live_site import LiveSite
from visitor import PASSWORD, Visitor

pytestmark = pytest.mark.browser
SUPPORT = Path(__file__).resolve().parents[1] / "support"

SEED = f"""
import sys; sys.path.insert(0, {str(SUPPORT)!r})
from board_rows import *
from django.contrib.auth.models import User
ada = User.objects.create_user("ada", "ada@example.org", {PASSWORD!r})
board = make_benchmark("seeded", title="Seeded cortex")
for n in range(3):
    make_scored(f"net{{n}}", board, {{"V1": .3 + n / 50, "V4": .5 - n / 10}}, {{"V1": .2, "V4": .3}}, title=f"Network {{n}}")
make_scored("pixels", board, {{"V1": -.1, "V4": None}}, has_twin=False)
mine = make_scored("mine", board, {{"V1": .2, "V4": .3}}, owner=ada, visibility="private")
from gyral_portal.leaderboard.models import Suite
core = [{{"benchmark": "seeded@0", "weight": 1.0}}, {{"benchmark": "sim-vision@1", "weight": 0.0}}]
Suite.objects.create(name="core", version=1, title="Core", summary="two boards", modality="vision", members=core)
steps = [{{"step": "features", "done": 3, "total": 4, "seconds": 9}}]
active = make_run(mine, make_benchmark("second"), state="running", step="features", steps=steps, remaining_seconds=3.0)
failed = make_run(mine, make_benchmark("third"), state="failed", fault="submitter", fault_code="x", fault_text="y.")
from gyral_portal.leaderboard.models import Person
Person.objects.create(owner=ada, handle="ada-l", name="Ada L.", affiliation="A laboratory", url="https://example.org")
rows = [{{"region": "V4", "value": .4, "low": .3, "high": .5, "n_units": 50, "n_samples": 640}}]
tried = make_run(mine, board, state="finished", dry=True, record={{"rows": rows}})
board.runs.filter(dry=False).update(multiply_adds=4_000_000)
print(mine.pk, mine.runs.get(state="finished", dry=False).pk, active.pk, failed.pk, tried.pk)
"""


@pytest.fixture(scope="module")
def pages(site: LiveSite) -> list[str]:
    """Addresses of every kind of page, with rows on them."""
    mine, finished, active, failed, tried = site.manage(code=SEED).splitlines()[-1].split()
    return [
        *("/", "/boards/", "/boards/seeded@0/", "/boards/seeded@0/?q=nothing", "/boards/sim-vision/", "/models/"),
        *("/models/net0/", "/benchmarks/", "/benchmarks/seeded@0/", "/benchmarks/sim-vision/", "/reading/"),
        *(
            "/boards/all/",
            "/boards/all/?pick=1&mean=1",
            "/boards/all/?open=",
            "/boards/seeded@0/?on=2026-01-01",
            "/boards/seeded@0/compare/?model=net0&model=net1&model=net2&model=mine",
            "/boards/all/compare/?model=net0&model=nothing",
            "/boards/seeded@0/scatter/",
            "/boards/seeded@0/scatter/?x=compute",
            "/boards/all/scatter/?x=seeded@0/V1&y=seeded@0/V4",
            "/boards/seeded@0/agreement/",
            "/boards/all/agreement/",
            "/views/",
            "/suites/",
            "/suites/core/",
            "/datasets/",
            "/boards/all/?sort=nothing&weights=seeded@0/V4:1,seeded@0/V1:x",
        ),
        *("/benchmarks/sim-language/", f"/records/{finished}/", f"/runs/{finished}/", f"/runs/{active}/"),
        *(
            f"/runs/{failed}/",
            f"/runs/{tried}/",
            f"/submit/?of={mine}",
            "/people/",
            "/people/ada-l/",
            "/account/person/",
            "/submit/",
            "/submissions/",
            f"/submissions/{mine}/",
            "/account/",
            "/account/tokens/",
        ),
        *("/accounts/email/", "/accounts/password/change/", "/accounts/2fa/", "/api/", "/nothing/"),
    ]


def _faults(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {[node['html'][:120] for node in fault['nodes'][:3]]}" for fault in found]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_pages_are_accessible(site: LiveSite, chromium: Any, pages: list[str], width: int, scheme: str) -> None:
    visitor = Visitor(chromium, site.address, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = visitor.page
    faults = {}
    for address in ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/"):
        page.goto(address)
        faults[f"{address} as a visitor"] = _faults(page)
    page.goto("/accounts/login/")
    page.get_by_label("Login").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="My submissions").wait_for()
    for address in pages:
        page.goto(address)
        faults[address] = _faults(page)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{address} is {wide} pixels wide on a screen of {width}"
    page.goto("/submit/")
    page.get_by_role("button", name="Submit", exact=True).click()
    page.get_by_role("alert").wait_for()
    faults["/submit/ with mistakes"] = _faults(page)
    assert {address: found for address, found in faults.items() if found} == {}
    visitor.complaints = [c for c in visitor.complaints if "404 (Not Found)" not in c]  # /nothing/
    visitor.close()


def test_board_filters_without_reloading_and_the_address_keeps_it(
    site: LiveSite, chromium: Any, pages: list[str]
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


def test_run_page_lives(site: LiveSite, chromium: Any, pages: list[str]) -> None:
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


def test_ticked_models_are_compared_without_javascript(site: LiveSite, chromium: Any, pages: list[str]) -> None:
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


def test_combined_board_works_without_javascript(site: LiveSite, chromium: Any, pages: list[str]) -> None:
    visitor = Visitor(chromium, site.address, javascript=False)
    page = visitor.page
    page.goto("/boards/all/?open=")
    page.locator("thead").get_by_role("link", name="Vision").click()
    page.get_by_role("link", name="Seeded cortex").click()
    assert "open=" in page.url
    page.get_by_role("link", name="V1", exact=True).first.click()
    assert "sort=seeded@0/V1" in page.url
    assert page.locator("tbody th a").first.inner_text() == "Network 2"
    page.get_by_role("link", name="Choose columns and weights").click()
    page.get_by_label("Weight of V4 on Seeded cortex, Pearson r, ridge").fill("2")
    page.get_by_role("button", name="Show these columns").click()
    assert "weights=seeded@0/V4:2" in page.url
    page.get_by_label("Search").fill('"Network 1" OR "Network 2"')
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_text("2 of 4 models").wait_for()
    visitor.close()
