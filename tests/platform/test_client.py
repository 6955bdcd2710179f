"""`gyral login|submit|status|logs|board` against the site itself, over a socket."""

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User

from board_rows import make_benchmark, make_run, make_scored, make_submission
from gyral.cli.main import main
from gyral.client import access as accesses
from gyral.client import sending, site
from gyral.client.access import Access, as_address, find_access, keep
from gyral.client.following import follow
from gyral.client.sending import send
from gyral.client.site import Site, SiteRefused, SiteUnreachable
from gyral.errors import UserError
from gyral_portal.accounts.models import ApiToken, Scope
from gyral_portal.accounts.tokens import create_token
from gyral_submissions.domain.log import note
from gyral_submissions.enums import State
from gyral_submissions.models import Benchmark, Run, Submission, Upload

pytestmark = pytest.mark.django_db(transaction=True)
MODEL = Path(__file__).resolve().parents[2] / "fixtures" / "uploads" / "conv"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (accesses.SITE, accesses.TOKEN):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def token(owner: User, settings: Any) -> str:
    settings.GYRAL_LEAST_TIER = "process"
    return create_token(owner, "laptop", Scope.SUBMIT)[1]


@pytest.fixture
def there(live_server: Any, token: str) -> Site:
    """The site, logged in to."""
    access = Access(live_server.url, token)
    keep(access)
    return Site(access)


@pytest.fixture
def gyral(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The command line in this process: status, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return run


def test_login_keeps_the_token_where_only_its_owner_reads(
    live_server: Any,
    token: str,
    gyral: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    tmp_path: Path,
) -> None:
    typed = tmp_path / "typed"
    typed.write_text(f"{token}\n")
    with typed.open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        status, out, err = gyral("login", live_server.url)
    assert (status, err) == (0, "")
    assert "You are ada" in out and "may read and submit" in out and token not in out
    file = home / "sites.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert find_access() == Access(live_server.url, token)
    assert "You are ada" in gyral("login", "--who")[1]
    assert token not in repr(find_access())
    assert "forgotten" in gyral("login", "--forget", live_server.url)[1]
    assert gyral("status")[0] == 1


def test_login_refuses_a_token_the_site_does_not_know(
    live_server: Any, gyral: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path
) -> None:
    for text, words in (("gyral_wrong", "wrong, revoked or expired"), ("password", "begins with gyral_")):
        (tmp_path / "typed").write_text(text)
        with (tmp_path / "typed").open() as stream:
            monkeypatch.setattr(sys, "stdin", stream)
            status, _, err = gyral("login", live_server.url)
        assert status == 1 and words in err and f"{live_server.url}/account/tokens/" in err
    assert not (home / "sites.json").exists()


def test_variables_go_before_the_file(there: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    address = there.access.address
    monkeypatch.setenv(accesses.TOKEN, "gyral_other")
    assert find_access() == Access(address, "gyral_other")
    # A token of one site is never sent to another.
    assert find_access("https://else.example.org") == Access("https://else.example.org")
    monkeypatch.setenv(accesses.SITE, "https://else.example.org")
    assert find_access() == Access("https://else.example.org", "gyral_other")
    assert find_access(address).token == there.access.token


def test_tokens_that_others_may_read_are_not_used(there: Site, home: Path) -> None:
    (home / "sites.json").chmod(0o644)
    with pytest.raises(UserError, match="others on this machine") as refused:
        find_access()
    assert "chmod 600" in str(refused.value.mend)


@pytest.mark.parametrize("text", ["http://board.example.org", "ftp://x", "https://me:pw@board.example.org", "//"])
def test_addresses_that_would_show_the_token_are_refused(text: str) -> None:
    with pytest.raises(UserError) as refused:
        as_address(text)
    assert refused.value.code == "site-address"


def test_no_password_of_netrc_is_sent(there: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text(
        "machine localhost login ada password pw\nmachine 127.0.0.1 login ada password pw\n"
    )
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert Site(Access(there.access.address)).get("models")["count"] == 0  # Basic would be refused with 401


def test_submit_a_folder_and_look_at_it(there: Site, board: Benchmark, gyral: Callable[..., Any]) -> None:
    status, out, err = gyral("submit", str(MODEL), "-b", "cortex")
    assert (status, err) == (0, "")
    submission = Submission.objects.get()
    assert f"/submissions/{submission.pk}/ (private)" in out
    run = str(submission.runs.get(twin="").pk)
    assert run in out and "queued" in out
    listed = gyral("status")[1]
    assert "19 of 20 evaluations and 10 of 10 dry runs left" in listed and run in listed
    assert "queued, number 1 in the queue" in gyral("status", run)[1]
    note(Run.objects.get(pk=run).pk, 1, "first line")
    assert "first line" in gyral("logs", run)[1]
    assert "cancelled" in gyral("status", run, "--cancel")[1]
    Run.objects.filter(pk=run).update(fault_text="It was sent again.")
    assert "cancelled\n  It was sent again.\n" in gyral("status", run)[1]
    assert json.loads(gyral("status", run, "--retry", "--json")[1])["attempt"] == 2
    assert not Upload.objects.exists()


def test_submit_a_single_graph_with_the_card_beside_it(
    there: Site, board: Benchmark, gyral: Callable[..., Any], tmp_path: Path
) -> None:
    shutil.copy(MODEL / "model.onnx", tmp_path)
    status, _, err = gyral("submit", str(tmp_path / "model.onnx"), "-b", "cortex@0", "--no-check")
    assert status == 1 and "gyral init" in err
    shutil.copy(MODEL / "gyral.toml", tmp_path)
    told = json.loads(gyral("submit", str(tmp_path / "model.onnx"), "-b", "cortex@0", "--json", "--no-twin")[1])
    assert [run["twin"] for run in told["runs"]] == [""]


def test_a_dry_run_says_that_its_benchmark_is_the_sites(
    there: Site, board: Benchmark, gyral: Callable[..., Any]
) -> None:
    make_benchmark("sim", simulated=True)
    status, out, err = gyral("submit", str(MODEL), "-b", "cortex", "--dry-run")
    assert status == 0 and "(dry run) on sim@0" in out
    assert err.splitlines() == [
        "note: the site chooses the benchmark of a dry run; -b counts for the submission without --dry-run."
    ]


def test_a_folder_without_its_card_is_not_sent(
    there: Site, board: Benchmark, gyral: Callable[..., Any], tmp_path: Path
) -> None:
    shutil.copy(MODEL / "model.onnx", tmp_path)
    status, _, err = gyral("submit", str(tmp_path), "-b", "cortex")
    assert status == 1 and "there is no gyral.toml in it." in err and "--card" in err
    assert not Upload.objects.exists()
    assert gyral("submit", str(tmp_path), "-b", "cortex", "--card", str(MODEL / "gyral.toml"))[0] == 0


def test_submit_a_new_version(
    there: Site, board: Benchmark, gyral: Callable[..., Any], stranger: User, tmp_path: Path
) -> None:
    assert gyral("submit", str(MODEL), "-b", "cortex", "--visibility", "public")[0] == 0
    graph = (MODEL / "model.onnx").read_bytes()
    (tmp_path / "model.onnx").write_bytes(graph + bytes([5 << 3, 7]))  # a model_version: another file
    status, out, err = gyral("submit", str(tmp_path / "model.onnx"), "--new-version-of", "tiny-conv")
    assert (status, err) == (0, "")
    found = Submission.objects.get(version=2)
    assert "tiny-conv version 2 is at" in out and "(public)" in out
    assert found.card == Submission.objects.get(version=1).card
    assert [r.benchmark.identifier for r in found.runs.filter(twin="")] == ["cortex@0"]
    make_submission("tiny-con", owner=stranger)
    for name in ("tiny-con", "nobodys"):
        status, _, err = gyral("submit", str(MODEL), "-b", "cortex", "--new-version-of", name)
        assert status == 1 and f"unknown model of yours {name!r}" in err and "tiny-conv" in err
    folder = tmp_path / "named"
    shutil.copytree(MODEL, folder)
    (folder / "gyral.toml").write_text((MODEL / "gyral.toml").read_text().replace("tiny-conv", "other"))
    status, _, err = gyral("submit", str(folder), "--new-version-of", "tiny-conv")
    assert status == 1 and "a new version of 'tiny-conv'" in err
    assert Submission.objects.filter(owner__username="ada").count() == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((str(MODEL), "-b", "cortx"), "Did you mean 'cortex"),
        (("nowhere", "-b", "cortex"), "no such file"),
        ((str(Path(__file__).parent), "-b", "cortex"), "gyral check"),
        (
            (str(MODEL), "-b", "cortex", "--format", "features"),
            "no features.toml in it, so it holds no features. Leave --format out",
        ),
    ],
)
def test_mistakes_are_said_before_a_byte_is_sent(
    there: Site, board: Benchmark, gyral: Callable[..., Any], arguments: tuple[str, ...], words: str
) -> None:
    status, _, err = gyral("submit", *arguments)
    assert status == 1 and words in err and "Traceback" not in err
    assert not Upload.objects.exists()


def test_quota_and_scope_are_said(
    there: Site, board: Benchmark, owner: User, gyral: Callable[..., Any], settings: Any
) -> None:
    settings.GYRAL_RUNS_PER_DAY = 0
    status, _, err = gyral("submit", str(MODEL), "-b", "cortex", "--no-check")
    assert status == 1 and "0 of 0 left today" in err and "New ones come at" in err
    keep(Access(there.access.address, create_token(owner, "reader", Scope.READ)[1]))
    status, _, err = gyral("submit", str(MODEL), "-b", "cortex", "--no-check")
    assert status == 1 and "'read and submit' is needed" in err and "/account/tokens/" in err
    ApiToken.objects.all().delete()
    assert "wrong, revoked or expired" in gyral("status")[2]


def test_a_file_above_the_sites_cap_is_refused_unsent(
    there: Site, board: Benchmark, settings: Any, gyral: Callable[..., Any]
) -> None:
    settings.GYRAL_UPLOAD_BYTES = 100
    status, _, err = gyral("submit", str(MODEL), "-b", "cortex", "--no-check")
    assert status == 1 and "the site takes at most" in err
    assert Upload.objects.get().received == 0


def test_a_broken_upload_goes_on_in_a_later_process(
    there: Site, board: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, piece = MODEL / "model.onnx", 500
    card = {"name": "tiny-net", "modality": "vision", "image": {"size": 32, "crop": 1.0}}
    put, sent = Site.call, []

    def break_off(self: Site, method: Any, path: str, **more: Any) -> Any:
        if method == "PUT":
            if len(sent) == 2:
                raise SiteUnreachable("gone")
            sent.append(more["params"]["offset"])
        return put(self, method, path, **more)

    monkeypatch.setattr(Site, "call", break_off)
    monkeypatch.setattr(sending, "_PATIENCE", 1)
    with pytest.raises(SiteUnreachable):
        send(there, file, format_="onnx", benchmarks=["cortex"], card=card, piece=piece)
    assert Upload.objects.get().received == 2 * piece
    sent.clear()
    reports: list[int] = []
    monkeypatch.setattr(Site, "call", put)
    send(
        there,
        file,
        format_="onnx",
        benchmarks=["cortex"],
        card=card,
        progress=lambda *told: reports.append(told[1]),
    )
    assert reports[0] == 2 * piece and reports[-1] == file.stat().st_size
    assert Submission.objects.count() == 1 and not Upload.objects.exists()
    assert sending._noted() == {}


def test_a_piece_whose_answer_was_lost_is_not_sent_twice(
    there: Site, board: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Site.call
    lost: list[int] = []

    def lose(self: Site, method: Any, path: str, **more: Any) -> Any:
        answer = put(self, method, path, **more)
        if method == "PUT" and not lost:
            lost.append(more["params"]["offset"])
            raise SiteUnreachable("the answer is lost")
        return answer

    monkeypatch.setattr(Site, "call", lose)
    monkeypatch.setattr("gyral.client.sending.time.sleep", lambda seconds: None)
    card = {"name": "tiny-net", "modality": "vision", "image": {"size": 32, "crop": 1.0}}
    send(there, MODEL / "model.onnx", format_="onnx", benchmarks=["cortex"], card=card, piece=700)
    assert lost == [0] and Submission.objects.count() == 1


def test_rate_limit_is_waited_for_and_said(there: Site, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.GYRAL_TOKEN_REQUESTS_PER_MINUTE = 2
    now = [1_800_000_055.0]
    monkeypatch.setattr("gyral_portal.api.rate.time.time", lambda: now[0])
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(site.time, "sleep", sleep)
    said: list[str] = []
    patient = Site(there.access, say=said.append)
    for _ in range(3):
        patient.get("me")
    assert waits == [5.0] and said == ["the site asks to wait 5 s"]


def test_a_wait_until_tomorrow_is_not_waited_for(there: Site, board: Benchmark, settings: Any) -> None:
    settings.GYRAL_RUNS_PER_DAY = 0
    with pytest.raises(SiteRefused) as refused:
        there.call("POST", "uploads", json={"format": "onnx"})
    assert (refused.value.status, refused.value.code) == (429, "quota-day")


def test_unreachable_sites_are_one_line(gyral: Callable[..., Any], live_server: Any) -> None:
    status, _, err = gyral("board", "cortex", "--site", "http://127.0.0.1:9")
    assert status == 1 and "cannot be reached: Connection refused" in err and "Traceback" not in err
    status, _, err = gyral("board")
    assert status == 1 and "gyral login" in err
    status, _, err = gyral("board", "--site", f"{live_server.url}/nothing")
    assert status == 1 and "no Gyral site" in err


def test_a_site_without_https_is_told_by_its_plain_address(gyral: Callable[..., Any], live_server: Any) -> None:
    host = live_server.url.removeprefix("http://")
    status, _, err = gyral("board", "cortex", "--site", host)
    assert status == 1
    assert err == f"gyral: https://{host}: it answers plain HTTP, not HTTPS. Write http://{host}.\n"


@pytest.mark.parametrize("run", ["tiny-conv", "0b1c", "../quota"])
def test_what_is_no_id_of_a_run_is_told_where_ids_stand(there: Site, gyral: Callable[..., Any], run: str) -> None:
    for command in ("status", "logs"):
        status, _, err = gyral(command, run)
        assert status == 1 and f"{run!r} is no run's id. `gyral status` without RUN lists" in err


def test_what_is_gone_or_private_is_said(
    there: Site, board: Benchmark, stranger: User, gyral: Callable[..., Any]
) -> None:
    hidden = make_run(make_submission("hush", owner=stranger, visibility="private"), board)
    for run in (str(hidden.pk), "00000000-0000-0000-0000-000000000000"):
        for command in ("status", "logs"):
            status, _, err = gyral(command, run)
            assert status == 1 and f"there is no run {run}" in err and "hush" not in err


def test_board_of_all_marks_what_is_simulated_and_is_whole_when_piped(
    there: Site, board: Benchmark, gyral: Callable[..., Any]
) -> None:
    made = [make_benchmark(f"made-up-board-{n}", simulated=True, regions=("V4",)) for n in range(6)]
    one = make_scored("one", board, {"V4": -0.0001})
    for other in made:
        make_run(one, other, {"V4": 0.5})
    lines = gyral("board", "all")[1].splitlines()
    head = next(line for line in lines if line.startswith("model"))
    assert head.count("simulated") == 6 and "made-up-board-5@0 V4 simulated" in head and "cortex@0 V4" in head
    row = next(line for line in lines if line.startswith("one"))
    assert "0.000 -0.020 to 0.020" in row and "-0.000" not in row
    assert "simulated: recordings made by code" in lines[-1]


def test_board_as_table_json_and_csv(there: Site, board: Benchmark, gyral: Callable[..., Any]) -> None:
    make_scored("one", board, {"V1": 0.3, "V4": 0.5}, {"V4": 0.35})
    make_scored("two", board, {"V1": 0.4, "V4": None})
    out = gyral("board", "cortex")[1]
    assert out.index("one") < out.index("two") and "0.500 0.480 to 0.520" in out and "2 models" in out
    told = json.loads(gyral("board", "cortex", "--json", "--sort", "V1")[1])
    assert [m["model"] for m in told["models"]] == ["two", "one"]
    lines = gyral("board", "cortex", "--csv", "--top", "1")[1].splitlines()
    assert lines[0].startswith("model,version") and {line.split(",")[0] for line in lines[1:]} == {"one"}
    assert "cortex@0" in gyral("board")[1]
    status, _, err = gyral("board", "cortx")
    assert status == 1 and "Did you mean 'cortex" in err
    status, _, err = gyral("board", "visions")
    assert status == 1 and "'vision'" in err
    status, _, err = gyral("board", "cortex", "--sort", "V2")
    assert status == 1 and "Did you mean" in err


def test_record_is_saved_and_shown(
    there: Site, board: Benchmark, owner: User, gyral: Callable[..., Any], tmp_path: Path
) -> None:
    run = make_scored("mine", board, {"V4": 0.3}, owner=owner, visibility="private").runs.get()
    status, out, err = gyral("status", str(run.pk), "--save", str(tmp_path / "kept"))
    assert (status, err) == (0, "") and "gyral show" in out
    assert {p.name for p in (tmp_path / "kept").iterdir()} == {"record.json", "units.parquet", "redraws.npy"}
    status, _, err = gyral("status", str(run.pk), "--save", str(tmp_path / "kept"))
    assert status == 1 and "exists already" in err
    waiting = make_run(make_submission("other", owner=owner), make_benchmark("more"))
    assert "it is queued" in gyral("status", str(waiting.pk), "--save", str(tmp_path / "new"))[2]


def test_following_tells_each_change_and_ends(
    there: Site, board: Benchmark, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(make_submission("net", owner=owner), board)
    moves = iter([{"state": State.RUNNING, "step": "features", "progress": 0.5}, {"state": State.FINISHED}])
    monkeypatch.setattr(
        "gyral.client.following.time.sleep", lambda _: Run.objects.filter(pk=run.pk).update(**next(moves))
    )
    seen: list[str] = []
    reports: list[tuple[Any, ...]] = []
    ended = follow(
        there, str(run.pk), progress=lambda *told: reports.append(told), changed=lambda r: seen.append(r["state"])
    )
    assert seen == ["queued", "running", "finished"] and ended["state"] == "finished"
    assert reports == [("features", 50, 100)]


def test_redirects_are_not_followed_with_a_token() -> None:
    asked: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(301)
            self.send_header("Location", "/api/v1/stolen")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(SiteUnreachable, match="elsewhere"):
            Site(Access(f"http://127.0.0.1:{server.server_port}", "gyral_x")).get("me")
        server.shutdown()
    assert asked == ["/api/v1/me"]


def test_answers_are_compressed(there: Site, board: Benchmark) -> None:
    for n in range(5):
        make_scored(f"net{n}", board, {"V1": 0.3, "V4": 0.5})
    answer = requests.get(f"{there.access.address}/api/v1/boards/cortex", timeout=20)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) < len(answer.content) / 3
    again = requests.get(answer.url, headers={"If-None-Match": answer.headers["ETag"]}, timeout=20)
    assert (again.status_code, again.content) == (304, b"")


def test_client_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "import gyral.cli.login, gyral.cli.submit, gyral.cli.status, gyral.cli.logs, gyral.cli.board\n"
        "print(sorted(set(sys.modules) & {'torch', 'pandas', 'onnx', 'scipy', 'django', 'rich', 'pydantic'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONWARNINGS": ""},
    )
    assert done.stdout.strip() == "[]"
