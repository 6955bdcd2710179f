"""Admin: what operators see. States, scores and benchmarks are read here and moved by verbs, never edited."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ActionForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from gyral.errors import UserError
from gyral_submissions.domain import audit, rescoring
from gyral_submissions.domain import run as runs
from gyral_submissions.domain import submission as submissions
from gyral_submissions.models import (
    Allowance,
    Announcement,
    AuditEntry,
    Benchmark,
    Charge,
    Dataset,
    Exposure,
    MailChoice,
    Notice,
    Run,
    Score,
    Submission,
    Upload,
)

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:  # generic for the type checker only
    _ModelAdmin = admin.ModelAdmin


class ReasonForm(ActionForm):
    """Actions, and why: its owner reads it where something is hidden."""

    reason = forms.CharField(required=False, max_length=300)


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
    """Carried from the registry by ``sync_benchmarks``; its scores are marked as stale, and made again, by actions."""

    list_display = ("identifier", "title", "modality", "dataset", "simulated", "retired", "created")
    list_filter = ("modality", "simulated", "retired")
    search_fields = ("name", "title")
    actions = ("mark_stale", "score_again")

    @admin.action(description="Mark every score as stale", permissions=["rescore"])
    def mark_stale(self, request: HttpRequest, queryset: QuerySet[Benchmark]) -> None:
        """Scores stay where they are, marked."""
        done = sum(rescoring.mark_stale(benchmark, by=request.user) for benchmark in queryset)
        self.message_user(request, f"{done} scores marked as stale.")

    @admin.action(description="Score again what is stale", permissions=["rescore"])
    def score_again(self, request: HttpRequest, queryset: QuerySet[Benchmark]) -> None:
        """Queue a run beside each stale one."""
        done = sum(len(rescoring.score_again(benchmark, by=request.user)) for benchmark in queryset)
        self.message_user(request, f"{done} runs queued.")

    def has_rescore_permission(self, request: HttpRequest) -> bool:
        """Those who may change runs."""
        return bool(request.user.has_perm("gyral_submissions.change_run"))


@admin.register(Dataset)
class DatasetAdmin(ReadOnly):
    """Carried from installed packs by ``sync_benchmarks``."""

    list_display = ("name", "title", "created")
    search_fields = ("name", "title")


@admin.register(Submission)
class SubmissionAdmin(ReadOnly):
    """Hidden, let go, withdrawn and deleted by actions; each writes a line into the audit log."""

    list_display = (
        "name",
        "version",
        "owner",
        "format",
        "tier",
        "visibility",
        "created",
        "withdrawn",
        "moderated",
    )
    list_filter = ("format", "tier", "visibility", "modality", "moderated", "deleted")
    list_select_related = ("owner",)
    search_fields = ("name", "title", "owner__username", "sha256")
    action_form = ReasonForm
    actions = ("hide", "let_go", "withdraw", "delete_for_good")

    @admin.action(description="Hide from everybody but its owner", permissions=["moderate"])
    def hide(self, request: HttpRequest, queryset: QuerySet[Submission]) -> None:
        """Hide the selected ones, until they are let go."""
        for submission in queryset:
            submissions.moderate(submission, by=request.user, reason=request.POST.get("reason", ""))
        self.message_user(request, f"{len(queryset)} hidden.")

    @admin.action(description="Let go what was hidden", permissions=["moderate"])
    def let_go(self, request: HttpRequest, queryset: QuerySet[Submission]) -> None:
        """Their owners may show them again."""
        for submission in queryset:
            submissions.let_go(submission, by=request.user)
        self.message_user(request, f"{len(queryset)} let go.")

    @admin.action(description="Withdraw from every board", permissions=["moderate"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Submission]) -> None:
        """Withdraw the selected ones."""
        done = sum(submissions.withdraw(submission, by=request.user) for submission in queryset)
        self.message_user(request, f"{done} withdrawn.")

    @admin.action(description="Delete files, runs and scores for good", permissions=["moderate"])
    def delete_for_good(self, request: HttpRequest, queryset: QuerySet[Submission]) -> None:
        """Delete the selected ones; names and numbers stay taken."""
        for submission in queryset.filter(deleted=None):
            submissions.delete(submission, by=request.user)
        self.message_user(request, "Deleted.")

    def has_moderate_permission(self, request: HttpRequest) -> bool:
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
        done = [run for run in queryset.select_related("submission", "benchmark") if runs.cancel(run)]
        for run in done:
            audit.note(request.user, "cancel", run)
        self.message_user(request, f"{len(done)} cancelled.")

    @admin.action(description="Retry", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        """Queue the selected ones again."""
        for run in queryset.select_related("submission__owner"):
            try:
                audit.note(request.user, "retry", runs.retry(run))
            except UserError as error:
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


class Written(_ModelAdmin):
    """Written by operators; whoever does is noted in the audit log."""

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """Store and note."""
        super().save_model(request, obj, form, change)
        fields = ", ".join(form.changed_data)
        audit.note(
            request.user, "change" if change else "add", f"{obj._meta.verbose_name} {obj.pk}: {obj}", fields=fields
        )

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        """Note and remove."""
        audit.note(request.user, "remove", f"{obj._meta.verbose_name} {obj.pk}: {obj}")
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """One by one, so that each is noted."""
        for obj in queryset:
            self.delete_model(request, obj)


@admin.register(Announcement)
class AnnouncementAdmin(Written):
    """The banner of every page; it may close the site for uploads and runs."""

    list_display = ("text", "begins", "ends", "closes")


@admin.register(Allowance)
class AllowanceAdmin(Written):
    """Another quota for one person."""

    list_display = ("owner", "runs_per_day", "active_runs", "reason")
    list_select_related = ("owner",)
    search_fields = ("owner__username",)
    autocomplete_fields = ("owner",)


@admin.register(AuditEntry)
class AuditAdmin(ReadOnly):
    """Who did what, when."""

    list_display = ("created", "actor_name", "verb", "about", "detail")
    list_filter = ("verb", "created")
    search_fields = ("actor_name", "about", "detail")
    date_hierarchy = "created"


@admin.register(Notice)
class NoticeAdmin(ReadOnly):
    """What people were told of their runs."""

    list_display = ("owner", "run", "attempt", "created", "read", "mailed")
    list_select_related = ("owner", "run__submission", "run__benchmark")
    search_fields = ("owner__username",)


@admin.register(MailChoice)
class MailChoiceAdmin(ReadOnly):
    """Who wants mail."""

    list_display = ("owner", "runs")
    list_select_related = ("owner",)
