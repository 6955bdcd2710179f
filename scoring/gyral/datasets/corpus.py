"""Corpus: public collections that models are trained on and stimuli are drawn from, under stable names.

A model card names what the model was trained on, a dataset what its stimuli were drawn from; `declared_overlap` says
what the two declarations mean together. It believes both: `gyral overlap` looks into the data themselves.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import AfterValidator

Declared = Literal["none", "overlap", "unknown"]

NOTHING = "none"  # a model that was never trained
OTHER = "other"  # something that has no name here
_DATASET = "dataset:"  # before the name of one of our own datasets
_DATASET_NAME = re.compile(r"dataset:[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Corpus:
    """One collection.

    Parameters
    ----------
    title : str
        What it is.
    kind : {"image", "text", "video", "sound", "any"}
        What is in it.
    holds : tuple of str
        Collections that are part of it.
    crawl : bool
        True where it was gathered from the open web, so that nobody knows all that is in it.
    """

    title: str
    kind: Literal["image", "text", "video", "sound", "any"]
    holds: tuple[str, ...] = ()
    crawl: bool = False


CORPORA: dict[str, Corpus] = {
    NOTHING: Corpus("no data: fixed or random weights", "any"),
    OTHER: Corpus("something without a name in this list; say what in `training_data`", "any"),
    "bashivan2019": Corpus("naturalistic images of Bashivan, Kar & DiCarlo (2019)", "image"),
    "celeba": Corpus("CelebA", "image"),
    "cifar-10": Corpus("CIFAR-10", "image"),
    "cifar-100": Corpus("CIFAR-100", "image"),
    "coco": Corpus("COCO (images of NSD and of many captions)", "image"),
    "conceptual-captions": Corpus("Conceptual Captions (3M, 12M)", "image", crawl=True),
    "datacomp-1b": Corpus("DataComp-1B", "image", crawl=True),
    "ecoset": Corpus("ecoset", "image"),
    "ego4d": Corpus("Ego4D", "video"),
    "imagenet-1k": Corpus("ImageNet-1k (ILSVRC 2012)", "image"),
    "imagenet-21k": Corpus("ImageNet-21k", "image", holds=("imagenet-1k",)),
    "jft-300m": Corpus("JFT-300M", "image", crawl=True),
    "kinetics": Corpus("Kinetics (400, 600, 700)", "video"),
    "laion": Corpus("LAION (400M, 2B, 5B)", "image", crawl=True),
    "lvd-142m": Corpus("LVD-142M", "image", holds=("imagenet-1k", "imagenet-21k"), crawl=True),
    "open-images": Corpus("Open Images", "image"),
    "places365": Corpus("Places365", "image"),
    "sa-1b": Corpus("SA-1B", "image"),
    "stylized-imagenet": Corpus("Stylized-ImageNet", "image", holds=("imagenet-1k",)),
    "things": Corpus("THINGS object images", "image"),
    "vggface2": Corpus("VGGFace2", "image"),
    "wit-400m": Corpus("the 400 million image-text pairs of CLIP", "image", crawl=True),
    "yfcc-100m": Corpus("YFCC100M", "image", crawl=True),
    "audioset": Corpus("AudioSet", "sound"),
    "common-voice": Corpus("Common Voice", "sound"),
    "esc-50": Corpus("ESC-50", "sound"),
    "freesound": Corpus("Freesound", "sound", holds=("esc-50", "fsd50k", "urbansound8k")),
    "fsd50k": Corpus("FSD50K", "sound"),
    "gtzan": Corpus("GTZAN music genres", "sound"),
    "libri-light": Corpus("Libri-Light", "sound"),
    "librispeech": Corpus("LibriSpeech", "sound"),
    "librivox": Corpus("LibriVox", "sound", holds=("libri-light", "librispeech")),
    "speech-commands": Corpus("Speech Commands", "sound"),
    "timit": Corpus("TIMIT", "sound"),
    "urbansound8k": Corpus("UrbanSound8K", "sound"),
    "vggsound": Corpus("VGGSound", "sound"),
    "voxceleb": Corpus("VoxCeleb (1, 2)", "sound"),
    "babylm": Corpus("BabyLM", "text", holds=("childes", "gutenberg", "wikipedia")),
    "bookcorpus": Corpus("BookCorpus (Toronto Book Corpus)", "text"),
    "c4": Corpus("C4", "text", crawl=True),
    "childes": Corpus("CHILDES", "text"),
    "common-crawl": Corpus("Common Crawl, or text taken from it", "text", crawl=True),
    "dclm": Corpus("DCLM", "text", crawl=True),
    "dolma": Corpus("Dolma", "text", holds=("c4", "gutenberg", "reddit", "s2orc", "wikipedia"), crawl=True),
    "fineweb": Corpus("FineWeb", "text", holds=("fineweb-edu",), crawl=True),
    "fineweb-edu": Corpus("FineWeb-Edu", "text", crawl=True),
    "gigaword": Corpus("English Gigaword", "text"),
    "gutenberg": Corpus("Project Gutenberg", "text"),
    "nli": Corpus("SNLI and MultiNLI", "text"),
    "openwebtext": Corpus("OpenWebText, WebText", "text", crawl=True),
    "quora-pairs": Corpus("Quora question pairs", "text"),
    "reddit": Corpus("Reddit", "text", crawl=True),
    "redpajama": Corpus("RedPajama", "text", holds=("c4", "wikipedia"), crawl=True),
    "refinedweb": Corpus("RefinedWeb", "text", crawl=True),
    "s2orc": Corpus("S2ORC", "text"),
    "smoltalk": Corpus("SmolTalk", "text"),
    "the-pile": Corpus("The Pile", "text", holds=("gutenberg", "wikipedia"), crawl=True),
    "the-stack": Corpus("The Stack", "text", crawl=True),
    "tinystories": Corpus("TinyStories", "text"),
    "wikianswers": Corpus("WikiAnswers", "text"),
    "wikipedia": Corpus("Wikipedia", "text"),
}


@dataclass(frozen=True)
class Overlap:
    """What the declarations of a model and a dataset say of their overlap.

    Parameters
    ----------
    declared : {"none", "overlap", "unknown"}
        "overlap": a collection the stimuli are drawn from is among those the model was trained on, which does not
        say that the very stimuli are; "none": all are named and none is; else "unknown".
    datasets : tuple of str
        The collections in common.
    why : str
        One sentence.
    """

    declared: Declared
    datasets: tuple[str, ...]
    why: str

    @property
    def title(self) -> str:
        """As pages show it."""
        return {"none": "no overlap", "overlap": "overlap declared", "unknown": "unknown"}[self.declared]


def declared_overlap(
    trained_on: Iterable[str], dataset: str, drawn_from: Iterable[str] | None, *, made: bool = False
) -> Overlap:
    """Compare a card's training data with where a dataset's stimuli come from.

    Parameters
    ----------
    trained_on : iterable of str
        ``training_datasets`` of the card: names of `CORPORA`, and "dataset:NAME" for a dataset that is scored on.
    dataset : str
        Name of the dataset that the model is scored on.
    drawn_from : iterable of str, or None
        Collections of `CORPORA` that the stimuli were drawn from, empty where they were made for the experiment;
        None where nobody says.
    made : bool
        True where code made the stimuli.

    Examples
    --------
    >>> declared_overlap(["imagenet-21k"], "a-dataset", ["imagenet-1k"]).declared
    'overlap'
    >>> declared_overlap(["imagenet-1k"], "a-dataset", ["coco"]).title
    'no overlap'
    >>> declared_overlap(["laion"], "a-dataset", ["coco"]).why
    'laion was gathered from the open web, so nobody knows whether the stimuli are in it.'
    """
    named = list(trained_on)
    if not named:
        return Overlap(
            "unknown",
            (),
            "The model card has no training_datasets. A card says none there of a model that was never trained.",
        )
    trained = _with_parts(named)
    own = _DATASET + dataset
    sources = _with_parts(drawn_from or ()) | {own}
    if common := tuple(sorted(trained & sources)):
        why = "this very dataset" if own in common else f"{_listed(common)}, which the stimuli were drawn from"
        return Overlap("overlap", common, f"Trained on {why}.")
    if trained == {NOTHING}:
        return Overlap("none", (), "The model was never trained.")
    if made:
        return Overlap("none", (), "The stimuli were made by code for this dataset.")
    if drawn_from is None:
        return Overlap("unknown", (), "The dataset does not say which collections its stimuli were drawn from.")
    crawled = [name for name in named if name in CORPORA and CORPORA[name].crawl]
    if crawled:
        were = "was" if len(crawled) == 1 else "were"
        it = "it" if len(crawled) == 1 else "them"
        return Overlap(
            "unknown",
            (),
            f"{_listed(crawled)} {were} gathered from the open web, so nobody knows whether the stimuli are in {it}.",
        )
    if OTHER in named:
        return Overlap("unknown", (), "The model was also trained on data that have no name here.")
    return Overlap("none", (), "None of the collections named on the card is one the stimuli were drawn from.")


def known_corpus(name: str) -> str:
    """``name``, if it is one of `CORPORA`, or "dataset:NAME".

    Raises
    ------
    ValueError
        It is not; the nearest names are suggested.
    """
    if name in CORPORA or _DATASET_NAME.fullmatch(name):
        return name
    near = get_close_matches(name.lower(), CORPORA, n=3, cutoff=0.5)
    hint = (
        f"did you mean {' or '.join(map(repr, near))}?" if near else f"use {OTHER!r} and say what in training_data"
    )
    raise ValueError(f"{name!r} is not a known collection; {hint}")


CorpusName = Annotated[str, AfterValidator(known_corpus)]


def _with_parts(names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += CORPORA[name].holds if name in CORPORA else ()
    return found


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
