"""What the API answers; field descriptions end up in the OpenAPI schema."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema

from gyral_portal.portal.fault_pages import page_of
from gyral_submissions.domain.queries.trusted import tier_of, tier_of_run


class ErrorOut(Schema):
    """Any error: problem details (RFC 9457)."""

    type: str = Field(description="address of the page where the code is explained, or about:blank")
    title: str = Field(description="what the code means, in general")
    status: int = Field(description="as in the answer's first line")
    detail: str = Field(description="what is wrong here, one sentence")
    code: str = Field(description="stable identifier, kebab-case")
    where: str | None = Field(None, description="field, file or argument")
    mend: str | None = Field(None, description="what to do about it")


class BenchmarkOut(Schema):
    """One version of a benchmark."""

    identifier: str = Field(description="name@version")
    name: str
    version: int
    title: str
    summary: str
    modality: str
    task: str
    metric: str
    readout: str
    main_region: str
    simulated: bool = Field(description="the recordings are made by code")
    retired: bool
    display: str = Field(description="who may see the stimuli: public, login or none")
    dataset: str
    dataset_hash: str
    content_hash: str
    regions: list[dict[str, Any]]
    about: dict[str, Any]


class ExposureOut(Schema):
    """How often a benchmark has answered; reference models and twins are not counted."""

    answered: int = Field(description="submissions scored")
    people: int = Field(description="accounts they were of")
    yours: int | None = Field(description="of yours; null without a token")
    limit: int | None = Field(description="most answers you may have; null where there is no limit")


class CellOut(Schema):
    """One model in one region; missing numbers are null."""

    model: str
    version: int
    title: str
    family: str
    tier: str
    visibility: str
    benchmark: str
    simulated: bool
    region: str
    metric: str
    readout: str
    value: float | None = Field(description="median over units of r, never clipped; mean over subjects for RSA")
    low: float | None = Field(description="lower end of the 95 % interval")
    high: float | None
    interval_kind: str = Field(
        description="conditional: new stimuli; subjects: new subjects and stimuli; or empty"
    )
    ceiling: float | None
    ceiling_low: float | None = Field(description="lower end of the ceiling's 95 % interval")
    ceiling_high: float | None
    ceiling_lower: float | None = Field(description="of RDMs: what the mean of the other subjects reaches")
    ceiling_lower_low: float | None = Field(None, description="lower end of its 95 % interval")
    ceiling_lower_high: float | None = None
    ceiling_unit: str | None = Field(description="r or r2: what the ceiling bounds")
    ceiling_kind: str
    share_of_ceiling: float | None
    rank_best: int | None = Field(
        description="1 + models that are significantly better (paired, all pairs at once)"
    )
    rank_worst: int | None = Field(description="number of models less those that are significantly worse")
    borda: float | None = Field(description="share of other models left behind, mean over the board's regions")
    ties: str = Field(description="models that share a letter cannot be told apart")
    unique_r2: float | None = Field(description="R2 that is left when nuisances of the stimuli are taken out")
    unique_low: float | None
    unique_high: float | None
    omega: float | None = Field(description="share of the model's R2 that nuisances explain as well")
    partial: float | None = Field(
        None, description="correlation (of RDMs their similarity) with nuisances held constant"
    )
    partial_low: float | None = Field(None, description="lower end of its 95 % interval")
    partial_high: float | None = None
    twin: float | None = Field(description="the untrained twin's value")
    twin_spread: float | None = Field(description="its standard deviation over draws")
    n_units: int
    n_ceiled: int = Field(description="units reliable enough to enter share_of_ceiling")
    n_samples: int
    run: UUID
    mean: float | None = Field(None, description="of the model, where a mean is asked for")
    mean_has: int | None = None
    mean_of: int | None = None
    mean_metrics: str | None = Field(None, description="metrics of the mean's columns, with blanks between them")
    mean_simulated: int | None = Field(None, description="columns of the mean that are of simulated data")


class BoardQuery(Schema):
    """State of a board, as in the page's address."""

    sort: str = Field("", description="key of a column, name, or mean")
    order: str = Field("", description="up or down; missing values come last either way")
    q: str = Field("", description="search: words, AND, OR, NOT, quotes, parentheses")
    family: str = ""
    size: str = Field("", description="parameters: below-1m, 1m-10m, 10m-100m, 100m-1g, 1g-and-more, not-declared")
    training: str = Field("", description="a collection of training data, in-words or not-declared")
    licence: str = ""
    tier: str = ""
    year: str = ""
    twin: str = Field("", description="whether an untrained twin is scored: yes, no, none (possible)")
    twins: str = Field("1", description="0 leaves the twins' values out")
    columns: str = Field("", description="keys of columns, comma-separated; empty for all")
    open: str = Field("", description="groups of columns that are open, comma-separated")
    weights: str = Field("", description="KEY:WEIGHT, comma-separated: weights of the mean")
    mean: str = Field("", description="1 for a mean with equal weights, of recorded data and one metric")
    on: str = Field("", description="YYYY-MM-DD: the board as it was at the end of that day, UTC")
    page: str = Field("", description="page of rows, from 1")
    start: str = Field("", description="first column of a wide board, from 0")


class BoardModelOut(Schema):
    """One row of a board."""

    model: str
    version: int
    title: str
    mean: float | None = Field(description="weighted mean; null without a score in every column it is over")
    mean_has: int | None = Field(description="columns of the mean in which the model has a score")
    mean_of: int | None = Field(description="columns of the mean")


class MeanOfOut(Schema):
    """What a mean is a mean of."""

    columns: list[str]
    metrics: list[str] = Field(description="more than one only where weights bring them together")
    simulated: int = Field(description="columns of simulated data that are counted")
    simulated_left: int = Field(description="columns of simulated data that are not")
    metrics_left: int = Field(description="columns of other metrics that are not")


class BoardOut(Schema):
    """A page of a board."""

    board: str = Field(description="the benchmarks, or vision, language, audio, all")
    benchmarks: list[str]
    simulated: bool = Field(description="all of it is made by code")
    columns: list[str] = Field(description="keys of the columns in view")
    simulated_columns: list[str] = Field(description="those of them that are made by code")
    columns_in_all: int
    sort: str
    order: str
    on: str | None
    weights: dict[str, float]
    mean_of: MeanOfOut | None = Field(description="null where no mean is shown")
    not_understood: list[str] = Field(description="what was asked for and is not here, a sentence each")
    total: int = Field(description="models on the board before filters")
    count: int = Field(description="models that the filters leave")
    page: int
    pages: int
    rows_a_page: int
    models: list[BoardModelOut]
    cells: list[CellOut]


class ModelOut(Schema):
    """One version of a model."""

    id: int
    name: str
    version: int
    title: str
    modality: str
    format: str
    tier: str | None = Field(
        description="verified, self-reported or reference; null until the site has scored what it is to verify"
    )
    visibility: str
    has_twin: bool
    card: dict[str, Any]
    created: datetime
    withdrawn: datetime | None

    @staticmethod
    def resolve_tier(model: Any) -> str | None:
        """Nothing is verified before it is scored."""
        return tier_of(model)


class RunOut(Schema):
    """One evaluation and where it stands."""

    id: UUID
    model: str
    version: int
    tier: str | None = Field(
        description="verified, self-reported or reference; null until the run of what is to be verified has finished"
    )
    benchmark: str
    twin: str = Field(description="empty for the model itself, else the control")
    dry: bool = Field(False, description="a dry run: on no board, and only its owner's to see")
    readout: str
    state: str
    attempt: int
    queue_place: int | None = Field(None, description="1 for the run that is next; of a single queued run only")
    step: str
    progress: float = Field(description="share of the current step, 0 to 1")
    multiply_adds: int | None = Field(None, description="of one stimulus, in the model; null where not known")
    remaining_seconds: float | None = Field(description="estimate for the current step")
    fault: str = Field(description="empty, submitter or site")
    fault_code: str
    fault_text: str
    fault_where: str
    fault_mend: str
    fault_page: str | None = Field(description="where the code is explained")
    created: datetime
    started: datetime | None
    finished: datetime | None

    @staticmethod
    def resolve_fault_page(run: Any) -> str | None:
        """Of the code, where it has one."""
        return page_of(run.fault_code)

    @staticmethod
    def resolve_model(run: Any) -> str:
        """Name of the submission."""
        return str(run.submission.name)

    @staticmethod
    def resolve_version(run: Any) -> int:
        """Version of the submission."""
        return int(run.submission.version)

    @staticmethod
    def resolve_tier(run: Any) -> str | None:
        """Tier of the submission; nothing is verified before it is scored."""
        return tier_of_run(run)

    @staticmethod
    def resolve_benchmark(run: Any) -> str:
        """``name@version``."""
        return str(run.benchmark.identifier)


class ScoreOut(Schema):
    """One row of a record."""

    region: str
    subject: str
    layer: str
    metric: str
    readout: str
    value: float | None
    low: float | None
    high: float | None
    interval_kind: str = Field(
        description="conditional: new stimuli; subjects: new subjects and stimuli; or empty"
    )
    interval_method: str
    interval_groups: int = Field(description="independent blocks of stimuli, or subjects")
    interval_df: float | None
    se: float | None
    procedure_low: float | None = Field(description="95 % interval with training redrawn as well")
    procedure_high: float | None
    p: float | None = Field(description="one-sided: unrelated predictions reach the value")
    q: float | None = Field(description="p over the regions of the record")
    null_kind: str
    ceiling: float | None
    ceiling_low: float | None = Field(description="lower end of the ceiling's 95 % interval")
    ceiling_high: float | None
    ceiling_lower: float | None = Field(description="of RDMs: what the mean of the other subjects reaches")
    ceiling_lower_low: float | None = Field(None, description="lower end of its 95 % interval")
    ceiling_lower_high: float | None = None
    ceiling_unit: str
    ceiling_kind: str
    ceiled: float | None
    ceiled_low: float | None
    ceiled_high: float | None
    r2: float | None
    nuisance_r2: float | None = Field(description="R2 of nuisances of the stimuli alone")
    joint_r2: float | None = Field(description="R2 of nuisances and model together")
    unique_r2: float | None = Field(description="what the model adds to nuisances, with its 95 % interval")
    unique_low: float | None
    unique_high: float | None
    omega: float | None = Field(description="share of the model's R2 that nuisances explain as well")
    partial: float | None = Field(
        None, description="correlation (of RDMs their similarity) with nuisances held constant"
    )
    partial_low: float | None = Field(None, description="lower end of its 95 % interval")
    partial_high: float | None = None
    chance: float | None = Field(description="what guessing gives, where the metric has it")
    identification: dict[str, float] = Field(description="of identification metrics; as in the record")
    n_units: int
    n_ceiled: int
    n_samples: int
    n_missing: int
    spread: float | None
    layers_chosen: dict[str, int]


class SubmittedOut(Schema):
    """A submission and the runs that were queued for it."""

    submission: ModelOut
    runs: list[RunOut]


class QuotaOut(Schema):
    """What is left today."""

    limit: int
    used: int
    remaining: int
    resets: datetime
    active: int
    active_limit: int
    dry_limit: int = Field(description="dry runs a day")
    dry_remaining: int


class LogOut(Schema):
    """Log of a run from a position on."""

    text: str
    next: int = Field(description="send as `after` to get what came since")
    ended: bool = Field(description="no more will come")
