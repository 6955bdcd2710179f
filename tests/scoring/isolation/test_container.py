"""The tier ``docker``: what is asked of an engine, and a guest that is held so."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import docker_by_bubblewrap
import uploads
from guests import ATTACKING, gone, hostile, jobs_left, run
from gyral.errors import BadUpload, OutOfResources, UserError
from gyral.isolation import container
from gyral.isolation.host import IsolatedModel, check
from gyral.isolation.launch import command
from gyral.isolation.limits import Limits
from gyral.isolation.places import Places
from gyral.isolation.tier import TIERS, examine, try_out


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What was found is looked up again, before and after."""
    examine.cache_clear()
    yield
    examine.cache_clear()


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `docker` that runs containers under bubblewrap, and an image."""
    folder = tmp_path / "engine"
    docker_by_bubblewrap.install(folder)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("GYRAL_GUEST_IMAGE", "gyral-guest")
    return folder


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The options of a ``docker run``."""
    monkeypatch.setenv("GYRAL_GUEST_IMAGE", "registry/gyral-guest:1")
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    places = Places(tmp_path / "job-1", tmp_path / "secret, place" / "net")
    limits = Limits(memory=123 << 20, tasks=45, opening=10, wall=20, files=67)
    argv = command("docker", places, limits=limits, name="gyral-guest-1")
    assert argv[1] == "run"
    found, rest = docker_by_bubblewrap.options(argv[2:])
    assert rest == ["registry/gyral-guest:1", "50", "-m", "gyral.isolation.guest", "/job"]
    return found


def test_container_is_closed_on_every_side(asked: dict[str, list[str]]) -> None:
    expected = {
        "--network": ["none"],
        "--ipc": ["none"],
        "--read-only": [""],
        "--cap-drop": ["all"],
        "--security-opt": ["no-new-privileges"],
        "--rm": [""],
        "--pull": ["never"],
        "--name": ["gyral-guest-1"],
    }
    assert expected.items() <= asked.items()
    user, group = asked["--user"][0].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert not {"--privileged", "--volume", "--device", "--gpus", "--cap-add", "--pid", "--userns"} & set(asked)


def test_container_is_counted_by_the_kernel(asked: dict[str, list[str]]) -> None:
    assert asked["--memory"] == asked["--memory-swap"] == [str(123 << 20)]
    assert asked["--pids-limit"] == ["45"]
    assert int(asked["--cpus"][0]) >= 1
    assert asked["--ulimit"] == ["core=0", "nofile=67"]


def test_container_is_given_job_and_model_and_writes_to_its_scratch_alone(
    asked: dict[str, list[str]], tmp_path: Path
) -> None:
    model, job, scratch = asked["--mount"]
    assert model == f'type=bind,"source={tmp_path}/secret, place/net",target=/model/net,readonly'
    assert job == f"type=bind,source={tmp_path}/job-1,target=/job,readonly"
    assert scratch == f"type=bind,source={tmp_path}/job-1/scratch,target=/job/scratch"
    assert asked["--tmpfs"] == ["/tmp:rw,nosuid,nodev,noexec,size=64m,mode=1777"]


def test_container_knows_nothing_of_the_hosts_environment(asked: dict[str, list[str]]) -> None:
    names = {variable.partition("=")[0] for variable in asked["--env"]}
    assert "DATABASE_URL" not in names
    assert "PATH" not in names  # the image has its own
    assert {"HOME", "HF_HUB_OFFLINE"} <= names


def test_accelerators_are_given_where_they_are_asked_for(tmp_path: Path) -> None:
    assert "--gpus" in command("docker", Places(tmp_path, tmp_path), device="cuda")


@pytest.mark.skipif(shutil.which("docker") is None, reason="the program docker is not installed")
def test_machine_whose_engine_does_not_answer_falls_to_the_next_tier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GYRAL_GUEST_IMAGE", "gyral-guest")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    assert (container.lacking() or "").startswith("no engine answers: ")
    found = examine()
    assert found.tier in TIERS[:-1]
    assert found.lacking["docker"].startswith("no engine answers: ")


def test_no_program_and_no_image_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GYRAL_GUEST_IMAGE", raising=False)
    assert try_out("docker") == "GYRAL_GUEST_IMAGE names no image"
    assert "docker" not in examine().lacking  # nobody asked for it
    monkeypatch.setenv("GYRAL_GUEST_IMAGE", "gyral-guest")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert try_out("docker") == "the program docker is not installed"


def test_image_the_engine_does_not_have_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\n[ "$1" = version ] || { echo "No such image" >&2; exit 1; }\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("GYRAL_GUEST_IMAGE", "gyral-guset")
    assert try_out("docker") == "the engine has no image 'gyral-guset'"


def test_a_package_or_folder_called_docker_decides_nothing(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "__init__.py").touch()
    code = (
        "import sys, docker; sys.modules['docker'] = docker\n"
        "from gyral.isolation.tier import examine; print(examine().tier, 'docker' in examine().lacking)"
    )
    variables = {k: v for k, v in os.environ.items() if k != "GYRAL_GUEST_IMAGE"} | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split()[1] == "False"
    assert done.stdout.split()[0] != "docker"


@pytest.mark.sandbox
def test_container_that_holds_is_believed(engine: Path) -> None:
    assert try_out("docker") is None
    assert examine().tier == "docker"


@pytest.mark.sandbox
@pytest.mark.parametrize(("dropped", "reached"), [("--read-only", "the root folder"), ("--ipc", "shared memory")])
def test_container_with_a_door_open_is_not_believed(
    dropped: str, reached: str, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = container.command

    def leaky(*arguments: object, **named: object) -> list[str]:
        argv = real(*arguments, **named)  # type: ignore[arg-type]
        at = argv.index(dropped)
        del argv[at : at + (1 if dropped == "--read-only" else 2)]
        return argv

    if dropped == "--read-only":  # nobody but root writes to a root folder
        monkeypatch.setattr(container, "_user", lambda: "0:0")
    monkeypatch.setattr(container, "command", leaky)
    assert reached in (try_out("docker") or "")


@pytest.mark.sandbox
def test_image_with_another_library_is_not_believed(engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gyral.isolation.tier.code_hash", lambda: "0" * 64)
    assert try_out("docker") == "the image holds another version of the library"


@pytest.mark.sandbox
def test_features_are_the_same_in_a_container(engine: Path, tmp_path: Path, cold_cache: Path) -> None:
    ours = run(IsolatedModel(uploads.GOOD / "conv", tier="process"), tmp_path)
    theirs = run(IsolatedModel(uploads.GOOD / "conv", tier="docker"), tmp_path)
    for a, b in zip(ours, theirs, strict=True):
        for layer in a.arrays:
            np.testing.assert_array_equal(a.arrays[layer], b.arrays[layer])
    assert check(uploads.GOOD / "bert", tier="docker")["ok"]
    assert jobs_left(cold_cache) == []
    assert list(engine.glob("*.pid")) == []


@pytest.mark.sandbox
def test_hostile_container_is_ended_with_its_guest(engine: Path, tmp_path: Path) -> None:
    model = hostile(tmp_path, "spin", "docker", Limits(wall=3, opening=60))
    model.layers()
    (record,) = engine.glob("*.pid")
    inside = int(record.read_text())
    with pytest.raises(OutOfResources) as caught:
        run(model, tmp_path)
    assert caught.value.code == "time-limit"
    assert gone({inside})


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("does", "code"), [("segfault", "model-died"), ("fork-bomb", "model-died"), ("disk", "disk-limit")]
)
def test_misbehaviour_in_a_container_ends_in_words(does: str, code: str, engine: Path, tmp_path: Path) -> None:
    limits = Limits(opening=60, batch=32 << 20)
    with pytest.raises((BadUpload, OutOfResources)) as caught:
        run(hostile(tmp_path, does, "docker", limits), tmp_path)
    assert caught.value.code == code


@pytest.mark.sandbox
def test_code_in_a_container_reaches_nothing(engine: Path, tmp_path: Path) -> None:
    secret = tmp_path / "host" / "secret.txt"
    secret.parent.mkdir()
    secret.write_text("responses")
    told = {
        "secret": str(secret),
        "other": str(secret),
        "victim": os.getpid(),
        "mark": 1,
        "port": 9,
        "socket": "/s",
    }
    with pytest.raises(UserError) as caught:
        hostile(tmp_path, "attack", "docker", Limits(opening=60), program=ATTACKING, **told).layers()
    assert caught.value.code == "found", caught.value
    done, known = json.loads(caught.value.what)
    # A container has a process of that number, too: the guest itself, or the entry point.
    assert set(done) <= {"processes", "command-lines"}
    assert known == []


@pytest.mark.sandbox
def test_entry_point_ends_a_guest_nobody_ends(engine: Path, tmp_path: Path) -> None:
    model = hostile(tmp_path, "spin", "docker", Limits(wall=1, opening=4))  # over after six seconds
    began = time.monotonic()
    guest = model._started()
    guest.process.tell(do="features")
    assert guest.process._child.wait(timeout=60) == 137
    assert time.monotonic() - began > 4
    model.close()
