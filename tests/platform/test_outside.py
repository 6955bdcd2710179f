"""Feeds, badges, pictures beside links and BibTeX: what leaves the site, and nothing of what not everybody sees."""

import io
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import User
from django.test import Client
from PIL import Image

from board_rows import make_benchmark, make_run, make_scored, make_submission
from gyral_portal.leaderboard.lettering import cut, width
from gyral_portal.leaderboard.models import SavedView
from gyral_submissions.domain.standing import rank
from gyral_submissions.domain.submission import set_visibility
from gyral_submissions.enums import Visibility
from gyral_submissions.models import Benchmark, Run

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"
SVG = "{http://www.w3.org/2000/svg}"
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def scored(board: Benchmark) -> None:
    """Three public models, one a day, the last one newest; ranked."""
    for n in range(3):
        made = make_submission(f"net{n}", title=f"Network <{n}> & more")
        when = LONG_AGO + timedelta(days=n)
        make_run(made, board, {"V1": 0.1, "V4": 0.2 + 0.1 * n}, finished=when)
        make_run(made, board, {"V4": 0.05}, twin="untrained", finished=when)
    rank(Benchmark.objects.get(pk=board.pk))


def _entries(client: Client, address: str) -> list[ElementTree.Element]:
    answer = client.get(address)
    assert answer["Content-Type"].startswith("application/atom+xml")
    return ElementTree.fromstring(answer.content).findall(f"{ATOM}entry")


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{ATOM}{name}") or ""


@pytest.mark.parametrize("address", ["/feed/", "/benchmarks/cortex/feed/"])
def test_feed_lists_new_scores_newest_first(client: Client, scored: None, address: str) -> None:
    entries = _entries(client, address)
    assert [_text(e, "title") for e in entries] == [f"Network <{n}> & more on Cortex" for n in (2, 1, 0)]
    newest = Run.objects.get(submission__name="net2", twin="")
    assert _text(entries[0], "id") == f"urn:uuid:{newest.pk}"
    assert entries[0].find(f"{ATOM}link").attrib["href"] == f"http://testserver/records/{newest.pk}/"  # type: ignore[union-attr]
    assert _text(entries[0], "summary") == "V4: Pearson r 0.400, 95 % interval 0.380 to 0.420."
    assert _text(entries[0], "updated").startswith("2024-01-03")


def test_feed_of_a_model_has_its_scores_alone_and_says_what_is_simulated(client: Client, scored: None) -> None:
    made = make_benchmark("made-up", simulated=True)
    make_run(Run.objects.filter(submission__name="net1").first().submission, made, {"V4": 0.9})  # type: ignore[union-attr]
    titles = [_text(e, "title") for e in _entries(client, "/models/net1/feed/")]
    assert titles == ["Network <1> & more on Made up (simulated data)", "Network <1> & more on Cortex"]


def test_feed_is_tagged_and_not_sent_again(client: Client, scored: None, board: Benchmark) -> None:
    tag = client.get("/feed/")["ETag"]
    assert client.get("/feed/", headers={"if-none-match": tag}).status_code == 304
    make_scored("newer", board, {"V4": 0.5})
    assert client.get("/feed/", headers={"if-none-match": tag}).status_code == 200


def test_score_enters_the_feed_on_the_day_it_could_first_be_seen(
    client: Client, scored: None, board: Benchmark, owner: User
) -> None:
    hidden = make_submission("hush", owner=owner, visibility="private", title="Hush")
    make_run(hidden, board, {"V4": 0.9}, finished=LONG_AGO - timedelta(days=300))
    assert "Hush" not in client.get("/feed/").content.decode()
    set_visibility(hidden, Visibility.PUBLIC)
    first = _entries(client, "/feed/")[0]
    assert _text(first, "title") == "Hush on Cortex"
    assert not _text(first, "updated").startswith("2023")


PLACES = [
    *("/feed/", "/benchmarks/cortex/feed/", "/models/net1/feed/", "/models/net1/badge/cortex.svg"),
    *(
        "/benchmarks/cortex/card.png",
        "/models/net1/card.png",
        "/benchmarks/cortex/cite.bib",
        "/models/net1/cite.bib",
    ),
]


@pytest.mark.parametrize("visibility", [Visibility.PRIVATE, Visibility.UNLISTED])
@pytest.mark.parametrize("person", ["nobody", "stranger", "owner", "operator"])
def test_private_model_changes_not_one_byte_of_what_leaves_the_site(
    scored: None,
    board: Benchmark,
    owner: User,
    stranger: User,
    operator: User,
    person: str,
    visibility: Visibility,
) -> None:
    client = Client()
    if person != "nobody":
        client.force_login({"stranger": stranger, "owner": owner, "operator": operator}[person])
    before = {place: client.get(place).content for place in PLACES}
    hidden = make_scored("hush", board, {"V1": 0.9, "V4": 0.9}, owner=owner, visibility=visibility)
    # Of a public model, a version that is not.
    make_scored("net1", board, {"V4": 0.95}, owner=owner, version=2, visibility=visibility)
    assert {place: client.get(place).content for place in PLACES} == before
    for place in ("feed/", "badge/cortex.svg", "card.png", "cite.bib"):
        assert client.get(f"/models/{hidden.name}/{place}").status_code == 404


def test_badge_says_value_interval_and_rank(client: Client, scored: None) -> None:
    answer = client.get("/models/net2/badge/cortex.svg")
    assert answer["Content-Type"] == "image/svg+xml"
    svg = ElementTree.fromstring(answer.content)
    assert svg.findtext(f"{SVG}title") == "Cortex, V4: Pearson r 0.400 (0.380 to 0.420), rank 1 of 3"
    assert not [e for e in svg.iter() if "style" in e.attrib or e.tag.endswith(("script", "style", "image"))]
    other = client.get("/models/net2/badge/cortex.svg?region=V1").content.decode()
    assert "V1: Pearson r 0.100" in other and "rank 1–3 of 3" in other


def test_badge_marks_simulated_data_and_self_reported_features(client: Client, scored: None) -> None:
    made = make_benchmark("made-up", simulated=True)
    make_scored("told", made, {"V4": 0.3}, tier="self-reported")
    text = client.get("/models/told/badge/made-up.svg").content.decode()
    assert "(simulated)" in text and "self-reported" in text


@pytest.mark.parametrize(
    "place",
    ["nobody/badge/cortex.svg", "net1/badge/none.svg", "net1/badge/cortex.svg?region=V9", "nobody/card.png"],
)
def test_what_is_not_there_is_404(client: Client, scored: None, place: str) -> None:
    assert client.get(f"/models/{place}").status_code == 404


@pytest.mark.parametrize("place", ["/card.png", "/benchmarks/cortex/card.png", "/models/net1/card.png"])
def test_card_is_a_png_of_the_size_that_pages_say(client: Client, scored: None, place: str) -> None:
    answer = client.get(place)
    assert answer["Content-Type"] == "image/png" and "ETag" in answer
    image = Image.open(io.BytesIO(answer.content))
    assert (image.format, image.size) == ("PNG", (1200, 630))
    colours = image.convert("RGB").getcolors(1 << 20)
    assert colours is not None and len(colours) > 20, "something is drawn"


def test_card_of_nothing_scored_is_drawn_all_the_same(client: Client, board: Benchmark) -> None:
    make_submission("fresh", title="x" * 200)
    for place in ("/benchmarks/cortex/card.png", "/models/fresh/card.png"):
        assert client.get(place).status_code == 200


@pytest.mark.parametrize(
    ("page", "picture", "title"),
    [
        ("/", "/card.png", "Gyral"),
        ("/benchmarks/cortex/", "/benchmarks/cortex@0/card.png", "Cortex"),
        ("/boards/cortex/?sort=V1", "/benchmarks/cortex@0/card.png", "Cortex"),
        ("/models/net1/", "/models/net1/card.png", "Network &lt;1&gt; &amp; more"),
    ],
)
def test_pages_name_one_picture_and_one_title(
    client: Client, scored: None, page: str, picture: str, title: str
) -> None:
    text = client.get(page).content.decode()
    assert text.count('property="og:image"') == text.count('property="og:title"') == 1
    assert f'<meta property="og:image" content="http://testserver{picture}">' in text
    assert f'<meta property="og:title" content="{title}">' in text
    assert 'type="application/atom+xml"' in text


def test_board_that_is_kept_for_everybody_does_not_name_the_address_it_was_asked_by(
    client: Client, scored: None, owner: User
) -> None:
    """The address of a saved view is known to those it was given to."""
    make_benchmark("words", modality="language")
    view = SavedView.objects.create(owner=owner, title="mine", reference="all")
    assert "http://testserver/boards/all/" in client.get(f"/views/{view.pk}/").content.decode()
    assert str(view.pk) not in client.get("/boards/all/").content.decode()


def test_page_of_a_private_model_offers_nothing_that_leaves_the_site(
    as_owner: Client, board: Benchmark, owner: User
) -> None:
    make_scored("hush", board, {"V4": 0.9}, owner=owner, visibility="private", title="Hush")
    text = as_owner.get("/models/hush/").content.decode()
    head = text.partition("</head>")[0]
    assert 'content="Hush' not in head and "http://testserver/card.png" in head
    assert "badge/cortex" not in text and "cite.bib" not in text


def test_model_page_shows_its_badge_with_what_to_paste(client: Client, scored: None) -> None:
    text = client.get("/models/net1/").content.decode()
    assert '<img src="/models/net1/badge/cortex@0.svg"' in text
    assert "](http://testserver/boards/cortex@0/)" in text


def test_bibtex_of_a_model_names_its_source_and_its_data(client: Client, board: Benchmark) -> None:
    card = {"paper": "https://example.org/paper"}
    make_scored("net", board, {"V4": 0.2}, card=card)
    text = client.get("/models/net/cite.bib").content.decode()
    assert (
        text.count("@misc{") == 3 and "https://example.org/paper" in text and "Authors of a dataset (2020)" in text
    )
    text = client.get("/benchmarks/cortex/cite.bib").content.decode()
    assert text.count("@misc{") == 2 and "http://testserver/benchmarks/cortex@0/" in text


def test_long_words_are_cut_to_their_room() -> None:
    text = cut("a name that goes on " * 9, 200, 26)
    assert text.endswith("…") and width(text, 26) <= 200
    assert cut("short", 200, 26) == "short"
