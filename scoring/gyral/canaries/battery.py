"""The battery: every canary for one dataset under one split."""

from collections.abc import Callable

from gyral.canaries.case import Case
from gyral.canaries.duplicates import duplicate_stimuli
from gyral.canaries.finding import Finding
from gyral.canaries.groups import group_integrity
from gyral.canaries.held_out import wiped_held_out_rows
from gyral.canaries.kernel import temporal_kernel
from gyral.canaries.lag import lag_scan
from gyral.canaries.noise import smooth_noise
from gyral.canaries.oasm import oasm
from gyral.canaries.position import shared_position
from gyral.datasets.dataset import Dataset
from gyral.datasets.split import Split
from gyral.progress import Progress, silent

# In the order of a report: what needs no fit first.
CANARIES: dict[str, Callable[[Case], Finding]] = {
    "groups": group_integrity,
    "duplicates": duplicate_stimuli,
    "held-out-rows": wiped_held_out_rows,
    "oasm": oasm,
    "temporal-kernel": temporal_kernel,
    "smooth-noise": smooth_noise,
    "position": shared_position,
    "lag-scan": lag_scan,
}


def run_canaries(
    dataset: Dataset, split: Split | None = None, *, seed: int = 0, progress: Progress = silent
) -> tuple[Finding, ...]:
    """What every canary says of a dataset under a split; some seconds a fold, of at most forty folds, for any size.

    Parameters
    ----------
    dataset : Dataset
    split : Split, optional
        Default: the one the dataset declares.
    seed : int
        Of random features and redraws.
    progress : Progress

    Raises
    ------
    BadDataset
        The declared split cannot be made, or a stimulus file cannot be read.
    """
    case = Case(dataset, dataset.split() if split is None else split, seed)
    findings = []
    for n, (name, canary) in enumerate(CANARIES.items()):
        progress(f"canary {name}", n, len(CANARIES))
        findings.append(canary(case))
    progress("canaries", len(CANARIES), len(CANARIES))
    return tuple(findings)
