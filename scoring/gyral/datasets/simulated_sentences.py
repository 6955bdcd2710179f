"""Made sentences: short passages about who did what to whom, from a small grammar (all simulated).

A passage has a cast (a few beings, things and places); each sentence is active or passive, plain or negated,
short or long. Roles and polarity are known by construction, so that units which carry them can be planted.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gyral.datasets.simulated_cortex import stream

PASSAGE = 5  # sentences in a passage
Kind = Literal["person", "animal", "food", "vehicle", "tool", "furniture", "place"]


@dataclass(frozen=True)
class Noun:
    """A noun with the attributes that planted units know: size and danger from 0 to 9."""

    word: str
    kind: Kind
    size: int
    danger: int

    @property
    def animate(self) -> bool:
        """True for people and animals."""
        return self.kind in ("person", "animal")


@dataclass(frozen=True)
class Verb:
    """A transitive verb: forms, how kind the deed is (-1 .. 1) and how forceful (0 .. 1)."""

    base: str
    past: str
    participle: str
    kindness: float
    force: float


@dataclass(frozen=True)
class Sentence:
    """A sentence and what it says.

    Parameters
    ----------
    text : str
        What a model reads.
    agent, patient : Noun
        Who acts, and who or what is acted on, whatever the word order.
    verb : Verb
        The deed.
    polarity : int
        1, or -1 where the sentence says that it did not happen.
    passive : bool
        True where the patient comes first.
    content : tuple of str
        Base forms of the content words, in order.
    passage : int
        Number of its passage.
    """

    text: str
    agent: Noun
    patient: Noun
    verb: Verb
    polarity: int
    passive: bool
    content: tuple[str, ...]
    passage: int


def _nouns(kind: Kind, listed: str) -> tuple[Noun, ...]:
    """Parse ``word:size,danger`` entries."""
    parsed = (entry.replace(",", ":").split(":") for entry in listed.split())
    return tuple(Noun(word, kind, int(size), int(danger)) for word, size, danger in parsed)


BEINGS = (
    *_nouns(
        "person",
        "farmer:5,1 doctor:5,0 soldier:5,7 teacher:5,0 baker:5,0 thief:5,6 sailor:5,2 child:3,0 queen:5,2 "
        "hunter:5,7 nurse:5,0 judge:5,2 pirate:5,8 baby:2,0 painter:5,0 guard:6,5 singer:5,0 giant:9,6",
    ),
    *_nouns(
        "animal",
        "dog:4,3 cat:2,1 horse:7,2 wolf:5,8 rabbit:2,0 bear:8,9 mouse:1,0 lion:7,9 sheep:4,0 snake:2,8 "
        "duck:2,0 bull:8,7 fox:3,3 frog:1,0 elephant:9,5 goat:4,1 shark:8,9 hen:2,0",
    ),
)
THINGS = (
    *_nouns("food", "bread:2,0 apple:1,0 soup:2,0 cheese:1,0 cake:2,0 potato:1,0 onion:1,0 pie:2,0"),
    *_nouns("vehicle", "boat:8,2 cart:6,1 truck:9,4 bicycle:4,1 train:9,5 wagon:7,1 tractor:8,3 sled:4,1"),
    *_nouns("tool", "hammer:2,4 axe:3,7 rope:3,1 knife:1,8 bucket:3,0 ladder:6,2 shovel:4,2 needle:0,3"),
    *_nouns("furniture", "table:6,0 chair:4,0 lamp:3,1 bed:7,0 mirror:4,1 clock:3,0 carpet:6,0 shelf:5,0"),
)
PLACES = _nouns(
    "place",
    "farm:9,1 kitchen:6,2 harbour:9,2 school:8,0 hospital:9,2 market:8,0 forest:9,4 street:8,2 "
    "river:9,4 garden:7,0 castle:9,2 bridge:8,2",
)
BEING_VERBS = tuple(
    Verb(*row)
    for row in (
        ("help", "helped", "helped", 1.0, 0.2),
        ("praise", "praised", "praised", 0.9, 0.0),
        ("feed", "fed", "fed", 0.8, 0.1),
        ("save", "saved", "saved", 1.0, 0.6),
        ("hug", "hugged", "hugged", 0.9, 0.3),
        ("greet", "greeted", "greeted", 0.6, 0.0),
        ("follow", "followed", "followed", 0.0, 0.2),
        ("watch", "watched", "watched", 0.0, 0.0),
        ("carry", "carried", "carried", 0.3, 0.6),
        ("ignore", "ignored", "ignored", -0.4, 0.0),
        ("trick", "tricked", "tricked", -0.6, 0.1),
        ("chase", "chased", "chased", -0.4, 0.7),
        ("frighten", "frightened", "frightened", -0.7, 0.4),
        ("push", "pushed", "pushed", -0.6, 0.9),
        ("bite", "bit", "bitten", -0.9, 0.8),
        ("attack", "attacked", "attacked", -1.0, 1.0),
    )
)
THING_VERBS = tuple(
    Verb(*row)
    for row in (
        ("buy", "bought", "bought", 0.2, 0.0),
        ("clean", "cleaned", "cleaned", 0.5, 0.3),
        ("mend", "mended", "mended", 0.8, 0.3),
        ("find", "found", "found", 0.3, 0.0),
        ("hide", "hid", "hidden", -0.2, 0.2),
        ("drop", "dropped", "dropped", -0.3, 0.5),
        ("steal", "stole", "stolen", -0.8, 0.4),
        ("break", "broke", "broken", -0.8, 0.9),
    )
)
ADJECTIVES = ("old", "young", "tired", "hungry", "quiet", "famous", "clever", "lonely", "brave", "lazy")
COLOURS = ("red", "green", "heavy", "broken", "new", "dusty", "expensive", "useful")
OPENERS = ("yesterday", "in the morning", "after a while", "late at night", "before lunch", "once again")


def tell(count: int, seed: int) -> list[Sentence]:
    """``count`` different sentences, in passages of five."""
    told: list[Sentence] = []
    seen: set[str] = set()
    passage = 0
    while len(told) < count:
        rng = stream(seed, "passage", str(passage))
        cast = _Cast(rng)
        fresh: list[Sentence] = []
        while len(fresh) < min(PASSAGE, count - len(told)):
            sentence = _sentence(cast, rng, passage)
            if sentence.text not in seen:
                seen.add(sentence.text)
                fresh.append(sentence)
        told += fresh
        passage += 1
    return told


class _Cast:
    """Who and what a passage is about."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.beings = [BEINGS[i] for i in rng.permutation(len(BEINGS))[:4]]
        self.things = [THINGS[i] for i in rng.permutation(len(THINGS))[:2]]
        self.places = [PLACES[i] for i in rng.permutation(len(PLACES))[:2]]


def _sentence(cast: _Cast, rng: np.random.Generator, passage: int) -> Sentence:
    order = rng.permutation(len(cast.beings))
    agent, patient, verbs = cast.beings[order[0]], cast.beings[order[1]], BEING_VERBS
    if rng.random() < 0.2:
        patient, verbs = cast.things[rng.integers(len(cast.things))], THING_VERBS
    verb = verbs[rng.integers(len(verbs))]
    polarity = -1 if rng.random() < 0.3 else 1
    passive = bool(rng.random() < 0.4)
    actor, actor_words = _phrase(agent, rng)
    target, target_words = _phrase(patient, rng)
    deed = _deed(verb, polarity, passive, str(rng.choice(["not", "never"])))
    words = [target, deed, "by", actor] if passive else [actor, deed, target]
    order_of = (target_words, (verb.base,), actor_words) if passive else (actor_words, (verb.base,), target_words)
    content = tuple(word for part in order_of for word in part)
    if rng.random() < 0.4:
        place = cast.places[rng.integers(len(cast.places))]
        words.append(f"near the {place.word}")
        content += (place.word,)
    if rng.random() < 0.25:
        words.insert(0, OPENERS[rng.integers(len(OPENERS))])
    text = " ".join(words)
    return Sentence(text[0].upper() + text[1:] + ".", agent, patient, verb, polarity, passive, content, passage)


def _phrase(noun: Noun, rng: np.random.Generator) -> tuple[str, tuple[str, ...]]:
    """A noun phrase with at most one adjective, and its content words."""
    if rng.random() < 0.35:
        words = ADJECTIVES if noun.animate else COLOURS
        adjective = words[rng.integers(len(words))]
        return f"the {adjective} {noun.word}", (adjective, noun.word)
    return f"the {noun.word}", (noun.word,)


def _deed(verb: Verb, polarity: int, passive: bool, denial: str) -> str:
    if passive:
        return f"was {verb.participle}" if polarity > 0 else f"was {denial} {verb.participle}"
    if polarity > 0:
        return verb.past
    return f"did not {verb.base}" if denial == "not" else f"never {verb.past}"
