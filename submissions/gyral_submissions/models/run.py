"""Run: one evaluation of one submission on one benchmark, and where it stands."""

import uuid

from django.db import models
from django.db.models import Q

from gyral_submissions.enums import ACTIVE, FINAL, Fault, State, Twin
from gyral_submissions.models.benchmark import Benchmark
from gyral_submissions.models.submission import Submission


class Run(models.Model):
    """State moves only by compare-and-set on ``(id, state, attempt)``; see `domain.run`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="runs")
    benchmark = models.ForeignKey(Benchmark, on_delete=models.PROTECT, related_name="runs")
    twin = models.CharField(max_length=16, choices=Twin.choices, default=Twin.NONE, blank=True)
    readout = models.CharField(max_length=120)
    # Tries an upload; its result is on no board, and only its owner's and the operators' to see.
    dry = models.BooleanField("dry run", default=False)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    attempt = models.PositiveIntegerField(default=1)
    # When its message was last handed to the broker; the sweeper publishes lost ones again.
    published = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=100, blank=True)
    # Tier of the sandbox that held the uploaded model; empty where no uploaded model is run.
    sandbox = models.CharField(max_length=16, blank=True)
    # The current step, the share of it that is done (0 to 1) and the time it will take, as far as one can tell.
    step = models.CharField(max_length=80, blank=True)
    progress = models.FloatField(default=0.0)
    remaining_seconds = models.FloatField(null=True, blank=True)
    # [{step, done, total, seconds}] of this attempt, in order; the last one is the current step.
    steps = models.JSONField(default=list, blank=True)
    fault = models.CharField(max_length=16, choices=Fault.choices, default=Fault.NONE, blank=True)
    fault_code = models.CharField(max_length=60, blank=True)
    fault_text = models.TextField(blank=True)
    fault_where = models.CharField(max_length=300, blank=True)
    fault_mend = models.TextField(blank=True)
    # Number to quote to the operators where the fault is the site's; the details are in the operators' log.
    reference = models.CharField(max_length=16, blank=True)
    # Folder of the stored record, relative to GYRAL_HOME/runs; set once, with the scores.
    record_path = models.CharField(max_length=200, blank=True)
    # The record without its rows, which are the scores; of a dry run, which has none, with those of chosen layers.
    record = models.JSONField(null=True, blank=True)
    # Share of other models left behind, mean over the board's regions; null unless all models have all regions.
    borda = models.FloatField(null=True, blank=True)
    # {region: [id, value, spread]} of the scores over all subjects, layers chosen inside training rows: what boards order and
    # average by and what they say of twins, so that they read one row a run instead of one a cell, and find the cells of a
    # page by id. Written with the scores.
    by_region = models.JSONField(null=True, blank=True)
    # Of one stimulus, in the model; null where it is not known.
    multiply_adds = models.BigIntegerField("multiply-adds", null=True, blank=True)
    # When operators found that the score has to be made again; it stays where it is until then, marked.
    stale = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True, blank=True)
    finished = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created"]
        constraints = [
            models.UniqueConstraint(
                fields=["submission", "benchmark", "twin", "readout", "dry"],
                condition=Q(state__in=[s.value for s in ACTIVE]),
                name="run_one_active",
            )
        ]
        indexes = [
            models.Index(fields=["state", "lease_until"], name="run_state_lease"),
            models.Index(fields=["benchmark", "state", "twin"], name="run_benchmark_state"),
        ]

    def __str__(self) -> str:
        return f"{self.submission} on {self.benchmark}{f' ({self.twin})' if self.twin else ''}{' (dry run)' if self.dry else ''}: {self.state}"

    @property
    def is_active(self) -> bool:
        """True while queued or running."""
        return self.state in ACTIVE

    @property
    def is_final(self) -> bool:
        """True once finished, failed or cancelled."""
        return self.state in FINAL
