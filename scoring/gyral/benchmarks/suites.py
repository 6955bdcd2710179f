"""The bundled suites: named, versioned lists of benchmarks with weights. A change of members or weights is a new version."""

import math
import re
from dataclasses import asdict, dataclass

from gyral.errors import UnknownName
from gyral.hashing import hash_json
from gyral.models.card import Sense

_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9._-]*@\d+")


@dataclass(frozen=True)
class Member:
    """One benchmark of a suite.

    Parameters
    ----------
    benchmark : str
        ``name@version``: a suite never changes, and so neither do its benchmarks.
    weight : float
        Of its main region in the suite's mean, 0 to 1000; 0 where it is shown beside and not counted.
    """

    benchmark: str
    weight: float


@dataclass(frozen=True)
class Suite:
    """A named list of benchmarks.

    Parameters
    ----------
    name : str
        Identifier ("vision-core").
    version : int
    title, summary : str
        Heading and one sentence for pages.
    modality : {"vision", "language", "audio"}
        Which models it scores.
    members : tuple of Member
        In the order of columns; each benchmark once, at least one of them counted.
    """

    name: str
    version: int
    title: str
    summary: str
    modality: Sense
    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        names = [member.benchmark for member in self.members]
        if wrong := [name for name in names if not _IDENTIFIER.fullmatch(name)]:
            raise ValueError(f"{self.id}: {wrong[0]!r} is no benchmark; write it as name@version")
        if len(set(names)) != len(names):
            raise ValueError(f"{self.id}: a benchmark is named twice")
        if wrong_weights := [m for m in self.members if not (math.isfinite(m.weight) and 0 <= m.weight <= 1000)]:
            raise ValueError(f"{self.id}: the weight {wrong_weights[0].weight} is not in 0 to 1000")
        if not any(member.weight for member in self.members):
            raise ValueError(f"{self.id}: no benchmark is counted")

    @property
    def id(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    @property
    def content_hash(self) -> str:
        """Hex sha256 of all that decides its mean: members and weights."""
        return hash_json([asdict(member) for member in self.members])


# One number over unlike metrics orders models and measures nothing, so that what has another zero is shown beside.
# alice-group is the same recording as alice, and would count it twice.
SUITES: tuple[Suite, ...] = (
    Suite(
        name="vision-core",
        version=1,
        title="Vision core",
        summary="neurons of macaque V4 by prediction, human inferior temporal cortex by dissimilarities",
        modality="vision",
        members=(Member("cowley2023-v4@1", 1.0), Member("kriegeskorte2008@1", 1.0)),
    ),
    Suite(
        name="language-core",
        version=1,
        title="Language core",
        summary="language regions of readers of sentences and of listeners to a story; judgements of objects beside",
        modality="language",
        members=(Member("tuckute2024@1", 1.0), Member("alice@1", 1.0), Member("things2020@1", 0.0)),
    ),
)


def find_suite(reference: str, known: tuple[Suite, ...] = SUITES) -> Suite:
    """The suite called ``NAME`` (newest version) or ``NAME@VERSION``.

    Raises
    ------
    UnknownName
        No such name or version; the nearest ones are suggested.

    Examples
    --------
    >>> find_suite("vision-core").members[0].benchmark
    'cowley2023-v4@1'
    """
    name, _, version = reference.partition("@")
    matching = [s for s in known if s.name == name and version in ("", str(s.version))]
    if not matching:
        raise UnknownName("suite", reference, [s.name for s in known] + [s.id for s in known])
    return max(matching, key=lambda suite: suite.version)
