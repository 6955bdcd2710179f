"""Admin: what operators see of the leaderboard's own tables."""

from django.contrib import admin

from gyral_portal.leaderboard.models import Person, SavedView, Suite
from gyral_submissions.admin import ReadOnly, Written


@admin.register(Suite)
class SuiteAdmin(ReadOnly):
    """Carried from the library by ``sync_suites``."""

    list_display = ("identifier", "title", "modality", "retired", "created")
    list_filter = ("modality", "retired")
    search_fields = ("name", "title")


@admin.register(SavedView)
class SavedViewAdmin(ReadOnly):
    """What people keep of boards."""

    list_display = ("title", "owner", "reference", "created")
    list_select_related = ("owner",)
    search_fields = ("owner__username", "title")


@admin.register(Person)
class PersonAdmin(Written):
    """Pages of people; operators remove or correct what should not be said."""

    list_display = ("name", "handle", "owner", "affiliation", "created")
    list_select_related = ("owner",)
    search_fields = ("name", "handle", "owner__username")
    autocomplete_fields = ("owner",)
