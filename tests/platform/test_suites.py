"""Suites: carried from the library, shown with their board, and no mean where a counted benchmark is away."""

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from board_rows import make_benchmark, make_run, make_scored
from gyral.benchmarks.catalogue import BUNDLED
from gyral.benchmarks.suites import SUITES, Member, find_suite
from gyral.benchmarks.suites import Suite as Declared
from gyral.errors import UnknownName
from gyral_portal.leaderboard.models import SavedView, Suite
from gyral_portal.leaderboard.suites import sync_suites
from gyral_submissions.models import Benchmark

pytestmark = pytest.mark.django_db


def declared(*members: tuple[str, float], version: int = 1) -> Declared:
    return Declared("core", version, "Core", "two boards", "vision", tuple(Member(*m) for m in members))


@pytest.fixture
def words(board: Benchmark) -> Benchmark:
    return make_benchmark("words", modality="language", regions=("network",))


@pytest.fixture
def core(board: Benchmark, words: Benchmark) -> Suite:
    """Two benchmarks, of which the second counts three times, and three models; one lacks it."""
    list(sync_suites((declared(("cortex@0", 1.0), ("words@0", 3.0)),)))
    for n in range(3):
        model = make_scored(f"net{n}", board, {"V1": 0.9, "V4": 0.2 * n}, title=f"Network {n}")
        if n:
            make_run(model, words, {"network": 0.5 - 0.1 * n})
    return Suite.objects.get()


def test_bundled_suites_name_bundled_recorded_benchmarks_of_their_modality() -> None:
    known = {b.id: b for b in BUNDLED}
    for suite in SUITES:
        for member in suite.members:
            benchmark = known[member.benchmark]
            assert not benchmark.simulated and benchmark.modality == suite.modality


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ((("cortex", 1.0),), "no benchmark"),
        ((("cortex@0", 1.0), ("cortex@0", 2.0)), "twice"),
        ((("cortex@0", -1.0),), "not in 0 to 1000"),
        ((("cortex@0", float("nan")),), "not in 0 to 1000"),
        ((("cortex@0", 0.0),), "is counted"),
    ],
)
def test_suite_that_says_nothing_cannot_be_declared(members: tuple[tuple[str, float], ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        declared(*members)


def test_newest_version_is_found_by_name_and_a_wrong_name_gets_the_nearest() -> None:
    known = (declared(("a@0", 1.0)), declared(("a@1", 1.0), version=2))
    assert find_suite("core", known).version == 2
    assert find_suite("core@1", known).version == 1
    with pytest.raises(UnknownName, match="Did you mean 'vision-core"):
        find_suite("vison-core")


def test_sync_is_idempotent_and_members_never_change() -> None:
    one = declared(("cortex@0", 1.0))
    assert list(sync_suites((one,))) == [("core@1", "created")]
    assert list(sync_suites((one,))) == [("core@1", "there")]
    ((_, outcome),) = sync_suites((declared(("cortex@0", 2.0)),))
    assert outcome.startswith("refused")
    assert Suite.objects.get().members == [{"benchmark": "cortex@0", "weight": 1.0}]
    assert ("core@1", "retired") in list(sync_suites(()))
    assert Suite.objects.get().retired
    call_command("sync_suites", verbosity=0)
    assert Suite.objects.filter(retired=False).count() == len(SUITES)


def test_page_shows_members_weights_and_who_stands_first(client: Client, core: Suite) -> None:
    page = client.get("/suites/core/").content.decode()
    assert page.index("Network 1") < page.index("Network 2") < page.index("Network 0"), "ordered by the mean"
    assert "0.350" in page, "(0.2 + 3 x 0.4) / 4"
    for part in ("core@1", "1 of 2", 'href="/benchmarks/words@0/"', "/boards/cortex@0+words@0/?"):
        assert part in page
    assert "core@1" in client.get("/suites/").content.decode()
    assert client.get("/suites/none/").status_code == client.get("/suites/core@7/").status_code == 404


def test_board_link_shows_the_same_mean(client: Client, core: Suite) -> None:
    told = client.get("/api/v1/suites/core").json()
    assert told["identifier"] == "core@1" and told["missing"] == []
    path, _, query = told["board"].partition("?")
    payload = client.get(f"{path}board.json?{query}").json()
    assert [(m["model"], m["mean"] and round(m["mean"], 3)) for m in payload["models"]] == [
        ("net1", 0.35),
        ("net2", 0.325),
        ("net0", None),
    ]
    assert client.get("/api/v1/suites?modality=vision").json()["count"] == 1
    assert client.get("/api/v1/suites/none").status_code == 404


def test_no_mean_where_a_counted_benchmark_is_away(client: Client, board: Benchmark) -> None:
    make_scored("net", board, {"V4": 0.4})
    list(sync_suites((declared(("cortex@0", 1.0), ("absent@0", 1.0)),)))
    page = client.get("/suites/core/").content.decode()
    assert "A mean of fewer benchmarks is another mean" in page and ">Mean<" not in page and "0.400" in page
    assert client.get("/api/v1/suites/core").json()["missing"] == ["absent@0"]
    list(sync_suites((declared(("absent@0", 1.0), version=2),)))
    assert client.get("/suites/core/").status_code == 200
    assert client.get("/suites/core/cite.bib").status_code == 200


def test_benchmark_of_weight_0_is_shown_and_not_counted(client: Client, core: Suite) -> None:
    list(sync_suites((declared(("cortex@0", 1.0), ("words@0", 0.0), version=2),)))
    page = client.get("/suites/core/").content.decode()
    assert "core@2" in page and "not counted" in page
    assert page.index("Network 2") < page.index("Network 1") < page.index("Network 0")


def test_bibtex_names_suite_and_data(client: Client, core: Suite) -> None:
    answer = client.get("/suites/core/cite.bib")
    assert answer["Content-Type"].startswith("application/x-bibtex")
    assert answer.content.decode().count("@misc{") == 3


def test_private_model_is_seen_by_its_owner_alone(
    client: Client, as_owner: Client, core: Suite, board: Benchmark, owner: User
) -> None:
    before = client.get("/suites/core/")
    make_scored("hush", board, {"V4": 0.99}, owner=owner, visibility="private")
    after = client.get("/suites/core/")
    assert (after.content, after["ETag"]) == (before.content, before["ETag"])
    assert client.get("/suites/core/", headers={"if-none-match": before["ETag"]}).status_code == 304
    assert "hush" in as_owner.get("/suites/core/").content.decode()


def test_queries_do_not_grow_with_models(
    client: Client, core: Suite, board: Benchmark, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(5):
        make_scored(f"more{n}", board, {"V4": 0.1})
    client.get("/suites/core/")
    with django_assert_max_num_queries(7):
        client.get("/suites/core@1/")


def test_operators_read_suites_and_saved_views_in_the_admin_and_change_neither(core: Suite, owner: User) -> None:
    root = User.objects.create_superuser("root", "root@example.org", "correct horse battery")
    SavedView.objects.create(owner=owner, title="mine", reference="all")
    client = Client()
    client.force_login(root)
    for name in ("suite", "savedview"):
        assert client.get(f"/admin/gyral_leaderboard/{name}/").status_code == 200
        assert client.get(f"/admin/gyral_leaderboard/{name}/add/").status_code == 403
    assert "core@1" in client.get("/admin/gyral_leaderboard/suite/").content.decode()
