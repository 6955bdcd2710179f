"""Container: a guest in a container of its own, started through the command line of an engine.

``GYRAL_GUEST_IMAGE`` names the image (``docker/Dockerfile``, target ``guest``); without it no container is tried. Whether
there is an engine is asked of ``docker``, the program: a Python package or a folder of that name says nothing.
"""

import csv
import io
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from gyral.isolation.limits import Limits
from gyral.isolation.places import Places

IMAGE = "GYRAL_GUEST_IMAGE"
# What the program needs of our environment to find its engine; the guest gets none of it.
ENGINE_VARIABLES = (
    "PATH",
    "HOME",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
)

_SECONDS = 20.0
_TMP = "/tmp:rw,nosuid,nodev,noexec,size=64m,mode=1777"  # noqa: S108 - inside the container


def image() -> str | None:
    """The guest's image; None where the operator names none."""
    return os.environ.get(IMAGE) or None


def lacking() -> str | None:
    """Why no container can be started here; None if nothing is known to be in the way."""
    name = image()
    if name is None:
        return f"{IMAGE} names no image"
    if shutil.which("docker") is None:
        return "the program docker is not installed"
    if reason := _refusal("version", "--format", "{{.Server.Version}}"):
        return f"no engine answers: {reason}"
    if _refusal("image", "inspect", "--format", "{{.Id}}", name):
        return f"the engine has no image {name!r}"
    return None


def new_name() -> str:
    """A name for a container, which it is ended by."""
    return f"gyral-guest-{secrets.token_hex(8)}"


def command(
    places: Places,
    program: Sequence[str],
    *,
    limits: Limits,
    device: str,
    name: str,
    variables: Mapping[str, str],
) -> list[str]:
    """The argument vector of a guest.

    Nothing of the host's is mounted but job and model, read-only, and the scratch. Memory, threads and processors are
    counted by the kernel. The image's entry point ends the guest when its time is over, should nobody else.

    Parameters
    ----------
    places : Places
        As the engine sees them too: a host inside a container needs them mounted under the same path.
    program : sequence of str
        The guest program and its arguments but the job.
    limits : Limits
    device : str
    name : str
        From `new_name`.
    variables : mapping
        The guest's environment.
    """
    job, model = places.seen("docker")
    argv = [shutil.which("docker") or "docker", "run", "--rm", "--interactive", "--pull", "never"]
    argv += ["--name", name, "--hostname", "guest", "--log-driver", "none"]
    argv += ["--network", "none", "--ipc", "none", "--read-only", "--tmpfs", _TMP]
    argv += ["--cap-drop", "all", "--security-opt", "no-new-privileges", "--user", _user()]
    argv += ["--memory", str(limits.memory), "--memory-swap", str(limits.memory), "--oom-score-adj", "500"]
    argv += ["--pids-limit", str(limits.tasks), "--cpus", str(os.cpu_count() or 1)]
    argv += ["--ulimit", "core=0", "--ulimit", f"nofile={limits.files}"]
    argv += ["--mount", _mount(places.model, model), "--mount", _mount(places.job, job)]
    argv += ["--mount", _mount(places.job / "scratch", f"{job}/scratch", writable=True)]
    for entry in program:  # a guest program given as a file, not a module
        if entry.startswith("/"):
            argv += ["--mount", _mount(entry, entry)]
    if device != "cpu":
        argv += ["--gpus", "all"]
    for key, value in variables.items():
        argv += ["--env", f"{key}={value}"]
    seconds = int(limits.opening + 2 * limits.wall)
    return [*argv, "--workdir", f"{job}/scratch", str(image()), str(seconds), *program, job]


def engine_environment() -> dict[str, str]:
    """The environment of the program that starts the container."""
    return {name: os.environ[name] for name in ENGINE_VARIABLES if name in os.environ}


def open_to_guest(places: Places) -> None:
    """Let the container's user read the job and write to its scratch, where that user is not ours."""
    user, _, group = _user().partition(":")
    if os.getuid() == 0:
        os.chown(places.job / "scratch", int(user), int(group))
        places.job.chmod(0o711)  # it was its owner's alone


def remove(name: str) -> None:
    """End a container, whatever it does; one that is gone is no error."""
    with suppress(OSError, subprocess.SubprocessError):
        _ask("rm", "--force", name)


def _user() -> str:
    """Our own user, so that both sides may read what the other wrote; nobody where we are root."""
    return f"{os.getuid()}:{os.getgid()}" if os.getuid() else "65534:65534"


def _mount(source: object, target: str, *, writable: bool = False) -> str:
    # The option is a line of comma-separated values: a path may hold commas and quotes.
    line = io.StringIO()
    fields = ["type=bind", f"source={source}", f"target={target}", *(() if writable else ("readonly",))]
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()


def _refusal(*words: str) -> str | None:
    """The first line of what the engine's program says against ``words``; None if it obeys."""
    try:
        done = _ask(*words)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{type(error).__name__}"
    if done.returncode == 0:
        return None
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[0][:200] if lines else f"exit status {done.returncode}"


def _ask(*words: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        ["docker", *words],
        env=engine_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
