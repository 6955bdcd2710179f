"""What each part of the contrastive decoder is worth on simulated speech: the tables of docs/retrieval.md.

    python tests/benchmarks/retrieval.py [--seeds 3] [--items 500] [--epochs 20]

Top-10 among held-out items and median relative rank, mean over seeds and the range; simulated MEG of three subjects
(`gyral.retrieval.simulated`), 70 % of the items in training, 10 % to stop by, 20 % held out. `ridge` trains on 80 %. CPU
seconds are means of a fit.
"""

import argparse
import time
from dataclasses import replace

import numpy as np

from gyral.retrieval.linear import ridge_predictions
from gyral.retrieval.network import Shape
from gyral.retrieval.ranks import Ranks, over_subjects, ranked, similarity
from gyral.retrieval.simulated import Speech, simulated_speech
from gyral.retrieval.training import Decoder, fit_contrastive

DECODERS = {
    "full": Decoder(),
    "no clamp": Decoder(clamp=None),
    "no subject layer": Decoder(shape=Shape(subject_layer=False)),
    "no spatial attention": Decoder(shape=Shape(spatial_attention=False)),
}
TRUTHS = {"latencies move by 800 ms": Speech(), "latencies fixed": Speech(jitter=0.0)}


def compared(speech: Speech, seed: int, epochs: int, names: list[str]) -> dict[str, tuple[Ranks, Ranks, float]]:
    """Ranks of single windows, ranks over subjects, and CPU seconds."""
    segments, targets = simulated_speech(speech, seed=seed)
    order = np.random.default_rng(seed).permutation(speech.items)
    train, valid, test = np.split(order, [int(0.7 * speech.items), int(0.8 * speech.items)])
    held = segments.of_items(test)
    found = {}
    for name in names:
        clock = time.process_time()
        if name.startswith("ridge"):
            clamp = None if name.endswith("no clamp") else DECODERS["full"].clamp
            made, items = ridge_predictions(segments, targets, np.union1d(train, valid), test, clamp=clamp)
        else:
            decoder = replace(DECODERS[name], epochs=epochs)
            fitted = fit_contrastive(segments, targets, train, valid, decoder=decoder, seed=seed)
            made, items = fitted.predict(held), held.items
        scores = similarity(made, targets[test])
        single, together = ranked(scores, items, test), ranked(*over_subjects(scores, items), test)
        found[name] = (single, together, time.process_time() - clock)
    return found


def main() -> None:
    """Print a Markdown table for each truth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=20)
    asked = parser.parse_args()
    for title, speech in TRUTHS.items():
        names = ["ridge", "ridge, no clamp", *(DECODERS if speech.jitter else ["full"])]
        own = replace(speech, items=asked.items)
        runs = [compared(own, seed, asked.epochs, names) for seed in range(asked.seeds)]
        count = int(runs[0]["ridge"][0].candidates[0])
        print(f"\n{title}; {count} candidates, chance of top-10 {10 / count:.3f}\n")
        print("| decoder | top-10, one window | top-10, three subjects | median relative rank | CPU s |")
        print("|---|---|---|---|---|")
        for name in names:
            tops = [[run[name][k].top(10) for run in runs] for k in (0, 1)]
            cells = [f"{np.mean(t):.3f} [{min(t):.3f}, {max(t):.3f}]" for t in tops]
            cells.append(f"{np.mean([run[name][0].relative for run in runs]):.3f}")
            cells.append(f"{np.mean([run[name][2] for run in runs]):.1f}")
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
