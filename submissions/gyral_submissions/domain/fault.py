"""Fault: why a run failed, in words its owner may read.

A submitter's fault keeps its stable code, the sentence, the place and the mend. Ours becomes a reference
number; what happened stands in the operators' log under that number, and nowhere else.
"""

import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gyral.places import cache, home
from gyral_submissions.enums import Fault as By

# Errors of the command line that its caller could mend, but a submitter cannot: the data are the site's.
SITE_CODES = frozenset(
    {
        "bad-dataset",
        "dataset-unavailable",
        "bad-device",
        "disk-full",
        "engine-error",
        "sandbox-tier",
        "no-process",
        "cgroup",
        "stimulus-hash",
        "stimulus-missing",
        "unavailable",
        "unknown-benchmark",
    }
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_PATH = re.compile(r"(?<![\w./])/(?:[\w.@+-]+/)+([\w.@+-]*)")
_LONGEST = 800


@dataclass(frozen=True)
class Fault:
    """Whose fault, its stable code, and the words.

    Parameters
    ----------
    by : Fault
        The submission's or the site's.
    code : str
        Stable identifier, kebab-case.
    text, where, mend : str
        What is wrong, the file or field, what to do.
    reference : str
        Number to quote to the operators; empty for a submitter's fault.
    detail : str
        For the operators' log only.
    """

    by: By
    code: str
    text: str
    where: str = ""
    mend: str = ""
    reference: str = ""
    detail: str = ""

    def columns(self) -> dict[str, str]:
        """Values of a run's ``fault*`` columns."""
        return {
            "fault": self.by,
            "fault_code": self.code[:60],
            "fault_text": self.text,
            "fault_where": self.where[:300],
            "fault_mend": self.mend,
            "reference": self.reference,
        }


def submitters(code: str, text: str, *, where: str = "", mend: str = "") -> Fault:
    """A fault the submitter can mend; paths of this machine and control characters are taken out."""
    return Fault(By.SUBMITTER, code, readable(text), readable(where), readable(mend))


def ours(code: str, reference: str = "", *, detail: str = "") -> Fault:
    """A fault of the site: a reference number for its owner, ``detail`` for the operators."""
    number = reference if re.fullmatch(r"[A-Za-z0-9-]{4,16}", reference) else secrets.token_hex(5)
    text = f"The site failed to evaluate this model; it is not your fault. Reference: {number}."
    mend = "Try again: this one cost no quota. If it fails again, tell the operators."
    return Fault(By.SITE, code, text, mend=mend, reference=number, detail=detail)


def said(error: Mapping[str, Any], status: int) -> Fault:
    """The fault behind a child's ``error`` message and exit status."""
    code = str(error.get("code") or "engine-error")
    if status != 1 or code in SITE_CODES:
        told = " ".join(str(error[key]) for key in ("what", "where", "mend") if error.get(key))
        return ours(code, str(error.get("reference") or ""), detail=told)
    words = {key: str(error.get(key) or "") for key in ("what", "where", "mend")}
    return submitters(code, words["what"] or "The evaluation failed.", where=words["where"], mend=words["mend"])


def readable(text: str) -> str:
    """``text`` on one line, without control characters or paths of this machine, at most 800 characters."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    for folder in (home(), cache(), Path(sys.prefix)):
        line = line.replace(f"{folder}/", "/-/")
    line = _PATH.sub(lambda match: match.group(1) or "...", line)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
