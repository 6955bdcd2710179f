"""A site's database with as many models, columns and subjects as one asks for, filled by the database itself.

Values are the same on SQLite and PostgreSQL: a few multiplications modulo a prime, plus what region and model bring.
"""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, models

from gyral_submissions.enums import Format, State, Tier, Twin, Visibility
from gyral_submissions.models import Benchmark, Run, Score, Submission

FAMILIES = ("ResNet", "ViT", "ConvNeXt", "CLIP", "BERT", "GPT", "RNN", "floor")
LICENCES = ("MIT", "Apache-2.0", "CC BY-NC 4.0", "")
CORPORA = (["imagenet-1k"], ["laion"], ["wikipedia"], [])
_OBJECTS = {
    "sqlite": "json_group_object(region, json_array(id, value, spread))",
    "postgresql": "jsonb_object_agg(region, jsonb_build_array(id, value, spread))",
}
START = datetime(2024, 1, 1, tzinfo=UTC)


def fill(models_: int, columns: int, subjects: int, *, regions: int = 10) -> None:
    """Public models on ``columns / regions`` benchmarks; half of them with an untrained twin, a tenth of cells missing."""
    boards = [_benchmark(n, regions) for n in range(columns // regions)]
    Submission.objects.bulk_create([_submission(n) for n in range(models_)], batch_size=2000)
    submissions = list(Submission.objects.order_by("id").values_list("pk", flat=True))
    for board in boards:
        runs = [_run(board, pk, n, Twin.NONE) for n, pk in enumerate(submissions) if (n + board.version) % 10]
        runs += [_run(board, pk, n, Twin.UNTRAINED) for n, pk in enumerate(submissions) if n % 2]
        Run.objects.bulk_create(runs, batch_size=1000)
    _scores(subjects, regions)
    with connection.cursor() as cursor:
        # A site that has been up for a day has been cleaned up, too.
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _benchmark(number: int, regions: int) -> Benchmark:
    modality = "vision" if number % 2 == 0 else "language"
    none = dict.fromkeys(("ceiling_low", "ceiling_high", "ceiling_lower"))
    listed = [
        {"name": f"R{r:02}", "title": f"Region {r}", "path": [f"R{r:02}"], "n_units": 100, "ceiling": 0.6}
        | none
        | {"ceiling_unit": "r2", "ceiling_kind": "ncsnr"}
        for r in range(regions)
    ]
    return Benchmark.objects.create(
        name=f"data{number:02}",
        version=number,
        content_hash=f"{number:064}",
        dataset=f"data{number:02}",
        dataset_hash="1" * 64,
        title=f"Dataset {number}",
        summary="made for a measurement",
        modality=modality,
        task="encoding",
        metric="pearson",
        readout="ridge",
        main_region="R00",
        regions=listed,
    )


def _submission(number: int) -> Submission:
    card = {
        "family": FAMILIES[number % len(FAMILIES)],
        "parameters": 10 ** (5 + number % 5) + number,
        "licence": LICENCES[number % 4],
        "training_datasets": CORPORA[number // 4 % 4],
        "description": "A model of a measurement. " * 8,
    }
    return Submission(
        name=f"model-{number:05}",
        title=f"Model {number} of {FAMILIES[number % len(FAMILIES)]}",
        modality="vision",
        format=Format.REFERENCE,
        tier=(Tier.VERIFIED, Tier.REFERENCE, Tier.SELF_REPORTED)[number % 3],
        visibility=Visibility.PUBLIC,
        has_twin=bool(number % 2),
        card=card,
    )


def _run(board: Benchmark, submission: int, number: int, twin: str) -> Run:
    return Run(
        id=uuid.UUID(int=(board.version << 64) + (number << 8) + (1 if twin else 0)),
        submission_id=submission,
        benchmark=board,
        twin=twin,
        readout="ridge",
        state=State.FINISHED,
        finished=START + timedelta(minutes=number * 60 + board.version),
        record={"provenance": {"command": "gyral score", "libraries": {f"library{n}": "1.0" for n in range(60)}}},
    )


def _scores(subjects: int, regions: int) -> None:
    """One row a run, region and subject, and one over all subjects; twins have the last alone.

    Their ids go to the runs, as `gyral_submissions.domain.attempt` writes them.
    """
    known = {
        "run_id": "run.id",
        "region": "region.name",
        "subject": "subject.name",
        "layer": "'chosen'",
        "metric": "'pearson'",
        "readout": "'ridge'",
        "value": "run.shown",
        "low": "run.shown - 0.02",
        "high": "run.shown + 0.02",
        "interval_kind": "'conditional'",
        "ceiling": "0.6",
        "ceiling_unit": "'r2'",
        "ceiling_kind": "'ncsnr'",
        "ceiled": "run.shown * run.shown / 0.6",
        "r2": "run.shown * run.shown",
        "unique_r2": "run.shown * run.shown / 2",
        "unique_low": "run.shown * run.shown / 2 - 0.01",
        "unique_high": "run.shown * run.shown / 2 + 0.01",
        "omega": "0.5",
        "n_units": "100",
        "n_ceiled": "90",
        "n_samples": "1000",
        "rank_best": "1 + cast((0.5 - run.shown) * 1000 as integer)",
        "rank_worst": "3 + cast((0.5 - run.shown) * 1000 as integer)",
    }
    fields = [f for f in Score._meta.local_concrete_fields if not f.primary_key]
    columns = ", ".join(connection.ops.quote_name(str(f.column)) for f in fields)
    given = ", ".join(known.get(str(f.column), _blank(f)) for f in fields)
    people = ["all", *(f"s{n}" for n in range(subjects))]
    names = _values("name", people)
    places = " union all ".join(f"select 'R{r:02}' as name, {r} as number" for r in range(regions))
    with connection.cursor() as cursor:
        for board in Benchmark.objects.order_by("version"):
            value = (
                f"((model.number * 7919 + {board.version} * 104729 + region.number * 1299709) % 10007) / 20014.0"
            )
            run = (
                "(select run.id, run.twin, region.name as region, "
                + value
                + " as shown from gyral_submissions_run run "
                "join (select id, row_number() over (order by id) - 1 as number from gyral_submissions_submission) model "
                f"on model.id = run.submission_id join ({places}) region on (model.number + region.number) % 10 <> 0 "
                f"where run.benchmark_id = {board.pk})"
            )
            cursor.execute(
                f"insert into gyral_submissions_score ({columns}) select {given.replace('region.name', 'run.region')} "
                f"from {run} run join ({names}) subject on run.twin = '' or subject.name = 'all'"
            )
            cursor.execute(
                f"update gyral_submissions_run set by_region = (select {_OBJECTS[connection.vendor]} "
                "from gyral_submissions_score score where score.run_id = gyral_submissions_run.id "
                f"and score.subject = 'all' and score.layer = 'chosen') where benchmark_id = {board.pk}"
            )


def _values(name: str, words: list[str]) -> str:
    return " union all ".join(f"select '{word}' as {name}" for word in words)


def _blank(field: "models.Field[Any, Any]") -> str:
    """What an insert of our own must say where Django would have filled in the default."""
    if field.null:
        return "null"
    default = field.get_default()
    if isinstance(default, dict | list):
        return f"'{json.dumps(default)}'"
    return "''" if isinstance(default, str) else str(default)
