"""Every address of the site x every role, around a private submission; nothing of it may leak."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from board_rows import make_run, make_scored
from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import create_token
from gyral_portal.leaderboard.models import Person, SavedView, Suite
from gyral_submissions.domain import upload as uploads
from gyral_submissions.domain.log import note
from gyral_submissions.enums import Format, State, Visibility
from gyral_submissions.models import Benchmark, Run, Submission

pytestmark = pytest.mark.django_db

NAME, TITLE = "hush-hush-net", "Unspeakable network"
ROLES = ("nobody", "stranger", "operator", "owner")
# 404 hides that the thing exists; 302 asks to log in.
HIDDEN, LOGIN, OK = (404, 404, 200, 200), (302, 404, 200, 200), (200, 200, 200, 200)
NOBODYS = (404, 404, 404, 404)

# Template of each address, method, and the status by role.
TABLE: dict[str, tuple[str, str, tuple[int, int, int, int]]] = {
    "leaderboard:front": ("GET", "/", OK),
    "leaderboard:boards": ("GET", "/boards/", OK),
    "leaderboard:board": ("GET", "/boards/cortex/", OK),
    "leaderboard:export": ("GET", "/boards/cortex/board.csv", OK),
    "leaderboard:compare": ("GET", "/boards/cortex/compare/?model={name}&model=other", OK),
    "leaderboard:agreement": ("GET", "/boards/cortex/agreement/", OK),
    "leaderboard:scatter": ("GET", "/boards/cortex/scatter/", OK),
    "leaderboard:scatter-file": ("GET", "/boards/cortex/scatter.svg", OK),
    "leaderboard:saved-views": ("GET", "/views/", (302, 200, 200, 200)),
    "leaderboard:save-view": ("POST", "/views/save/", (302, 302, 302, 302)),
    "leaderboard:saved-view": ("GET", "/views/{view}/", OK),
    "leaderboard:delete-view": ("POST", "/views/{view}/delete/", (302, 404, 404, 302)),
    "leaderboard:benchmarks": ("GET", "/benchmarks/", OK),
    "leaderboard:benchmark": ("GET", "/benchmarks/cortex/", OK),
    "leaderboard:stimulus": ("GET", "/benchmarks/cortex/stimuli/0", (404, 404, 404, 404)),
    # The data of the benchmark here are on no machine; tests/platform/test_brain.py has one with data.
    "leaderboard:benchmark-brain": ("GET", "/benchmarks/cortex/brain/brain.svg", NOBODYS),
    "leaderboard:record-brain": ("GET", "/records/{run}/brain/brain.svg", NOBODYS),
    "leaderboard:record-rdms": ("GET", "/records/{run}/rdms/rdms.svg", NOBODYS),
    "leaderboard:surface": ("GET", "/surfaces/fsaverage5/left.shape.gii", OK),
    "leaderboard:suites": ("GET", "/suites/", OK),
    "leaderboard:suite": ("GET", "/suites/core/", OK),
    "leaderboard:suite-bib": ("GET", "/suites/core/cite.bib", OK),
    "leaderboard:datasets": ("GET", "/datasets/", OK),
    "leaderboard:dataset": ("GET", "/datasets/none/", (404, 404, 404, 404)),
    "leaderboard:previews": ("GET", "/previews/", (404, 404, 200, 404)),
    "leaderboard:preview": ("GET", "/previews/none/", NOBODYS),
    "leaderboard:models": ("GET", "/models/", OK),
    "leaderboard:model": ("GET", "/models/{name}/", HIDDEN),
    "leaderboard:model-version": ("GET", "/models/{name}/v1/", HIDDEN),
    # Of what everybody sees alone, so that its owner gets no private model either.
    "leaderboard:feed": ("GET", "/feed/", OK),
    "leaderboard:model-feed": ("GET", "/models/{name}/feed/", NOBODYS),
    "leaderboard:benchmark-feed": ("GET", "/benchmarks/cortex/feed/", OK),
    "leaderboard:badge": ("GET", "/models/{name}/badge/cortex.svg", NOBODYS),
    "leaderboard:card": ("GET", "/card.png", OK),
    "leaderboard:model-card": ("GET", "/models/{name}/card.png", NOBODYS),
    "leaderboard:benchmark-card": ("GET", "/benchmarks/cortex/card.png", OK),
    "leaderboard:model-bib": ("GET", "/models/{name}/cite.bib", NOBODYS),
    "leaderboard:benchmark-bib": ("GET", "/benchmarks/cortex/cite.bib", OK),
    "leaderboard:record": ("GET", "/records/{run}/", HIDDEN),
    "leaderboard:download": ("GET", "/records/{run}/record.json", HIDDEN),
    "leaderboard:reading": ("GET", "/reading/", OK),
    "leaderboard:people": ("GET", "/people/", OK),
    "leaderboard:person": ("GET", "/people/ada-l/", OK),
    "leaderboard:own-person": ("GET", "/account/person/", (302, 200, 200, 200)),
    "portal:submit": ("GET", "/submit/", (302, 200, 200, 200)),
    "portal:upload-begin": ("POST", "/submit/uploads/", (302, 422, 422, 422)),
    "portal:upload-piece": ("PUT", "/submit/uploads/{upload}/?offset=0", (302, 404, 404, 200)),
    "portal:upload-discard": ("POST", "/submit/uploads/{upload}/discard/", (302, 302, 302, 302)),
    "portal:submissions": ("GET", "/submissions/", (302, 200, 200, 200)),
    "portal:submission": ("GET", "/submissions/{submission}/", LOGIN),
    "portal:visibility": ("POST", "/submissions/{submission}/visibility/", (302, 404, 302, 302)),
    "portal:withdraw": ("POST", "/submissions/{submission}/withdraw/", (302, 404, 302, 302)),
    "portal:delete": ("POST", "/submissions/{submission}/delete/", (302, 404, 302, 302)),
    "portal:notices-read": ("POST", "/submissions/notices/read/", (302, 302, 302, 302)),
    "portal:score": ("POST", "/submissions/{submission}/score/", (302, 404, 400, 400)),
    "portal:dry-run": ("POST", "/submissions/{submission}/dry-run/", (302, 404, 302, 302)),
    "portal:run": ("GET", "/runs/{run}/", HIDDEN),
    "portal:run-live": ("GET", "/runs/{run}/live/", HIDDEN),
    "portal:run-log": ("GET", "/runs/{run}/log/", HIDDEN),
    "portal:run-cancel": ("POST", "/runs/{run}/cancel/", (302, 404, 302, 302)),
    "portal:run-retry": ("POST", "/runs/{run}/retry/", (302, 404, 302, 302)),
    "portal:faults": ("GET", "/faults/", OK),
    "portal:fault": ("GET", "/faults/onnx-tensor-size/", OK),
    "accounts:account": ("GET", "/account/", (302, 200, 200, 200)),
    "accounts:tokens": ("GET", "/account/tokens/", (302, 200, 200, 200)),
    "accounts:revoke": ("POST", "/account/tokens/{token}/revoke/", (302, 404, 404, 302)),
    "accounts:mail": ("POST", "/account/mail/", (302, 302, 302, 302)),
    "health-ready": ("GET", "/health/ready", OK),
    "metrics": ("GET", "/metrics", (404, 404, 404, 404)),
    "health": ("GET", "/health", OK),
    "operations": ("GET", "/api/", OK),
}
# Other methods that an address takes; what is sent is empty.
MORE: dict[str, tuple[str, str, tuple[int, int, int, int]]] = {
    "accounts:tokens": ("POST", "/account/tokens/", (302, 400, 400, 400)),
    "leaderboard:own-person": ("POST", "/account/person/", (302, 400, 400, 400)),
    "portal:submit": ("POST", "/submit/", (302, 400, 400, 400)),
    "portal:upload-piece": ("GET", "/submit/uploads/{upload}/", (302, 404, 404, 200)),
}
# Of Django's admin and of allauth: who is let in. Staff without permissions see no table.
OTHERS: dict[str, tuple[str, tuple[int, int, int, int]]] = {
    "/admin/": ("GET", (302, 302, 200, 302)),
    "/admin/login/": ("GET", (302, 403, 302, 403)),
    "/admin/auth/user/": ("GET", (302, 302, 403, 302)),
    "/admin/gyral_submissions/submission/": ("GET", (302, 302, 403, 302)),
    # Tokens are in no table of the admin.
    "/admin/gyral_accounts/apitoken/": ("GET", (302, 302, 404, 302)),
    "/accounts/login/": ("GET", (200, 302, 302, 302)),
    "/accounts/signup/": ("GET", (200, 302, 302, 302)),
    "/accounts/email/": ("GET", (302, 200, 200, 200)),
    "/accounts/password/change/": ("GET", (302, 200, 200, 200)),
    "/accounts/2fa/": ("GET", (302, 200, 200, 200)),
    # Those of nobody without a second factor.
    "/accounts/2fa/recovery-codes/": ("GET", (302, 404, 404, 404)),
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# A token of the role in place of a session; nobody has none.
API: dict[str, tuple[str, str, tuple[int, int, int, int]]] = {
    "api:benchmarks": ("GET", "/api/v1/benchmarks", OK),
    "api:benchmark": ("GET", "/api/v1/benchmarks/cortex", OK),
    "api:exposure": ("GET", "/api/v1/benchmarks/cortex/exposure", OK),
    "api:board": ("GET", "/api/v1/boards/cortex", OK),
    "api:scatter": ("GET", "/api/v1/boards/cortex/scatter", OK),
    "api:comparison": ("GET", "/api/v1/boards/cortex/comparison?model={name}&model={name}", HIDDEN),
    "api:agreement": ("GET", "/api/v1/boards/cortex/agreement", OK),
    "api:benchmark-brain": ("GET", "/api/v1/benchmarks/cortex/brain", NOBODYS),
    "api:run-rdms": ("GET", "/api/v1/runs/{run}/rdms", NOBODYS),
    "api:run-brain": ("GET", "/api/v1/runs/{run}/brain", NOBODYS),
    "api:best": ("GET", "/api/v1/benchmarks/cortex/best", OK),
    # The data of the benchmark here are on no machine.
    "api:stimuli": ("GET", "/api/v1/benchmarks/cortex/stimuli", OK),
    "api:stimulus": ("GET", "/api/v1/benchmarks/cortex/stimuli/0", NOBODYS),
    "api:datasets": ("GET", "/api/v1/datasets", OK),
    "api:dataset": ("GET", "/api/v1/datasets/none", NOBODYS),
    "api:people": ("GET", "/api/v1/people", OK),
    "api:person": ("GET", "/api/v1/people/ada-l", OK),
    "api:faults": ("GET", "/api/v1/faults", OK),
    "api:suites": ("GET", "/api/v1/suites", OK),
    "api:suite": ("GET", "/api/v1/suites/core", OK),
    "api:models": ("GET", "/api/v1/models", OK),
    "api:model": ("GET", "/api/v1/models/{name}", HIDDEN),
    "api:runs": ("GET", "/api/v1/runs", OK),
    "api:run": ("GET", "/api/v1/runs/{run}", HIDDEN),
    "api:scores": ("GET", "/api/v1/runs/{run}/scores", HIDDEN),
    "api:record": ("GET", "/api/v1/runs/{run}/record", HIDDEN),
    "api:files": ("GET", "/api/v1/runs/{run}/files", HIDDEN),
    "api:file": ("GET", "/api/v1/runs/{run}/files/record.json", HIDDEN),
    "api:me": ("GET", "/api/v1/me", (401, 200, 200, 200)),
    "api:submission-list": ("GET", "/api/v1/submissions", (401, 200, 200, 200)),
    "api:submission-change": ("PATCH", "/api/v1/submissions/{submission}", (401, 422, 422, 422)),
    "api:submission-withdraw": ("POST", "/api/v1/submissions/{submission}/withdraw", (401, 404, 200, 200)),
    "api:submission-delete": ("DELETE", "/api/v1/submissions/{submission}", (401, 404, 204, 204)),
    "api:submission-score": ("POST", "/api/v1/submissions/{submission}/runs", (401, 422, 422, 422)),
    "api:submission-dry-run": ("POST", "/api/v1/submissions/{submission}/dry-run", (401, 404, 422, 422)),
    "api:quota": ("GET", "/api/v1/quota", (401, 200, 200, 200)),
    "api:submit": ("POST", "/api/v1/submissions", (401, 422, 422, 422)),
    "api:upload-begin": ("POST", "/api/v1/uploads", (401, 422, 422, 422)),
    "api:upload-list": ("GET", "/api/v1/uploads", (401, 200, 200, 200)),
    "api:upload": ("GET", "/api/v1/uploads/{upload}", (401, 404, 404, 200)),
    "api:upload-piece": ("PUT", "/api/v1/uploads/{upload}?offset=0", (401, 404, 404, 200)),
    "api:upload-forget": ("DELETE", "/api/v1/uploads/{upload}", (401, 404, 404, 204)),
    "api:upload-submit": ("POST", "/api/v1/uploads/{upload}/submit", (401, 422, 422, 422)),
    "api:log": ("GET", "/api/v1/runs/{run}/log", (401, 404, 200, 200)),
    "api:cancel": ("POST", "/api/v1/runs/{run}/cancel", (401, 404, 422, 422)),
    "api:retry": ("POST", "/api/v1/runs/{run}/retry", (401, 404, 422, 422)),
    "api:openapi-json": ("GET", "/api/v1/schema/", OK),
}


@pytest.fixture
def private(board: Benchmark, owner: User) -> Submission:
    """A private submission with a finished run, its log and record."""
    found = make_scored(NAME, board, {"V1": 0.4321, "V4": 0.8765}, owner=owner, visibility="private", title=TITLE)
    note(found.runs.get().pk, 1, f"Scoring {NAME}")
    return found


@pytest.fixture
def places(private: Submission, owner: User) -> dict[str, object]:
    """What the templates name."""
    token, _ = create_token(owner, "of the owner", Scope.READ)
    members = [{"benchmark": "cortex@0", "weight": 1.0}]
    Suite.objects.create(name="core", version=1, title="Core", modality="vision", members=members)
    Person.objects.create(owner=owner, handle="ada-l", name="Ada L.")
    upload = uploads.begin(owner, Format.ONNX)
    return {
        "name": NAME,
        "run": private.runs.get().pk,
        "submission": private.pk,
        "view": SavedView.objects.create(owner=owner, title="mine", reference="cortex@0").pk,
        "token": token.pk,
        "upload": upload.pk,
    }


@pytest.fixture
def visit(owner: User, stranger: User, operator: User) -> Callable[..., Client]:
    """A client in a role, by session or by token."""
    people = {"stranger": stranger, "operator": operator, "owner": owner}

    def make(role: str, *, token: bool = False) -> Client:
        if role == "nobody":
            return Client()
        if token:
            _, text = create_token(people[role], "test", Scope.MANAGE)
            return Client(headers={"authorization": f"Bearer {text}"})
        client = Client()
        client.force_login(people[role])
        return client

    return make


def _names(patterns: list[URLPattern | URLResolver], space: str = "") -> set[str]:
    found: set[str] = set()
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.app_name not in ("admin",) and pattern.urlconf_name != "allauth.urls":
                inner = f"{pattern.namespace}:" if pattern.namespace else space
                found |= _names(pattern.url_patterns, inner) if _is_ours(pattern) else set()
        elif pattern.name:
            found.add(f"{space}{pattern.name}")
    return found


def _body(response: Any) -> bytes:
    """The content; a file that is sent is closed once it is read."""
    return b"".join(response.streaming_content) if response.streaming else bytes(response.content)


def _is_ours(resolver: URLResolver) -> bool:
    return "allauth" not in str(getattr(resolver.urlconf_name, "__name__", resolver.urlconf_name))


def test_every_address_stands_in_the_table() -> None:
    named = _names(get_resolver().url_patterns) - {"api:api-root"}
    assert named == set(TABLE) | set(API)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", TABLE)
def test_page_by_role(name: str, role: str, places: dict[str, object], visit: Callable[..., Client]) -> None:
    method, address, statuses = TABLE[name]
    response = visit(role).generic(method, address.format(**places))
    _body(response)
    assert response.status_code == statuses[ROLES.index(role)]
    if response.status_code == 302 and role == "nobody":
        assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", MORE)
def test_other_method_of_a_page_by_role(
    name: str, role: str, places: dict[str, object], visit: Callable[..., Client]
) -> None:
    method, address, statuses = MORE[name]
    response = visit(role).generic(method, address.format(**places))
    assert response.status_code == statuses[ROLES.index(role)]
    if role == "nobody":
        assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("name", TABLE)
def test_page_takes_no_method_besides(name: str, places: dict[str, object], visit: Callable[..., Client]) -> None:
    """405, or as if the page were not there, or the login: never an answer, never a failure."""
    takes = {table[name][0] for table in (TABLE, MORE) if name in table}
    address = TABLE[name][1].format(**places)
    for role in ("nobody", "owner"):
        client = visit(role)
        refused = {m: client.generic(m, address).status_code for m in METHODS if m not in takes}
        assert set(refused.values()) <= {302, 404, 405}, f"{role}: {refused}"
        assert role == "nobody" or 302 not in refused.values(), f"{role}: {refused}"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("address", OTHERS)
def test_page_of_the_admin_and_of_accounts_by_role(address: str, role: str, visit: Callable[..., Client]) -> None:
    method, statuses = OTHERS[address]
    response = visit(role).generic(method, address)
    assert response.status_code == statuses[ROLES.index(role)]
    if response.status_code == 302 and role == "nobody":
        assert "/login/?next=" in response["Location"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", API)
def test_api_by_role(name: str, role: str, places: dict[str, object], visit: Callable[..., Client]) -> None:
    method, address, statuses = API[name]
    response = visit(role, token=True).generic(method, address.format(**places), "", "application/json")
    _body(response)
    assert response.status_code == statuses[ROLES.index(role)]


@pytest.mark.parametrize("role", ["nobody", "stranger"])
def test_nothing_of_a_private_submission_leaks(
    role: str, places: dict[str, object], visit: Callable[..., Client], private: Submission
) -> None:
    secrets = [NAME.encode(), TITLE.encode(), b"0.877", b"0.8765", str(places["run"]).encode()]
    asked = {NAME, str(places["run"])}
    for table, token in ((TABLE, False), (API, True)):
        for method, address, _ in table.values():
            if method not in ("GET", "PUT"):
                continue
            where = address.format(**places)
            response = visit(role, token=token).get(where)
            body = _body(response)
            for secret in secrets:
                # An address may be echoed to whoever typed it; nothing else may appear.
                if secret.decode() not in asked or secret.decode() not in where:
                    assert secret not in body, f"{secret!r} in {where}"


def test_counts_leave_private_models_out(private: Submission, visit: Callable[..., Client]) -> None:
    assert "0 models on 1 benchmark" in visit("nobody").get("/").content.decode()
    assert visit("stranger", token=True).get("/api/v1/models").json()["count"] == 0
    assert visit("stranger", token=True).get("/api/v1/runs").json()["count"] == 0
    assert visit("stranger", token=True).get("/api/v1/boards/cortex").json()["total"] == 0


def test_private_entity_tag_says_nothing(private: Submission, visit: Callable[..., Client]) -> None:
    before = visit("stranger", token=True).get("/api/v1/boards/cortex")["ETag"]
    make_run(private, private.runs.get().benchmark, {"V4": 0.5})
    assert visit("stranger", token=True).get("/api/v1/boards/cortex")["ETag"] == before


def test_owner_sees_the_private_row_marked(private: Submission, visit: Callable[..., Client]) -> None:
    text = visit("owner").get("/boards/cortex/").content.decode()
    assert TITLE in text
    assert "private" in text


def test_published_submission_is_seen_by_everybody_but_its_log_is_not(
    private: Submission, places: dict[str, object], visit: Callable[..., Client]
) -> None:
    visit("owner").post(f"/submissions/{private.pk}/visibility/", {"visibility": "public"})
    private.refresh_from_db()
    assert private.visibility == Visibility.PUBLIC
    assert TITLE in visit("nobody").get("/boards/cortex/").content.decode()
    page = visit("nobody").get(f"/runs/{places['run']}/")
    assert page.status_code == 200
    assert f"Scoring {NAME}" not in page.content.decode()
    assert visit("nobody").get(f"/runs/{places['run']}/log/").status_code == 404


def test_withdrawn_submission_is_gone_for_strangers_and_kept_for_its_owner(
    private: Submission, visit: Callable[..., Client]
) -> None:
    visit("owner").post(f"/submissions/{private.pk}/visibility/", {"visibility": "public"})
    assert visit("owner").post(f"/submissions/{private.pk}/withdraw/").status_code == 302
    private.refresh_from_db()
    assert private.withdrawn is None  # not without the tick
    visit("owner").post(f"/submissions/{private.pk}/withdraw/", {"sure": "1"})
    assert TITLE not in visit("nobody").get("/boards/cortex/").content.decode()
    assert visit("nobody").get(f"/models/{NAME}/").status_code == 404
    assert visit("owner").get(f"/submissions/{private.pk}/").status_code == 200


def test_stranger_cannot_cancel(private: Submission, board: Benchmark, visit: Callable[..., Client]) -> None:
    run: Run = make_run(private, board)
    visit("stranger").post(f"/runs/{run.pk}/cancel/")
    run.refresh_from_db()
    assert run.state == State.QUEUED


def test_read_token_cannot_submit(owner: User, private: Submission) -> None:
    _, text = create_token(owner, "reader", Scope.READ)
    client = Client(headers={"authorization": f"Bearer {text}"})
    assert client.get(f"/api/v1/models/{NAME}").status_code == 200
    assert client.get("/api/v1/quota").status_code == 200
    run = private.runs.get().pk
    for address in ("/api/v1/submissions", f"/api/v1/runs/{run}/cancel", f"/api/v1/runs/{run}/retry"):
        answer = client.post(address)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_record_files_have_no_way_out_of_their_folder(
    places: dict[str, object], visit: Callable[..., Client]
) -> None:
    for name in ("..%2Frecord.json", "stderr.txt", "../../secret.key"):
        assert visit("owner").get(f"/records/{places['run']}/{name}").status_code == 404
    assert visit("owner").get(f"/records/{places['run']}/units.parquet%00").status_code == 400
