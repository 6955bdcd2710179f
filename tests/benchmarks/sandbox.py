"""What the sandbox costs: one model on one bundled benchmark, held at each tier, against the same model in process.

    python tests/benchmarks/sandbox.py                                     EfficientNet-Lite0 on sim-vision
    python tests/benchmarks/sandbox.py --model minilm-l6 --benchmark sim-language
    python tests/benchmarks/sandbox.py --tiers process landlock bubblewrap --repeats 3

"pass" is CPU seconds of extracting all the given layers of all stimuli, host and guest together, one thread, without
opening the model; the least of the repeats, which take turns. "throughput" is the in-process pass over this one. "up"
is wall seconds from the start of a guest until it has opened its model, "waits" how many of them a host still waits
that started the guest ahead of its own imports (`gyral.isolation.host.isolated`). Batches are the same everywhere.

    python tests/benchmarks/sandbox.py --runs [--repeats 3]      whole runs of `gyral score --controls none`, nothing cached

"in process" and "guest" are started cold, as a person starts them; "ready" is what a worker keeps for its next run
(`gyral standby`), timed from its order on; "ready, no guest" the same without isolation. The least of the repeats, which take
turns. "overhead" is "ready" over "ready, no guest": what isolation alone costs a worker.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from gyral import places
from gyral.benchmarks.installed import find_benchmark
from gyral.datasets.catalogue import open_dataset
from gyral.datasets.stimulus import StimulusSet
from gyral.isolation.host import IsolatedModel
from gyral.isolation.limits import family
from gyral.isolation.tier import TIERS, Tier, try_out
from gyral.models.catalogue import MODELS
from gyral.models.model import Model, Reduction
from gyral.models.upload import open_folder

# What a scoring process does after it started a guest, before it asks the first question.
_HOST = """
import sys, time
from pathlib import Path
from gyral.isolation.host import IsolatedModel
began = time.perf_counter()
model = IsolatedModel(Path(sys.argv[1]), tier=sys.argv[2])
model.start_ahead()
import gyral.evaluate, gyral.datasets.catalogue
asked = time.perf_counter()
model.layers()
print(time.perf_counter() - began, time.perf_counter() - asked)
model.close()
"""


def guest_seconds(model: Model) -> float:
    """CPU seconds of a model's guest so far; 0 for a model in this process."""
    if not isinstance(model, IsolatedModel) or model._guest is None:
        return 0.0
    return family_seconds(model._guest.process.pid)


def family_seconds(first: int) -> float:
    """CPU seconds of a process and those below it so far."""
    ticks = 0
    for pid in family(first):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def extract(model: Model, stimuli: StimulusSet, layers: Sequence[str]) -> float:
    """CPU seconds of one pass, host and guest, after the model was opened."""
    model.layers()
    guest, host, rows = guest_seconds(model), time.process_time(), 0
    for batch in model.batches(stimuli, layers, reduction=Reduction(), memory=1 << 28):
        rows += len(batch)
        if rows == len(stimuli):  # the guest goes with its last batch
            host = time.process_time() - host
            guest = guest_seconds(model) - guest
    assert rows == len(stimuli)
    return host + guest


def start_up(folder: Path, tier: Tier) -> tuple[float, float]:
    """Wall seconds until a guest is up, and what of them a host waits that starts it ahead."""
    with IsolatedModel(folder, tier=tier) as model:
        began = time.perf_counter()
        model.layers()
        up = time.perf_counter() - began
    argv = [sys.executable, "-c", _HOST, str(folder), tier]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    return up, float(said[1])


def run_seconds(folder: Path, benchmark: str, *, ready: bool, isolated: bool) -> tuple[float, float]:
    """Wall and CPU seconds of one run, host and guest, from the start of its process, or from the order where one waits."""
    with tempfile.TemporaryDirectory(prefix="gyral-run-") as there:
        variables = {**os.environ, "GYRAL_CACHE": f"{there}/cache", "GYRAL_HOME": f"{there}/home"}
        packs = places.cache() / "packs"
        if packs.is_dir():  # what is measured is a run, not the making of its data
            shutil.copytree(packs, f"{there}/cache/packs", copy_function=os.link)
        argv = ["score", str(folder), "--benchmark", benchmark, "--progress", "json", "--out", f"{there}/record"]
        argv += ["--controls", "none"]
        argv += ["--isolated"] if isolated else []
        gyral = [sys.executable, "-m", "gyral.cli.main"]
        command = [*gyral, "standby"] if ready else [*gyral, *argv]
        began, spent = time.perf_counter(), _children_seconds()
        with subprocess.Popen(
            command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdin and child.stdout
            if ready:
                assert json.loads(child.stdout.readline()) == {"ready": True}
                began, spent = time.perf_counter(), spent + family_seconds(child.pid)
                child.stdin.write(json.dumps({"arguments": argv, "folder": there}) + "\n")
            child.stdin.close()
            last = child.stdout.read().splitlines()[-1]
        assert child.returncode == 0 and "record" in json.loads(last), last
        return time.perf_counter() - began, _children_seconds() - spent


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare_runs(folder: Path, asked: argparse.Namespace) -> None:
    """Print what whole runs take."""
    every = {
        "in process": {"ready": False, "isolated": False},
        "guest": {"ready": False, "isolated": True},
        "ready, no guest": {"ready": True, "isolated": False},
        "ready": {"ready": True, "isolated": True},
    }
    ways = {name: every[name] for name in asked.ways}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(asked.repeats):
        for name, way in ways.items():
            seconds[name].append(run_seconds(folder, asked.benchmark, **way))
    best = {name: [min(each) for each in zip(*times, strict=True)] for name, times in seconds.items()}
    print(f"whole runs (without controls) of {asked.model} on {asked.benchmark}, least of {asked.repeats}")
    print(f"{'':18}{'wall, s':>9}{'CPU, s':>9}")
    for name, (wall, cpu) in best.items():
        print(f"{name:18}{wall:9.2f}{cpu:9.2f}")
    if not {"ready", "ready, no guest"} <= set(best):
        return
    over = [100 * (a / b - 1) for a, b in zip(best["ready"], best["ready, no guest"], strict=True)]
    print(f"{'overhead, %':18}{over[0]:9.1f}{over[1]:9.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--benchmark", default="sim-vision")
    parser.add_argument("--layers", nargs="+", help="layers to read; four spread over the depth by default")
    parser.add_argument(
        "--tiers", nargs="+", choices=TIERS, default=[t for t in TIERS if t == "process" or not try_out(t)]
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ways", nargs="+", default=["in process", "guest", "ready, no guest", "ready"])
    parser.add_argument("--runs", action="store_true", help="whole runs instead of passes")
    asked = parser.parse_args()

    folder = MODELS[asked.model].fetch()
    assert folder is not None, f"{asked.model} has no weights"
    if asked.runs:
        open_dataset(find_benchmark(asked.benchmark).dataset)  # its pack is made before anything is timed
        return compare_runs(folder, asked)
    stimuli = open_dataset(find_benchmark(asked.benchmark).dataset).stimuli
    here = open_folder(folder)
    every = here.layers()
    layers = asked.layers or [every[round(i * (len(every) - 1) / 3)] for i in range(4)]
    extract(here, stimuli, layers)  # once, so that nothing is imported in the first timed pass
    passes: dict[str, list[float]] = {"in process": [], **{tier: [] for tier in asked.tiers}}
    for _ in range(asked.repeats):
        passes["in process"].append(extract(open_folder(folder), stimuli, layers))
        for tier in asked.tiers:
            passes[tier].append(extract(IsolatedModel(folder, tier=tier), stimuli, layers))

    print(f"{asked.model} on {asked.benchmark}: {len(stimuli)} stimuli, layers {', '.join(layers)}")
    print(f"{'':12}{'pass, s':>9}{'throughput':>12}{'up, s':>8}{'waits, s':>10}")
    bound = min(passes["in process"])
    for name, seconds in passes.items():
        line = f"{name:12}{min(seconds):9.2f}{bound / min(seconds):12.3f}"
        if name != "in process":
            up, waits = start_up(folder, name)  # type: ignore[arg-type]
            line += f"{up:8.2f}{waits:10.2f}"
        print(line)


if __name__ == "__main__":
    main()
