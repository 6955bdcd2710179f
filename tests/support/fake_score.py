"""Speaks the protocol of ``gyral score --progress json``, and does what the model folder tells it to.

A fake behind a real seam: the worker starts it as it starts the command line (setting ``GYRAL_SCORE_COMMAND``).
The folder's ``behaviour.json`` (folders of reference models lie in ``GYRAL_FAKE_MODELS``) holds any of::

    steps    [[name, total], ...]           reported one after the other
    pause    seconds between two reports
    sleep    seconds to wait before the end
    spawn    file to write the pid of a grandchild to, which sleeps for ten minutes
    print    text for standard error
    tell     name of a variable of the environment to print on standard error
    noise    text for standard output that is no JSON
    error    {...} reported as the error
    status   exit status
    hash     benchmark hash to put in the record instead of the right one
    value    score in every region
    held     score in every region of `gyral holdout score`
    features "given": what the record of somebody's own arrays says
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path


def say(**message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def record(benchmark: str, twin: str | None, told: dict) -> dict:
    name, version = benchmark.split("@")
    content_hash = told.get("hash", hashlib.sha256(benchmark.encode()).hexdigest())
    value = told.get("value", 0.5) / (2 if twin else 1)
    cell = {"readout": "ridge", "metric": "pearson", "value": value, "low": value - 0.1, "high": value + 0.1}
    cell |= {
        "ceiling": 0.8,
        "ceiling_unit": "r2",
        "ceiling_kind": "ncsnr",
        "ceiled": value**2 / 0.8,
        "r2": value**2,
    }
    cell |= {"n_units": 10, "n_ceiled": 9, "n_samples": 100, "spread": 0.02 if twin else None}
    rows = [
        cell | {"region": region, "subject": subject, "layer": layer, "layers_chosen": won}
        for region in ("V1", "V4")
        for subject in ("all", "one")
        for layer, won in (("chosen", {"conv1": 2, "conv2": 3}), ("conv1", {}), ("conv2", {}))
    ]
    return {
        "schema_version": 1,
        "model": {
            "name": f"fake:{twin}" if twin else "fake",
            "hash": "0" * 64,
            "modality": "vision",
            "twin": twin,
            "seeds": [0, 1, 2, 3, 4] if twin else [],
            "features": told.get("features", "computed"),
        },
        "benchmark": {
            "name": name,
            "version": int(version),
            "hash": content_hash,
            "dataset": name,
            "dataset_hash": "1" * 64,
            "split": "contiguous-5",
            "split_hash": "2" * 64,
            "metric": "pearson",
            "modality": "vision",
        },
        "rows": rows,
        "overlap": {"declared": "unknown", "datasets": [], "why": "The model card has no training_datasets."},
        "provenance": {
            "gyral": "0",
            "seed": 0,
            "device": "cpu",
            "asked": {"readout": "ridge", "memory": 1 << 31},
        },
        "timing": {
            "started": "2026-01-01T00:00:00",
            "seconds": 1.0,
            "features_seconds": 0.5,
            "readout_seconds": 0.5,
            "peak_memory_mb": 10.0,
        },
    }


def held_back(arguments: list[str]) -> int:
    """Speaks the protocol of ``gyral holdout score``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["score"])
    parser.add_argument("model")
    for option in ("--benchmark", "--device", "--progress"):
        parser.add_argument(option, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--isolated", action="store_true")
    asked = parser.parse_args(arguments)
    folder = Path(os.environ.get("GYRAL_FAKE_MODELS", "")) / asked.model
    told = json.loads((folder / "behaviour.json").read_text())
    sys.stderr.write(told.get("print", ""))
    if "held" not in told:
        say(error={"code": "fake", "what": "no score", "where": None, "mend": None})
        return 1
    asked.out.write_text(json.dumps({"V1": None, "V4": told["held"]}))
    say(record=str(asked.out))
    return 0


def main() -> int:
    if sys.argv[1:2] == ["holdout"]:
        return held_back(sys.argv[2:])
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["score"])
    parser.add_argument("model")
    parser.add_argument("--benchmark", required=True)
    parser.add_argument("--readout")
    parser.add_argument("--device", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--progress", choices=["json"], required=True)
    parser.add_argument("--isolated", action="store_true")
    parser.add_argument("--no-controls", action="store_true")
    asked = parser.parse_args()
    twin = "untrained" if asked.model.endswith(":untrained") else None
    folder = Path(os.environ.get("GYRAL_FAKE_MODELS", "")) / asked.model.removesuffix(":untrained")
    told = json.loads((folder / "behaviour.json").read_text())
    sys.stderr.write(told.get("print", ""))
    sys.stdout.write(told.get("noise", ""))
    if "tell" in told:
        sys.stderr.write(f"{told['tell']}={os.environ.get(told['tell'])}\n")
    if "spawn" in told:
        sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(told["spawn"]).write_text(str(sleeper.pid))
    for step, total in told.get("steps", [["features", 2], ["ridge", 2]]):
        for done in range(total + 1):
            say(step=step, done=done, total=total)
            time.sleep(told.get("pause", 0))
    time.sleep(told.get("sleep", 0))
    if "error" in told:
        say(error=told["error"])
    elif "status" not in told:
        asked.out.mkdir(parents=True)
        (asked.out / "record.json").write_text(json.dumps(record(asked.benchmark, twin, told)))
        (asked.out / "units.parquet").write_bytes(b"PAR1")
        say(record=str(asked.out / "record.json"))
    return told.get("status", 1 if "error" in told else 0)


if __name__ == "__main__":
    sys.exit(main())
