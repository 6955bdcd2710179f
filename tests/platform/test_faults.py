"""Pages of faults, and the ways that lead to them."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from board_rows import make_run, make_submission
from gyral.faults import catalogue
from gyral_submissions.enums import Fault, State
from gyral_submissions.models import Benchmark, Run

pytestmark = pytest.mark.django_db


def test_every_code_has_its_page(client: Client) -> None:
    listed = client.get("/faults/").content.decode()
    for code in catalogue():
        assert f'href="/faults/{code}/"' in listed
        answer = client.get(f"/faults/{code}/")
        assert answer.status_code == 200 and f"<code>{code}</code>" in answer.content.decode()
    assert client.get("/faults/no-such-code/").status_code == 404


def test_api_lists_every_code_with_its_page(client: Client, db: None) -> None:
    told = client.get("/api/v1/faults").json()
    assert [one["code"] for one in told] == list(catalogue())
    first = catalogue()[told[0]["code"]]
    assert told[0] == {
        "code": first.code,
        "group": first.group,
        "what": first.what,
        "why": first.why,
        "mend": first.mend,
        "page": f"/faults/{first.code}/",
    }


def test_page_of_a_fault_names_its_group_in_the_trail_and_in_no_sentence(client: Client) -> None:
    page = client.get("/faults/name-taken/").content.decode()
    assert "Faults</a> / Names, quota and the API</p>" in page
    assert "Names, quota and the API." not in page


def test_what_is_not_there_asks_only_visitors_to_log_in(client: Client, owner: User) -> None:
    assert "If it is yours, " in client.get("/models/nothing/").content.decode()
    client.force_login(owner)
    page = client.get("/models/nothing/").content.decode()
    assert "If it is yours" not in page and "You are logged in as ada." in page


def test_a_failed_run_leads_to_the_page_of_its_code(client: Client, board: Benchmark) -> None:
    run = make_run(make_submission("one"), board)
    fields: dict[str, Any] = {"state": State.FAILED, "fault": Fault.SUBMITTER, "fault_code": "onnx-padding"}
    Run.objects.filter(pk=run.pk).update(**fields)
    assert 'href="/faults/onnx-padding/"' in client.get(f"/runs/{run.pk}/").content.decode()
    assert client.get(f"/api/v1/runs/{run.pk}").json()["fault_page"] == "/faults/onnx-padding/"


def test_a_fault_of_the_site_shows_its_reference_and_no_page(client: Client, board: Benchmark) -> None:
    run = make_run(make_submission("one"), board)
    text = "The site failed to evaluate this model; it is not your fault. Reference: abc123."
    fields = {"state": State.FAILED, "fault": Fault.SITE, "fault_code": "worker-lost", "fault_text": text}
    Run.objects.filter(pk=run.pk).update(**fields)
    page = client.get(f"/runs/{run.pk}/").content.decode()
    assert "Reference: abc123" in page and "/faults/" not in page
    assert client.get(f"/api/v1/runs/{run.pk}").json()["fault_page"] is None


def test_errors_of_the_api_lead_to_their_page(client: Client, db: None) -> None:
    assert client.get("/api/v1/models/nothing").json()["type"] == "/faults/not-found/"
    assert client.get("/api/v1/quota").json()["type"] == "/faults/unauthorised/"
    for address in ("/api/v1/models/nothing", "/api/v1/quota", "/api/v1/nosuch"):
        page = client.get(address).json()["type"]
        assert client.get(page).status_code == 200
