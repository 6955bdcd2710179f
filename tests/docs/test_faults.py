"""Every code a submitter can meet is explained, on the page and nowhere else than from one source."""

from pathlib import Path

from fault_codes import codes_in_source
from gyral.faults import catalogue, markdown
from gyral_submissions.domain.fault import SITE_CODES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"

# Where the code that meets a submitter's file or request stands.
MET = ("scoring/gyral/models/", "scoring/gyral/isolation/", "submissions/", "platform/gyral_portal/api/")
# What these say, only who runs a site or fetches reference models meets, or it never stands alone.
NOT_MET = {
    "scoring/gyral/models/": {
        "extra-missing", "gguf-kind", "pip-missing", "weights-download", "weights-hash", "weights-unfit", "words-count",
    },
    "submissions/": {"child-died", "record", "worker-error", "worker-lost"},  # ours: with a reference
    "scoring/gyral/": {"bad-arrays"},
}  # fmt: skip


def met() -> set[str]:
    found = {code for code, files in codes_in_source().items() if any(f.startswith(MET) for f in files)}
    return found - SITE_CODES - set().union(*NOT_MET.values())


def test_every_code_a_submitter_can_meet_is_explained() -> None:
    assert met() - set(catalogue()) == set(), "explain them in scoring/gyral/faults.toml"


def test_no_code_is_explained_that_nobody_raises() -> None:
    assert set(catalogue()) - set(codes_in_source()) == set()


def test_codes_are_found_in_every_form_they_are_written_in() -> None:
    found = codes_in_source()
    for code in ("safetensors-layout", "onnx-fixed-batch", "pickle", "features-extra", "unknown-name", "quota-day",
                 "forbidden", "method-not-allowed", "worker-lost", "onnx-length"):  # fmt: skip
        assert code in found


def test_explanations_say_what_and_what_to_do() -> None:
    for fault in catalogue().values():
        assert fault.what.endswith((".", ")")) and fault.mend.endswith("."), fault.code
        assert fault.code not in SITE_CODES


def test_page_is_made_from_the_source() -> None:
    text = PAGE.read_text("utf-8")
    assert text == markdown(), "run: python -m gyral.faults > docs/faults.md"
    assert all(f"\n### {code}\n" in text for code in catalogue())
