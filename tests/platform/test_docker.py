"""The folder ``docker/``: images and services as their parsers read them, and their entry points without an engine."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dockerfile_parse import DockerfileParser

import uploads
from gyral.isolation.job import Job
from gyral.isolation.limits import Limits
from live_site import free_port
from services import scratch_database, scratch_redis

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
SERVICE = str(DOCKER / "service.sh")
SECONDS = 240.0

# One command of Django's shell: somebody sends a model, and asks for a score.
_SUBMIT = """
import sys
from pathlib import Path
from django.contrib.auth.models import User
from django.core.files import File
from gyral_submissions.domain import intake, run
from gyral_submissions.enums import Format
from gyral_submissions.models import Benchmark
owner = User.objects.create_user("ada")
with Path({file!r}).open("rb") as stream:
    sent = intake.receive(owner, File(stream), None, format=Format.SAFETENSORS)
(made,) = run.create(sent, [Benchmark.objects.get(name="sim-language")], twin=False)
print(made.pk)
"""
_LOOK = """
from gyral_submissions.models import Run
run = Run.objects.get(pk={run!r})
print(run.state, run.sandbox or "-", run.scores.count(), run.fault_code, run.fault_text, run.reference)
"""


def stages() -> dict[str, list[dict[str, Any]]]:
    """Instructions of each stage of the Dockerfile, in order."""
    found: dict[str, list[dict[str, Any]]] = {}
    name = ""
    for line in DockerfileParser(path=str(DOCKER / "Dockerfile"), cache_content=True).structure:
        if line["instruction"] == "FROM":
            name = line["value"].split()[-1]
            found[name] = []
        elif name and line["instruction"] != "COMMENT":
            found[name].append(line)
    return found


def bases() -> dict[str, str]:
    """What each stage is made from."""
    lines = DockerfileParser(path=str(DOCKER / "Dockerfile")).structure
    words = [line["value"].split() for line in lines if line["instruction"] == "FROM"]
    return {name: base for base, _, name in words}


def last(stage: str, instruction: str) -> str | None:
    """The instruction as it is in force in an image, inherited ones included."""
    while stage in stages():
        values = [line["value"] for line in stages()[stage] if line["instruction"] == instruction]
        if values:
            return str(values[-1])
        stage = bases()[stage]
    return None


def services(name: str = "compose.yaml") -> dict[str, dict[str, Any]]:
    """The services of a compose file."""
    found: dict[str, dict[str, Any]] = yaml.safe_load((DOCKER / name).read_text("utf-8"))["services"]
    return found


@pytest.mark.parametrize("image", ["guest", "site", "worker"])
def test_image_runs_as_nobody_in_particular(image: str) -> None:
    user, group = (last(image, "USER") or "0:0").split(":")
    assert int(user) > 0
    assert int(group) > 0
    entry = json.loads(last(image, "ENTRYPOINT") or "[]")
    assert entry == ["/usr/local/bin/gyral-guest" if image == "guest" else "/usr/local/bin/gyral-service"]


def test_every_file_that_an_image_copies_is_there_and_let_through() -> None:
    allowed = {line[1:] for line in (DOCKER / "Dockerfile.dockerignore").read_text().split() if line[0] == "!"}
    for name, lines in stages().items():
        for line in lines:
            words = [word for word in line["value"].split() if not word.startswith("--")]
            if line["instruction"] != "COPY" or "--from=" in line["value"]:
                continue
            for source in words[:-1]:
                assert (ROOT / source).exists(), f"{name}: {source}"
                assert source in allowed, f"{name}: {source} is ignored"


def test_guest_image_holds_the_library_alone() -> None:
    text = "\n".join(line["content"] for line in stages()["guest"])
    assert "--from=library" in text
    assert "service" not in text
    installed = [line["value"] for line in stages()["library"] if line["instruction"] == "RUN"]
    assert not any("site" in value for value in installed)


@pytest.mark.parametrize("name", services())
def test_service_is_restricted(name: str) -> None:
    service = services()[name]
    assert int(service["user"].split(":")[0]) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert not {"privileged", "cap_add", "devices", "pid"} & set(service)
    # What runs on is watched; what runs once is waited for.
    if name == "prepare":
        assert service["restart"] == "no"
    else:
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"


def test_services_wait_for_what_they_need_and_only_the_site_is_reached() -> None:
    found = services()
    for name in ("site", "worker", "background", "sweeper"):
        assert found[name]["depends_on"]["prepare"] == {"condition": "service_completed_successfully"}
    assert found["prepare"]["depends_on"] == {
        key: {"condition": "service_healthy"} for key in ("database", "queue")
    }
    assert [name for name in found if "ports" in found[name]] == ["site"]
    assert found["site"]["ports"][0].startswith("127.0.0.1:")
    for name in ("database", "queue"):
        assert found[name]["networks"] == ["inside"]
    assert yaml.safe_load((DOCKER / "compose.yaml").read_text())["networks"]["inside"] == {"internal": True}


def test_services_name_targets_commands_and_secrets_that_are_there() -> None:
    from gyral_portal.service import COMMANDS  # as the entry point does

    whole = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    for file in ("compose.yaml", "compose.guest.yaml"):
        for service in services(file).values():
            assert service.get("build", {}).get("target", "site") in stages()
            assert set(service.get("secrets", ())) <= set(whole["secrets"])
            if service.get("image", "").startswith("gyral") and "command" in service:
                assert service["command"][0] in COMMANDS
    guest = services("compose.guest.yaml")["guest"]
    assert guest["network_mode"] == "none"


def test_no_secret_stands_in_a_file() -> None:
    for file in DOCKER.iterdir():
        if file.is_file():
            assert "PASSWORD=" not in file.read_text().replace("${", "")
    environment = services()["site"]["environment"]
    assert not [name for name in environment if name.endswith(("PASSWORD", "SECRET_KEY", "DATABASE_URL"))]


@pytest.mark.skipif(
    subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0
    if shutil.which("docker")
    else True,
    reason="docker compose is not installed",
)
@pytest.mark.parametrize("files", [["compose.yaml"], ["compose.yaml", "compose.guest.yaml"]])
def test_compose_reads_its_files(files: list[str]) -> None:
    argv = ["docker", "compose", *(word for name in files for word in ("-f", str(DOCKER / name))), "config", "-q"]
    done = subprocess.run(
        argv, env=os.environ | {"DOCKER_GROUP": "999"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_entry_points_are_programs_of_the_shell() -> None:
    for name in ("guest.sh", "service.sh"):
        assert os.access(DOCKER / name, os.X_OK)
        assert subprocess.run(["sh", "-n", DOCKER / name], check=False).returncode == 0


def in_image(**variables: str) -> dict[str, str]:
    """The environment of an entry point: an image's PATH and what compose gives."""
    kept = {name: os.environ[name] for name in ("GYRAL_CACHE", "OMP_NUM_THREADS") if name in os.environ}
    return {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": "/tmp", **kept, **variables}


def test_guest_answers_at_its_entry_point(tmp_path: Path) -> None:
    job = Job(tmp_path)
    facts = {"task": "model", "model": str(uploads.GOOD / "conv"), "device": "cpu", "twin": None, "seed": 0}
    job.write("job.json", {**facts, "limits": Limits().as_dict(), "tier": "process", "host": None})
    argv = [str(DOCKER / "guest.sh"), "120", "-m", "gyral.isolation.guest", str(job.folder)]
    with subprocess.Popen(argv, env=in_image(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as guest:
        assert guest.stdin is not None
        assert guest.stdout is not None
        guest.stdin.write(b'{"do": "end"}\n')
        guest.stdin.flush()
        said = [json.loads(line) for line in guest.stdout]
    assert guest.returncode == 0
    assert said[0] == {"say": "confined"}
    assert said[1]["layers"] == ["stem", "body", "head"]
    job.remove()


def test_guest_is_over_after_its_time(tmp_path: Path) -> None:
    spin = tmp_path / "spin.py"
    spin.write_text("while True: pass")
    job = Job(tmp_path)
    job.write("job.json", {"limits": Limits().as_dict(), "tier": "process", "host": None, "device": "cpu"})
    argv = [str(DOCKER / "guest.sh"), "2", str(spin), str(job.folder)]
    done = subprocess.run(argv, env=in_image(), capture_output=True, timeout=120, check=False)
    assert done.returncode == 137 or done.returncode == -9
    job.remove()


def test_a_service_nobody_knows_is_named() -> None:
    done = subprocess.run([SERVICE, "sight"], env=in_image(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "'sight' is no service; known: prepare, site, worker" in done.stderr


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What compose gives its services: PostgreSQL and Redis of this machine, secrets as files."""
    folder = tmp_path_factory.mktemp("grown")
    (folder / "password").write_text("not-asked-for-on-the-loopback\n")
    (folder / "key").write_text("x" * 64 + "\n")
    with scratch_database() as database, scratch_redis() as queue:
        host, name = database.removeprefix("postgres://postgres@").split("/")
        yield in_image(
            GYRAL_HOME=str(folder / "home"),
            GYRAL_DATABASE_USER="postgres",
            GYRAL_DATABASE_HOST=host,
            GYRAL_DATABASE_NAME=name,
            GYRAL_DATABASE_PASSWORD_FILE=str(folder / "password"),
            GYRAL_SECRET_KEY_FILE=str(folder / "key"),
            BROKER_URL=queue,
            CACHE_URL=queue,
            GYRAL_LEAST_TIER="process",
            HOST="127.0.0.1",
            PORT=str(free_port()),
        )


@pytest.mark.services
def test_entry_points_make_a_site_that_scores(grown: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "model.zip"
    uploads.zip_folder(uploads.GOOD / "bert", folder)

    def django(code: str) -> str:
        # The secrets as the entry point reads them.
        script = f'sed "s/^exec .*//" {SERVICE} > {tmp_path}/env.sh; . {tmp_path}/env.sh; exec python -m django shell -v 0 -c "$CODE"'
        variables = grown | {"CODE": code, "DJANGO_SETTINGS_MODULE": "gyral_portal.settings"}
        done = subprocess.run(["sh", "-c", script], env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def healthy(what: str, **variables: str) -> int:
        return subprocess.run(
            [SERVICE, "healthy", what], env=grown | variables, capture_output=True, check=False
        ).returncode

    assert subprocess.run([SERVICE, "prepare"], env=grown, timeout=SECONDS, check=False).returncode == 0
    assert healthy("worker") == 0
    assert healthy("worker", BROKER_URL="redis://127.0.0.1:1/0") == 1
    assert healthy("site") == 1
    running = []
    log = tmp_path / "log.txt"
    try:
        with log.open("wb") as output:
            for name in ("site", "worker", "sweeper"):
                running.append(subprocess.Popen([SERVICE, name], env=grown, stdout=output, stderr=output))
        _wait(lambda: healthy("site") == 0, log)
        with urllib.request.urlopen(f"http://127.0.0.1:{grown['PORT']}/health", timeout=20) as answer:
            assert answer.read() == b"ok\n"
        run = django(_SUBMIT.format(file=str(folder))).splitlines()[-1]
        said: list[str] = []

        def ended() -> bool:
            said[:] = django(_LOOK.format(run=run)).splitlines()[-1].split(maxsplit=3)
            return said[0] in ("finished", "failed")

        _wait(ended, log)
        state, sandbox, scores, *fault = said
        assert (state, fault) == ("finished", []), said
        assert sandbox in ("process", "landlock", "bubblewrap")
        assert int(scores) > 0
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(60)


def _wait(condition: Any, log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.5)
