"""Tables: benchmarks carried from the registry, submissions, runs, scores, charges, exposures, holdout scores, uploads. Thin; verbs: `domain`."""

from gyral_submissions.models.benchmark import Benchmark
from gyral_submissions.models.charge import Charge
from gyral_submissions.models.exposure import Exposure
from gyral_submissions.models.holdout import HoldoutReport, HoldoutScore
from gyral_submissions.models.run import Run
from gyral_submissions.models.score import Score
from gyral_submissions.models.submission import Submission
from gyral_submissions.models.upload import Upload

__all__ = ["Benchmark", "Charge", "Exposure", "HoldoutReport", "HoldoutScore", "Run", "Score", "Submission", "Upload"]
