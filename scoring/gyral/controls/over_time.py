"""Over time: nuisance bands where stimuli are words in time and responses were sampled on a clock.

The bands of single words (length, frequency, place in the story, static vectors) come onto samples as a model's features do, and
two kinds join them: ``word-rate``, words a sample through the same filter and delays (what features that are not centred
would carry), and every signal of the timeline (sound power, envelope).
"""

from gyral.controls.bands import PREFIX, Nuisances
from gyral.features.features import Features
from gyral.features.timed import Placement, Timed
from gyral.hashing import hash_json
from gyral.provenance import code_hash

RATE = "word-rate"


def over_time(nuisances: Nuisances, placement: Placement) -> Nuisances:
    """Bands of samples.

    Parameters
    ----------
    nuisances : Nuisances
        Of the stimuli, one row a stimulus.
    placement : Placement
    """
    made_by = [code_hash("controls"), code_hash("features")]
    # What the place in a story does can be learned from other stories only.
    left_out = {"position"} if len(placement.timeline.spans) == 1 else set()
    hashes = {name: hash_json([made, made_by]) for name, made in nuisances.hashes.items() if name not in left_out}
    words = {space.layer.removeprefix(PREFIX): space for space in nuisances.spaces}
    spaces: list[Features] = [Timed.of(words[name], placement) for name in hashes]
    spaces.append(Features(PREFIX + RATE, placement.delayed(placement.rate[:, None])))
    hashes[RATE] = hash_json([RATE, made_by])
    for name, signal in placement.timeline.signals.items():
        values = placement.delayed(signal.values) if signal.delayed else signal.values
        spaces.append(Features(PREFIX + name, values))
        hashes[name] = hash_json([name, signal.delayed, made_by])
    return Nuisances(tuple(spaces), hashes, nuisances.absent)
