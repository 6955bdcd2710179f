"""Tables: benchmarks carried from the registry, submissions, runs, scores, charges. Thin; verbs live in `domain`."""

from gyral_submissions.models.benchmark import Benchmark
from gyral_submissions.models.charge import Charge
from gyral_submissions.models.run import Run
from gyral_submissions.models.score import Score
from gyral_submissions.models.submission import Submission

__all__ = ["Benchmark", "Charge", "Run", "Score", "Submission"]
