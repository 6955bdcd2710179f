"""Pages call a region by its title; its name, which the command line takes, stands only in code and in addresses."""

import re
from html.parser import HTMLParser

import pytest
from django.test import Client

from board_rows import make_benchmark, make_scored
from gyral.audit import Audit, RegionCeiling
from gyral.canaries.finding import CanaryScore, Finding
from gyral_submissions.models import Benchmark, Run
from whole_record import TITLED, decoded_dataset, tell_all

pytestmark = pytest.mark.django_db

OTHER, NAME = TITLED
TITLE = TITLED[NAME]


class Read(HTMLParser):
    """What a person reads or hears: text outside code, and labels of elements."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("code", "pre", "script"):
            self.inside.append(tag)
        self.words += [v for k, v in attrs if k in ("alt", "aria-label", "title", "placeholder") and v]

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.words.append(data)


def read(address: str) -> str:
    answer = Client().get(address)
    assert answer.status_code == 200, address
    reader = Read()
    reader.feed(answer.content.decode())
    return " ".join(reader.words)


def audited() -> dict[str, object]:
    score = CanaryScore(region=NAME, setting="", value=0.008, low=0, high=0.1, bound=0, cells=2, df=30, draws=20)
    said = (f"It reaches r = 0.008 at best, in {NAME}.", f"{NAME}: r = 0.1 with the row's own stimulus.")
    return Audit(
        dataset="titled",
        title="A dataset",
        content_hash="1" * 64,
        simulated=False,
        split="contiguous-5",
        split_hash="2" * 64,
        declared=True,
        samples=9,
        units=5,
        subjects=1,
        findings=tuple(
            Finding(canary=c, title=c, verdict="pass", tested="noise", reason=r, score=score)
            for c, r in zip(("smooth-noise", "lag-scan"), said, strict=True)
        ),
        ceilings=(RegionCeiling(region=NAME, kind="ncsnr", median=0.7, units=5, left_out=0),),
    ).model_dump(mode="json")


@pytest.fixture
def benchmark() -> Benchmark:
    made = make_benchmark("titled", regions=(OTHER, NAME))
    for region, title in zip(made.regions, TITLED.values(), strict=True):
        region |= {"title": title, "path": ["whole", OTHER, region["name"]]}
    published = [{"region": NAME, "value": 0.6, "unit": "r2", "source": "A paper."}]
    made.about |= {"audit": audited(), "ceiling": "published", "published": published, "holdout": True}
    made.save()
    return made


@pytest.fixture
def run(benchmark: Benchmark) -> Run:
    """A finished run whose record has everything that is told of a region."""
    make_scored("second", benchmark, {NAME: 0.3, OTHER: 0.2})
    return tell_all(
        make_scored("first", benchmark, {NAME: 0.4, OTHER: 0.1}, twin={NAME: 0.2, OTHER: 0.1}).runs.get(twin="")
    )


@pytest.mark.parametrize(
    ("address", "times"),
    [
        ("/benchmarks/titled/", 6),
        ("/boards/titled/", 1),
        ("/boards/titled/?pick=1", 2),
        ("/boards/all/", 1),
        ("/boards/titled/compare/?model=first&model=second", 2),
        ("/boards/titled/agreement/", 1),
        ("/boards/titled/scatter/", 2),
        ("/models/first/", 2),
        ("/records/RUN/", 9),
        ("/runs/RUN/", 0),
        ("/boards/", 1),
        ("/", 1),
    ],
)
def test_pages_show_titles(run: Run, address: str, times: int) -> None:
    words = read(address.replace("RUN", str(run.pk)))
    assert words.count(TITLE) >= times, words
    assert not re.findall(rf"[^.]{{0,60}}(?:{NAME}|{OTHER})", words)


def test_dataset_page_shows_titles_and_the_name_beside() -> None:
    decoded_dataset("alone")
    words = read("/datasets/alone/")
    assert words.count(TITLE) >= 5 and NAME not in words
    assert f"<small><code>{NAME}</code></small>" in Client().get("/datasets/alone/").content.decode()
