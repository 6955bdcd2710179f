"""``Run.by_region`` holds ids and spreads of scores beside their values, of twins as well."""

from typing import Any

from django.db import migrations

_AT_ONCE = 500  # runs


def note_scores(apps: Any, schema_editor: Any) -> None:
    run, score = apps.get_model("gyral_submissions", "Run"), apps.get_model("gyral_submissions", "Score")
    scored = list(score.objects.order_by("run_id").values_list("run_id", flat=True).distinct())
    for start in range(0, len(scored), _AT_ONCE):
        runs = run.objects.in_bulk(scored[start : start + _AT_ONCE])
        for one in runs.values():
            one.by_region = {}
        chosen = score.objects.filter(run__in=list(runs), subject="all", layer="chosen").order_by()
        for pk, run_id, region, value, spread in chosen.values_list("pk", "run_id", "region", "value", "spread"):
            runs[run_id].by_region[region] = (pk, value, spread)
        run.objects.bulk_update(runs.values(), ["by_region"])


class Migration(migrations.Migration):
    dependencies = [
        ("gyral_submissions", "0008_multiply_adds"),
    ]

    operations = [
        migrations.RunPython(note_scores, migrations.RunPython.noop),
    ]
