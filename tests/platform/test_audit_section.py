"""The benchmark page shows what the canaries saw and how reliable units are, from the report stored with the row."""

import pytest
from django.test import Client

from board_rows import make_benchmark
from gyral.audit import Audit, RegionCeiling
from gyral.canaries.finding import CanaryScore, Finding

pytestmark = pytest.mark.django_db

REPORT = Audit(
    dataset="cortex",
    title="A dataset",
    content_hash="1" * 64,
    simulated=False,
    split="contiguous-5",
    split_hash="2" * 64,
    declared=True,
    samples=640,
    units=50,
    subjects=1,
    findings=(
        Finding(
            canary="smooth-noise",
            title="Smooth noise",
            verdict="pass",
            tested="50 features of noise",
            reason="It reaches r = 0.008 at best, in V4 <script>.",
            score=CanaryScore(
                region="V4", setting="", value=0.008, low=-0.01, high=0.03, bound=-0.02, cells=2, df=30, draws=20
            ),
        ),
        Finding(canary="lag-scan", title="Lag scan", verdict="not-applicable", tested="", reason="No order."),
    ),
    ceilings=(
        RegionCeiling(
            region="V4", kind="ncsnr", median=0.76, lower_quartile=0.64, upper_quartile=0.83, units=50, left_out=7
        ),
        RegionCeiling(region="V1", kind="none", units=50, left_out=50),
    ),
)


def page(about: dict[str, object]) -> str:
    make_benchmark("audited", about={"n_stimuli": 640, **about})
    return Client().get("/benchmarks/audited/").content.decode()


def test_report_is_shown() -> None:
    text = page({"audit": REPORT.model_dump(mode="json")})
    assert "Leakage canaries under the split <code>contiguous-5</code>" in text
    assert "Smooth noise" in text and "0.008" in text and "does not apply" in text
    assert "in V4 &lt;script&gt;" in text
    assert "0.64 to 0.83" in text and '<td class="number">7</td>' in text
    assert "gyral audit cortex" in text


def test_several_subjects_say_why_two_ceilings_of_a_region_differ() -> None:
    said = "means over subjects of the median over each one’s units"
    assert said not in page({"audit": REPORT.model_dump(mode="json")})
    several = REPORT.model_copy(update={"subjects": 4})
    make_benchmark("several", about={"n_stimuli": 640, "audit": several.model_dump(mode="json")})
    assert said in Client().get("/benchmarks/several/").content.decode()


def test_page_without_a_report_has_no_section() -> None:
    assert "Leakage canaries" not in page({})


def test_dissimilarities_have_no_table_of_units() -> None:
    bounds = RegionCeiling(region="IT", kind="rdm-bounds", unit="r", median=0.6, units=4, left_out=0)
    text = page({"audit": REPORT.model_copy(update={"ceilings": (bounds,)}).model_dump(mode="json")})
    assert "Leakage canaries" in text and "Noise ceilings of units" not in text


def test_choices_of_people_have_no_table_of_units() -> None:
    people = RegionCeiling(region="odd one out", kind="none", units=3, left_out=0)
    report = REPORT.model_copy(update={"ceilings": (people,), "ceiling_note": "Naming what others chose."})
    make_benchmark("chosen", task="triplets", about={"n_stimuli": 9, "audit": report.model_dump(mode="json")})
    text = Client().get("/benchmarks/chosen/").content.decode()
    assert "Naming what others chose." in text and "Noise ceilings of units" not in text


def test_numbers_below_zero_have_a_minus_sign_in_words_too() -> None:
    words = REPORT.findings[0].model_copy(update={"reason": "Runs 1-5 reach r = -0.008 at best, in V4."})
    text = page({"audit": REPORT.model_copy(update={"findings": (words,)}).model_dump(mode="json")})
    assert '<td class="said">Runs 1-5 reach r = −0.008 at best, in V4.</td>' in text
