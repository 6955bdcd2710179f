"""Faults a submitter may have to mend: what each stable code means, and what to do.

The text stands in ``faults.toml``; docs/faults.md and a site's pages are made from it
(``python -m gyral.faults > docs/faults.md``).
"""

import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_HEAD = """# Faults

Every fault that a submitter can mend has a code that never changes. It stands in the message of `gyral check`, on the page of a
run, and in the API's error as `code`, its `type` leading here. A message says what is wrong in your case and where; this page says
what the code means. There is never a traceback: what fails by our fault carries a reference number instead, costs no quota, and is
written with all its details to the operators' log.

This page is made from `scoring/gyral/faults.toml` by `python -m gyral.faults`.
"""


@dataclass(frozen=True)
class FaultPage:
    """One code explained.

    Parameters
    ----------
    code : str
        Kebab-case.
    group : str
        Title of the group it stands in.
    what, mend : str
        What was found, and what to do.
    why : str
        Why it is refused, where that is not plain.
    """

    code: str
    group: str
    what: str
    mend: str
    why: str = ""


@cache
def catalogue() -> dict[str, FaultPage]:
    """Every documented code.

    >>> catalogue()["archive-link"].mend
    'Put the files themselves in: `tar --dereference`, or `zip` without -y.'
    """
    fields = tomllib.loads(files("gyral").joinpath("faults.toml").read_text("utf-8"))
    titles = fields.pop("title")
    return {
        code: FaultPage(code, titles[group], **entry)
        for group, codes in fields.items()
        for code, entry in codes.items()
    }


def groups() -> dict[str, list[FaultPage]]:
    """Codes by the title of their group, in the file's order."""
    found: dict[str, list[FaultPage]] = {}
    for fault in catalogue().values():
        found.setdefault(fault.group, []).append(fault)
    return found


def markdown() -> str:
    """docs/faults.md, with an anchor for each code."""
    parts = [_HEAD]
    for title, faults in groups().items():
        parts.append(f"## {title}\n")
        for fault in faults:
            why = f" {fault.why}" if fault.why else ""
            parts.append(f"### {fault.code}\n{fault.what}{why}\n\n*Mend:* {fault.mend}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(markdown())
