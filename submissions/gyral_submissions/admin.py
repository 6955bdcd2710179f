"""Admin: what operators see. States, scores and benchmarks are read here and moved by verbs, never edited."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from gyral_submissions.domain import run as runs
from gyral_submissions.domain import submission as submissions
from gyral_submissions.domain.run import CannotRun
from gyral_submissions.models import Benchmark, Charge, Exposure, Run, Score, Submission, Upload

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:  # generic for the type checker only
    _ModelAdmin = admin.ModelAdmin


class ReadOnly(_ModelAdmin):
    """Looked at, neither added, changed nor deleted by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False


@admin.register(Benchmark)
class BenchmarkAdmin(ReadOnly):
    """Carried from the registry by ``sync_benchmarks``."""

    list_display = ("identifier", "title", "modality", "dataset", "simulated", "retired", "created")
    list_filter = ("modality", "simulated", "retired")
    search_fields = ("name", "title")


@admin.register(Submission)
class SubmissionAdmin(ReadOnly):
    """Withdrawn by an action; the row stays."""

    list_display = ("name", "version", "owner", "format", "tier", "visibility", "created", "withdrawn")
    list_filter = ("format", "tier", "visibility", "modality")
    list_select_related = ("owner",)
    search_fields = ("name", "title", "owner__username", "sha256")
    actions = ("withdraw",)

    @admin.action(description="Withdraw from every board", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Submission]) -> None:
        """Withdraw the selected ones."""
        done = sum(submissions.withdraw(submission) for submission in queryset)
        self.message_user(request, f"{done} withdrawn.")

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        """Those who may change submissions."""
        return bool(request.user.has_perm("gyral_submissions.change_submission"))


@admin.register(Run)
class RunAdmin(ReadOnly):
    """Cancelled and retried by actions."""

    list_display = (
        "id",
        "submission",
        "benchmark",
        "twin",
        "state",
        "sandbox",
        "attempt",
        "fault_code",
        "reference",
        "created",
    )
    list_filter = ("state", "fault", "sandbox", "benchmark")
    list_select_related = ("submission", "benchmark")
    search_fields = ("id", "submission__name", "reference", "fault_code")
    actions = ("cancel", "retry")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        """Without records, which are large."""
        return super().get_queryset(request).defer("record", "steps")

    @admin.action(description="Cancel", permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        """Cancel the selected ones."""
        self.message_user(request, f"{sum(runs.cancel(run) for run in queryset)} cancelled.")

    @admin.action(description="Retry", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        """Queue the selected ones again."""
        for run in queryset.select_related("submission__owner"):
            try:
                runs.retry(run)
            except CannotRun as error:
                self.message_user(request, f"{run}: {error}", level="WARNING")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Those who may change runs."""
        return bool(request.user.has_perm("gyral_submissions.change_run"))


@admin.register(Score)
class ScoreAdmin(ReadOnly):
    """Rows of stored records."""

    list_display = ("run", "region", "subject", "layer", "value", "low", "high", "ceiled")
    list_filter = ("metric", "readout")
    list_select_related = ("run__submission", "run__benchmark")
    search_fields = ("run__id", "run__submission__name", "region")
    show_full_result_count = False


@admin.register(Charge)
class ChargeAdmin(ReadOnly):
    """The quota's ledger."""

    list_display = ("owner", "run", "attempt", "created", "refunded")
    list_select_related = ("owner",)
    search_fields = ("owner__username",)


@admin.register(Exposure)
class ExposureAdmin(ReadOnly):
    """What each benchmark has answered, and whom."""

    list_display = ("benchmark", "owner", "run", "created")
    list_filter = ("benchmark",)
    list_select_related = ("benchmark", "owner")
    search_fields = ("owner__username", "benchmark__name")


@admin.register(Upload)
class UploadAdmin(ReadOnly):
    """Files that arrive in pieces."""

    list_display = ("id", "owner", "format", "received", "created", "touched")
    list_select_related = ("owner",)
    search_fields = ("owner__username",)
