"""Addresses of submissions and runs."""

from django.urls import path

from gyral_portal.portal.views import fault, pieces, run, submission, submit

app_name = "portal"
urlpatterns = [
    path("submit/", submit.submit, name="submit"),
    path("submit/uploads/", pieces.begin, name="upload-begin"),
    path("submit/uploads/<uuid:pk>/", pieces.piece, name="upload-piece"),
    path("submit/uploads/<uuid:pk>/discard/", pieces.discard, name="upload-discard"),
    path("submissions/", submission.submissions, name="submissions"),
    path("submissions/<int:pk>/", submission.submission, name="submission"),
    path("submissions/<int:pk>/visibility/", submission.visibility, name="visibility"),
    path("submissions/<int:pk>/withdraw/", submission.withdraw, name="withdraw"),
    path("submissions/<int:pk>/delete/", submission.delete, name="delete"),
    path("submissions/notices/read/", submission.read_notices, name="notices-read"),
    path("submissions/<int:pk>/score/", submission.score, name="score"),
    path("submissions/<int:pk>/dry-run/", submission.try_out, name="dry-run"),
    path("faults/", fault.faults, name="faults"),
    path("faults/<slug:code>/", fault.fault, name="fault"),
    path("runs/<uuid:pk>/", run.run, name="run"),
    path("runs/<uuid:pk>/live/", run.live, name="run-live"),
    path("runs/<uuid:pk>/log/", run.log, name="run-log"),
    path("runs/<uuid:pk>/cancel/", run.cancel, name="run-cancel"),
    path("runs/<uuid:pk>/retry/", run.retry, name="run-retry"),
]
