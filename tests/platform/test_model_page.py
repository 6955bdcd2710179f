"""The model's page, its picture and its records."""

import re

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client

from board_rows import make_benchmark, make_run, make_scored, make_submission
from gyral.datasets.catalogue import open_dataset
from gyral_portal.accounts.models import Scope
from gyral_portal.accounts.tokens import create_token
from gyral_portal.leaderboard.picture import draw_profile
from gyral_submissions import conf
from gyral_submissions.domain.queries.profile import submission_profile
from gyral_submissions.domain.standing import rank
from gyral_submissions.enums import State
from gyral_submissions.models import Benchmark, Run, Score

pytestmark = pytest.mark.django_db


def test_model_page_shows_card_layers_record_and_command(client: Client, board: Benchmark) -> None:
    model = make_scored("net", board, {"V1": 0.3, "V4": 0.5}, {"V4": 0.35}, title="The net")
    run = model.runs.get(twin="")
    text = client.get("/models/net/").content.decode()
    for part in ("The net", "ResNet", "4,300,000", "Layers by regions (2 layers)", "chosen 5×", "0.350 ± 0.012"):
        assert part in text
    assert "gyral score net --benchmark cortex@0 --seed 0" in text
    assert f"/records/{run.pk}/units.parquet" in text


def test_model_page_shows_rank_what_is_left_and_where_numbers_come_from(client: Client, board: Benchmark) -> None:
    model = make_scored("net", board, {"V1": 0.3, "V4": 0.5})
    rank(board)
    chosen = Score.objects.filter(run=model.runs.get(), layer="chosen")
    chosen.filter(region="V4").update(unique_r2=0.071, unique_low=0.05, unique_high=0.09)
    chosen.filter(region="V1").update(partial=0.011, partial_low=-0.01, partial_high=0.03)
    text = client.get("/models/net/").content.decode()
    heads = [re.sub("<[^>]+>", "", h) for h in re.findall(r"<th scope=.col[^>]*>(.*?)</th>", text)]
    rows = re.findall(r'<tr><th scope="row">(V\d)</th>(.*?)</tr>', text)
    cells = {name: re.findall(r"<td[^>]*>(.*?)</td>", row) for name, row in rows}
    at = {name: heads[1:].index(name) for name in ("Rank", "Beyond nuisances")}
    assert [cells[n][at["Rank"]] for n in ("V1", "V4")] == ["1", "1"]
    assert cells["V4"][at["Beyond nuisances"]] == "0.071 <small>R²</small><br><small>0.050 to 0.090</small>"
    assert cells["V1"][at["Beyond nuisances"]].endswith('<span class="badge nothing">nothing left</span>')
    said = (
        f"Content of the model <code>{'2' * 16}</code>, of the benchmark <code>{board.content_hash[:16]}</code>, "
    )
    assert said + f"seed 0, Gyral 0.1.0, code <code>{'4' * 16}</code>." in text


def test_record_is_named_by_model_and_benchmark(client: Client, board: Benchmark) -> None:
    model = make_scored("net", board, {"V4": 0.5}, {"V4": 0.2}, title="The net")
    run = model.runs.get(twin="")
    Run.objects.filter(pk=run.pk).update(record=run.record | {"warnings": ["over 5% of units sit at an edge"]})
    Score.objects.filter(run=run).update(ceiled_low=0.37, ceiled_high=0.46)
    text = client.get(f"/records/{run.pk}/").content.decode()
    assert "<h1>Record of The net on Cortex</h1>" in text
    assert "Over 5% of units sit at an edge" in text
    assert "42 %<br><small>37 % to 46 %</small><br><small>46 of 50</small>" in text
    assert ">What an interval is of</a>" in text
    twin = client.get(f"/records/{model.runs.get(twin='untrained').pk}/").content.decode()
    assert "<h1>Record of the untrained twin of The net on Cortex</h1>" in twin


def test_command_of_an_upload_names_no_model_that_is_unknown_at_home(
    client: Client, board: Benchmark, owner: User
) -> None:
    run = make_scored("net", board, {"V4": 0.5}, owner=owner).runs.get()
    for address in ("/models/net/", f"/records/{run.pk}/"):
        text = client.get(address).content.decode()
        assert "gyral score PATH-OF-YOUR-MODEL --benchmark cortex@0 --seed 0" in text


@pytest.mark.parametrize(
    ("state", "words"), [(None, "not run"), (State.CANCELLED, "cancelled"), (State.FINISHED, "scored beside it")]
)
def test_pages_say_what_became_of_the_twin(
    client: Client, board: Benchmark, state: State | None, words: str
) -> None:
    model = make_scored("net", board, {"V4": 0.5})
    if state is not None:
        make_run(model, board, {"V4": 0.3} if state == State.FINISHED else None, twin="untrained", state=state)
    assert f"<dt>Untrained twin</dt><dd>{words}</dd>" in client.get("/models/net/").content.decode()
    shown = "twin 0.30" if state == State.FINISHED else "twin not scored"
    assert shown in client.get("/boards/cortex/").content.decode()


def test_pages_call_nothing_verified_that_was_never_scored(
    as_owner: Client, board: Benchmark, owner: User
) -> None:
    model = make_submission("net", owner=owner)
    for address in ("/models/net/", "/models/", f"/submissions/{model.pk}/"):
        text = as_owner.get(address).content.decode()
        assert "verified" not in text
        assert "not scored yet" in text
    make_run(model, board, {"V4": 0.5})
    assert "verified: the site ran the model" in as_owner.get("/models/net/").content.decode()


def test_model_page_says_no_twin_for_floors(client: Client, board: Benchmark) -> None:
    make_scored("pixels", board, {"V4": 0.1}, has_twin=False)
    assert "no twin: there are no weights to redraw" in client.get("/models/pixels/").content.decode()


def test_model_page_offers_every_version(client: Client, board: Benchmark) -> None:
    make_submission("net")
    make_submission("net", version=2)
    assert "/models/net/v1/" in client.get("/models/net/").content.decode()
    assert client.get("/models/net/v3/").status_code == 404


def test_a_model_is_one_row_however_many_versions_it_has(client: Client, board: Benchmark) -> None:
    make_scored("net", board, {"V4": 0.5})
    make_submission("net", version=2)
    make_submission("net", version=3, visibility="private")
    make_scored("other", board, {"V4": 0.4})
    text = client.get("/models/").content.decode()
    assert "<caption>2 models</caption>" in text and "/models/net/v2/" in text
    assert "/models/net/v1/" not in text and "/models/net/v3/" not in text


def test_version_without_scores_leads_to_the_one_that_has_them(client: Client, board: Benchmark) -> None:
    make_scored("net", board, {"V4": 0.5})
    make_submission("net", version=2)
    text = client.get("/models/net/").content.decode()
    assert 'Nothing of version 2 is scored yet. Scored: <a href="/models/net/v1/">version 1</a>.' in text
    make_submission("new")
    assert "Nothing is scored yet." in client.get("/models/new/").content.decode()


def test_rows_of_a_record_stand_in_the_order_of_the_board(client: Client) -> None:
    benchmark = make_benchmark("ordered", regions=("V4", "V1"))
    run = make_scored("net", benchmark, {"V1": 0.3, "V4": 0.5}).runs.get()
    text = client.get(f"/records/{run.pk}/").content.decode()
    assert text.index('<th scope="row">V4</th>') < text.index('<th scope="row">V1</th>')


def test_picture_draws_from_zero_and_leaves_missing_numbers_out(board: Benchmark) -> None:
    model = make_scored("net", board, {"V1": -0.2, "V4": 0.4}, {"V4": 0.3})
    Score.objects.filter(run__submission=model, region="V1").update(ceiling=None)
    picture = draw_profile(submission_profile(model)[0])
    low, high = picture.bars
    assert low.start + low.width == pytest.approx(picture.zero)
    assert high.start == pytest.approx(picture.zero)
    assert (low.ceiling, low.twin) == (None, None)
    # A ceiling of .6 in r2 bounds r at its square root, right of the value.
    assert high.ceiling is not None
    assert high.ceiling - picture.zero == pytest.approx(high.width * 0.6**0.5 / 0.4, rel=0.01)
    assert picture.ticks[0][1].startswith("−")


def test_picture_shortens_long_titles_and_keeps_them_whole_beside(client: Client) -> None:
    title = "a region with a very long descriptive title"
    board = make_benchmark("long", regions=("V4",))
    board.regions[0]["title"] = title
    board.save()
    (bar,) = draw_profile(submission_profile(make_scored("net", board, {"V4": 0.4}))[0]).bars
    assert bar.label.endswith("…")
    assert bar.title == title


def test_record_page_shows_rows_provenance_and_files(client: Client, board: Benchmark) -> None:
    run = make_scored("net", board, {"V1": 0.3, "V4": 0.5}).runs.get()
    text = client.get(f"/records/{run.pk}/").content.decode()
    for part in ("6 rows", "46 of 50", "2" * 64, "contiguous-5", "12 s", "record.json", "units.parquet"):
        assert part in text
    assert "predictions.npy" not in text
    sent = client.get(f"/records/{run.pk}/units.parquet")
    assert 'filename="net-cortex-0-units.parquet"' in sent["Content-Disposition"]
    assert b"".join(sent.streaming_content)[:4] == b"PAR1"


def test_record_of_a_run_that_is_not_finished_is_404(client: Client, board: Benchmark) -> None:
    run = make_run(make_submission("net"), board)
    assert client.get(f"/records/{run.pk}/").status_code == 404


def test_benchmark_page_shows_counts_where_stimuli_may_not_be_shown(client: Client, board: Benchmark) -> None:
    text = client.get("/benchmarks/cortex/").content.decode()
    for part in ("CC BY 4.0", "Authors of a dataset", "640 images", "do not let this site show them", "cortex@0"):
        assert part in text
    assert "/stimuli/" not in text


@pytest.mark.parametrize(
    ("display", "shown_to_visitor", "shown_to_member"), [("none", 0, 0), ("login", 0, 12), ("public", 12, 12)]
)
def test_stimuli_are_shown_to_whom_the_data_allow(
    client: Client, as_owner: Client, display: str, shown_to_visitor: int, shown_to_member: int
) -> None:
    open_dataset("sim-vision")
    benchmark = make_benchmark("shown", dataset="sim-vision", display=display)
    for browser, count in ((client, shown_to_visitor), (as_owner, shown_to_member)):
        assert browser.get("/benchmarks/shown/").content.decode().count('alt="Stimulus ') == count
        answer = browser.get(f"/benchmarks/{benchmark.identifier}/stimuli/0")
        assert answer.status_code == (200 if count else 404)
        if count:
            assert b"".join(answer.streaming_content).startswith(b"\x89PNG")
            assert "private" in answer["Cache-Control"]
        # Samples only, even of public ones.
        assert browser.get(f"/benchmarks/{benchmark.identifier}/stimuli/1").status_code == 404


@pytest.mark.parametrize(("display", "visitor", "member"), [("none", 0, 0), ("login", 0, 12), ("public", 12, 12)])
def test_api_gives_stimuli_to_whom_the_data_allow(
    client: Client, as_owner: Client, owner: User, display: str, visitor: int, member: int
) -> None:
    open_dataset("sim-vision")
    address = (
        f"/api/v1/benchmarks/{make_benchmark('shown', dataset='sim-vision', display=display).identifier}/stimuli"
    )
    token = Client(headers={"authorization": f"Bearer {create_token(owner, 't', Scope.READ)[1]}"})
    # A session is no token: the API looks at no cookie.
    for browser, count in ((client, visitor), (as_owner, visitor), (token, member)):
        told = browser.get(address).json()
        assert len(told) == count and all(one["is_image"] and not one["text"] for one in told)
        answer = browser.get(f"{address}/0")
        assert answer.status_code == (200 if count else 404)
        if count:
            assert b"".join(answer.streaming_content).startswith(b"\x89PNG")
        assert browser.get(f"{address}/1").status_code == 404


def test_benchmark_page_names_the_source_of_a_published_ceiling(client: Client) -> None:
    page = make_benchmark("published", regions=("V4",))
    bound = {"region": "V4", "value": 0.313, "unit": "r2", "source": "Authors (2024), Journal 2:2"}
    page.about |= {"ceiling": "published", "published": [bound]}
    page.save()
    text = client.get("/benchmarks/published/").content.decode()
    assert "published: 0.313 in explained variance (r²). Authors (2024), Journal 2:2" in text


def test_record_page_draws_where_the_readout_reads(client: Client, board: Benchmark) -> None:
    run = make_scored("net", board, {"V4": 0.5}).runs.get()
    plain = client.get(f"/records/{run.pk}/").content.decode()
    assert "Where it reads" not in plain
    weights = np.array([[0.1, 0.2, 0.3, 0.4]], np.float32)
    np.savez(conf.runs() / run.record_path / "maps.npz", map0=weights)
    said = {"name": "map0", "region": "V4", "subject": "all", "layer": "block.3", "grid": [2, 2], "stimuli": []}
    run.record = {**run.record, "maps": [said]}
    run.save(update_fields=["record"])
    text = client.get(f"/records/{run.pk}/").content.decode()
    assert "Where it reads" in text
    assert "V4, all: most weight, 40%, in row 2, column 2 of 2 x 2" in text
    sent = client.get(f"/records/{run.pk}/maps.npz")
    assert b"".join(sent.streaming_content).startswith(b"PK")
    sent.close()


def test_record_page_draws_curves_with_their_numbers(client: Client, board: Benchmark) -> None:
    run = make_scored("net", board, {"V4": 0.5}).runs.get()
    assert "Over time" not in client.get(f"/records/{run.pk}/").content.decode()
    rows = np.array([[0.0, 0.31], [-0.1, 0.2], [0.1, 0.4], [np.nan, 0.5], [0.9, 0.002], [0.1, 0.1]], np.float32)
    np.savez(conf.runs() / run.record_path / "curves.npz", curve0=rows, curve1=rows)
    said = {"name": "curve0", "region": "V<4", "subject": "all", "layer": "chosen", "first_time": 0.1}
    other = {**said, "name": "curve1", "layer": "block.3"}
    time = {"times": [0.0, 0.1], "window": [0.05, 0.1]}
    row = {
        "region": "V<4",
        "value": 0.71,
        "low": 0.2,
        "high": 0.9,
        "robust": None,
        "robust_low": None,
        "n_layers": 9,
        "n_robust": 3,
    }
    row |= {"difference": 0.4, "difference_low": 0.1, "difference_high": 0.7, "missing": ""}
    few = dict.fromkeys(("value", "low", "robust", "robust_low", "difference"))
    few |= {
        "region": "few",
        "n_layers": 2,
        "n_robust": 2,
        "missing": "2 layers have a latency; at least 5 are needed",
    }
    run.record = {**run.record, "curves": [said, other], "time": time, "temporal": [row, few]}
    run.save(update_fields=["record"])
    text = client.get(f"/records/{run.pk}/").content.decode()
    assert text.count('class="chart" role="img"') == 1, "single layers are in the file only"
    assert re.search(r"<title[^>]*>V&lt;4</title><desc[^>]*>from 0 to 100 ms, highest 0.310 at 100 ms<", text)
    assert "above chance from 0.1 s" in text
    numbers = text.split("Numbers of V&lt;4", 1)[1]
    assert ">100<" in numbers and "0.31" in numbers
    scores = text.split("Temporal score</h2>")[1]
    assert "0.710" in scores and "0.400 <small>0.100 to 0.700" in scores
    assert "not applicable: 2 layers have a latency" in scores
    sent = client.get(f"/records/{run.pk}/curves.npz")
    assert b"".join(sent.streaming_content).startswith(b"PK")
    sent.close()
