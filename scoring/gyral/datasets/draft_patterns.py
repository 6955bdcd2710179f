"""Patterns of a draft: many paths as one with ``{subject}`` and ``*``, and names for what masks are called."""

import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import PurePosixPath

from gyral.datasets.manifest import is_safe_name

_WORDS = re.compile(r"([_.])")
_SIDE = re.compile(r"(?<![A-Za-z0-9])(?:(hemi-)[LR]|[lr](h)|[LR])(?=[._-])")


def pattern_of(paths: Sequence[str], subjects: Sequence[str]) -> str:
    """One pattern for all paths, in quotation marks: subjects become ``{subject}``, what else differs ``*``.

    >>> pattern_of(["sub-1/ses-a/sub-1_ses-a_bold.nii", "sub-2/ses-b/sub-2_ses-b_bold.nii"], ["sub-1", "sub-2"])
    '"{subject}/ses-*/{subject}_ses-*_bold.nii"'
    >>> pattern_of(["a/x/r1.npy", "a/r2.npy"], [])
    '"a/**/r*.npy"'
    """
    parted = [without_subject(path, subjects).split("/") for path in paths]
    if len({len(parts) for parts in parted}) == 1:
        return '"' + "/".join(_joined(alike) for alike in zip(*parted, strict=True)) + '"'
    folders = [parts[:-1] for parts in parted]
    shared = [alike[0] for alike in takewhile(lambda own: len(set(own)) == 1, zip(*folders, strict=False))]
    return '"' + "/".join([*shared, "**", _joined([parts[-1] for parts in parted])]) + '"'


def without_subject(path: str, subjects: Sequence[str]) -> str:
    """The path with ``{subject}`` for the name of any."""
    for subject in sorted(subjects, key=len, reverse=True):
        path = re.sub(rf"(?<![A-Za-z0-9-]){re.escape(subject)}(?![A-Za-z0-9])", "{subject}", path)
    return path


def without_side(path: str) -> str:
    """The path with ``*`` for the hemisphere in the file's name: both are images of one atlas.

    >>> without_side("sub-1/sub-1_hemi-L_parc.label.gii"), without_side("lh.aparc.annot")
    ('sub-1/sub-1_hemi-*_parc.label.gii', '*h.aparc.annot')
    """
    head, slash, name = path.rpartition("/")
    return head + slash + _SIDE.sub(lambda found: f"{found[1] or ''}*{found[2] or ''}", name)


def region_name(path: str, subjects: Sequence[str]) -> str:
    """What is left of a mask's name; where nothing is, its description (``desc-V1``)."""
    whole = without_subject(stem_of(path), subjects).replace("{subject}", "")
    stem = re.sub(r"(?:^|_)(?:space|res|desc)-[A-Za-z0-9]+|(?:^|_)(?:mask|roi|label-)(?=_|$)?", "", whole)
    described = re.search(r"(?:^|_)desc-([A-Za-z0-9]+)", whole)
    names = [stem.strip("_-."), described[1] if described else ""]
    return next((name for name in names if is_safe_name(name)), "region")


def stem_of(path: str) -> str:
    """The file's name without its ending."""
    name = PurePosixPath(path).name
    for ending in (".nii.gz", ".label.gii", ".func.gii", ".shape.gii", ".dlabel.nii"):
        if name.endswith(ending):
            return name.removesuffix(ending)
    return PurePosixPath(path).stem


def _joined(names: Sequence[str]) -> str:
    """One name, word by word where all have as many: a ``*`` must not reach over what they have in common."""
    parted = [_WORDS.split(name) for name in names]
    if len({len(words) for words in parted}) == 1:
        return "".join(_starred(alike) for alike in zip(*parted, strict=True))
    return _starred(names)


def _starred(words: Sequence[str]) -> str:
    distinct = sorted(set(words))
    if len(distinct) == 1:
        return distinct[0]
    keys = {word.partition("-")[0] for word in distinct if "-" in word and "_" not in word}
    if len(keys) == 1 and all("-" in word and "_" not in word for word in distinct):
        return f"{keys.pop()}-*"  # run-01 and run-02: run-10 is one, too
    head, tail = _common(distinct), _common([word[::-1] for word in distinct])[::-1]
    shortest = min(len(word) for word in distinct)
    tail = tail[-(shortest - len(head)) :] if len(head) + len(tail) > shortest else tail
    return f"{head}*{tail if len(head) < shortest else ''}"


def _common(found: Sequence[str]) -> str:
    first, last = min(found), max(found)
    end = next((i for i, c in enumerate(first) if c != last[i]), len(first))
    return first[:end]
