"""Brennan et al. 2016: 27 people listen to a chapter of Alice in Wonderland; six language regions in fMRI.

Two datasets of one recording: ``alice`` has every listener, ``alice-group`` their mean, with the listeners as repeats.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.dataset import About, Dataset
from gyral.datasets.recipe import Recipe, Source, SourceFile
from gyral.datasets.region import Region
from gyral.datasets.responses import Responses
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.timeline import OFFSET, ONSET, Signal, Timeline, fir_delays
from gyral.errors import BadDataset

TR = 2.0  # seconds
HIGH_PASS = 128.0  # seconds; the longest period that is left
FOLDS, GAP = 5, 5  # segments, and samples (10 s) left out on either side
STORY = "alice"
SPHERE = "roi_6mm"
# name: (name on pages, title)
REGIONS = {
    "LATL": "left anterior temporal lobe",
    "RATL": "right anterior temporal lobe",
    "LPTL": "left posterior temporal lobe",
    "LIPL": "left inferior parietal lobe",
    "LPreM": "left premotor cortex",
    "LIFG": "left inferior frontal gyrus",
}
_DECIMALS = 4  # the last digits of filtered numbers differ between machines; the content hash must not
_CITATION = (
    "Brennan, Stabler, Van Wagenen, Luh & Hale (2016). Abstract linguistic structure correlates with temporal activity "
    "during naturalistic comprehension. Brain and Language 157-158, 81-94. doi:10.1016/j.bandl.2016.04.008"
)
_ADDRESS = "https://github.com/daandouwe/Thesis"
_MADE = (
    "People listened to the first chapter of Alice in Wonderland, 2,127 words in 12 minutes (BOLD, TR 2 s, 362 volumes). A "
    "row is a volume, a unit the mean over a sphere of 6 mm in one of six language regions; drifts slower than 128 s and "
    "head motion regressed out, z. "
)
ABOUT = About(
    name="alice",
    title="Alice in Wonderland, 27 listeners",
    description=_MADE + "27 listeners, each on their own.",
    version="0",
    licence="CC BY 4.0",
    citation=_CITATION,
    url=_ADDRESS,
    species="human",
    display="public",
)
GROUP_ABOUT = About(
    name="alice-group",
    title="Alice in Wonderland, mean of 27 listeners",
    description=_MADE + "The mean over 27 listeners, who stand as repeats.",
    version="0",
    licence="CC BY 4.0",
    citation=_CITATION,
    url=_ADDRESS,
    species="human",
    display="public",
)

_MIRROR = (
    SourceFile("timecourses.npz", "71678fa38ae2bc772533d8a5d33092070febc2f7eeca9cc279adae2ec53b2dab"),
    SourceFile("words.csv", "159c88c5991e6920085523c9a16ac0c7e9de14f06efffdcf83d54c4159e8452f"),
)


def _recipe(about: About, content_hash: str, reader: str) -> Recipe:
    where = Source("alice_fmri_rois", _MIRROR, f"gyral.datasets.recipes.alice:{reader}")
    return Recipe(
        about.name, about.title, content_hash, mirror=where, public=where, licence="CC BY 4.0", about=about
    )


RECIPE = _recipe(ABOUT, "51778d4464be59173e40ed802dfbd7346187893bdc167a584a2e50916d028a8d", "read_listeners")
GROUP_RECIPE = _recipe(
    GROUP_ABOUT, "bbbe185831b732d5bd63f34c4711bab6146de4f67ac49e3fb4601f1602547738", "read_group"
)

PROVENANCE = f"""# Alice in Wonderland, chapter 1: six regions of 27 listeners (Brennan et al. 2016)

- From: github daandouwe/Thesis, commit ec54039b6ac5ad7bf8c81b91768108e5be5c1ce0 (in its history),
  brain-data/syntax-in-rnng/alice_data_shared and alice_stim_shared.
- Licence: CC BY 4.0; the story is in the public domain.
- Volume 0 is second 20 of the padded audio; onsets count from there.
- Changed here: spheres of 6 mm; a cosine basis down to {HIGH_PASS:g} s and six motion parameters regressed out of each
  series, z over the recording, rounded to {_DECIMALS} decimals. The authors' exclusions of single series are not applied.
"""


def read_listeners(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """Every listener, 27 x 6 units."""
    recording = _Recording(files)
    names, values = recording.subjects, recording.cleaned()
    regions = [
        Region(r, np.arange(k, len(names) * len(REGIONS), len(REGIONS)), ("language", r), t)
        for k, (r, t) in enumerate(REGIONS.items())
    ]
    responses = Responses("fMRI", "z", dict(zip(names, values, strict=True)), {})
    return recording.dataset(ABOUT, responses, regions)


def read_group(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The mean over listeners, 6 units; listeners are its repeats."""
    recording = _Recording(files)
    repeats = recording.cleaned().transpose(1, 0, 2)  # samples x listeners x regions
    regions = [Region(r, np.array([k]), ("language", r), t) for k, (r, t) in enumerate(REGIONS.items())]
    mean = np.asarray(np.round(repeats.mean(axis=1, dtype=np.float64), _DECIMALS), np.float32)
    return recording.dataset(GROUP_ABOUT, Responses("fMRI", "z", {"group": mean}, {"group": repeats}), regions)


class _Recording:
    """The mirror's two files."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        with np.load(files["timecourses.npz"], allow_pickle=False) as found:
            self._arrays = {name: found[name] for name in found.files}
        # As text: pandas' own number parser may differ in the last digit between versions, Python's does not.
        self._words = pd.read_csv(files["words.csv"], dtype=str, keep_default_na=False)
        if tuple(self._arrays["rois"].tolist()) != tuple(REGIONS):
            raise BadDataset(
                f"the regions are {self._arrays['rois'].tolist()!r}.", where=str(files["timecourses.npz"])
            )

    @property
    def subjects(self) -> list[str]:
        """Names of the listeners."""
        return [str(s) for s in self._arrays["subjects"]]

    def cleaned(self) -> NDArray[np.float32]:
        """Series without drift and motion, z: listeners x samples x regions."""
        series, motion = (np.asarray(self._arrays[k], np.float64) for k in (SPHERE, "motion"))
        return np.stack([clean(own, moved) for own, moved in zip(series, motion, strict=True)])

    def dataset(self, about: About, responses: Responses, regions: list[Region]) -> Dataset:
        """What the two datasets share, around their responses."""
        words = self._words
        times = {ONSET: "onset_s", OFFSET: "offset_s"}
        volumes = len(next(iter(responses.values.values())))
        power = np.asarray(np.round(self._arrays["sound_power"][0].astype(np.float64), _DECIMALS), np.float32)
        owner = [(s, r) for s, v in responses.values.items() for r in list(REGIONS)[: v.shape[1]]]
        return Dataset(
            about=about,
            stimuli=StimulusSet.from_texts(
                words["word"].tolist(),
                groups=[STORY] * len(words),
                columns={name: np.array([float(t) for t in words[column]]) for name, column in times.items()},
            ),
            responses=responses,
            rdms={},
            units=pd.DataFrame({"subject": [s for s, _ in owner], "unit": [r for _, r in owner]}),
            regions=tuple(regions),
            split_kind="contiguous",
            split_folds=FOLDS,
            split_gap=GAP,
            timeline=Timeline(
                period=TR,
                stories=(STORY,) * volumes,
                delays=fir_delays(TR),
                # The authors convolved it with a response function already.
                signals={"sound-power": Signal(power[:, None], delayed=False)},
            ),
            extra={"provenance": PROVENANCE},
        )


def clean(series: NDArray[Any], motion: NDArray[Any]) -> NDArray[np.float32]:
    """Series without slow drift and head motion, z, rounded: samples x units.

    Parameters
    ----------
    series : array, samples x units
    motion : array, samples x parameters
    """
    samples = len(series)
    highest = int(2 * samples * TR / HIGH_PASS)
    place = np.pi * (2 * np.arange(samples)[:, None] + 1) / (2 * samples)
    drift = np.cos(place * np.arange(highest + 1))
    moved = motion - motion.mean(axis=0)
    basis = np.column_stack([drift, moved / np.maximum(moved.std(axis=0), np.finfo(np.float64).tiny)])
    left = series - basis @ np.linalg.lstsq(basis, series, rcond=None)[0]
    return np.asarray(np.round(left / left.std(axis=0), _DECIMALS), np.float32)
