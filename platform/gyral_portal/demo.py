"""``make demo``: prepare, score reference models, start the site (``python -m gyral_portal.demo``).

Everything it makes lies in ``.gyral/`` of the current folder and is reused by the next run.
"""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import click

from gyral_portal.serve import listen

USER = "demo"
# Scored before the site is served, in minutes; recordings over time take longer and follow while people browse.
FIRST = ("cowley2023-v4", "kriegeskorte2008", "sim-vision", "tuckute2024", "sim-language", "things2020")


@click.command()
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    envvar="PORT",
    help="Port of the site.",
)
@click.option("--score/--no-score", default=True, help="Score the reference models first.")
def demo(port: int, score: bool) -> None:
    """Show Gyral on this machine: real models on the bundled benchmarks, and a board to browse."""
    listen("127.0.0.1", port).close()  # a taken port is said now, not after the scoring
    root = Path(".gyral").resolve()
    os.environ.setdefault("GYRAL_HOME", str(root))
    os.environ.setdefault("GYRAL_CACHE", str(root / "cache"))
    # The site answers this machine only, so uploads come from the person who started it.
    os.environ.setdefault("GYRAL_LEAST_TIER", "process")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gyral_portal.settings")
    os.environ["GYRAL_STATIC"] = "collected"  # as `gyral serve`: what is prepared is what is served
    _step("database and benchmarks", "-m", "gyral_portal.prepare")
    password = _login()
    if score:
        _step(
            "weights of the reference models", "-m", "gyral.cli.main", "models", "fetch", "--all", required=False
        )
        _step(
            "scores of the reference models",
            "-m",
            "django",
            "score_reference_models",
            *("--twins", "queue"),
            *(word for name in _first() for word in ("--first", name)),
            required=False,
        )
    click.echo(f"\nDemo login: {USER} / {password}\n")
    os.execv(  # noqa: S606 - our own interpreter, no shell wanted
        sys.executable,
        [sys.executable, "-m", "gyral.cli.main", "serve", "--port", str(port), "--no-prepare", "--datasets"],
    )


def _step(what: str, *arguments: str, required: bool = True) -> None:
    click.secho(f"== {what}", bold=True)
    status = subprocess.run([sys.executable, *arguments], check=False).returncode
    if status in (130, -2):
        raise click.Abort
    if status and required:
        raise click.ClickException(f"{what}: failed with exit status {status}; see above.")
    if status:
        click.echo(f"(went on without: {what} ended with exit status {status})")


def _first() -> list[str]:
    """Those of `FIRST` that are on the site: without their data benchmarks are not."""
    from gyral_submissions.models import Benchmark  # `_login` has set Django up by now

    return [name for name in FIRST if Benchmark.objects.filter(name=name, retired=False).exists()]


def _login() -> str:
    """Make the demo user once; its password is kept in a file only this user can read."""
    file = Path(os.environ["GYRAL_HOME"]) / "demo-login"
    import django  # settings read GYRAL_HOME, which is set by now

    django.setup()
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    user = users.filter(username=USER).first()
    if user is not None and file.exists():
        return file.read_text("utf-8").strip()
    password = secrets.token_urlsafe(9)
    user = user or users.create_user(USER)
    user.set_password(password)
    user.save()
    file.touch(mode=0o600)
    file.write_text(password + "\n", "utf-8")
    return password


if __name__ == "__main__":
    demo()
