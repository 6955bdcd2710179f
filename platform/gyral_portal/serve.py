"""``gyral serve``: site, worker and sweeper together, in the foreground.

The supervisor starts each as a child in its own session, restarts one that dies, and ends all of them when
it is told to end. It imports neither Django nor Celery, so that ``gyral --help`` stays fast.
"""

import os
import signal
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from gyral.errors import Unavailable
from gyral.places import home
from gyral_portal.supervisor import Child, Supervisor

# `gyral_submissions.enums.Queue.BACKGROUND`; the supervisor imports no Django.
BACKGROUND = "background"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
# The children import these; this module imports none of them.
NEEDED = ("django", "celery", "gunicorn")


@click.command()
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    envvar="PORT",
    help="Port of the site; 0: a free one.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address the site listens on.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(0, 64), help="Scoring processes.")
@click.option(
    "--prepare/--no-prepare", default=True, help="Migrate, collect static files and sync benchmarks first."
)
@click.option(
    "--datasets", is_flag=True, help="Decode datasets without a board in the background, for minutes, once."
)
def serve(port: int, host: str, workers: int, prepare: bool, datasets: bool) -> None:
    """Run the site and its workers until Ctrl-C."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise Unavailable(
            f"`gyral serve` needs {', '.join(missing)}, which the library alone does not bring.",
            mend="Install the site: pip install 'gyral[site]'",
            code="extra-missing",
        )
    if host not in LOOPBACK and not os.environ.get("GYRAL_ALLOWED_HOSTS"):
        raise click.ClickException(
            f"--host {host} answers strangers, and GYRAL_ALLOWED_HOSTS is not set. "
            "Set it to the site's names, comma-separated."
        )
    listener = listen(host, port)
    port = listener.getsockname()[1]
    os.environ["GYRAL_STATIC"] = "collected"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gyral_portal.settings")
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}/"  # noqa: S104 - only read
    # What links in mails begin with.
    os.environ.setdefault("GYRAL_SITE_ADDRESS", address.rstrip("/"))
    kept = children(listener.fileno(), workers)
    supervisor = Supervisor([*kept, datasets_child()] if datasets else kept, say=_say)
    if prepare:
        _say("Gyral: preparing tables, static files and benchmarks (the first time takes a minute).")
        supervisor.run_once(Child("prepare", [sys.executable, "-m", "gyral_portal.prepare"]))
    _say(f"Gyral: {address} (home {home()}; Ctrl-C ends it)")
    sys.exit(supervisor.run())


def children(listener: int, workers: int) -> list[Child]:
    """The processes of one site; ``listener`` is the inherited file descriptor of the bound socket."""
    return [
        Child("site", site_command(f"fd://{listener}"), keep=(listener,)),
        *(
            Child(f"worker {i + 1}" if workers > 1 else "worker", worker_command(f"gyral{i + 1}@%h"))
            for i in range(workers)
        ),
        *([Child("background worker", background_command())] if workers else []),
        Child("sweeper", sweeper_command()),
    ]


def datasets_child() -> Child:
    """What gives datasets without a board their pages; it ends by itself."""
    command = [sys.executable, "-m", "django", "sync_datasets", "--verbosity", "0"]
    return Child("datasets", ["nice", "-n", "10", *command], once=True)


def site_command(bind: str) -> list[str]:
    """The site, listening on what gunicorn calls ``bind``."""
    return [
        *(sys.executable, "-m", "gunicorn", "gyral_portal.wsgi:application", "--bind", bind),
        *("--worker-class", "gthread", "--threads", "8", "--graceful-timeout", "3", "--timeout", "120"),
        *("--worker-tmp-dir", _shared_memory(), "--log-level", "warning", "--no-control-socket"),
    ]


def worker_command(hostname: str) -> list[str]:
    """A worker for what people wait for."""
    # Celery warns root of pickled messages; ours are JSON only (CELERY_ACCEPT_CONTENT).
    return [
        *(sys.executable, "-W", "ignore:You're running the worker"),
        *("-m", "celery", "--app", "gyral_portal.worker", "--quiet", "worker"),
        *("--pool", "solo", "--without-gossip", "--without-mingle", "--without-heartbeat"),
        *("--loglevel", "WARNING", "--hostname", hostname),
    ]


def background_command() -> list[str]:
    """A worker at low priority for reference models and their twins, which take hours: uploads stay quick."""
    return ["nice", "-n", "10", *worker_command("gyral-background@%h"), "--queues", BACKGROUND]


def sweeper_command() -> list[str]:
    """The sweeper."""
    return [sys.executable, "-m", "django", "sweep"]


def listen(host: str, port: int) -> socket.socket:
    """A bound, listening socket; bound here so that a taken port is named before anything starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise click.ClickException(
            f"cannot listen on {host} port {port}: {error.strerror or error}. Choose another with --port."
        ) from None
    listener.set_inheritable(True)
    return listener


def _shared_memory() -> str:
    # gunicorn's heartbeat file must not lie on a disk that may stall.
    return "/dev/shm" if Path("/dev/shm").is_dir() else "/tmp"  # noqa: S108 - gunicorn opens it by mkstemp


def _say(text: str) -> None:
    click.echo(text, err=False)
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    serve()
