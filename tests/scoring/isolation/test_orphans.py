"""No orphan: a guest and whatever it started end with its pass, its model and its host."""

import subprocess
import sys
from pathlib import Path

import pytest

import uploads
from guests import HOSTILE, TIERS, gone, hostile, jobs_left, run
from gyral.errors import OutOfResources
from gyral.isolation.host import IsolatedModel
from gyral.isolation.limits import Limits, family
from gyral.isolation.tier import Tier
from gyral.models.model import Reduction


@pytest.fixture(params=TIERS)
def tier(request: pytest.FixtureRequest) -> Tier:
    """Each tier in turn."""
    return request.param  # type: ignore[no-any-return]


def test_children_of_a_guest_end_with_it(tmp_path: Path) -> None:
    model = hostile(tmp_path, "spawn", "process", Limits(wall=2))  # at the other tiers it can have none
    model.layers()
    assert model._guest is not None
    members = set(family(model._guest.process.pid))
    assert len(members) >= 3  # the guest, its child, and the one that left the group
    with pytest.raises(OutOfResources):
        run(model, tmp_path)
    assert gone(members)


def test_guest_ends_when_the_pass_is_left_early(tmp_path: Path, cold_cache: Path) -> None:
    model = IsolatedModel(uploads.GOOD / "conv")
    passing = model.batches(uploads.pictures(tmp_path, 40), ["stem"], reduction=Reduction())
    next(passing)
    assert model._guest is not None
    members = set(family(model._guest.process.pid))
    passing.close()  # type: ignore[attr-defined]  # a generator
    assert gone(members)
    assert jobs_left(cold_cache) == []


def test_guest_ends_when_its_model_is_forgotten(cold_cache: Path) -> None:
    model = IsolatedModel(uploads.GOOD / "conv")
    model.layers()
    assert model._guest is not None
    members = set(family(model._guest.process.pid))
    del model
    assert gone(members)
    assert jobs_left(cold_cache) == []


@pytest.mark.parametrize("when", ["starting", "waiting"])
def test_no_orphan_after_the_host_was_killed(when: str, tmp_path: Path, tier: Tier, cold_cache: Path) -> None:
    turned = when == "waiting"  # also a guest that no longer does as our program says
    folder = hostile(tmp_path, "hang", tier).folder if turned else uploads.GOOD / "conv"
    code = (
        "from pathlib import Path\nfrom gyral.isolation.session import Guest\nfrom gyral.isolation.limits import Limits\n"
        f"guest = Guest(Path({str(folder)!r}), 'model', limits=Limits(), tier={tier!r}"
        + (f", program={HOSTILE!r})\n" if turned else ")\n")
        + ("guest.listen(['model'])\n" if when == "waiting" else "")
        + "print('up', flush=True)\nimport time; time.sleep(600)"
    )
    host = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with host:
        assert host.stdout is not None
        assert host.stdout.readline() == "up\n"
        members = set(family(host.pid)) - {host.pid}
        assert members
        host.kill()
    assert gone(members)
    # What the host left behind goes with the next job.
    IsolatedModel(uploads.GOOD / "conv").layers()
    assert len(jobs_left(cold_cache)) <= 1
