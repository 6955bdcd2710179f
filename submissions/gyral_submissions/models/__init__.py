"""Tables, thin; what is done with them is in `domain`."""

from gyral_submissions.models.allowance import Allowance
from gyral_submissions.models.announcement import Announcement
from gyral_submissions.models.audit import AuditEntry
from gyral_submissions.models.benchmark import Benchmark
from gyral_submissions.models.charge import Charge
from gyral_submissions.models.dataset import Dataset
from gyral_submissions.models.exposure import Exposure
from gyral_submissions.models.holdout import HoldoutReport, HoldoutScore
from gyral_submissions.models.notice import MailChoice, Notice
from gyral_submissions.models.run import Run
from gyral_submissions.models.score import Score
from gyral_submissions.models.submission import Submission
from gyral_submissions.models.upload import Upload

__all__ = [
    "Allowance",
    "Announcement",
    "AuditEntry",
    "Benchmark",
    "Charge",
    "Dataset",
    "Exposure",
    "HoldoutReport",
    "HoldoutScore",
    "MailChoice",
    "Notice",
    "Run",
    "Score",
    "Submission",
    "Upload",
]
