"""Again: what an earlier version says of the next, so that only the file is another."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Max

from gyral.models.card import ModelCard, known_keys
from gyral_submissions.models import Benchmark, Run, Submission

# Keys of the card that the form has fields for, and the fields.
FIELDS = {
    **{key: key for key in ("title", "modality", "description", "family", "parameters", "licence", "paper")},
    **{key: key for key in ("training_datasets", "training_data", "layers")},
    **{f"image.{key}": f"image_{key}" for key in ("size", "crop", "mean", "std")},
    **{f"text.{key}": f"text_{key}" for key in ("pooling", "max_tokens")},
    **{f"sound.{key}": f"sound_{key}" for key in ("rate", "seconds")},
}


def find_earlier(number: str, owner: User) -> Submission | None:
    """The version of ``owner`` that a new one is made from; None where there is none of that number."""
    if not number.isdecimal() or len(number) > 9:
        return None
    return Submission.objects.filter(pk=int(number), owner=owner, deleted=None).first()


def newest_of(name: str, owner: User) -> Submission | None:
    """The newest version of a model of ``owner``; None where none of theirs has the name."""
    return Submission.objects.filter(name=name, owner=owner, deleted=None).order_by("-version").first()


def next_version(submission: Submission) -> int:
    """The number that the next version gets."""
    same = Submission.objects.filter(name=submission.name)
    return int(same.aggregate(newest=Max("version"))["newest"]) + 1


def filled(submission: Submission) -> dict[str, Any]:
    """What the form is filled in with; benchmarks are the newest versions of those it was scored on."""
    found = {field: _value(submission.card, key) for key, field in FIELDS.items()}
    found["layers"] = "\n".join(found["layers"] or ())
    return {
        **{field: value for field, value in found.items() if value is not None},
        "name": submission.name,
        "format": submission.format,
        "visibility": submission.visibility,
        "benchmarks": benchmarks_of(submission),
    }


def carried(submission: Submission) -> dict[str, Any]:
    """What its card says that the form has no field for and that is no default: ``{"image.resize": "square"}``."""
    keys = [key for key in known_keys() if key not in FIELDS and key != "name"]
    own = {"vision": "image", "language": "text", "audio": "sound"}[submission.modality]
    apart = tuple(f"{table}." for table in ("image", "text", "sound") if table != own)
    found = {key: _value(submission.card, key) for key in keys if not key.startswith(apart)}
    usual = ModelCard(name="x", modality="vision").model_dump(mode="json")
    return {key: value for key, value in found.items() if value not in (None, _value(usual, key))}


def with_carried(card: dict[str, Any], submission: Submission) -> dict[str, object]:
    """A card of the form's fields, and of what was carried."""
    whole = dict(card)
    for key, value in carried(submission).items():
        table, dot, name = key.partition(".")
        if dot and table in whole:
            whole[table] = {name: value, **whole[table]}
        elif not dot:
            whole.setdefault(key, value)
    return whole


def benchmarks_of(submission: Submission) -> list[str]:
    """Where it was scored, or the newest version before it that was: the newest version of each benchmark."""
    runs = Run.objects.filter(
        submission__name=submission.name,
        submission__owner=submission.owner_id,
        submission__version__lte=submission.version,
        submission__deleted=None,
        dry=False,
        twin="",
    )
    last = runs.aggregate(newest=Max("submission__version"))["newest"]
    scored = runs.filter(submission__version=last).values_list("benchmark__name", flat=True)
    newest = Benchmark.objects.filter(name__in=set(scored), retired=False).order_by("version")
    return sorted({b.name: b.identifier for b in newest}.values())


def _value(card: dict[str, Any], key: str) -> Any:
    table, dot, name = key.partition(".")
    return (card.get(table) or {}).get(name) if dot else card.get(key)
