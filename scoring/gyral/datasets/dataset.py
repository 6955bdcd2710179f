"""Dataset: stimuli, responses, regions and what one must know to use them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.corpus import CorpusName
from gyral.datasets.region import Region
from gyral.datasets.reliability import Published
from gyral.datasets.responses import RegionRdms, Responses
from gyral.datasets.split import Split, contiguous, grouped, leave_one_group_out
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.time_axis import TimeAxis
from gyral.datasets.timeline import Timeline
from gyral.datasets.triplets import Triplets
from gyral.errors import BadDataset, UnknownName

Display = Literal["public", "login", "none"]


@dataclass(frozen=True)
class About:
    """What a page and a citation need.

    Parameters
    ----------
    name, title, description : str
        Identifier, heading and a paragraph.
    version : str
        Version of the pack's content.
    licence, citation, url : str
        Terms, reference and home of the data.
    species : str
        "human", "macaque", "simulated" ...
    display : {"public", "login", "none"}
        Who may see the stimuli on the site.
    simulated : bool
        True for made data; every page and table says so.
    ordered : bool
        True where rows are in the order of measurement.
    drawn_from : tuple of str, optional
        Collections (`gyral.datasets.corpus`) that the stimuli were drawn from, empty where they were made for the
        experiment; None where nobody says.
    private : bool
        True where the responses are not public, so that only the site that has them can score; a site then limits how
        often it answers one person.
    """

    name: str
    title: str
    description: str
    version: str = "0"
    licence: str = ""
    citation: str = ""
    url: str = ""
    species: str = "human"
    display: Display = "none"
    simulated: bool = False
    ordered: bool = True
    drawn_from: tuple[CorpusName, ...] | None = None
    private: bool = False


@dataclass(frozen=True, eq=False)
class Dataset:
    """Everything a benchmark scores against.

    Parameters
    ----------
    about : About
        Title, licence, citation, display rights.
    stimuli : StimulusSet
        Rows of every response array, in order, unless there is a timeline.
    responses : Responses or None
        None for sets that publish only RDMs.
    rdms : dict of region name to RegionRdms
        Empty for sets with responses.
    units : DataFrame
        One row a unit (subjects side by side): ``subject``, ``unit`` and, where known, ``hemisphere``,
        ``vertex``, ``x``, ``y``, ``z``; of M/EEG ``sensor`` and ``time``.
    regions : tuple of Region
        Rows of ``units`` by region.
    published : tuple of Published
        Ceilings from the literature.
    split_kind, split_folds : str, int
        Declared split.
    split_gap : int
        Rows on either side of a held-out block that a contiguous split leaves out of training.
    time : TimeAxis, optional
        Where units are sensors at time points: the times, and the window that regions hold.
    timeline : Timeline or None
        Where stimuli are words (or other events) in time and responses were sampled on a clock: their rows are then
        the samples of the timeline.
    content_hash : str
        Hex sha256 over all of the above.
    root : Path, optional
        The pack's folder.
    """

    about: About
    stimuli: StimulusSet
    responses: Responses | None
    rdms: Mapping[str, RegionRdms]
    units: pd.DataFrame
    regions: tuple[Region, ...]
    published: tuple[Published, ...] = ()
    split_kind: Literal["contiguous", "grouped", "leave-one-group-out"] = "contiguous"
    split_folds: int = 5
    split_gap: int = 0
    time: TimeAxis | None = None
    timeline: Timeline | None = None
    content_hash: str = ""
    root: Path | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Identifier of the dataset."""
        return self.about.name

    @property
    def triplets(self) -> Triplets | None:
        """Odd-one-out choices among the stimuli (``extra["triplets"]``), where there are any."""
        table = self.extra.get("triplets")
        return None if table is None else Triplets.from_table(np.asarray(table), len(self.stimuli))

    @property
    def samples(self) -> int:
        """Rows of every response array."""
        return len(self.stimuli) if self.timeline is None else len(self.timeline)

    @property
    def named_samples(self) -> str:
        """How many rows there are and of what, for messages."""
        return f"{self.samples} {'stimuli' if self.timeline is None else 'samples in time'}"

    @property
    def sample_ids(self) -> tuple[str, ...]:
        """Name of every row: its stimulus, or story and number of a sample in time."""
        return self.stimuli.ids if self.timeline is None else self.timeline.ids

    @property
    def sample_groups(self) -> tuple[str, ...] | None:
        """Group of every row; None where there are none. A single story is no group: it can only be cut into segments."""
        if self.timeline is None:
            return self.stimuli.groups
        return self.timeline.stories if len(self.timeline.spans) > 1 else None

    def region(self, name: str) -> Region:
        """The region called ``name``."""
        for region in self.regions:
            if region.name == name:
                return region
        raise UnknownName("region", name, [r.name for r in self.regions])

    def split(self) -> Split:
        """The split this dataset declares.

        Raises
        ------
        BadDataset
            Too few samples or groups for it, or groups asked for and absent.
        """
        if self.split_kind == "contiguous":
            self._check_segments()
            return contiguous(self.samples, self.split_folds, gap=self.split_gap)
        if self.split_gap:
            raise BadDataset(
                f"a gap of {self.split_gap} rows goes with a contiguous split; {self.split_kind!r} holds groups out whole.",
                where=f"dataset {self.name!r}: split.gap",
            )
        if self.sample_groups is None:
            raise BadDataset(
                f"split {self.split_kind!r} needs a group for every stimulus, and there are none."
                if self.timeline is None
                else f"split {self.split_kind!r} needs several stories, and there is one.",
                where=f"dataset {self.name!r}",
            )
        codes: NDArray[Any] = np.asarray(self.sample_groups)
        if self.split_kind == "grouped":
            return grouped(codes, self.split_folds)
        return leave_one_group_out(codes)

    def _check_segments(self) -> None:
        """Refuse to cut a recording where a story could be held out whole, or nearer than its delays reach."""
        if self.timeline is None:
            return
        if self.sample_groups is not None:
            raise BadDataset(
                "a contiguous split cuts through stories; there are several, and each can be held out whole.",
                where=f"dataset {self.name!r}: split.kind",
                mend="Use 'grouped' or 'leave-one-group-out'.",
                code="story-cut",
            )
        reach = max(abs(d) for d in self.timeline.delays)
        if self.split_gap < reach:
            raise BadDataset(
                f"segments of a story need a gap of at least its longest delay, {reach} samples; the gap is {self.split_gap}.",
                where=f"dataset {self.name!r}: split.gap",
                code="gap-too-short",
            )
