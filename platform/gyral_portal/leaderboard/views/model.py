"""Models: card, profile over regions, layers by regions, records."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gyral.datasets.corpus import CORPORA, Overlap, declared_overlap
from gyral.models.card import SHOWN
from gyral_portal.leaderboard.layers import layers_contexts
from gyral_portal.leaderboard.people import person_of
from gyral_portal.leaderboard.picture import draw_profile
from gyral_portal.leaderboard.views.record import command_at_home
from gyral_submissions.domain.queries.profile import (
    Profile,
    submission_profile,
    versions_of,
)
from gyral_submissions.domain.queries.visible import visible_submissions
from gyral_submissions.enums import State, Tier, Twin, Visibility
from gyral_submissions.models import Benchmark, Run, Submission
from gyral_submissions.rules import may_be_changed


@require_safe
def models(request: HttpRequest) -> HttpResponse:
    """All models, each with its newest visible version; ``?q=`` searches, ``?modality=`` filters."""
    words, modality = request.GET.get("q", "").strip()[:200], request.GET.get("modality", "")
    visible = visible_submissions(request.user)
    newest = visible.filter(name=OuterRef("name")).order_by("-version").values("pk")[:1]
    found = visible.filter(pk=Subquery(newest))
    for word in words.split():
        found = found.filter(Q(name__icontains=word) | Q(title__icontains=word) | Q(card__family__icontains=word))
    if modality in SHOWN:
        found = found.filter(modality=modality)
    finished = Q(runs__state=State.FINISHED, runs__twin=Twin.NONE, runs__dry=False)
    scored = Count("runs__benchmark", filter=finished, distinct=True)
    context = {
        "models": found.annotate(boards=scored).order_by("name"),
        "words": words,
        "modality": modality,
    }
    return render(request, "leaderboard/models.html", context)


@require_safe
def model(request: HttpRequest, name: str, version: int | None = None) -> HttpResponse:
    """One model; its newest visible version where none is named."""
    versions = versions_of(visible_submissions(request.user), name)
    found = next((s for s in versions if version in (None, s.version)), None)
    if found is None:
        raise Http404(f"There is no model {name!r}.")
    everywhere = submission_profile(found)
    profiles = [(p, p.run) for p in everywhere if p.run is not None and p.run.state == State.FINISHED]
    stored = provenances([run for _, run in profiles])
    layers = layers_contexts([run for _, run in profiles])
    context: dict[str, Any] = {
        "model": found,
        "versions": versions,
        "scored_versions": [] if profiles else _scored(versions),
        "profiles": [
            {
                "profile": profile,
                "picture": draw_profile(profile),
                "layers": layers[run.pk],
                "stored": stored[run.pk],
                "command": command_at_home(found, stored[run.pk].get("command")),
                "overlap": overlap_of(found, profile.benchmark),
                "has_main": has_main(profile),
            }
            for profile, run in profiles
        ],
        "facts": card_facts(found),
        "trust": trust_words(found, scored=bool(profiles)),
        "twin_words": twin_words([p.twin_run for p in everywhere]),
        "person": person_of(found.owner) if found.visibility == Visibility.PUBLIC else None,
        "owned": may_be_changed(found, request.user),
        "public": found.visibility == Visibility.PUBLIC and found.withdrawn is None,
        "site": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "leaderboard/model.html", context)


def provenances(runs: Sequence[Run]) -> dict[UUID, dict[str, Any]]:
    """What records say of where their numbers come from, by run, with the hash of the model's ``content``; one query."""
    found = Run.objects.filter(pk__in=[run.pk for run in runs])
    rows = found.values_list("pk", "record__provenance", "record__model")
    return {pk: {**(said or {}), "content": (model or {}).get("hash", "")} for pk, said, model in rows}


def _scored(versions: Sequence[Submission]) -> list[Submission]:
    """Those with a score of the model itself."""
    runs = Run.objects.filter(submission__in=versions, state=State.FINISHED, twin=Twin.NONE, dry=False)
    scored = set(runs.values_list("submission", flat=True))
    return [one for one in versions if one.pk in scored]


def has_main(profile: Profile) -> bool:
    """True where there is a score in the region that the benchmark is known by."""
    cell = profile.cells.get(profile.benchmark.main_region)
    return cell is not None and cell.value is not None


def trust_words(submission: Submission, *, scored: bool) -> str:
    """How far its scores can be trusted; nothing is verified before the site has run the model."""
    if submission.tier == Tier.VERIFIED and not scored:
        return "not scored yet"
    return Tier(submission.tier).label


def twin_words(twins: Sequence[Run | None]) -> str:
    """What became of a model's untrained twin, from its newest run on each benchmark."""
    states = [str(run.state) for run in twins if run is not None]
    if scored := states.count(State.FINISHED):
        some = "" if scored == len(twins) else f" on {scored} of {len(twins)} benchmarks"
        return f"scored beside it{some}"
    return ", ".join(dict.fromkeys(states)) or "not run"


def card_facts(submission: Submission) -> list[tuple[str, str]]:
    """What the card declares, in words; empty fields are left out."""
    card = submission.card
    image, text, sound = (card.get(table) or {} for table in ("image", "text", "sound"))
    facts = [
        ("Modality", submission.modality),
        ("Family", card.get("family")),
        ("Parameters", f"{card['parameters']:,}" if card.get("parameters") else ""),
        ("Training data", card.get("training_data")),
        ("Trained on", "; ".join(corpus_title(name) for name in card.get("training_datasets") or ())),
        ("Licence", card.get("licence")),
        ("Paper", card.get("paper")),
        ("Home", card.get("url")),
        ("Layers read", ", ".join(card.get("layers") or ()) or "all"),
    ]
    if submission.modality == "vision" and image:
        facts.append(("Input", f"{image.get('size')} × {image.get('size')} pixels, crop {image.get('crop')}"))
        facts.append(("Mean; deviation", f"{_triple(image.get('mean'))}; {_triple(image.get('std'))}"))
    if submission.modality == "language" and text:
        facts.append(("Text", f"{text.get('pooling')} over tokens, at most {text.get('max_tokens')}"))
    if submission.modality == "audio" and sound:
        facts.append(("Sound", f"{sound.get('rate')} Hz, {sound.get('seconds') or 'all'} seconds"))
    return [(label, str(value)) for label, value in facts if value]


def corpus_title(name: str) -> str:
    """Title of a collection, or the name that the card gives."""
    return CORPORA[name].title if name in CORPORA else name


def overlap_of(submission: Submission, benchmark: Benchmark) -> Overlap:
    """What the card and the dataset declare of training data and stimuli, by today's table of collections."""
    drawn_from = benchmark.about.get("drawn_from")
    trained_on = submission.card.get("training_datasets") or ()
    return declared_overlap(trained_on, benchmark.dataset, drawn_from, made=benchmark.simulated)


def _triple(values: Any) -> str:
    return ", ".join(f"{v:g}" for v in values) if values else "none"
