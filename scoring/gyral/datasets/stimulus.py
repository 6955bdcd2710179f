"""StimulusSet: the ordered items a model is shown."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadDataset
from gyral.hashing import hash_bytes, hash_file, hash_json

Modality = Literal["image", "text", "label", "sound"]


@dataclass(frozen=True, eq=False)
class StimulusSet:
    """Ordered stimuli with ids and content hashes; knows nothing of any response.

    Parameters
    ----------
    modality : {"image", "text", "label", "sound"}
        ``label`` sets have names only (no model can be shown them): pages and decoding use them.
    ids : tuple of str
        Unique, in presentation (pack) order.
    hashes : tuple of str
        Hex sha256 of each item's bytes (images, sounds) or UTF-8 text (sentences, labels).
    files : tuple of Path, optional
        One file an item (images, sounds).
    texts : tuple of str, optional
        One text an item (sentences, labels).
    groups : tuple of str, optional
        Story, run or passage of each item; items of a group never stand on both sides of a split.
    columns : dict of str to 1-D array
        Further columns of the pack's table (category, published norms ...).
    contexts : tuple of str, optional
        What stood before each text when it was read or heard ("" before the first): see `in_context`.
    degrees : float, optional
        Width of a whole image as it was shown, in degrees of visual angle (above 0, at most 360; one width for
        all); None where nobody says. It decides no score: it turns receptive fields into degrees.
    position : tuple of float, optional
        Centre of the images as they were shown: degrees right of fixation and above it (-180 to 180), one for all; None
        where nobody says, and it is taken to be on it. It goes with ``degrees`` and decides no score either.
    """

    modality: Modality
    ids: tuple[str, ...]
    hashes: tuple[str, ...]
    files: tuple[Path, ...] | None = None
    texts: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    degrees: float | None = None
    contexts: tuple[str, ...] | None = None
    position: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if len(set(self.ids)) != len(self.ids):
            doubled = sorted({i for i in self.ids if self.ids.count(i) > 1})[:3]
            raise BadDataset(f"stimulus ids must be unique; doubled: {doubled!r}.", where="stimuli")
        for name in ("hashes", "files", "texts", "groups", "contexts"):
            value = getattr(self, name)
            if value is not None and len(value) != len(self.ids):
                raise BadDataset(
                    f"{len(value)} {name} for {len(self.ids)} stimulus ids.",
                    where="stimuli",
                )
        self._check_degrees()
        self._check_position()

    def _check_degrees(self) -> None:
        if self.degrees is None:
            return
        if self.modality != "image":
            raise BadDataset(
                f"{self.modality} stimuli have no width in degrees of visual angle; degrees is {self.degrees!r}.",
                where="stimuli: degrees",
                mend="Leave degrees out.",
                code="degrees",
            )
        if not 0 < self.degrees <= 360:  # false for NaN too
            raise BadDataset(
                f"degrees must be above 0 and at most 360, the width of an image in degrees of visual angle; it is {self.degrees!r}.",
                where="stimuli: degrees",
                code="degrees",
            )

    def _check_position(self) -> None:
        if self.position is None:
            return
        if self.modality != "image":
            raise BadDataset(
                f"{self.modality} stimuli have no position in degrees of visual angle; position is {self.position!r}.",
                where="stimuli: position",
                mend="Leave position out.",
                code="degrees",
            )
        if self.degrees is None:
            raise BadDataset(
                f"images stand at {self.position!r} degrees, and nothing says how wide they were.",
                where="stimuli: position",
                mend="degrees = 8.0 says it; leave position out where it is not known.",
                code="degrees",
            )
        if not all(-180 <= p <= 180 for p in self.position):  # false for NaN too
            raise BadDataset(
                "position must be two numbers from -180 to 180, degrees right of fixation and above it; "
                f"it is {self.position!r}.",
                where="stimuli: position",
                code="degrees",
            )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def shown(self) -> str:
        """How wide and where images were shown, for pages; empty where nobody says."""
        if self.degrees is None:
            return ""
        wide = f"{self.degrees:g} degrees of visual angle wide"
        if self.position is None:
            return wide
        right, up = self.position
        across = f"{abs(right):g} degrees {'right' if right >= 0 else 'left'} of fixation"
        return f"{wide}, centre {across} and {abs(up):g} {'above' if up >= 0 else 'below'} it"

    @classmethod
    def from_texts(
        cls,
        texts: Sequence[str],
        ids: Sequence[str] | None = None,
        *,
        modality: Modality = "text",
        groups: Sequence[str] | None = None,
        columns: dict[str, NDArray[Any]] | None = None,
    ) -> Self:
        """A set of sentences (or labels); ids default to ``0001``, ``0002`` ..."""
        return cls(
            modality=modality,
            ids=tuple(ids) if ids is not None else _numbered(len(texts)),
            hashes=tuple(hash_bytes(t.encode()) for t in texts),
            texts=tuple(texts),
            groups=tuple(groups) if groups is not None else None,
            columns=columns or {},
        )

    @classmethod
    def from_files(
        cls,
        files: Sequence[Path],
        ids: Sequence[str] | None = None,
        *,
        hashes: Sequence[str] | None = None,
        groups: Sequence[str] | None = None,
        columns: dict[str, NDArray[Any]] | None = None,
        modality: Literal["image", "sound"] = "image",
        degrees: float | None = None,
    ) -> Self:
        """A set of image (or sound) files; ids default to the file stems, hashes are computed where not given.

        Raises
        ------
        BadDataset
            A file is missing.
        """
        for file in files:
            if not file.is_file():
                raise BadDataset(
                    "the stimulus file is missing.",
                    where=str(file),
                    code="stimulus-missing",
                )
        return cls(
            modality=modality,
            ids=tuple(ids) if ids is not None else tuple(f.stem for f in files),
            hashes=tuple(hashes) if hashes is not None else tuple(hash_file(f) for f in files),
            files=tuple(files),
            groups=tuple(groups) if groups is not None else None,
            columns=columns or {},
            degrees=degrees,
        )

    @cached_property
    def content_hash(self) -> str:
        """Hex sha256 over modality, ids, item hashes and contexts, in order."""
        items = [self.modality, list(zip(self.ids, self.hashes, strict=True))]
        return hash_json(items if self.contexts is None else [*items, self.contexts])

    def subset(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> Self:
        """The items at ``rows``, in that order."""
        index = [int(r) for r in rows]

        def take(values: tuple[Any, ...] | None) -> Any:
            return None if values is None else tuple(values[i] for i in index)

        return type(self)(
            modality=self.modality,
            ids=take(self.ids),
            hashes=take(self.hashes),
            files=take(self.files),
            texts=take(self.texts),
            groups=take(self.groups),
            columns={k: v[index] for k, v in self.columns.items()},
            degrees=self.degrees,
            contexts=take(self.contexts),
            position=self.position,
        )

    def in_context(self) -> Self:
        """The same texts, each behind the earlier ones of its group, one space between two.

        Examples
        --------
        >>> story = StimulusSet.from_texts(["Once upon", "a time", "The end"], groups=["a", "a", "b"])
        >>> story.in_context().contexts
        ('', 'Once upon', '')

        Raises
        ------
        BadDataset
            They are no texts, or belong to no groups (``no-context``).
        """
        if self.texts is None or self.groups is None:
            raise BadDataset(
                "only texts with groups (stories, passages) can be shown in context.",
                where="stimuli",
                code="no-context",
            )
        before: dict[str, str] = {}
        contexts = []
        for text, group in zip(self.texts, self.groups, strict=True):
            contexts.append(before.get(group, ""))
            before[group] = f"{before[group]} {text}" if group in before else text
        return replace(self, contexts=tuple(contexts))

    def verify(self) -> None:
        """Check that every file is there and unchanged.

        Raises
        ------
        BadDataset
            A file is missing (``stimulus-missing``) or its sha256 differs (``stimulus-hash``).
        """
        for file, expected in zip(self.files or (), self.hashes, strict=False):
            if not file.is_file():
                raise BadDataset(
                    "the stimulus file is missing.",
                    where=str(file),
                    mend="Build the pack again: `gyral data fetch NAME --force`.",
                    code="stimulus-missing",
                )
            if (found := hash_file(file)) != expected:
                raise BadDataset(
                    f"sha256 is {found[:16]}..., the pack says {expected[:16]}...",
                    where=str(file),
                    mend="The file was changed after the pack was built; build it again.",
                    code="stimulus-hash",
                )


def _numbered(count: int) -> tuple[str, ...]:
    width = max(4, len(str(count)))
    return tuple(f"{i + 1:0{width}d}" for i in range(count))
