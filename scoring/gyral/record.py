"""Record: the result of one evaluation; JSON with a published schema, arrays beside it.

On disk a record is a folder::

    record.json            this model
    units.parquet          one row per unit: subject, region(s), layer, r, r2, r2_oos, ceiling
    predictions.npy        out-of-fold predictions, draws x samples x rows of units.parquet, float32 (NaN where
                           never held out); for RSA the condensed model RDMs, draws x layers x pairs
    maps.npz               where readouts with masks or attention read: one array a `MapRef`
    curves.npz             scores over time of M/EEG: one array a `CurveRef`
    blocks.npz             instead, where predictions are over budget: sums a block (`gyral.scores.blocks`)
    redraws.npy            draws x chosen rows (in the order of record.json), float32: what the value of each would be
                           for other stimuli, less the value; draws of two models on one benchmark belong together

The schema is ``Record.model_json_schema()``; `gyral show RECORD` prints the table; `gyral.result` writes and reads the folder.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gyral.datasets.corpus import Overlap
from gyral.errors import BadUpload, complaint
from gyral.left import nothing_left

# Layer of a row whose layers were picked inside training rows.
CHOSEN = "chosen"
STATISTICS_VERSION = "statistics@2"


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")


class ModelRef(_Frozen):
    """Which model was scored."""

    name: str = Field(description="identifier; an untrained twin ends in ':untrained'")
    hash: str
    modality: Literal["vision", "language", "audio"] | None = Field(description="null for bare arrays")
    title: str = ""
    twin: Literal["untrained", "permuted"] | None = None
    seeds: tuple[int, ...] = Field((), description="draws behind a twin; empty for a model")
    card: dict[str, Any] = Field(default_factory=dict)
    multiply_adds: int | None = Field(
        None,
        ge=0,
        description="that one stimulus takes in the model (`gyral.models.compute`); null where not known",
    )
    features: Literal["computed", "given"] = Field(
        "computed", description="given: arrays somebody else made, and nobody here saw how"
    )


class BenchmarkRef(_Frozen):
    """Which benchmark it was scored on."""

    name: str
    version: int
    hash: str
    dataset: str
    dataset_hash: str
    split: str
    split_hash: str
    metric: str
    modality: Literal["vision", "language", "audio"] | None = Field(description="null for bare arrays")
    simulated: bool = False
    rdm: str | None = Field(None, description="how RDMs were made of responses; null where none were")

    @property
    def id(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"


class ReceptiveField(_Frozen):
    """Learned receptive field, medians over units."""

    x: float | None = Field(description="share of the width from the left, or degrees right of fixation")
    y: float | None = Field(description="share of the height from the top, or degrees above fixation")
    size: float | None = Field(description="standard deviation: share of the width, or degrees")
    unit: Literal["share", "degrees"]
    n_units: int = Field(description="units with a receptive field")


class MapRef(_Frozen):
    """One array of ``maps.npz``: (1 + examples) x positions, the mean over held-out samples first."""

    name: str
    region: str
    subject: str
    layer: str
    grid: tuple[int, int] = Field(description="rows and columns of the positions; (1, words) for sentences")
    stimuli: tuple[str, ...] = Field((), description="held-out stimuli shown as examples")


# Rows of each array of ``curves.npz``.
CURVE = ("value", "low", "high", "ceiling", "p", "line")


class TimeRef(_Frozen):
    """Times of the curves, in seconds after stimulus onset."""

    times: tuple[float, ...] = Field(description="columns of each array of curves.npz")
    window: tuple[float, float] = Field(description="first and last time that the rows' values are taken over")


class CurveRef(_Frozen):
    """One array of ``curves.npz``: what is named by `CURVE` x times.

    ``value`` at a time is the median over the sensors of the region (of "all" the mean over subjects), ``low`` and ``high``
    its 95 % interval at that time, ``ceiling`` the median noise ceiling (r2), ``p`` that unrelated predictions reach the
    value at any time (maximum statistic), ``line`` what 95 % of those stay below at that time; NaN where not tested.
    """

    name: str
    region: str
    subject: str
    layer: str
    peak: float | None = Field(None, description="highest value")
    peak_time: float | None = Field(None, description="seconds; where the value is highest")
    first_time: float | None = Field(None, description="seconds; the first time with p <= .05, if any")


class TemporalRow(_Frozen):
    """Whether deeper layers predict later responses of a region (`gyral.temporal`), all subjects."""

    region: str
    value: float | None = Field(None, description="Pearson r over layers of their number and their latency")
    low: float | None = Field(None, description="95 % interval, stimuli redrawn for all layers together")
    high: float | None = None
    robust: float | None = Field(None, description="Spearman rho, latency as centre of mass above the null line")
    robust_low: float | None = None
    robust_high: float | None = None
    n_layers: int
    n_robust: int = Field(description="layers that predict anything")
    missing: str = Field("", description="why there is no value")
    twin: float | None = Field(None, description="value of the untrained twin, where it was run")
    difference: float | None = Field(None, description="value less that of the twin")
    difference_low: float | None = None
    difference_high: float | None = None


class ControlScore(_Frozen):
    """What a control of the model scores in the same region, in the same metric."""

    value: float | None
    low: float | None = Field(None, description="95 % interval, of the kind of the row's own")
    high: float | None = None
    spread: float | None = Field(None, description="standard deviation over draws")
    difference: float | None = Field(None, description="value of the model less this one")
    difference_low: float | None = Field(
        None, description="95 % interval of the difference, paired, of the kind of the row's own"
    )
    difference_high: float | None = None


class Row(_Frozen):
    """One number: a region, a subject (or "all"), a layer (or "chosen").

    ``value`` of a subject is the median over units of Pearson r (mean over held-out folds weighted by rows,
    then over draws), never clipped; for RSA rho-a. That of "all" is the mean over subjects. ``low`` and
    ``high`` are its 95 % interval; ``interval_kind`` says of what (`gyral.scores.confidence`). ``ceiling`` has
    ``ceiling_unit``; ``ceiled`` is the median over units that may be ceiled of signed r2 / NC (or r2 / published NC).
    """

    region: str
    subject: str
    layer: str = Field(description="'chosen': picked inside training rows; else the name of the layer")
    readout: str
    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    interval_kind: Literal["conditional", "subjects"] | None = Field(
        None, description="conditional: fitted maps, new stimuli; subjects: new subjects and new stimuli"
    )
    interval_method: Literal["bootstrap", "jackknife", "crossed"] | None = None
    interval_groups: int = Field(0, description="independent blocks of stimuli, or subjects, it rests on")
    interval_df: float | None = Field(None, description="degrees of freedom of the standard error")
    se: float | None = Field(None, description="standard error of value")
    procedure_low: float | None = Field(None, description="95 % interval with training redrawn as well")
    procedure_high: float | None = None
    p: float | None = Field(None, description="one-sided: unrelated predictions reach the value")
    q: float | None = Field(None, description="p over the regions of the record (Benjamini-Hochberg)")
    null_kind: Literal["permutation", "block", "shift", "phase", "group"] | None = Field(
        None, description="how predictions were made unrelated for p"
    )
    ceiling: float | None = Field(None, description="the most that can be reached, median over all units")
    ceiling_low: float | None = Field(
        None,
        description="95 % interval of ceiling: new stimuli and the same subjects, for RDMs of six subjects or more new "
        "subjects as well; null if published",
    )
    ceiling_high: float | None = None
    ceiling_lower: float | None = Field(
        None,
        description="of RDMs: what the mean of the other subjects reaches, below which a model is worse than they",
    )
    ceiling_lower_low: float | None = Field(None, description="95 % interval of ceiling_lower, as that of ceiling")
    ceiling_lower_high: float | None = None
    ceiling_unit: Literal["r", "r2"] | None = Field(None, description="what the ceiling bounds")
    ceiling_kind: str = Field("none", description="estimator of the ceiling, or 'none'")
    ceiling_rows: Literal["held-out", "all"] | None = Field(
        None, description="rows of the split that it was estimated from; null if published"
    )
    ceiled: float | None = None
    ceiled_low: float | None = Field(None, description="95 % conditional interval of ceiled")
    ceiled_high: float | None = None
    r2: float | None = Field(None, description="median over units of out-of-sample R2")
    n_units: int
    n_ceiled: int = Field(0, description="units that entered the ceiled score")
    n_samples: int
    n_missing: int = Field(0, description="responses (samples x units) that are missing and were masked")
    spread: float | None = Field(None, description="standard deviation over draws of a twin")
    layers_chosen: dict[str, int] = Field(default_factory=dict, description="folds (times draws) each layer won")
    receptive_field: ReceptiveField | None = None
    shares: dict[str, float] = Field(default_factory=dict, description="R2 split over feature spaces")
    unique: dict[str, float] = Field(default_factory=dict, description="R2 that only this feature space gives")
    weights: dict[str, float] = Field(default_factory=dict, description="weights of bands, or of stacked fits")
    nuisance_r2: float | None = Field(None, description="R2 of nuisances alone, median over units as r2")
    joint_r2: float | None = Field(None, description="R2 of nuisances and the chosen layers together")
    unique_r2: float | None = Field(None, description="what the model adds: median of joint less nuisance R2")
    unique_low: float | None = Field(None, description="95 % interval of unique_r2")
    unique_high: float | None = None
    omega: float | None = Field(
        None, description="share of the model's R2 that nuisances explain as well; null where that R2 is unsure"
    )
    partial: float | None = Field(
        None, description="correlation (of RDMs their similarity) with nuisances held constant"
    )
    partial_low: float | None = Field(None, description="95 % interval of partial")
    partial_high: float | None = None
    controls: dict[str, ControlScore] = Field(default_factory=dict, description="by name of the control")
    chance: float | None = Field(None, description="what guessing gives, where the metric has it")
    identification: dict[str, float] = Field(
        default_factory=dict,
        description="candidates (mean over folds), two_way, top_K and its chance, median_rank (1 is best), "
        "median_relative_rank (0 is best)",
    )

    @property
    def nothing_left(self) -> bool:
        """See `gyral.left.nothing_left`."""
        return nothing_left(self.unique_r2, self.unique_low, self.partial, self.partial_low)


class Controls(_Frozen):
    """What was run beside the model (`gyral.controls`)."""

    nuisances: dict[str, str] = Field(
        default_factory=dict, description="bands of nuisances, and a hash of what computed each"
    )
    absent: dict[str, str] = Field(
        default_factory=dict, description="bands that belong to these stimuli and could not be computed, and why"
    )
    missing: str = Field("", description="why nothing says what is left without nuisances; empty where it is said")
    runs: dict[str, int] = Field(default_factory=dict, description="further controls, and draws of each")


ControlsAsked = Literal["none", "nuisances", "standard", "all"]


class Asked(_Frozen):
    """What was asked of the evaluation, besides model, benchmark, seed and device."""

    readout: str = Field(description="family and options, as `gyral score --readout` takes them")
    memory: int = Field(description="bytes that fitting was given; they decide the order of sums")
    layers: tuple[str, ...] = Field((), description="glob patterns; empty: those of the card")
    beside: tuple[str, ...] = Field((), description="names of the models whose layers stood beside")
    reduce: str | None = Field(None, description="method and width of a reduction of columns")
    procedure: bool = Field(False, description="whether training was redrawn for an interval")
    controls: ControlsAsked = Field("standard", description="which controls were to run")
    folds: int = Field(0, description="outer folds; of arrays only")
    sequence: bool = Field(False, description="positions are words in order; of arrays only")
    exchangeable: bool = Field(False, description="samples are in no order; of arrays only")


class Provenance(_Frozen):
    """All that is needed to make the record again (`gyral rerun`)."""

    gyral: str
    code: str = Field("", description="hash of the library's source files")
    seed: int
    device: str
    asked: Asked
    readout: dict[str, Any] = Field(default_factory=dict)
    libraries: dict[str, str] = Field(default_factory=dict)
    plugins: dict[str, str] = Field(
        default_factory=dict,
        description="metric, readout and models of other packages: 'KIND NAME' -> package and version",
    )
    machine: dict[str, str] = Field(
        default_factory=dict, description="processor, kernels of linear algebra, threads, GPU"
    )
    statistics: str = STATISTICS_VERSION
    command: str = Field("", description="command line that reproduces the record")


class Timing(_Frozen):
    """Wall-clock facts; two records of the same evaluation differ only here."""

    started: str
    seconds: float
    features_seconds: float
    readout_seconds: float
    controls_seconds: float = 0.0
    peak_memory_mb: float


class Record(_Frozen):
    """The result of one evaluation."""

    schema_version: Literal[1] = 1
    model: ModelRef
    benchmark: BenchmarkRef
    rows: tuple[Row, ...]
    maps: tuple[MapRef, ...] = ()
    time: TimeRef | None = Field(None, description="of M/EEG: the times of the curves, and the window of the rows")
    curves: tuple[CurveRef, ...] = ()
    temporal: tuple[TemporalRow, ...] = ()
    controls: Controls = Controls()
    warnings: tuple[str, ...] = ()
    overlap: Overlap = Field(description="declared training data against where the stimuli come from")
    provenance: Provenance
    timing: Timing

    def same_scores_as(self, other: "Record") -> bool:
        """True if the two records are equal but for times."""
        return self.model_dump(exclude={"timing"}) == other.model_dump(exclude={"timing"})

    def main(self, region: str, subject: str = "all") -> Row | None:
        """The row of ``region`` with layers chosen inside training rows, or None."""
        for row in self.rows:
            if (row.region, row.subject, row.layer) == (region, subject, CHOSEN):
                return row
        return None

    @property
    def chosen(self) -> tuple[Row, ...]:
        """Rows with layers chosen inside training rows; columns of ``redraws.npy``."""
        return tuple(row for row in self.rows if row.layer == CHOSEN)

    def to_json(self) -> str:
        """Indented JSON; missing numbers are null."""
        return json.dumps(self.model_dump(mode="json"), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str = "record.json") -> "Record":
        """Parse and validate.

        Raises
        ------
        BadUpload
            Not JSON, not this schema, or a number in it is NaN or infinite: what is missing is null.
        """
        try:
            found = cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            field = "".join(f"{p}." for p in first["loc"])[:-1]
            said = f"{field}: {complaint(first)}" if field else complaint(first)
            raise BadUpload(f"{said}.", where=where, code="record-schema") from None
        if (place := _not_finite(found.model_dump())) is not None:
            raise BadUpload(
                f"{place} is NaN or infinite; what is missing is null.", where=where, code="record-schema"
            )
        return found


def _not_finite(value: Any) -> str | None:
    """Where in a nested value the first number stands that is NaN or infinite."""
    if isinstance(value, float):
        return None if math.isfinite(value) else ""
    if isinstance(value, str) or not isinstance(value, Mapping | Sequence):
        return None
    for key, part in value.items() if isinstance(value, Mapping) else enumerate(value):
        if (below := _not_finite(part)) is not None:
            return f"{key}.{below}" if below else str(key)
    return None


if __name__ == "__main__":
    print(json.dumps(Record.model_json_schema(), indent=1))  # noqa: T201 - this is the module's output
