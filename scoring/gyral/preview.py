"""Preview: a pack as one HTML page, for its owner to look at before anybody else does.

The page holds everything it shows (pictures as data, no script, nothing from elsewhere), so that it can be read without a network, and
goes where its file goes.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from gyral.audit import RDM_METRIC, Audit, RegionCeiling, audit
from gyral.benchmarks.catalogue import BUNDLED
from gyral.brain.painting import Painting, claimed
from gyral.brain.picture import brain_svg
from gyral.brain.placed import place_units, why_no_place
from gyral.datasets.corpus import CORPORA
from gyral.datasets.dataset import Dataset
from gyral.datasets.manifest import read_manifest
from gyral.datasets.region import Region
from gyral.datasets.repeats import presentations
from gyral.datasets.sound import read_sound
from gyral.html_page import facts, table, whole_page
from gyral.metrics.metric import title_of
from gyral.progress import Progress, silent

SAMPLES = 12
_SIDE = 160  # pixels of a picture
_SMALL = 1 << 20  # bytes of a sound that the page holds
_WORDS = {"pass": "fits", "warn": "look at this", "refuse": "refused", "not-applicable": "does not apply"}
_RIGHTS = {
    "public": "A site shows the stimuli to everybody.",
    "login": "A site shows the stimuli to people who are logged in.",
    "none": "A site shows the stimuli to nobody.",
}
_HEAD = (
    '<p class="note">A preview of <code>{}</code>, made on the machine that holds the data. Nobody has been shown it: it is a file, '
    "and goes where you send it.</p>"
)


def preview(dataset: Dataset, *, stimuli: bool = False, progress: Progress = silent) -> str:
    """The page.

    Parameters
    ----------
    dataset : Dataset
        A pack that was read; its ``[benchmark]``, if it declares one, says which ceilings are estimated.
    stimuli : bool
        Show samples of stimuli that a site would show to nobody.
    progress : Progress
        Told of the canaries.

    Raises
    ------
    BadDataset
        The declared split cannot be made, or a file of the pack cannot be read.
    """
    asked = dict(dataset.extra.get("benchmark") or {})
    if bundled := not asked:
        asked = next((asdict(b) for b in BUNDLED if b.dataset == dataset.name), {})
    similar = asked.get("task") == "rsa"
    metric = str(asked["metric"]) if similar else RDM_METRIC
    report = audit(dataset, ceiling=asked.get("ceiling"), metric=metric, rdm=asked.get("rdm"), progress=progress)
    about = dataset.about
    title = escape(about.title)
    marks = " (simulated)" if about.simulated else ""
    parts = [
        f"<h1>{title}{marks}</h1>",
        _HEAD.format(escape(about.name)),
        f"<p>{escape(about.description)}</p>",
        *_rights(dataset),
        *_shapes(dataset),
        *_stimuli(dataset, stimuli),
        *_split(dataset),
        *_canaries(report),
        *_regions(dataset, report),
        *_brain(dataset),
        *_board(asked, bundled=bundled),
    ]
    return whole_page(f"Preview: {about.title}", parts)


def _rights(dataset: Dataset) -> Iterator[str]:
    about = dataset.about
    lacking = '<strong class="warn">not stated</strong>'
    if about.drawn_from is None:
        drawn = f"{lacking}: contamination of models cannot be told"
    else:
        drawn = escape("; ".join(CORPORA[n].title for n in about.drawn_from)) or "made for the experiment"
    yield "<h2>Rights and origin</h2>"
    yield facts(
        [
            ("Licence", escape(about.licence) or lacking),
            ("Cite", escape(about.citation) or lacking),
            ("Home", escape(about.url) or lacking),
            ("Species", escape(about.species)),
            ("Version", f"{escape(about.version)} <small>content {escape(dataset.content_hash[:16])}</small>"),
            ("Stimuli drawn from", drawn),
            (
                "Stimuli",
                f"{_RIGHTS[about.display]} <small><code>display = {escape(about.display)!r}</code></small>",
            ),
            (
                "Responses",
                "private: only a site that holds them scores them"
                if about.private
                else "public: anybody who has the pack can score at home",
            ),
        ]
    )


def _shapes(dataset: Dataset) -> Iterator[str]:
    yield "<h2>What was measured</h2>"
    told = [
        ("Rows", escape(dataset.named_samples)),
        ("Stimuli", f"{len(dataset.stimuli)} ({dataset.stimuli.modality})"),
    ]
    if dataset.stimuli.shown:
        told.append(("Images", dataset.stimuli.shown))
    if dataset.stimuli.modality == "sound":
        told.append(("Sounds", _durations(dataset.stimuli.files or ())))
    responses = dataset.responses
    if responses is not None:
        told.append(("Responses", f"{escape(responses.kind)}, in {escape(responses.physical_unit)}"))
    if dataset.time is not None:
        times = dataset.time.times
        told.append(("Times", f"{times[0]:g} to {times[-1]:g} s after the stimulus, {len(times)} of them"))
    if dataset.timeline is not None:
        told.append(("Times", f"a sample every {dataset.timeline.period:g} s"))
    if (triplets := dataset.triplets) is not None:
        told.append(("Choices", f"{len(triplets.odd)} of the odd one of three"))
    if constant := dataset.extra.get("constant_units"):
        told.append(("Cannot be scored", f"{constant} units that never change"))
    yield facts(told)
    if responses is not None:
        rows = []
        for subject, values in responses.values.items():
            shown = "1"
            if subject in responses.repeats:
                least, most = presentations(responses.repeats[subject])
                shown = str(least) if least == most else f"{least} to {most}"
            rows.append([escape(subject), str(len(values)), str(values.shape[1]), shown])
        yield table("Subjects", ("Subject", "Rows", "Units", "Presentations of a stimulus"), rows, (1, 2, 3))
    if dataset.rdms:
        rows = [
            [escape(n), str(r.values.shape[0]), str(r.values.shape[1]), escape(r.kind)]
            for n, r in dataset.rdms.items()
        ]
        yield table("Dissimilarities", ("Region", "Subjects", "Matrices of each", "Of"), rows, (1, 2))


def _stimuli(dataset: Dataset, asked: bool) -> Iterator[str]:
    yield "<h2>Samples of stimuli</h2>"
    stimuli = dataset.stimuli
    if dataset.about.display == "none" and not asked:
        yield (
            "<p>None are shown: the pack says <code>display = 'none'</code>. On your own machine you may look at what you "
            "hold: <code>gyral data preview --stimuli</code> puts twelve of them into this page.</p>"
        )
        return
    if dataset.about.display == "none":
        yield (
            "<p class=\"note\">The pack says <code>display = 'none'</code>, and you asked to see samples. Do not pass this page on.</p>"
        )
    rows = np.unique(np.linspace(0, len(stimuli) - 1, SAMPLES).astype(int))
    chosen = stimuli.subset([int(r) for r in rows])
    groups = chosen.groups or ("",) * len(chosen)
    if chosen.files is not None:
        show = _player if stimuli.modality == "sound" else _image
        items = [
            f'<li><figure>{show(file, name)}<figcaption class="soft">{escape(name)}'
            f"{f', {escape(group)}' if group else ''}</figcaption></figure></li>"
            for name, group, file in zip(chosen.ids, groups, chosen.files, strict=True)
        ]
        yield f'<ul class="stimuli">{"".join(items)}</ul>'
    else:
        texts = chosen.texts or chosen.ids
        lines = [
            f'<li>{escape(text)} <small class="soft">{escape(name)}{f", {escape(group)}" if group else ""}</small></li>'
            for name, group, text in zip(chosen.ids, groups, texts, strict=True)
        ]
        yield f'<ol class="texts">{"".join(lines)}</ol>'
    yield f'<p class="soft">{len(chosen)} of {len(stimuli)}, evenly spaced.</p>'


def _durations(files: Sequence[Path]) -> str:
    sounds = [read_sound(file) for file in files]
    seconds = sorted(s.seconds for s in sounds)
    rates = sorted({s.rate for s in sounds})
    shown = f"{seconds[0]:.2f}" if seconds[0] == seconds[-1] else f"{seconds[0]:.2f} to {seconds[-1]:.2f}"
    return f"{shown} s, {sum(seconds):.0f} s together, at {', '.join(map(str, rates))} Hz"


def _player(file: Path, name: str) -> str:
    """A sound to be heard from the page itself, where it is small."""
    if file.stat().st_size > _SMALL:
        return f"<small>{file.stat().st_size / 1e6:.1f} MB: too large for this page</small>"
    kind = {".wav": "wav", ".flac": "flac"}.get(file.suffix.lower(), "ogg")
    held = base64.b64encode(file.read_bytes()).decode()
    return f'<audio controls preload="none" src="data:audio/{kind};base64,{held}" aria-label="stimulus {escape(name)}"></audio>'


def _image(file: Path, name: str) -> str:
    return f'<img src="{_picture(file)}" alt="stimulus {escape(name)}">'


def _picture(file: Any) -> str:
    from PIL import Image  # nested: only where there are images

    with Image.open(file) as opened:
        image = opened.convert("RGB")
        image.thumbnail((_SIDE, _SIDE))
    held = BytesIO()
    image.save(held, "PNG")
    return f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"


def _split(dataset: Dataset) -> Iterator[str]:
    split = dataset.split()
    tests = [len(f.test) for f in split.folds]
    trains = [len(f.train) for f in split.folds]
    groups = dataset.sample_groups
    yield "<h2>Split</h2>"
    yield facts(
        [
            ("Held out", f"<code>{escape(split.name)}</code>: {len(split.folds)} folds"),
            ("Rows held out at a time", _between(tests)),
            ("Rows trained on", _between(trains)),
            ("Groups", "none" if groups is None else f"{len(set(groups))}, such as {escape(str(groups[0]))!r}"),
            ("Order", "rows are in the order of measurement" if dataset.about.ordered else "rows are in no order"),
        ]
    )


def _between(counts: Sequence[int]) -> str:
    return str(min(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def _canaries(report: Audit) -> Iterator[str]:
    yield "<h2>Does the split leak?</h2>"
    said = {
        "refuse": '<p class="refuse">A canary refuses this split: it gets no board.</p>',
        "warn": '<p class="warn">No canary refuses this split; some ask to be looked at.</p>',
    }
    yield said.get(report.verdict, '<p class="pass">No canary refuses this split.</p>')
    rows = [
        [
            f'<span class="{f.verdict}">{_WORDS[f.verdict]}</span>',
            escape(f.title),
            f"{escape(f.reason)}{f' <em>{escape(f.mend)}</em>' if f.mend else ''}",
        ]
        for f in report.findings
    ]
    yield table("Canaries: models that must not score", ("Verdict", "Canary", "What it saw"), rows)


def _regions(dataset: Dataset, report: Audit) -> Iterator[str]:
    yield "<h2>Regions and what can be predicted of them</h2>"
    if report.ceiling_note:
        yield f"<p>{escape(report.ceiling_note)}</p>"
    found = {row.region: row for row in report.ceilings}
    rows = []
    for region in dataset.regions:
        ceiling = found.get(region.name)
        above = " / ".join(region.path[:-1])
        rows.append(
            [
                f"{escape(region.title or region.name)} <small><code>{escape(region.name)}</code></small>",
                escape(above) or "–",
                str(ceiling.units if ceiling else len(region)),
                _by_subject(dataset, region),
                *_cells(ceiling),
                str(ceiling.left_out if ceiling else 0),
            ]
        )
    counted = "Units" if dataset.responses is not None else "Subjects" if dataset.rdms else "People"
    head = (
        "Region",
        "Part of",
        counted,
        "Of each subject",
        "Ceiling",
        "95 % interval",
        "Estimated by",
        "Left out",
    )
    yield table("Regions and their ceilings", head, rows, (2, 4, 5, 7))
    yield (
        '<p class="soft">The ceiling is the most that any model can reach: of responses the explained variance (r²), median over '
        "units and mean over subjects; of dissimilarities the correlation (r). Its interval is for as many new stimuli. "
        "Left out are units too unreliable for a score over the ceiling.</p>"
    )


def _by_subject(dataset: Dataset, region: Region) -> str:
    if dataset.responses is None or not len(region):
        return "–"
    owners = dataset.units["subject"].to_numpy(dtype=str)[region.units]
    names, counts = np.unique(owners, return_counts=True)
    if len(names) > 6:
        return f"{counts.min()} to {counts.max()} in {len(names)} subjects"
    return ", ".join(f"{escape(n)}: {c}" for n, c in zip(names, counts, strict=True))


def _cells(ceiling: RegionCeiling | None) -> tuple[str, str, str]:
    if ceiling is None or ceiling.value is None:
        return "–", "–", "–"
    between = "–" if ceiling.low is None or ceiling.high is None else f"{ceiling.low:.2f} to {ceiling.high:.2f}"
    unit = "r²" if ceiling.unit == "r2" else ceiling.unit
    return f"{ceiling.value:.2f} {unit}", between, escape(ceiling.kind)


def _brain(dataset: Dataset) -> Iterator[str]:
    if dataset.root is None:
        return
    manifest = read_manifest(dataset.root)
    yield "<h2>Regions on the brain</h2>"
    if why := why_no_place(manifest, dataset.units):
        yield f"<p>{escape(why)}</p>"
        return
    placed = place_units(dataset.units, simulated=dataset.about.simulated)
    regions = [r for r in dataset.regions if len(r)]
    several = dataset.units["subject"].nunique()
    away = int((~placed.known).sum())
    notes = [f"Units are shown {placed.how}."]
    notes += [f"{away} of {len(dataset.units)} units are on neither surface."] if away else []
    notes += [f"Units of {several} subjects together."] if several > 1 else []
    drawn = Painting(
        claimed(placed, [r.units for r in regions]),
        f"Regions of {dataset.about.title} on the cortex",
        names=tuple(r.title or r.name for r in regions),
        notes=tuple(notes),
    )
    yield f'<figure class="brain">{brain_svg(drawn)}</figure>'


def _board(asked: dict[str, Any], *, bundled: bool) -> Iterator[str]:
    yield "<h2>Its board</h2>"
    if not asked:
        yield "<p>The pack declares no <code>[benchmark]</code>: it can be scored in Python, and has no board.</p>"
        return
    yield facts(
        [
            (
                "Benchmark",
                f"{escape(str(asked['title']))} <code>{escape(asked['name'])}@{asked['version']}</code>",
            ),
            ("Metric", escape(title_of(str(asked["metric"])))),
            ("Readout", escape(str(asked["readout"]))),
            ("Main region", escape(str(asked["main_region"]))),
        ]
    )
    if bundled:
        return
    yield (
        "<p>Public it becomes by <code>gyral data install</code> on a site and <code>manage.py sync_benchmarks</code>, and not "
        "before.</p>"
    )
