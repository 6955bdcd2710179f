"""Duplicates: stimuli that stand, as they are or all but as they are, on both sides of a fold."""

from itertools import combinations

import numpy as np

from gyral.canaries.case import Array, Case
from gyral.canaries.finding import CanaryScore, Finding, Verdict
from gyral.canaries.scored import cells
from gyral.canaries.verdict import MEAN, not_applicable, score_of
from gyral.datasets.near import NearPair, near_pairs, prints_of
from gyral.datasets.split import Rows
from gyral.scores.blocks import ORDERED_BLOCKS

NAME, TITLE = "duplicates", "Duplicate stimuli"
TESTED = (
    "Stimuli on both sides of a fold: equal bytes, or nearly the same picture or text; and what a baseline scores "
    "that knows only which stimuli are twins"
)
# Words of a text that is a stimulus by itself; shorter ones ("the") recur in any language.
_WORDS = 3
_NAMED = 5


def duplicate_stimuli(case: Case) -> Finding:
    """Refuse equal stimuli on both sides; warn of near ones, and refuse those that may move a board.

    r is a mean over held-out rows, so knowing the responses to twins can add no more to it than about the share of
    rows that have one. Near twins are refused where that share is above `MEAN` and knowing the twins alone scores.
    """
    if case.dataset.timeline is not None:
        return _stories(case)
    compared = _compared(case)
    if compared is None:
        reason = "The stimuli are names, or texts of one or two words: the same one may well come twice."
        return not_applicable(NAME, TITLE, TESTED, reason)
    pairs = near_pairs(prints_of(case.dataset.stimuli.subset(compared)))
    pairs = [NearPair(int(compared[p.first]), int(compared[p.second]), p.likeness, p.exact) for p in pairs]
    across = [p for p in pairs if _crosses(case, p)]
    exact = [p for p in across if p.exact]
    ids = case.dataset.stimuli.ids
    facts = {
        "pairs": len(pairs),
        "across_folds": len(across),
        "equal_across_folds": len(exact),
        "examples": [[ids[p.first], ids[p.second], round(p.likeness, 3)] for p in (exact or across)[:_NAMED]],
    }
    score = _twin_score(case, across) if across else None
    share = len(_twinned(case, across)) / max(len(case.split.held_out), 1)
    facts["share_of_held_out"] = round(share, 4)
    sings = score is not None and score.value > MEAN and score.bound > 0
    twins = f"{_pairs(len(across))} of nearly equal stimuli stand on both sides of a fold ({share:.1%} of held-out rows)."
    if score is not None:
        twins += f" Knowing the twins alone reaches r = {score.value:.3f} in {score.region}, 99.9 % bound {score.bound:.3f}."
    verdict: Verdict
    if exact:
        verdict, reason = "refuse", f"{_pairs(len(exact))} of equal stimuli stand on both sides of a fold."
    elif across:
        verdict, reason = "refuse" if sings and share > MEAN else "warn", twins
    else:
        verdict, reason = "pass", _apart(len(compared), pairs)
    mend = "Give twins one group, and hold groups out whole." if across else ""
    return Finding(
        canary=NAME,
        title=TITLE,
        verdict=verdict,
        tested=TESTED,
        reason=reason,
        mend=mend,
        score=score,
        facts=facts,
    )


def _stories(case: Case) -> Finding:
    """Words come twice in any story; what must not stand on both sides is the same story under two names."""
    groups, rows = case.dataset.sample_groups, case.groups
    if groups is None or rows is None:
        return not_applicable(
            NAME, TITLE, TESTED, "The stimuli are words of a single story: the same one may well come twice."
        )
    stimuli = case.dataset.stimuli
    words: dict[str, list[str]] = {}
    for story, digest in zip(stimuli.groups or (), stimuli.hashes, strict=True):
        words.setdefault(story, []).append(digest)
    sides = [[{groups[i] for i in part} for part in (fold.train, fold.test)] for fold in case.split.folds]
    twins = [
        (a, b)
        for a, b in combinations(words, 2)
        if words[a] == words[b] and any(len({a, b} & train) and len({a, b} & test) for train, test in sides)
    ]
    if not twins:
        return Finding(
            canary=NAME,
            title=TITLE,
            verdict="pass",
            tested=TESTED,
            reason=f"No two of {len(words)} stories are the same.",
        )
    return Finding(
        canary=NAME,
        title=TITLE,
        verdict="refuse",
        tested=TESTED,
        reason=f"Stories {twins[0][0]!r} and {twins[0][1]!r} have the same words and stand on both sides of a fold.",
        mend="Keep one of them, or hold them out together: give both the name of one story.",
        facts={"pairs": len(twins)},
    )


def _compared(case: Case) -> Rows | None:
    """Rows whose stimuli can be told from each other by looking; None where none can."""
    stimuli = case.dataset.stimuli
    if stimuli.modality in ("image", "sound") and stimuli.files is not None:
        return np.arange(len(stimuli), dtype=np.int64)
    if stimuli.modality == "text" and stimuli.texts is not None:
        long = [i for i, text in enumerate(stimuli.texts) if len(text.split()) >= _WORDS]
        return np.array(long, np.int64) if long else None
    return None


def _crosses(case: Case, pair: NearPair) -> bool:
    return any(
        (pair.first in test and pair.second in train) or (pair.second in test and pair.first in train)
        for train, test in case.sides
    )


def _twinned(case: Case, pairs: list[NearPair]) -> set[int]:
    """Held-out rows with a twin in their training rows."""
    found: set[int] = set()
    for train, test in case.sides:
        for p in pairs:
            found |= {a for a, b in ((p.first, p.second), (p.second, p.first)) if a in test and b in train}
    return found


def _twin_score(case: Case, pairs: list[NearPair]) -> CanaryScore | None:
    """Score of one feature a cluster of twins; None where there is nothing to score."""
    if case.problem is None or not case.problem.split.folds:
        return None
    space = clusters(case.samples, pairs)[case.rows]
    space = space[:, space.sum(axis=0) > 1]
    if not space.shape[1]:
        return None
    # What twins have in common enters by each of them, wherever they stand: a cluster is one observation.
    parts = [np.flatnonzero(column) for column in space.T]
    parts += np.array_split(np.flatnonzero(~space.any(axis=1)), ORDERED_BLOCKS)
    found = [c for c in cells(case.problem, {"": space}, case.seed, parts) if np.isfinite(c.value)]
    if not found:
        return None
    sure = [c for c in found if c.value > MEAN and c.bound(len(found)) > 0]
    return score_of(max(sure or found, key=lambda c: c.value), len(found))


def clusters(samples: int, pairs: list[NearPair]) -> Array:
    """One column a cluster of stimuli that pairs link, rows x clusters, 1 where the row belongs to it."""
    from scipy.sparse import coo_array  # slow import, and `gyral list` never comes here
    from scipy.sparse.csgraph import connected_components

    first, second = [p.first for p in pairs], [p.second for p in pairs]
    links = coo_array((np.ones(len(pairs)), (first, second)), shape=(samples, samples))
    _, label = connected_components(links.tocsr(), directed=False)
    linked = np.unique(label[[*first, *second]])
    return np.asarray(label[:, None] == linked, np.float32)


def _apart(count: int, pairs: list[NearPair]) -> str:
    """What is said where no pair stands on both sides; pairs that are held out together are no leak."""
    if not pairs:
        return f"None among {count} stimuli."
    exact = sum(p.exact for p in pairs)
    alike = [
        f"{_pairs(n)} of {what} stimuli"
        for n, what in ((exact, "equal"), (len(pairs) - exact, "nearly equal"))
        if n
    ]
    return f"None of {count} stimuli stands on both sides of a fold; on one side together: {', '.join(alike)}."


def _pairs(count: int) -> str:
    return f"{count} pair" + ("s" if count > 1 else "")
