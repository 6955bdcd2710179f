"""Rows of a board for tests and screenshots: benchmarks, submissions, finished runs with scores and records."""

import hashlib
import itertools
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
from django.contrib.auth.models import User

from gyral_submissions import conf
from gyral_submissions.domain.attempt import by_region
from gyral_submissions.domain.queries.board import Cell, cells_of
from gyral_submissions.domain.queries.facts import Facts
from gyral_submissions.domain.queries.grid import read_grid
from gyral_submissions.domain.standing import renew
from gyral_submissions.enums import Format, State, Tier, Twin, Visibility
from gyral_submissions.models import Benchmark, Run, Score, Submission
from gyral_submissions.rules import Viewer

_numbers = itertools.count(1)
Values = Mapping[str, float | None]


def make_benchmark(
    name: str = "cortex", version: int = 0, *, regions: Sequence[str] = ("V1", "V4"), **fields: Any
) -> Benchmark:
    """A vision benchmark with a ceiling of .6 in r2 for each region."""
    none = dict.fromkeys(("ceiling_low", "ceiling_high", "ceiling_lower"))
    ceiling = {"ceiling": 0.6, **none, "ceiling_unit": "r2", "ceiling_kind": "ncsnr"}
    columns: dict[str, Any] = {
        "content_hash": hashlib.sha256(f"{name}@{version}".encode()).hexdigest(),
        "dataset": name,
        "dataset_hash": "1" * 64,
        "title": name.replace("-", " ").capitalize(),
        "summary": "units of two areas, 640 images",
        "modality": "vision",
        "task": "encoding",
        "metric": "pearson",
        "readout": "ridge",
        "main_region": regions[-1],
        "regions": [{"name": r, "title": r, "path": ["visual", r], "n_units": 50, **ceiling} for r in regions],
        "about": {
            "title": "A dataset",
            "licence": "CC BY 4.0",
            "citation": "Authors of a dataset (2020), Journal 1:1.",
            "url": "https://example.org/data",
            "species": "macaque",
            "n_stimuli": 640,
            "n_units": 50,
            "stimuli": "image",
            "subjects": ["one"],
            "kinds": ["electrophysiology"],
            "physical_unit": "spikes/s",
            "split": "contiguous-5",
            "ceiling": "ncsnr",
        },
    }
    return Benchmark.objects.create(name=name, version=version, **columns | fields)


def make_submission(name: str | None = None, *, owner: User | None = None, **fields: Any) -> Submission:
    """A public, verified ONNX model; with ``owner=None`` a model of the catalogue."""
    columns: dict[str, Any] = {
        "modality": "vision",
        "format": Format.ONNX if owner else Format.REFERENCE,
        "tier": Tier.VERIFIED if owner else Tier.REFERENCE,
        "visibility": Visibility.PUBLIC,
        "card": {"family": "ResNet", "parameters": 4_300_000, "licence": "MIT", "layers": []},
    }
    return Submission.objects.create(name=name or f"net{next(_numbers)}", owner=owner, **columns | fields)


def make_run(submission: Submission, benchmark: Benchmark, values: Values | None = None, **fields: Any) -> Run:
    """A run; with ``values`` (by region) a finished one with scores of two layers and a record on disk."""
    state = fields.pop("state", State.FINISHED if values is not None else State.QUEUED)
    run = Run.objects.create(
        submission=submission, benchmark=benchmark, readout=benchmark.readout, state=state, **fields
    )
    if values is not None:
        _store(run, values)
    return run


def make_scored(
    name: str, benchmark: Benchmark, values: Values, twin: Values | None = None, **fields: Any
) -> Submission:
    """A submission with a finished run, and one of its twin."""
    submission = make_submission(name, **fields)
    make_run(submission, benchmark, values)
    if twin is not None:
        make_run(submission, benchmark, twin, twin=Twin.UNTRAINED)
    return submission


def _store(run: Run, values: Values) -> None:
    spread = 0.012 if run.twin else None
    for region, value in values.items():
        for layer, loss in (("chosen", 0.0), ("block.1", 0.08), ("block.2", 0.01)):
            shown = None if value is None else value - loss
            Score.objects.create(
                run=run,
                region=region,
                subject="all",
                layer=layer,
                metric=run.benchmark.metric,
                readout=run.readout,
                value=shown,
                low=None if shown is None else shown - 0.02,
                high=None if shown is None else shown + 0.02,
                interval_kind="conditional",
                interval_method="bootstrap",
                interval_groups=100,
                se=0.01,
                ceiling=0.6,
                ceiling_unit="r2",
                ceiling_kind="ncsnr",
                ceiled=None if shown is None else shown**2 / 0.6,
                r2=None if shown is None else shown**2,
                n_units=50,
                n_ceiled=46,
                n_samples=640,
                spread=spread,
                layers_chosen={"block.2": 5} if layer == "chosen" else {},
            )
    run.record = record_of(run)
    folder = conf.runs() / str(run.pk) / "record-1"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps(run.record), "utf-8")
    np.save(folder / "redraws.npy", _redraws(run, len(values)))
    pd.DataFrame({"unit": np.arange(3), "r": [0.1, 0.2, 0.3]}).to_parquet(folder / "units.parquet")
    run.record_path = f"{run.pk}/record-1"
    run.started = run.finished = run.finished or datetime.now(UTC)
    run.by_region = by_region(run.scores.all())
    run.save()
    if run.submission.visibility == Visibility.PUBLIC:
        renew(Benchmark.objects.filter(pk=run.benchmark_id))


def _redraws(run: Run, regions: int) -> np.ndarray[Any, Any]:
    """Draws x regions with a standard error of .01, of which models of a board share one half of the variance."""
    shared = np.random.default_rng(0).standard_normal((1000, 1))
    own = np.random.default_rng(zlib.crc32(run.submission.name.encode())).standard_normal((1000, regions))
    return np.asarray(0.01 * np.sqrt(0.5) * (shared + own), np.float32)


def record_of(run: Run) -> dict[str, Any]:
    """The record's summary, in the shape that `gyral.record.Record` dumps without its rows."""
    command = f"gyral score {run.submission.name} --benchmark {run.benchmark.identifier} --seed 0"
    return {
        "schema_version": 1,
        "model": {"name": run.submission.name, "hash": "2" * 64, "twin": run.twin or None},
        "benchmark": {
            "name": run.benchmark.name,
            "version": run.benchmark.version,
            "hash": run.benchmark.content_hash,
            "dataset": run.benchmark.dataset,
            "dataset_hash": run.benchmark.dataset_hash,
            "split": "contiguous-5",
            "split_hash": "3" * 64,
        },
        "warnings": [],
        "provenance": {
            "gyral": "0.1.0",
            "code": "4" * 64,
            "seed": 0,
            "device": "cpu",
            "statistics": "statistics@0",
            "command": command,
            "libraries": {"numpy": "2.4"},
        },
        "timing": {"seconds": 12.5, "features_seconds": 9.0, "readout_seconds": 3.0, "peak_memory_mb": 612.0},
    }


@dataclass(frozen=True)
class BoardRow:
    """One model on the board of one benchmark: its newest version with a score, its newest finished run, cells by region."""

    facts: Facts
    run: UUID
    cells: Mapping[str, Cell]


def board_rows(benchmark: Benchmark, viewer: Viewer = None) -> list[BoardRow]:
    """The board of one benchmark as pages read it, best in the main region first and missing scores last."""
    grid = read_grid([Benchmark.objects.get(pk=benchmark.pk)], viewer)
    found = cells_of(grid, range(len(grid.facts)), range(len(grid.columns)), viewer)
    names = [column.name for column in grid.columns]
    rows = [
        BoardRow(facts, run, {name: found[n, c] for c, name in enumerate(names) if (n, c) in found})
        for n, facts in enumerate(grid.facts)
        if (run := grid.run(0, facts.pk)) is not None
    ]

    def order(row: BoardRow) -> tuple[bool, float, str]:
        cell = row.cells.get(benchmark.main_region)
        value = cell.value if cell is not None else None
        return value is None, -(value or 0.0), row.facts.name

    return sorted(rows, key=order)
