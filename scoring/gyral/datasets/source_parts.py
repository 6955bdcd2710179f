"""Parts of a source description: paths, and the tables that stand inside other tables."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gyral.datasets.manifest import safe_path

_LONGEST = 255  # bytes of a name in most file systems


def _inside(text: str) -> str:
    try:
        safe_path(text)
    except ValueError:
        raise ValueError(f"path {text!r} leaves the folder; only plain relative paths are allowed") from None
    for part in text.split("/"):
        if len(part.encode()) > _LONGEST:
            raise ValueError(f"a name of {len(part)} characters ({part[:20]!r} ...) is no file's")
        if "**" in part and part != "**":
            raise ValueError(
                f"{part!r}: ** stands alone between two slashes, for any folders; * stands for anything in a name"
            )
    return text


def _region_name(text: str) -> str:
    if re.fullmatch(REGION_NAME, text) is None:
        raise ValueError(f"{text!r} cannot be a region's name: {REGION_NAMES}")
    return text


Inside = Annotated[str, AfterValidator(_inside)]
REGION_NAMES = "up to 100 characters, no slash, no < and >, no space at an end"
REGION_NAME = r"^[^\s/\\<>\x00-\x1f](?:[^/\\<>\x00-\x1f]{0,98}[^\s/\\<>\x00-\x1f])?$"
RegionName = Annotated[str, AfterValidator(_region_name)]
# Of nilearn; its "fir" makes several regressors a trial, none of which is the trial's.
Hrf = Literal[
    "glover",
    "glover + derivative",
    "glover + derivative + dispersion",
    "spm",
    "spm + derivative",
    "spm + derivative + dispersion",
]
Weight = Annotated[float, Field(allow_inf_nan=False)]
Degrees = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


class Table(BaseModel):
    """Fields of one table of ``dataset.toml``; others are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class JoinSource(Table):
    """A second table whose columns describe the same stimuli."""

    table: Inside
    on: str = Field(description="column that both tables have")
    columns: tuple[str, ...] = Field(min_length=1)


class PixelsSource(Table):
    """Images in an HDF5 file, images x height x width x RGB, one byte a value."""

    file: Inside
    key: str
    row: str = Field(description="column of the stimulus table: place in the file, from 0")


class CanvasSource(Table):
    """One square field on which all images are laid, each at its place and size."""

    degrees: float = Field(
        gt=0, le=360, allow_inf_nan=False, description="side of the field, degrees of visual angle"
    )
    pixels: int = Field(ge=16, le=4096, description="side of the field")
    grey: int = Field(128, ge=0, le=255, description="background")
    position: tuple[Degrees, Degrees] | None = Field(
        None, description="its centre: degrees right of fixation and above it; none: on it"
    )
    crop: bool = Field(False, description="whether images may reach beyond it")


class ConfoundsSource(Table):
    """Regressors of no interest, one file a run."""

    files: Inside
    columns: tuple[str, ...] = Field(min_length=1)


class ProjectSource(Table):
    """Volumes brought to the vertices of a subject's own surface by nilearn."""

    left: Inside | None = Field(
        None, description="mesh of the hemisphere (the outer of two): .surf.gii or FreeSurfer's"
    )
    right: Inside | None = None
    inner_left: Inside | None = Field(None, description="inner mesh (white matter): samples lie between the two")
    inner_right: Inside | None = None
    kind: Literal["auto", "line", "ball", "depth"] = Field("auto", description="where samples of a vertex lie")
    radius: float = Field(3.0, gt=0, allow_inf_nan=False, description="mm, of 'line' and 'ball'")
    interpolation: Literal["linear", "nearest_most_frequent"] = "linear"
    within: Inside | None = Field(None, description="mask in volume: samples outside are not taken")

    @model_validator(mode="after")
    def _has_a_mesh(self) -> "ProjectSource":
        if self.left is None and self.right is None:
            raise ValueError("no mesh is named; left, right or both are expected")
        for side in ("left", "right"):
            if getattr(self, f"inner_{side}") is not None and getattr(self, side) is None:
                raise ValueError(f"inner_{side} goes with {side}, the outer mesh")
        return self


class TripletsSource(Table):
    """Choices of the odd one of three stimuli, a row each."""

    table: Inside
    items: tuple[str, str, str] = Field(
        ("first", "second", "third"), description="columns with the ids of the three stimuli"
    )
    odd: str = Field("odd", description="column with the id of the stimulus that was chosen")
    participant: str | None = Field(None, description="column that names who chose; none: one person")
    region: RegionName = Field("odd-one-out", description="name of the column on boards")
    title: str = "Odd-one-out choices"
    path: tuple[str, ...] = ("behaviour",)


class LocaliserSource(Table):
    """Runs of each subject whose contrast defines a region; none of them may be among the responses."""

    files: Inside | tuple[Inside, ...] = Field(description="time series, on the places of the responses")
    events: Inside = Field(description="events tables (BIDS), one a run")
    stimulus: str = Field("trial_type", description="column that names the condition of an event")
    contrast: dict[str, Weight] = Field(
        min_length=1, description="weights of conditions: { face = 1, house = -1 }"
    )
    t: float | None = Field(None, allow_inf_nan=False, description="units whose t is above it")
    top: float | None = Field(None, gt=0, le=100, description="percent of the places looked at with the highest t")
    scale: Literal["percent", "none"] = Field("percent", description="'percent': each run over its mean volume")
    tr: float | None = Field(None, gt=0, allow_inf_nan=False, description="seconds between volumes")
    hrf: Hrf = "glover"
    high_pass: float = Field(0.01, ge=0, description="Hz")
    confounds: ConfoundsSource | None = None

    @model_validator(mode="after")
    def _cut_is_told(self) -> "LocaliserSource":
        if self.t is None and self.top is None:
            raise ValueError(
                "neither t nor top says which units are in the region (t = 3.1, or top = 10.0 percent)"
            )
        if not any(self.contrast.values()):
            raise ValueError("every weight of the contrast is 0")
        return self
