"""The signing key of a site whose operator set none: made once, kept in a private file."""

import os
import secrets
import tempfile
from pathlib import Path


def kept_secret(path: Path) -> str:
    """The key in ``path``; written first when the file is not there.

    Site, worker and sweeper may start together, so the file appears by one atomic link: whoever comes
    second reads the key of the first.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(prefix=".secret-", dir=path.parent)  # 0600 from the start
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(50))
            os.link(scratch, path)
        except FileExistsError:
            pass
        finally:
            Path(scratch).unlink()
    return path.read_text("ascii").strip()
