"""Score: one row of a stored record, as boards query it."""

from django.db import models

from gyral.left import nothing_left
from gyral_submissions.models.run import Run


class Score(models.Model):
    """Mirrors `gyral.record.Row`; written once, with the record, in one transaction, but for its rank."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="scores")
    region = models.CharField(max_length=80)
    subject = models.CharField(max_length=80)
    layer = models.CharField(max_length=200)
    metric = models.CharField(max_length=40)
    readout = models.CharField(max_length=120)
    value = models.FloatField(null=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    interval_kind = models.CharField(max_length=12, blank=True)
    interval_method = models.CharField(max_length=10, blank=True)
    interval_groups = models.PositiveIntegerField(default=0)
    interval_df = models.FloatField(null=True)
    se = models.FloatField(null=True)
    procedure_low = models.FloatField(null=True)
    procedure_high = models.FloatField(null=True)
    p = models.FloatField(null=True)
    q = models.FloatField(null=True)
    null_kind = models.CharField(max_length=12, blank=True)
    ceiling = models.FloatField(null=True)
    ceiling_low = models.FloatField(null=True)
    ceiling_high = models.FloatField(null=True)
    ceiling_lower = models.FloatField(null=True)
    ceiling_lower_low = models.FloatField(null=True)
    ceiling_lower_high = models.FloatField(null=True)
    ceiling_unit = models.CharField(max_length=2, blank=True)
    ceiling_kind = models.CharField(max_length=20, blank=True)
    ceiling_rows = models.CharField(max_length=10, blank=True)
    ceiled = models.FloatField(null=True)
    ceiled_low = models.FloatField(null=True)
    ceiled_high = models.FloatField(null=True)
    r2 = models.FloatField(null=True)
    n_units = models.PositiveIntegerField()
    n_ceiled = models.PositiveIntegerField(default=0)
    n_samples = models.PositiveIntegerField()
    n_missing = models.PositiveBigIntegerField(default=0)
    spread = models.FloatField(null=True)
    # {layer: folds (times draws) it won}; filled where ``layer`` is "chosen".
    layers_chosen = models.JSONField(default=dict)
    # What the fit says besides its score; null or empty for readouts that say nothing of the kind.
    receptive_field = models.JSONField(null=True)
    shares = models.JSONField(default=dict)
    unique = models.JSONField(default=dict)
    weights = models.JSONField(default=dict)
    # Beside nuisances; null where those were not run, and for single layers.
    nuisance_r2 = models.FloatField(null=True)
    joint_r2 = models.FloatField(null=True)
    unique_r2 = models.FloatField(null=True)
    unique_low = models.FloatField(null=True)
    unique_high = models.FloatField(null=True)
    omega = models.FloatField(null=True)
    # Likewise of RDMs.
    partial = models.FloatField(null=True)
    partial_low = models.FloatField(null=True)
    partial_high = models.FloatField(null=True)
    # By name, the `gyral.record.ControlScore` of each further control.
    controls = models.JSONField(default=dict)
    # Of metrics that have them.
    chance = models.FloatField(null=True)
    identification = models.JSONField(default=dict)

    # Among the public models of the board, by `domain.standing`; null until it is ranked.
    rank_best = models.PositiveIntegerField(null=True)
    rank_worst = models.PositiveIntegerField(null=True)
    tie_letters = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "region", "subject", "layer"], name="score_once_per_cell")
        ]

    def __str__(self) -> str:
        return f"{self.region} / {self.subject} / {self.layer}: {self.value}"

    @property
    def nothing_left(self) -> bool:
        """See `gyral.left.nothing_left`."""
        return nothing_left(self.unique_r2, self.unique_low, self.partial, self.partial_low)
