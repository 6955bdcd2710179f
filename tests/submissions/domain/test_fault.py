"""Faults: words a submitter may read, and those only an operator may."""

import pytest

from gyral.places import cache, home
from gyral_submissions.domain import fault
from gyral_submissions.enums import Fault as By


def test_readable_takes_out_paths_and_control_characters() -> None:
    text = f"{home()}/uploads/ab/model.onnx and {cache()}/x/y.npy,\n\x1b[31mred\x1b[0m /usr/lib/python3.11/re.py"
    assert fault.readable(text) == "model.onnx and y.npy, [31mred [0m re.py"


@pytest.mark.parametrize("text", ["3/4 of 5", "layer 'a/b/c'", "a ratio of 1 / 2", "https://gyral.example/docs/x"])
def test_readable_leaves_what_is_no_path(text: str) -> None:
    assert fault.readable(text) == text


def test_readable_is_bounded() -> None:
    assert len(fault.readable("x" * 10_000)) < 1000


def test_said_status_decides_whose_fault() -> None:
    error = {"code": "bad-upload", "what": "no.", "where": "model.onnx", "mend": None}
    theirs = fault.said(error, 1)
    assert (theirs.by, theirs.code, theirs.where, theirs.mend, theirs.reference) == (
        By.SUBMITTER, "bad-upload", "model.onnx", "", "",
    )  # fmt: skip
    ours = fault.said(error, 70)
    assert ours.by == By.SITE and ours.reference and "no." not in ours.text and "no." in ours.detail


@pytest.mark.parametrize("code", ["bad-device", "disk-full", "dataset-unavailable", "stimulus-hash"])
def test_what_only_the_site_can_mend_is_the_sites(code: str) -> None:
    found = fault.said({"code": code, "what": "no room in /srv/gyral."}, 1)
    assert found.by == By.SITE and found.reference and "room" not in found.text


def test_reference_of_a_child_is_kept_if_it_is_one() -> None:
    assert fault.ours("engine-error", "abcd1234").reference == "abcd1234"
    assert fault.ours("engine-error", "<script>alert(1)</script>").reference.isalnum()


def test_references_differ() -> None:
    assert fault.ours("x").reference != fault.ours("x").reference
