"""Leaders: the best models of many boards at once, for overviews."""

from collections.abc import Sequence

from django.db.models import Q

from gyral_submissions.domain.queries.board import ALL, CHOSEN
from gyral_submissions.domain.queries.visible import visible_runs
from gyral_submissions.enums import State, Twin
from gyral_submissions.models import Benchmark, Score
from gyral_submissions.rules import Viewer


def leaders(benchmarks: Sequence[Benchmark], viewer: Viewer, most: int = 3) -> dict[int, list[Score]]:
    """Scores of the best models in each benchmark's main region, by benchmark id; one query.

    As on the board itself, a model stands with its newest version that has a score.
    """
    if not benchmarks:
        return {}
    main = Q()
    for benchmark in benchmarks:
        main |= Q(run__benchmark=benchmark, region=benchmark.main_region, readout=benchmark.readout)
    runs = visible_runs(viewer).filter(state=State.FINISHED, twin=Twin.NONE)
    found = Score.objects.filter(main, layer=CHOSEN, subject=ALL, run__in=runs.order_by().values("pk"))
    standing: dict[int, dict[str, Score]] = {b.pk: {} for b in benchmarks}
    for score in (
        found.select_related("run__submission")
        .defer("run__record", "run__steps", "layers_chosen")
        .order_by("run__submission__version", "run__finished")
    ):
        standing[score.run.benchmark_id][score.run.submission.name] = score
    return {pk: _best(list(scores.values()), most) for pk, scores in standing.items()}


def _best(scores: list[Score], most: int) -> list[Score]:
    valued = [(s.value, s) for s in scores if s.value is not None]
    return [s for _, s in sorted(valued, key=lambda pair: (-pair[0], pair[1].run.submission.name))][:most]
