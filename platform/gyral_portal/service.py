"""Service: one process of a site, where each runs by itself: ``python -m gyral_portal.service NAME``.

`gyral serve` runs them together; in containers each is one of its own. The command takes this process's place, so that it
gets the signals.
"""

import os
import sys
from collections.abc import Callable

from gyral_portal.serve import background_command, site_command, sweeper_command, worker_command

COMMANDS: dict[str, Callable[[], list[str]]] = {
    "prepare": lambda: [sys.executable, "-m", "gyral_portal.prepare"],
    "site": lambda: site_command(f"{os.environ.get('HOST', '0.0.0.0')}:{os.environ.get('PORT', '8000')}"),  # noqa: S104
    "worker": lambda: worker_command("gyral@%h"),
    "background": background_command,
    "sweeper": sweeper_command,
    "healthy": lambda: [sys.executable, "-m", "gyral_portal.healthy", *sys.argv[2:]],
}


def main() -> None:
    """Become the service that is named; status 2 where there is none of that name."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in COMMANDS:
        sys.exit(f"{name!r} is no service; known: {', '.join(COMMANDS)}")
    os.environ["GYRAL_STATIC"] = "collected"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gyral_portal.settings")
    command = COMMANDS[name]()
    os.execvp(command[0], command)  # noqa: S606 - words of ours


if __name__ == "__main__":
    main()
