"""Report: what the responses of a dataset decode, as it is kept and shown."""

import numpy as np
from pydantic import BaseModel, ConfigDict

from gyral.decoding.category import Rate

ALL = "all"
_FEWEST = 3  # runs that an interval needs


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")


class Number(_Table):
    """A share of right answers or an area under the curve.

    Parameters
    ----------
    value : float
    low, high : float, optional
        95 % interval for new runs under fitted classifiers: t on the jackknife over runs, cut at 0 and 1, beyond which
        nothing can lie. None below three runs, nor where runs do not differ at all, which says nothing of new ones.
    chance : float
        What guessing reaches.
    p : float, optional
        One-sided; labels permuted inside runs, all of cross-validation repeated.
    """

    value: float
    low: float | None = None
    high: float | None = None
    chance: float
    p: float | None = None

    @classmethod
    def of(cls, rate: Rate) -> "Number":
        """From a `Rate`."""
        i = rate.interval
        some = rate.interval.groups >= _FEWEST and i.low < i.high
        return cls(
            value=i.value,
            low=number_or_none(max(i.low, 0.0)) if some else None,
            high=number_or_none(min(i.high, 1.0)) if some else None,
            chance=rate.chance,
            p=number_or_none(rate.p),
        )


class Curve(_Table):
    """Area under the curve at every time, classes against each other by LDA on the sensors of that time alone.

    Parameters
    ----------
    times : tuple of float
        Seconds after stimulus onset.
    auc : tuple of float
    p : tuple of float
        Corrected for all times by the maximum over them in each permutation.
    """

    times: tuple[float, ...]
    auc: tuple[float, ...]
    p: tuple[float, ...]


class Result(_Table):
    """One region, person and classifier.

    Parameters
    ----------
    region, person, classifier : str
        ``person`` is "all" where everybody is decoded together.
    samples, runs, units : int
    accuracy, balanced : Number
        Among all classes.
    pairwise, pairwise_auc : Number, optional
        Means over pairs of classes.
    pairs, pairs_p : tuple of tuples
        Classes x classes: accuracy of each pair, and its p corrected for all pairs; empty where not decoded.
    curve : Curve, optional
        Of M/EEG with two classes.
    """

    region: str
    person: str = ALL
    classifier: str
    samples: int
    runs: int
    units: int
    accuracy: Number
    balanced: Number
    pairwise: Number | None = None
    pairwise_auc: Number | None = None
    pairs: tuple[tuple[float | None, ...], ...] = ()
    pairs_p: tuple[tuple[float | None, ...], ...] = ()
    curve: Curve | None = None


class Decoding(_Table):
    """Report of one dataset.

    Parameters
    ----------
    schema_version : int
    dataset, title, content_hash, simulated
        Of the dataset.
    labels : str
        Column of the stimuli that was decoded.
    classes : tuple of str
    permutations, seed : int
    results : tuple of Result
    left_out : tuple of str
        What could not be decoded, and why.
    made_by : str
    """

    schema_version: int = 1
    dataset: str
    title: str
    content_hash: str
    simulated: bool
    labels: str
    classes: tuple[str, ...]
    permutations: int
    seed: int
    results: tuple[Result, ...]
    left_out: tuple[str, ...] = ()
    made_by: str = ""


def number_or_none(value: float) -> float | None:
    """A plain float; None where there is no number, as JSON has it."""
    return float(value) if np.isfinite(value) else None
