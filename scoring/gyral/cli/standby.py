"""``gyral standby``: wait, with everything imported and a guest ready, for one command line; for workers of a site."""

import json
import os
import select
import sys

import click

from gyral.cli.progress import emit
from gyral.errors import Unavailable


@click.command(hidden=True)
@click.option("--device", default="cpu", show_default=True, help="Where the model will run.")
@click.option("--seconds", default=600.0, show_default=True, help="Give up after so long.")
def standby(device: str, seconds: float) -> None:
    """Read one line {"arguments": [...], "folder": PATH} from standard input, and do in FOLDER what it says.

    It is done once, by this process and, for `score --isolated`, by the guest that waits: nothing is kept from one command
    to the next. Nothing is done where standard input ends, or no line comes in time.
    """
    from gyral.isolation.spare import Spare  # nested: slow to import

    try:
        spare = Spare(device=device)
    except Unavailable:
        spare = None  # the command will say so
    # What a command imports, while the guest imports its own.
    import gyral.datasets.catalogue
    import gyral.evaluate
    import gyral.models.catalogue  # noqa: F401

    if spare is not None:
        spare.wait()
    emit({"ready": True})
    line = sys.stdin.readline() if select.select([sys.stdin], [], [], seconds)[0] else ""
    if not line:
        return
    order = json.loads(line)
    if spare is not None and "--isolated" not in order["arguments"]:
        spare.end()
    os.chdir(order["folder"])
    from gyral.cli.main import main  # nested: it imports this

    main(order["arguments"], spare=spare)
