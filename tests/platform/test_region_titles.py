"""Pages call a region by its title; its name, which the command line takes, stands only in code and in addresses."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from django.test import Client

from board_rows import make_benchmark, make_scored
from gyral.audit import Audit, RegionCeiling
from gyral.canaries.finding import CanaryScore, Finding
from gyral.record import CURVE
from gyral_submissions import conf
from gyral_submissions.models import Benchmark, Dataset, Run, Score

pytestmark = pytest.mark.django_db

NAME, TITLE, OTHER = "lang_LH_netw", "Language network, left", "aud_RH_raw"
_ROW = {"region": NAME, "subject": "all", "layer": "chosen"}


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
    for region, title in zip(made.regions, ("Auditory cortex, right", TITLE), strict=True):
        region |= {"title": title, "path": ["whole", OTHER, region["name"]]}
    published = [{"region": NAME, "value": 0.6, "unit": "r2", "source": "A paper."}]
    made.about |= {"audit": audited(), "ceiling": "published", "published": published, "holdout": True}
    made.save()
    return made


@pytest.fixture
def run(benchmark: Benchmark) -> Run:
    """A finished run whose record has everything that is told of a region."""
    make_scored("second", benchmark, {NAME: 0.3, OTHER: 0.2})
    run = make_scored("first", benchmark, {NAME: 0.4, OTHER: 0.1}, twin={NAME: 0.2, OTHER: 0.1}).runs.get(twin="")
    folder = conf.runs() / run.record_path
    fields = {"rf_x": [0.2, 0.4], "rf_y": [0.5, 0.5], "rf_size": [0.1, 0.1]}
    pd.DataFrame({"region": NAME, "unit": [0, 1], "r": [0.1, 0.2], **fields}).to_parquet(folder / "units.parquet")
    np.savez(folder / "maps.npz", m=np.ones((1, 4)))
    np.savez(folder / "curves.npz", c=np.full((len(CURVE), 3), 0.1))
    Score.objects.filter(run=run, region=NAME).update(controls={"scrambled": {"value": 0.1}})
    run.record |= {
        "rows": [_ROW | {"value": 0.4, "chance": 0.5, "p": 0.01, "q": 0.01, "identification": {}}],
        "temporal": [{"region": NAME, "value": 0.3, "robust": 0.2, "n_layers": 4, "n_robust": 3}],
        "controls": {"runs": [{"name": "scrambled"}], "nuisances": {}},
        "maps": [_ROW | {"name": "m", "grid": [2, 2]}],
        "time": {"times": [0.0, 0.1, 0.2], "window": [0.0, 0.2]},
        "curves": [_ROW | {"name": "c", "first_time": 0.1}],
    }
    run.save()
    return run


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
    number = {"value": 0.5, "low": 0.4, "high": 0.6, "chance": 0.25, "p": 0.01}
    curve = {"times": [0.0, 0.1], "auc": [0.5, 0.6], "p": [0.5, 0.1]}
    result = {"region": NAME, "person": "all", "classifier": "lda", "accuracy": number, "curve": curve}
    result |= {
        "pairs": [[None, 0.6, 0.7]] * 3,
        "pairwise": number,
        "pairwise_auc": number,
        "samples": 9,
        "runs": 3,
    }
    Dataset.objects.create(
        name="alone",
        content_hash="1" * 64,
        title="Alone",
        about={"regions": {NAME: TITLE}, "split": "leave-one-group-out", "n_stimuli": 9},
        decoding={"classes": ["a", "b", "c"], "permutations": 9, "results": [result]},
    )
    words = read("/datasets/alone/")
    assert words.count(TITLE) >= 5 and NAME not in words
    assert f"<small><code>{NAME}</code></small>" in Client().get("/datasets/alone/").content.decode()
