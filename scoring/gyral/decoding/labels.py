"""Labels: the classes of samples, and what must hold before anything is decoded from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Fold, Rows, leave_one_group_out
from gyral.errors import BadArrays, BadDataset

Array = NDArray[np.floating[Any]]

# Held-out samples must meet a class that was learned, and learning a spread takes two of it.
LEAST = 2


@dataclass(frozen=True, eq=False)
class Labels:
    """A class for each sample.

    Parameters
    ----------
    codes : int array, samples
        Number of the class of each sample.
    classes : tuple of str
        Names, in order of appearance.
    """

    codes: Rows
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, labels: Sequence[Any] | NDArray[Any], *, where: str = "labels") -> "Labels":
        """Labels from one name or number a sample.

        Raises
        ------
        BadArrays
            A label is missing (``labels-missing``), or all samples are of one class (``one-class``).

        Examples
        --------
        >>> Labels.of(["house", "face", "house"]).codes.tolist()
        [0, 1, 0]
        """
        given = np.asarray(labels, object)  # as given: numpy would write a missing number among names as "nan"
        if given.ndim != 1:
            raise BadArrays(
                f"shape {given.shape!r}; one label a sample is expected. A sample of two classes at once cannot be "
                "decoded into one of them.",
                where=where,
                mend="Give each sample one label, or decode one property after the other.",
                code="labels-shape",
            )
        names = [_name(value) for value in given.tolist()]
        missing = [i for i, name in enumerate(names) if not name]
        if missing:
            raise BadArrays(
                f"{len(missing)} of {len(names)} samples have no label, the first is sample {missing[0]}.",
                where=where,
                mend="Leave such samples out.",
                code="labels-missing",
            )
        classes = tuple(dict.fromkeys(names))
        if len(classes) < 2:
            raise BadArrays(
                f"all {len(names)} samples are of one class, {classes[0] if classes else None!r}; at least two are needed.",
                where=where,
                code="one-class",
            )
        number = {name: k for k, name in enumerate(classes)}
        return cls(np.array([number[name] for name in names], np.int64), classes)

    def within(self, classes: Sequence[int]) -> Rows:
        """Rows of some classes, ascending."""
        return np.flatnonzero(np.isin(self.codes, classes)).astype(np.int64)


def _name(value: Any) -> str:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return ""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()


def check_samples(x: Array, labels: Labels, *, ndim: tuple[int, ...] = (2,)) -> None:
    """Responses that can be decoded: finite, and one row a label.

    Raises
    ------
    BadArrays
        Wrong shape, or NaN (``responses-finite``).
    """
    if x.ndim not in ndim or len(x) != len(labels):
        shape = "samples x units" + (" x times" if ndim == (3,) else "")
        raise BadArrays(f"shape {x.shape!r} is not {shape} with {len(labels)} samples.", where="responses")
    if not np.isfinite(x).all():
        units = int((~np.isfinite(x)).reshape(len(x), x.shape[1], -1).any(axis=(0, 2)).sum())
        raise BadArrays(
            f"{units} of {x.shape[1]} units have missing or infinite values; a classifier cannot mask them.",
            where="responses",
            mend="Leave those units, or the samples they lack, out.",
            code="responses-finite",
        )


def check_folds(labels: Labels, folds: Sequence[Fold]) -> None:
    """Every class that is decoded can be learned in every fold.

    Raises
    ------
    BadArrays
        A class has fewer than `LEAST` samples (``class-too-small``) or too few in a fold's training rows
        (``class-missing``), a fold is empty, or a sample is held out twice.
    """
    counts = np.bincount(labels.codes, minlength=len(labels.classes))
    for k in np.flatnonzero(counts < LEAST):
        raise BadArrays(
            f"class {labels.classes[k]!r} has {counts[k]} sample; one to learn from and one to test is the least.",
            where="labels",
            mend="Leave the class out, or join it with another.",
            code="class-too-small",
        )
    if not folds or any(not len(fold.test) for fold in folds):
        raise BadArrays("a fold holds nothing out.", where="folds")
    held = np.concatenate([fold.test for fold in folds])
    if len(np.unique(held)) < len(held):
        raise BadArrays("a sample is held out more than once.", where="folds")
    for number, fold in enumerate(folds):
        if np.intersect1d(fold.train, fold.test).size:
            raise BadArrays(f"fold {number + 1} trains on samples it holds out.", where="folds")
        learned = np.bincount(labels.codes[fold.train], minlength=len(labels.classes))
        for k in np.flatnonzero(learned < LEAST):
            raise BadArrays(
                f"training rows of fold {number + 1} hold {learned[k]} of class {labels.classes[k]!r}; "
                f"at least {LEAST} are needed.",
                where="labels",
                mend="Hold out smaller groups, or leave the class out.",
                code="class-missing",
            )


def folds_of(groups: Sequence[Any] | NDArray[Any]) -> tuple[Fold, ...]:
    """Leave one group (run, session, subject) out.

    Raises
    ------
    BadArrays
        Fewer than two groups (``too-few-groups``).
    """
    try:
        return leave_one_group_out(groups).folds
    except BadDataset as error:
        raise BadArrays(error.what, where="groups", mend=error.mend, code="too-few-groups") from None
