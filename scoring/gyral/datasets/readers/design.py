"""Design of a first-level model of one run, by nilearn."""

import warnings
from typing import cast

import numpy as np
import pandas as pd

from gyral.datasets.readers.runs import Run
from gyral.datasets.source import ResponsesSource
from gyral.errors import BadDataset


def design_of(events: list[tuple[float, float, str]], run: Run, source: ResponsesSource) -> pd.DataFrame:
    """Volumes x regressors: one a name of an event, then confounds, cosine drifts and a constant.

    Parameters
    ----------
    events : list of (onset, duration, name)
        Seconds after the first volume.
    run : Run
    source : ResponsesSource
        Its response function, high pass and confounds.

    Raises
    ------
    BadDataset
        Regressors depend on one another (``design-rank``).
    """
    from nilearn.glm.first_level import make_first_level_design_matrix  # slow import, only for this estimate

    confounds = source.confounds.columns if source.confounds is not None else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rank: it is looked at below, and is no warning there
            design = make_first_level_design_matrix(
                run.tr * np.arange(run.volumes),
                pd.DataFrame(events, columns=["onset", "duration", "trial_type"]),
                hrf_model=source.hrf,
                drift_model="cosine" if source.high_pass else None,
                high_pass=source.high_pass or 0.01,
                add_regs=run.confounds,
                add_reg_names=None if confounds is None else list(confounds),
            )
    except ValueError as error:
        raise BadDataset(f"no design can be made: {error}.", where=run.part.name, code="design-rank") from None
    if np.linalg.matrix_rank(design.to_numpy()) < design.shape[1]:
        own = design[[c for c in design if c in {name for *_, name in events}]].to_numpy()
        if np.linalg.matrix_rank(own) == own.shape[1]:
            raise BadDataset(
                f"confounds and drifts repeat each other or the {len(events)} events in {run.volumes} volumes.",
                where=f"{run.part.name} {run.name}",
                mend="A confound may be constant or named twice; or use fewer of them, or a lower high_pass.",
                code="design-rank",
            )
        raise BadDataset(
            f"{len(events)} events in {run.volumes} volumes cannot be told apart.",
            where=f"{run.part.name} {run.name}",
            mend="Trials overlap too much: use estimate = 'lss', fewer confounds or a lower high_pass.",
            code="design-rank",
        )
    return cast(pd.DataFrame, design)
