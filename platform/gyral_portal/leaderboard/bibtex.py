"""BibTeX: what to cite for a board, its datasets and the models on it."""

import re
from collections.abc import Iterable, Sequence
from datetime import date

from gyral_submissions.models import Benchmark, Submission

_SPECIAL = {
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
}
_SPECIAL |= {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}"}


def as_bibtex(
    address: str, title: str, on: date, benchmarks: Sequence[Benchmark], models: Iterable[Submission]
) -> str:
    """Entries for the board as seen on a day, each dataset (its citation in words) and each model that names a source.

    Texts of people are escaped and kept on one line, so that none can begin an entry of its own.
    """
    entries = [
        _entry(
            f"gyral-board-{on:%Y%m%d}",
            {
                "title": title,
                "author": "{Gyral}",
                "year": f"{on.year}",
                "howpublished": address,
                "note": f"As of {on.isoformat()}",
            },
        )
    ]
    for benchmark in benchmarks:
        about = benchmark.about
        fields = {
            "title": about.get("title") or benchmark.title,
            "note": about.get("citation"),
            "howpublished": about.get("url"),
        }
        entries.append(_entry(f"dataset-{benchmark.name}-{benchmark.version}", fields))
    for model in models:
        source = model.card.get("paper") or model.card.get("url")
        if source:
            fields = {"title": model.title or model.name, "howpublished": source}
            entries.append(_entry(f"model-{model.name}-{model.version}", fields))
    return "\n".join(dict.fromkeys(entries))


def _entry(key: str, fields: dict[str, object]) -> str:
    lines = [f"  {name} = {{{_plain(value)}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{re.sub('[^a-zA-Z0-9:-]', '-', key)},", *lines, "}", ""])


def _plain(value: object) -> str:
    text = " ".join(str(value).split())
    if text == "{Gyral}":
        return text
    return "".join(_SPECIAL.get(letter, letter) for letter in text)
