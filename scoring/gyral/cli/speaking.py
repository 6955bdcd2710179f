"""Speaking: what commands that a site starts say when they fail."""

import secrets
import sys
import traceback
from collections.abc import Callable

from gyral.cli.progress import emit
from gyral.errors import UserError


def speaking_json(run: Callable[[], object]) -> None:
    """Report any failure as one JSON line; status 1 is the caller's fault, 70 ours."""
    try:
        run()
    except UserError as error:
        emit({"error": error.as_dict()})
        sys.exit(1)
    except MemoryError:
        emit({"error": {"code": "out-of-memory", "what": "the evaluation ran out of memory.", "where": None,
                        "mend": "Read fewer or smaller layers (`layers` in gyral.toml)."}})  # fmt: skip
        sys.exit(1)
    except Exception:  # noqa: BLE001 - the parent process must get its one line whatever happened
        traceback.print_exc()
        reference = secrets.token_hex(4)
        sys.stderr.write(f"reference {reference}\n")
        emit({"error": {"code": "engine-error", "reference": reference, "what": "the engine failed."}})
        sys.exit(70)
