"""Records: what a finished run stored, to look at and to download."""

import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from gyral.field_map import fields_svg
from gyral.heatmap import heatmap_svg
from gyral.line_chart import line_chart_svg
from gyral_portal.leaderboard.brain import record_context
from gyral_portal.leaderboard.layers import layers_contexts
from gyral_portal.leaderboard.rdms import rdms_context
from gyral_submissions import conf
from gyral_submissions.domain.queries.board import ALL, CHOSEN
from gyral_submissions.enums import State
from gyral_submissions.models import Run, Score, Submission
from gyral_submissions.rules import may_be_seen

# Files of a record, and the media type each is sent as.
FILES = {
    "record.json": "application/json",
    "units.parquet": "application/vnd.apache.parquet",
    "predictions.npy": "application/octet-stream",
    "blocks.npz": "application/zip",
    "redraws.npy": "application/octet-stream",
    "maps.npz": "application/zip",
    "curves.npz": "application/zip",
}


@require_safe
def record(request: HttpRequest, run: uuid.UUID) -> HttpResponse:
    """Table of all rows, provenance and the command that makes the record again."""
    found = find_finished(request, run)
    folder = conf.runs() / found.record_path
    place = {name: n for n, name in enumerate(found.benchmark.region_names)}  # as on boards
    scores = sorted(
        found.scores.order_by("region", "subject", "id"), key=lambda s: place.get(s.region, len(place))
    )
    context = {
        "run": found,
        "record": found.record or {},
        "command": command_at_home(found.submission, (found.record or {}).get("provenance", {}).get("command")),
        "layers": layers_contexts([found])[found.pk],
        "maps": draw_maps(folder, found),
        "fields": draw_fields(folder, found, scores) if found.benchmark.modality == "vision" else [],
        "curves": draw_curves(folder, found),
        "rdms": rdms_context(found, request.GET.get("rdm", ""), list(dict.fromkeys(row.region for row in scores))),
        "brain": record_context(
            found,
            {k: request.GET[k] for k in ("brain", "subject") if k in request.GET},
            [s for s in dict.fromkeys(row.subject for row in scores if row.layer == CHOSEN) if s != ALL],
        ),
        "scores": scores,
        "main": [s for s in scores if (s.subject, s.layer) == (ALL, CHOSEN)],
        "others": [s for s in scores if (s.subject, s.layer) != (ALL, CHOSEN)],
        "files": [name for name in FILES if (folder / name).is_file()],
    }
    return render(request, "leaderboard/record.html", context)


def draw_maps(folder: Path, run: Run) -> list[dict[str, Any]]:
    """Where the readout reads, one heat map a region and subject; none for readouts that read no positions."""
    from gyral.result import load_maps  # nested: loads pandas

    listed = (run.record or {}).get("maps", [])
    arrays = load_maps(folder) if listed else {}
    drawn = []
    for m in listed:
        if m["name"] in arrays:
            title = run.benchmark.region_title(m["region"])
            svg = heatmap_svg(arrays[m["name"]][0], tuple(m["grid"]), f"{title}, {m['subject']}")
            # Made of numbers and a title that heatmap_svg escapes.
            drawn.append({**m, "title": title, "svg": mark_safe(svg)})  # noqa: S308
    return drawn


def draw_fields(folder: Path, run: Run, scores: Sequence[Score]) -> list[dict[str, Any]]:
    """Receptive fields of images, a picture a region, all subjects; none for readouts that have none."""
    from gyral.datasets.tables import read_frame  # nested: loads pandas

    file = folder / "units.parquet"
    units = read_frame(file) if file.is_file() else None
    if units is None or not {"region", "rf_x", "rf_y", "rf_size"} <= set(units.columns):
        return []
    drawn = []
    for region in dict.fromkeys(score.region for score in scores):
        own = units.loc[units["region"] == region, ["rf_x", "rf_y", "rf_size"]].dropna()
        if len(own):
            x, y, size = own.to_numpy(float).T
            title = run.benchmark.region_title(region)
            svg = fields_svg(x, y, size, title)
            # Made of numbers and a title that fields_svg escapes.
            drawn.append({"title": title, "units": len(own), "svg": mark_safe(svg)})  # noqa: S308
    return drawn


def draw_curves(folder: Path, run: Run) -> list[dict[str, Any]]:
    """Scores over time of the chosen layers, all subjects: a picture and its numbers a region; none without a time axis."""
    import numpy as np  # nested: loads with pandas below

    from gyral.record import CURVE
    from gyral.result import load_curves

    record = run.record or {}
    arrays = load_curves(folder) if record.get("curves") else {}
    drawn = []
    for c in record.get("curves", []):
        if c["name"] not in arrays or c["layer"] != "chosen" or c["subject"] != "all":
            continue
        rows = {k: v.astype(float) for k, v in zip(CURVE, arrays[c["name"]], strict=True)}
        times, ceiling = record["time"]["times"], rows["ceiling"]
        title = run.benchmark.region_title(c["region"])
        svg = line_chart_svg(
            times,
            rows["value"],
            title,
            low=rows["low"],
            high=rows["high"],
            bound=np.sqrt(np.maximum(ceiling, 0.0)) if np.isfinite(ceiling).any() else None,
            marked=rows["p"] <= 0.05,
            window=tuple(record["time"]["window"]),
            unit="r",
        )
        points = [
            {"ms": round(t * 1000, 3)} | {k: float(v[i]) if np.isfinite(v[i]) else None for k, v in rows.items()}
            for i, t in enumerate(times)
        ]
        # Made of numbers and a title that line_chart_svg escapes.
        drawn.append({**c, "title": title, "svg": mark_safe(svg), "points": points})  # noqa: S308
    return drawn


def command_at_home(submission: Submission, command: str | None) -> str:
    """The command that makes a record again; the name of an upload means nothing elsewhere, its files do."""
    if submission.is_reference:
        return command or ""
    return re.sub(r"(?<=^gyral score )[^\s:]+", "PATH-OF-YOUR-MODEL", command or "")


@require_safe
def download(request: HttpRequest, run: uuid.UUID, name: str) -> FileResponse:
    """One file of the record, as an attachment."""
    found = find_finished(request, run)
    path = conf.runs() / found.record_path / name
    if name not in FILES or not path.is_file():
        raise Http404
    label = f"{found.submission.name}-{found.benchmark.name}-{found.benchmark.version}-{name}"
    return FileResponse(path.open("rb"), as_attachment=True, filename=label, content_type=FILES[name])


def find_finished(request: HttpRequest, run: uuid.UUID) -> Run:
    """The finished run, if the viewer may see its submission; else 404, as if it did not exist."""
    found = (
        Run.objects.select_related("submission", "benchmark")
        .filter(pk=run, state=State.FINISHED, dry=False)
        .first()
    )
    if found is None or not may_be_seen(found.submission, request.user):
        raise Http404
    return found
