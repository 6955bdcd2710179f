"""Declared: the ``[benchmark]`` table of a pack, judged by its form and by what the data offer.

Whoever writes it learns what is wrong when the files are checked, and not when the first model is scored.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from gyral.benchmarks.benchmark import CEILINGS, Benchmark
from gyral.benchmarks.catalogue import BUNDLED
from gyral.datasets.facts import Facts
from gyral.datasets.manifest import is_safe_name
from gyral.errors import BadDataset
from gyral.metrics import METRICS
from gyral.metrics.metric import metrics_of
from gyral.models.card import SHOWN
from gyral.readouts import READOUTS
from gyral.rsa.rdm import KINDS, REPEATED
from gyral.scores.ceiling import LEAST_REPEATED
from gyral.scores.subjects import LEAST_SUBJECTS

# Fewest subjects that ceilings between subjects take.
FEWEST = {"loso": LEAST_SUBJECTS, "extrapolation": 4, "consistency": 2}
_FORMS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
}
_Wrong = Iterator[tuple[bool, str]]


def declared(table: Mapping[str, Any], where: str) -> Benchmark:
    """The benchmark of a table, by its form alone.

    Parameters
    ----------
    table : mapping
    where : str
        File and table, for the error.

    Raises
    ------
    BadDataset
        A field is unknown, missing or wrong (``benchmark``), named with what is expected.
    """
    known = [field.name for field in fields(Benchmark)]
    if unknown := sorted(set(table) - set(known)):
        near = get_close_matches(unknown[0], known, n=1)
        mend = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
        raise BadDataset(f"unknown field of [benchmark] {unknown[0]!r}.", where=where, mend=mend, code="benchmark")
    try:
        # As JSON: a strict check of Python values would ask for a Benchmark. What TOML has beside it (dates) becomes text.
        benchmark = TypeAdapter(Benchmark).validate_json(json.dumps(dict(table), default=str), strict=True)
    except ValidationError as error:
        raise BadDataset(f"{_why(error)}.", where=where, code="benchmark") from None
    _refuse(_names(benchmark), where)
    return benchmark


def require_possible(benchmark: Benchmark, facts: Facts, where: str) -> None:
    """Refuse a benchmark that the data cannot answer.

    Raises
    ------
    BadDataset
        Another dataset or modality, a region or ceiling that cannot be had, or data that its task lacks (``benchmark``).
    """
    _refuse(_data(benchmark, facts), where)
    if benchmark.task == "encoding" and (why := why_no_ceiling(benchmark, facts)):
        raise BadDataset(
            f"ceiling is {benchmark.ceiling!r}, and {why}.",
            where=where,
            mend=_possible(benchmark, facts),
            code="benchmark",
        )


def why_no_ceiling(benchmark: Benchmark, facts: Facts) -> str:
    """What the data lack for the ceiling of a benchmark of encoding; empty where nothing is."""
    kind, units = benchmark.ceiling, facts.units
    without = sorted(set(units) - set(facts.shown))
    if kind in ("ncsnr", "split-half"):
        twice = np.any([counts > 1 for counts in facts.shown.values()], axis=0).sum() if facts.shown else 0
        if without:
            return f"no stimulus was shown twice to subject {without[0]!r}"
        if twice < LEAST_REPEATED:
            return f"{int(twice)} stimuli were shown twice; at least {LEAST_REPEATED} are needed"
    if len(units) < FEWEST.get(kind, 0):
        return f"there {'is' if len(units) == 1 else 'are'} {len(units)} subject{'s' * (len(units) != 1)}; at least {FEWEST[kind]} are needed"
    if kind == "loso" and facts.exact and len(set(units.values())) > 1:
        return f"subjects differ in their units ({', '.join(f'{s}: {n}' for s, n in units.items())})"
    if kind == "consistency" and (few := [*without, *(s for s, n in facts.shown.items() if n.min(initial=2) < 2)]):
        return f"subject {few[0]!r} did not see every stimulus twice"
    if kind == "published" and not facts.published:
        return "there is no [[published]] table"
    return ""


def _names(benchmark: Benchmark) -> _Wrong:
    """What stands in no register."""
    encoding = benchmark.task == "encoding"
    readouts = set(READOUTS.names()) if encoding else {"none"}
    ceilings, metrics = CEILINGS[benchmark.task], metrics_of(benchmark.task)
    yield not is_safe_name(benchmark.name), 'name must be letters, digits, ".", "_" and "-"'
    yield benchmark.name in {b.name for b in BUNDLED}, f"{benchmark.name!r} is the name of a bundled benchmark"
    yield benchmark.version < 0, "version must be a whole number from 0"
    yield benchmark.metric not in metrics, f"metric {_one_of(benchmark.metric, metrics)}"
    yield benchmark.readout not in readouts, f"readout {_one_of(benchmark.readout, readouts)}"
    yield benchmark.ceiling not in ceilings, f"ceiling {_one_of(benchmark.ceiling, ceilings)}"
    yield (
        encoding and benchmark.metric in METRICS.own() and benchmark.ceiling != "none",
        f"ceiling must be 'none': those that are known bound Pearson r, not {benchmark.metric!r}",
    )
    yield (
        benchmark.rdm is not None and (benchmark.task != "rsa" or benchmark.rdm not in KINDS),
        f"rdm goes with task 'rsa' and {_one_of(benchmark.rdm or '', KINDS)}",
    )
    yield benchmark.channels is not None and benchmark.channels < 1, "channels must be a whole number from 1"


def _one_of(said: str, known: Collection[str]) -> str:
    """What a field must be, and what was probably meant."""
    near = get_close_matches(said, sorted(known), n=1) if said not in known else []
    return f"must be one of {sorted(known)!r}{f' (did you mean {near[0]!r}?)' if near else ''}"


def _data(benchmark: Benchmark, facts: Facts) -> _Wrong:
    """What the data lack."""
    task, shown = benchmark.task, SHOWN[benchmark.modality]
    yield benchmark.dataset != facts.name, f"dataset must be {facts.name!r}, the pack's name"
    yield (
        facts.modality != shown,
        f"modality is {benchmark.modality!r}, whose models take stimuli of modality {shown!r}; these are {facts.modality!r}",
    )
    yield benchmark.context == "group" and not facts.groups, "context is 'group', and stimuli have no group"
    yield task == "encoding" and not facts.units, "task is 'encoding', and there are no responses"
    yield task == "triplets" and not facts.triplets, "task is 'triplets', and there are no odd-one-out choices"
    yield (
        task == "rsa" and benchmark.rdm is not None and not facts.units,
        f"rdm is {benchmark.rdm!r}, and there are no responses that RDMs could be made of; leave it out",
    )
    yield (
        task == "rsa" and benchmark.rdm is None and not facts.rdms,
        f"task is 'rsa', and nothing is published: rdm must say how they are made of responses: one of {sorted(KINDS)!r}",
    )
    lacking = [s for s in facts.units if s not in facts.shown]
    yield (
        benchmark.rdm in REPEATED and bool(lacking),
        f"rdm is {benchmark.rdm!r}, which needs repeats, and {lacking} have none",
    )
    few = [s for s, counts in facts.shown.items() if counts.min(initial=2) < 2]
    yield (
        benchmark.rdm == "crossnobis" and bool(few),
        f"rdm is 'crossnobis', and {few} did not see every stimulus twice",
    )
    regions = facts.rdms if task == "rsa" and benchmark.rdm is None else facts.regions
    yield benchmark.main_region not in regions, f"main_region must be one of {sorted(regions)!r}"


def _refuse(wrong: _Wrong, where: str) -> None:
    for is_wrong, what in wrong:
        if is_wrong:
            raise BadDataset(f"{what}.", where=where, code="benchmark")


def _possible(benchmark: Benchmark, facts: Facts) -> str:
    """Ceilings of encoding that the data do allow."""
    own = [k for k in CEILINGS["encoding"] if not why_no_ceiling(replace(benchmark, ceiling=k), facts)]
    return f"These data allow {', '.join(map(repr, own))}."


def _why(error: ValidationError) -> str:
    """A fault of a field in words; several that are missing at once."""
    faults = error.errors()
    missing = [repr(str(f["loc"][0])) for f in faults if f["type"] == "missing"]
    if missing:
        return f"fields are missing: {', '.join(missing)}"
    first = faults[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "literal_error":
        return f"{name} must be {first['ctx']['expected']}, not {first['input']!r}"
    if first["type"] in _FORMS:
        return f"{name} must be {_FORMS[first['type']]}, not {first['input']!r}"
    return " ".join(filter(None, (name, first["msg"].removeprefix("Value error, "))))
