"""What stands beside a score on boards and records."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from board_rows import make_benchmark, make_scored
from gyral_submissions.models import Benchmark, Run, Score

pytestmark = pytest.mark.django_db

LEFT = {
    "nuisance_r2": 0.2,
    "joint_r2": 0.27,
    "unique_r2": 0.07,
    "unique_low": 0.05,
    "unique_high": 0.09,
    "omega": 0.7,
}
NOTHING = LEFT | {"joint_r2": 0.201, "unique_r2": 0.001, "unique_low": -0.01, "unique_high": 0.02, "omega": None}
CONTROLS = {"nuisances": {"length": "5" * 64, "frequency": "5" * 64}, "missing": "", "runs": {"scrambled": 3}}


@pytest.fixture
def board() -> Benchmark:
    return make_benchmark()


def stored(board: Benchmark, record: dict[str, Any] | None = None, **fields: Any) -> Run:
    """A finished run whose V4 has ``fields`` beside its score."""
    run = make_scored("net", board, {"V1": 0.3, "V4": 0.5}).runs.get()
    Score.objects.filter(run=run, region="V4", layer="chosen").update(**fields)
    if record is not None:
        run.record["controls"] = record
        run.save()
    return run


def shown(client: Client, board: Benchmark) -> str:
    return client.get(reverse("leaderboard:board", args=[board.identifier])).content.decode()


def test_board_shows_what_is_left_beyond_nuisances(client: Client, board: Benchmark) -> None:
    stored(board, **LEFT)
    text = shown(client, board)
    assert "beyond nuisances" in text
    assert "0.07" in text
    assert "nothing left" not in text


def test_board_marks_a_cell_where_nothing_is_left(client: Client, board: Benchmark) -> None:
    stored(board, **NOTHING)
    assert shown(client, board).count("nothing left") == 1, "V1 has no controls, so no mark"


def test_board_says_nothing_of_controls_that_were_not_run(client: Client, board: Benchmark) -> None:
    stored(board)
    assert "beyond nuisances" not in shown(client, board)


def test_record_names_the_nuisances_and_shows_every_control(client: Client, board: Benchmark) -> None:
    scrambled = {"value": 0.41, "low": 0.36, "high": 0.46, "spread": 0.013}
    scrambled |= {"difference": 0.077, "difference_low": 0.031, "difference_high": 0.123}
    run = stored(board, CONTROLS, **NOTHING, controls={"scrambled": scrambled})
    text = client.get(f"/records/{run.pk}/").content.decode()
    for part in (
        "length, frequency",
        "-0.010 to 0.020",
        "nothing left",
        "scrambled",
        "0.410 ± 0.013",
        "0.077",
        "0.031 to 0.123",
    ):
        assert part in text.replace("−", "-")


def test_board_and_record_call_next_to_nothing_by_one_rule(client: Client, board: Benchmark) -> None:
    run = stored(board, **LEFT | {"unique_r2": 0.004, "unique_low": 0.001, "unique_high": 0.007})
    assert "nothing left" in shown(client, board)
    assert 'badge nothing">nothing left' in client.get(f"/records/{run.pk}/").content.decode()


def test_record_says_why_there_are_no_nuisances(client: Client, board: Benchmark) -> None:
    run = stored(board, {"nuisances": {}, "missing": "controls were turned off", "runs": {}})
    text = client.get(f"/records/{run.pk}/").content.decode()
    assert "No nuisances stand beside these scores: controls were turned off." in text


def test_of_rdms_board_and_record_say_what_is_left_with_others_held_constant(client: Client) -> None:
    board = make_benchmark(task="rsa", metric="rsa-spearman")
    run = stored(board, CONTROLS, partial=0.031, partial_low=-0.031, partial_high=0.092)
    assert "nothing left" in shown(client, board)
    text = client.get(f"/records/{run.pk}/").content.decode().replace("−", "-")
    for part in ("RDMs with those of nuisances held constant", "-0.031 to 0.092", 'badge nothing">nothing left'):
        assert part in text
    cell = Score.objects.filter(run=run, region="V4", layer="chosen")
    cell.update(partial_low=0.01)
    assert "nothing left" in client.get(f"/records/{run.pk}/").content.decode(), "below what is read as nothing"
    cell.update(partial=0.08)
    assert "nothing left" not in client.get(f"/records/{run.pk}/").content.decode()


def test_bounds_of_rdms_stand_with_their_intervals(client: Client) -> None:
    board = make_benchmark(task="rsa", metric="rsa-spearman")
    bounds = {"ceiling": 0.67, "ceiling_low": 0.6, "ceiling_high": 0.73, "ceiling_unit": "r"}
    bounds |= {"ceiling_lower": 0.37, "ceiling_lower_low": 0.3, "ceiling_lower_high": 0.44}
    run = stored(board, **bounds)
    assert "0.37 (0.30 to 0.44) to 0.67 (0.60 to 0.73) in r" in client.get(f"/records/{run.pk}/").content.decode()
