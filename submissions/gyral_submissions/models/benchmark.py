"""Benchmark: one version of a benchmark, carried from the library's registry."""

import uuid
from typing import Any

from django.db import models


class Benchmark(models.Model):
    """``name@version``; immutable once written, except for display fields."""

    name = models.CharField(max_length=80)
    version = models.PositiveIntegerField()
    content_hash = models.CharField(max_length=64)
    dataset = models.CharField(max_length=80)
    dataset_hash = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    summary = models.TextField(blank=True)
    modality = models.CharField(max_length=16, db_index=True)
    task = models.CharField(max_length=16)
    metric = models.CharField(max_length=40)
    readout = models.CharField(max_length=120)
    main_region = models.CharField(max_length=80)
    simulated = models.BooleanField(default=False)
    display = models.CharField(max_length=8, default="none")
    # Title, licence, citation, counts: what the benchmark page shows.
    about = models.JSONField(default=dict)
    # [{name, title, path, n_units, ceiling, ceiling_low, ceiling_high, ceiling_lower, ceiling_unit, ceiling_kind}],
    # in page order; the ceiling as in `gyral.record.Row`.
    regions = models.JSONField(default=list)
    retired = models.BooleanField(default=False)
    # When something last changed that its ranks follow from; null once they do.
    ranks_wanted = models.DateTimeField(null=True, blank=True)
    # Another one whenever anything changes that everybody sees on its board; random, so that it counts nothing.
    edition = models.UUIDField(default=uuid.uuid4, editable=False)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["modality", "simulated", "name", "-version"]
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="benchmark_name_version")]

    def __str__(self) -> str:
        return self.identifier

    @property
    def identifier(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    def region_title(self, name: str) -> str:
        """What pages call a region; its name where it has no title or is not of this benchmark."""
        return next((str(r.get("title") or name) for r in self.regions if r["name"] == name), name)

    @property
    def main_title(self) -> str:
        """Of the region that stands for the benchmark in overviews."""
        return self.region_title(self.main_region)

    @property
    def region_names(self) -> list[str]:
        """Names of the regions in page order."""
        regions: list[dict[str, Any]] = self.regions
        return [str(r["name"]) for r in regions]
