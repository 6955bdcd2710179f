"""Brain maps on pages, as files and as numbers: the simulated cortex, and who may see whose scores on it."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import sync_playwright

from board_rows import make_benchmark, make_run, make_submission
from gyral.cli.score import score
from gyral.datasets.catalogue import open_dataset
from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import create_token
from gyral_portal.leaderboard import brain
from gyral_submissions import conf
from gyral_submissions.models import Benchmark, Run

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record on the simulated language cortex."""
    folder = tmp_path_factory.mktemp("record") / "r"
    arguments = ["word-length", "-b", "sim-language", "--no-controls", "--out", str(folder), "--progress", "none"]
    done = CliRunner().invoke(score, arguments)
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def cortex() -> Benchmark:
    """A benchmark on it."""
    dataset = open_dataset("sim-language")
    regions = [r.name for r in dataset.regions]
    return make_benchmark(
        "planted", dataset="sim-language", dataset_hash=dataset.content_hash, regions=regions, simulated=True
    )


def run_of(benchmark: Benchmark, scored: Path, **fields: Any) -> Run:
    found = make_run(make_submission(**fields), benchmark, {"sim_length": 0.4})
    folder = conf.runs() / found.record_path
    shutil.rmtree(folder)
    shutil.copytree(scored, folder)
    return found


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Pictures are kept by a process, which tests share."""
    yield
    for kept in (brain._why, brain._of_benchmark, brain._of_record):
        kept.cache_clear()


def test_the_page_of_a_benchmark_shows_its_regions(client: Client, cortex: Benchmark) -> None:
    page = client.get("/benchmarks/planted/").content.decode()
    assert "/benchmarks/planted@0/brain/brain.svg" in page and 'type="module"' in page
    assert re.search(r'brain\.svg"[^>]* width="736" height="\d+"', page), "a place is kept until it is drawn"
    assert 'media="(prefers-color-scheme: dark)" srcset="/benchmarks/planted@0/brain/brain-dark.svg"' in page
    assert b"#171d24" in client.get("/benchmarks/planted/brain/brain-dark.svg").content
    picture = client.get("/benchmarks/planted/brain/brain.svg")
    assert picture.headers["Content-Type"] == "image/svg+xml" and b"simulated" in picture.content.lower()
    labels = client.get("/benchmarks/planted/brain/left.label.gii")
    assert b"<GIFTI" in labels.content and b"sentence length" in labels.content.lower()
    numbers = client.get("/benchmarks/planted/brain/brain.json").json()
    assert len(numbers["names"]) == len(cortex.regions) == len(numbers["colours"])
    alone = client.get("/benchmarks/planted/brain/brain.json?region=sim_length").json()
    assert len(alone["names"]) == 1 and len(alone["vertices"]) < len(numbers["vertices"])
    for name in ("brain.png", "left.func.gii", "brain.svg?region=nothing", "units.parquet"):
        assert client.get(f"/benchmarks/planted/brain/{name}").status_code == 404


def test_pages_of_data_without_places_say_why(client: Client) -> None:
    elsewhere = make_benchmark("elsewhere")
    assert "not on this machine" in client.get("/benchmarks/elsewhere/").content.decode()
    other = make_benchmark("other-content", dataset="sim-language")
    open_dataset("sim-language")
    page = client.get("/benchmarks/other-content/").content.decode()
    assert "not those that were scored" in page and 'type="module"' not in page
    for benchmark in (elsewhere, other):
        run = make_run(make_submission(), benchmark, {"V1": 0.4})
        assert "so nothing says where" in client.get(f"/records/{run.pk}/").content.decode()
        assert client.get(f"/records/{run.pk}/brain/brain.svg").status_code == 404


def test_the_page_of_a_record_shows_what_its_address_asks_for(
    client: Client, cortex: Benchmark, scored: Path
) -> None:
    run = run_of(cortex, scored)
    page = client.get(f"/records/{run.pk}/").content.decode()
    assert f"/records/{run.pk}/brain/brain.svg?brain=units&amp;subject=all" in page
    page = client.get(f"/records/{run.pk}/?brain=regions").content.decode()
    assert f"/records/{run.pk}/brain/left.func.gii?brain=regions&amp;subject=all" in page
    page = client.get(f"/records/{run.pk}/?brain=nonsense&subject=%22nobody").content.decode()
    assert "brain=units&amp;subject=all" in page and "nobody" not in page
    units, regions = (
        client.get(f"/records/{run.pk}/brain/brain.json?brain={b}").json() for b in ("units", "regions")
    )
    assert len(units["vertices"]) == len(regions["vertices"]) > 100
    assert len({v["value"] for v in regions["vertices"]}) < len({v["value"] for v in units["vertices"]})
    one = client.get(f"/records/{run.pk}/brain/brain.json?subject=sim-2").json()
    assert 0 < len(one["vertices"]) < len(units["vertices"]) and "sim-2" in one["title"]
    assert b"<GIFTI" in client.get(f"/records/{run.pk}/brain/right.func.gii").content
    for name in ("right.label.gii", "brain.svg?brain=all", "brain.svg?subject=nobody"):
        assert client.get(f"/records/{run.pk}/brain/{name}").status_code == 404


def test_pictures_have_a_tag_and_are_made_once(
    client: Client, cortex: Benchmark, scored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"/records/{run_of(cortex, scored).pk}/brain/brain.svg"
    first = client.get(address)
    assert first.headers["Cache-Control"] == "public, no-cache"
    monkeypatch.setattr(brain, "_made", None)  # whoever made it again would call this
    again = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert client.get(address).content == first.content
    client.force_login(User.objects.create_user("somebody"))
    assert client.get(address).headers["Cache-Control"] == "private, no-cache"


def test_scores_of_a_private_model_are_its_owners(client: Client, cortex: Benchmark, scored: Path) -> None:
    owner = User.objects.create_user("owner")
    run = run_of(cortex, scored, name="hush", owner=owner, visibility="private")
    addresses = [f"/records/{run.pk}/brain/{n}" for n in ("brain.svg", "brain.json", "left.func.gii")]
    client.force_login(owner)
    assert all(client.get(a).status_code == 200 for a in addresses)
    token, secret = create_token(owner, "read", Scope.READ)
    bearer = {"Authorization": f"Bearer {secret}"}
    client.logout()
    assert client.get(f"/api/v1/runs/{run.pk}/brain", headers=bearer).status_code == 200
    for address in (*addresses, f"/api/v1/runs/{run.pk}/brain"):
        refused = client.get(address)
        assert refused.status_code == 404 and b"hush" not in refused.content and "ETag" not in refused.headers
    client.force_login(User.objects.create_user("stranger"))
    assert all(client.get(a).status_code == 404 for a in addresses)


def test_the_api_says_what_the_pictures_show(client: Client, cortex: Benchmark, scored: Path) -> None:
    run = run_of(cortex, scored)
    page = client.get(f"/records/{run.pk}/brain/brain.json?brain=regions&subject=sim-1").json()
    told = client.get(f"/api/v1/runs/{run.pk}/brain?shows=regions&subject=sim-1")
    assert told.json() == page and told.headers["ETag"]
    assert client.get(f"/api/v1/runs/{run.pk}/brain?subject=nobody").status_code == 422
    assert client.get(f"/api/v1/runs/{run.pk}/brain?shows=nothing").status_code == 422
    regions = client.get("/api/v1/benchmarks/planted/brain").json()
    assert regions == client.get("/benchmarks/planted/brain/brain.json").json()
    make_benchmark("elsewhere")
    missing = client.get("/api/v1/benchmarks/elsewhere/brain")
    assert missing.status_code == 404 and "not on this machine" in missing.json()["detail"]


def test_the_surface_is_everybodys(client: Client) -> None:
    for name in ("left.surf.gii", "right.shape.gii"):
        answer = client.get(f"/surfaces/fsaverage5/{name}")
        assert answer.status_code == 200 and b"<GIFTI" in answer.content
    assert client.get("/surfaces/fsaverage5/left.func.gii").status_code == 404


@pytest.mark.browser
def test_it_can_be_turned_around_within_the_content_policy(
    live_server: Any, cortex: Benchmark, scored: Path
) -> None:
    run = run_of(cortex, scored)
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        page = browser.new_page(viewport={"width": 390, "height": 900}, color_scheme="dark")
        said: list[str] = []
        page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: said.append(str(e)))
        for address, first in ((f"/records/{run.pk}/", "func"), ("/benchmarks/planted/", "label")):
            asked: list[str] = []
            page.on("request", lambda r, asked=asked: asked.append(r.url))
            page.goto(f"{live_server.url}{address}")
            assert not any("niivue" in a for a in asked), "nothing is loaded unasked"
            page.get_by_role("button", name="Turn it around").click()
            page.get_by_text("Left hemisphere, from outside.").wait_for(timeout=60_000)
            assert any(f"left.{first}.gii" in a for a in asked)
            page.get_by_role("button", name="Right", exact=True).click()
            page.get_by_role("button", name="Below").press("Enter")
            page.get_by_text("Right hemisphere, from below.").wait_for()
            assert page.get_by_role("button", name="Below").get_attribute("aria-pressed") == "true"
            assert [fault["id"] for fault in Axe().run(page).response["violations"]] == []
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
        browser.close()
    assert said == []
