"""Closed sets of words stored in the database."""

from enum import StrEnum

from django.db.models import TextChoices


class Format(TextChoices):
    """What a submission's file is."""

    ONNX = "onnx", "ONNX graph"
    SAFETENSORS = "safetensors", "safetensors folder"
    FEATURES = "features", "precomputed features"
    REFERENCE = "reference", "reference model of the catalogue"


class Visibility(TextChoices):
    """Who may see a submission and its scores."""

    PRIVATE = "private", "private"
    # On no board and in no list; whoever has the address of a run sees it.
    UNLISTED = "unlisted", "unlisted"
    PUBLIC = "public", "public"


class Tier(TextChoices):
    """How far a score can be trusted."""

    VERIFIED = "verified", "verified: the site ran the model"
    SELF_REPORTED = "self-reported", "self-reported features"
    REFERENCE = "reference", "reference model"


class State(TextChoices):
    """States of a run. QUEUED and RUNNING are active; the others are final."""

    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    FINISHED = "finished", "finished"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "cancelled"


ACTIVE = (State.QUEUED, State.RUNNING)
FINAL = (State.FINISHED, State.FAILED, State.CANCELLED)


class Twin(TextChoices):
    """Which control of a model a run scores; empty for the model itself."""

    NONE = "", "the model"
    UNTRAINED = "untrained", "untrained twin"


class Fault(TextChoices):
    """Whose fault a failed run is."""

    NONE = "", "none"
    SUBMITTER = "submitter", "the submission"
    SITE = "site", "the site"


class Queue(StrEnum):
    """Queues of the broker: what somebody waits for, and what nobody does."""

    FOREGROUND = "celery"
    BACKGROUND = "background"
