"""Facts: what a dataset offers to a benchmark, from tables and shapes, before any of its numbers is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.dataset import Dataset
from gyral.datasets.repeats import each_presented
from gyral.datasets.source import Source
from gyral.datasets.source_plan import Plan
from gyral.datasets.stimulus import Modality

Counts = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Facts:
    """What stands in a dataset.

    Parameters
    ----------
    name : str
    modality : {"image", "text", "label", "sound"}
        Of the stimuli.
    groups : bool
        Whether stimuli have groups.
    units : mapping of subject to int
        Units measured; empty where there are no responses.
    exact : bool
        False where some units may still be left out.
    shown : mapping of subject to int array, stimuli
        How often each stimulus was presented; subjects without repeats are left out.
    regions : frozenset of str
        Of units or of RDMs; before small ones are left out if not ``exact``.
    rdms : frozenset of str
        Regions with published RDMs.
    published : frozenset of str
        Regions with a ceiling from the literature.
    triplets : bool
        Whether there are odd-one-out choices.
    """

    name: str
    modality: Modality
    groups: bool
    units: Mapping[str, int]
    exact: bool
    shown: Mapping[str, Counts]
    regions: frozenset[str]
    rdms: frozenset[str]
    published: frozenset[str]
    triplets: bool = False


def facts_of(dataset: Dataset) -> Facts:
    """Of a dataset; looks where its repeats are missing."""
    responses = dataset.responses
    return Facts(
        name=dataset.name,
        modality=dataset.stimuli.modality,
        groups=dataset.stimuli.groups is not None,
        units={} if responses is None else {s: v.shape[1] for s, v in responses.values.items()},
        exact=True,
        shown={} if responses is None else {s: each_presented(r) for s, r in responses.repeats.items()},
        regions=frozenset(r.name for r in dataset.regions),
        rdms=frozenset(dataset.rdms),
        published=frozenset(p.region for p in dataset.published),
        triplets=dataset.triplets is not None,
    )


def planned_facts(source: Source, plan: Plan) -> Facts:
    """Of the dataset that a build will make."""
    told = source.responses
    return Facts(
        name=source.about.name,
        modality=plan.stimuli.modality,
        groups=plan.stimuli.groups is not None,
        units=plan.units,
        exact=told is None or told.not_a_number == "refuse",
        shown={s: counts for s, counts in plan.shown.items() if counts.max(initial=0) > 1},
        regions=frozenset((*plan.regions, *(r.region for r in source.rdms), *_chosen(source))),
        rdms=frozenset(r.region for r in source.rdms),
        published=frozenset(p.region for p in source.published),
        triplets=source.triplets is not None,
    )


def _chosen(source: Source) -> tuple[str, ...]:
    return () if source.triplets is None else (source.triplets.region,)
