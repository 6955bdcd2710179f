"""Rerun: a record made again from its own provenance.

Features are computed anew in a folder of their own: those in the cache may be the ones the record was made from.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.arrays import evaluate_arrays
from gyral.benchmarks.benchmark import measured_by
from gyral.benchmarks.installed import find_benchmark
from gyral.datasets.catalogue import open_dataset
from gyral.device import check_device
from gyral.errors import UserError
from gyral.evaluate import evaluate
from gyral.models.catalogue import MODELS, open_model
from gyral.models.model import Model
from gyral.models.others import OTHERS
from gyral.places import cache
from gyral.progress import Progress, silent
from gyral.record import Asked, Record
from gyral.result import Result

Array = NDArray[np.floating[Any]]


def rerun(
    record: Record,
    *,
    model: str | None = None,
    beside: Sequence[str] = (),
    device: str | None = None,
    progress: Progress = silent,
) -> Result:
    """Evaluate again what a record says was evaluated.

    Parameters
    ----------
    record : Record
        Of a model on a benchmark (for one of arrays see `rerun_arrays`).
    model : str, optional
        Path of the model's folder or file; default: the model of this name in the catalogue. The record's twin, if
        it is of one, is drawn from it.
    beside : sequence of str
        Paths or names of the models that stood beside it, in order; default: those of these names in the catalogue.
    device : str, optional
        Default: the record's.
    progress : Progress

    Returns
    -------
    Result
        Compare its record with `gyral.comparison.compare`; nothing is checked here.

    Raises
    ------
    UserError
        It cannot be made again: of arrays (``rerun-arrays``), no such model here (``rerun-model``), an unknown
        benchmark, a dataset or device that is not here.
    """
    asked = _asked(record)
    if record.benchmark.modality is None:
        raise UserError(
            "the record is of somebody's own arrays, which are not kept with it.",
            where=record.model.name,
            mend="With the arrays at hand: gyral.rerun.rerun_arrays(record, features, responses).",
            code="rerun-arrays",
        )
    device = device or record.provenance.device
    check_device(device)
    benchmark = measured_by(find_benchmark(record.benchmark.id), record.benchmark.metric)
    twin = record.model.twin
    reference = model or _known(record.model.name.removesuffix(f":{twin}"), record.model.hash, "--model PATH")
    others = [*beside] or [_known(name, "", "--beside PATH") for name in asked.beside]
    if len(others) != len(asked.beside):
        raise UserError(
            f"{len(others)} models are given beside, and {len(asked.beside)} stood there: {', '.join(asked.beside)}.",
            where="beside",
            code="rerun-beside",
        )
    dataset = open_dataset(benchmark.dataset, progress=progress)
    draws = open_model(f"{reference}:{twin}" if twin else reference, device=device, progress=progress)
    spaces: list[Model] = [one for name in others for one in open_model(name, device=device, progress=progress)]
    with tempfile.TemporaryDirectory(dir=cache(), prefix="rerun-") as scratch:
        return evaluate(
            draws,
            benchmark,
            dataset,
            readout=asked.readout if benchmark.task == "encoding" else None,
            layers=asked.layers,
            beside=spaces,
            reduce=asked.reduce,
            device=device,
            memory=asked.memory,
            procedure=asked.procedure,
            controls=asked.controls,
            untrained=_untrained(record, reference, device),
            seed=record.provenance.seed,
            progress=progress,
            twin=twin,
            features_in=Path(scratch),
        )


def rerun_arrays(
    record: Record,
    features: Array | Mapping[str, Array],
    responses: Array,
    *,
    groups: Sequence[Any] | NDArray[Any] | None = None,
    repeats: Array | None = None,
    regions: Mapping[str, Sequence[int] | NDArray[Any]] | None = None,
    device: str | None = None,
    progress: Progress = silent,
) -> Result:
    """Evaluate arrays again as a record of `gyral.arrays.evaluate_arrays` says they were.

    Parameters
    ----------
    record : Record
        Says readout, folds, seed, memory and what samples and positions are.
    features, responses, groups, repeats, regions
        The arrays themselves, as for `gyral.arrays.evaluate_arrays`; their hashes are compared with the record's
        by `gyral.comparison.compare`.
    device : str, optional
        Default: the record's.
    progress : Progress

    Raises
    ------
    UserError
        The record is of a model on a benchmark (``rerun-arrays``).
    """
    asked = _asked(record)
    if record.benchmark.modality is not None:
        raise UserError(
            f"the record is of {record.model.name!r} on {record.benchmark.id}, not of arrays.",
            mend="`gyral rerun RECORD` makes it again.",
            code="rerun-arrays",
        )
    return evaluate_arrays(
        features,
        responses,
        groups=groups,
        repeats=repeats,
        folds=asked.folds,
        readout=asked.readout,
        regions=regions,
        sequence=asked.sequence,
        exchangeable=asked.exchangeable,
        memory=asked.memory,
        seed=record.provenance.seed,
        device=device or record.provenance.device,
        progress=progress,
    )


def _untrained(record: Record, reference: str, device: str) -> Sequence[Model]:
    """The draws of the untrained twin that stood beside the model as a control."""
    if "untrained" not in record.controls.runs:
        return ()
    return open_model(f"{reference}:untrained", device=device)


def _asked(record: Record) -> Asked:
    return record.provenance.asked


def _known(name: str, digest: str, option: str) -> str:
    """The name, if it is one of the catalogue: a record from elsewhere must not choose a path of this machine."""
    if name in MODELS or name in OTHERS:
        return name
    raise UserError(
        f"no model {name!r} in the catalogue{f' (hash {digest[:12]})' if digest else ''}: it was scored from a folder, "
        "a file or an upload.",
        mend=f"Give it by {option}.",
        code="rerun-model",
    )
