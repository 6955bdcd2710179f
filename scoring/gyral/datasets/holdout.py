"""Holdout: what a benchmark holds back from every score that anybody is shown.

Whoever may ask a benchmark often enough fits it. A holdout part is a pack of its own, with the regions of the benchmark's
dataset and none of its stimuli, that lies where only operators look (``GYRAL_HOME/holdout/BENCHMARK``). No record,
redraw, prediction or page knows its rows; a site scores models on it rarely, many at once, and shows how far the two parts
agree over all of them.
"""

import secrets
import shutil
import tempfile
from pathlib import Path

from gyral import places
from gyral.datasets.dataset import Dataset
from gyral.datasets.pack import copy_pack, read_pack, verify_pack, write_pack
from gyral.errors import BadDataset, Unavailable
from gyral.progress import Progress, silent

# Seeds that are tried for made stimuli that are all new.
_DRAWS = 50


def holdout_folder(benchmark: str) -> Path:
    """Where the holdout part of a benchmark (its name without version) lies, if it is here."""
    return places.home() / "holdout" / benchmark


def has_holdout(benchmark: str) -> bool:
    """True where it is here."""
    return (holdout_folder(benchmark) / "dataset.toml").is_file()


def open_holdout(benchmark: str, public: Dataset) -> Dataset:
    """The part of a benchmark that is held back.

    Raises
    ------
    Unavailable
        It is not on this machine (``no-holdout``).
    BadDataset
        It is no other part of the same benchmark (`require_apart`).
    """
    if not has_holdout(benchmark):
        command = f"make {benchmark}" if public.about.simulated else f"install {benchmark} PACK"
        raise Unavailable(
            "the part that it holds back is not on this machine; nobody can score on it at home.",
            where=f"benchmark {benchmark!r}",
            mend=f"Operators bring one with `gyral holdout {command}`. To others the benchmark's page says how far "
            "public and held-back scores agree.",
            code="no-holdout",
        )
    held = read_pack(holdout_folder(benchmark))
    require_apart(public, held)
    return held


def require_apart(public: Dataset, held: Dataset) -> None:
    """Refuse a holdout part that shares a stimulus with the public part, or is not of the same kind.

    Raises
    ------
    BadDataset
        Another modality, other regions, RDMs instead of responses, or a stimulus of the public part (``holdout``).
    """
    why = ""
    if held.stimuli.modality != public.stimuli.modality:
        why = f"its stimuli are {held.stimuli.modality}, those of the public part {public.stimuli.modality}"
    elif (held.responses is None) != (public.responses is None):
        why = "one part has responses, the other RDMs"
    elif missing := sorted({r.name for r in public.regions} ^ {r.name for r in held.regions}):
        why = f"region {missing[0]!r} is in one part only"
    elif shared := sorted(set(held.stimuli.hashes) & set(public.stimuli.hashes)):
        row = held.stimuli.hashes.index(shared[0])
        why = f"stimulus {held.stimuli.ids[row]!r} stands in the public part, too ({len(shared)} do)"
    if why:
        raise BadDataset(
            f"no holdout part of it: {why}.",
            where=f"holdout of {public.name!r}",
            mend="Cut the data in two by stimuli (groups whole) before either part is packed.",
            code="holdout",
        )


def install_holdout(benchmark: str, public: Dataset, pack: Path, *, progress: Progress = silent) -> Path:
    """Check a pack folder and keep it as the holdout part of a benchmark, whole or not at all.

    Raises
    ------
    BadDataset
        The pack is wrong, or no other part of the benchmark.
    """
    require_apart(public, verify_pack(pack, progress=progress))
    target = _emptied(benchmark)
    copy_pack(pack, target, progress=progress)
    return target


def make_holdout(benchmark: str, public: Dataset, *, progress: Progress = silent) -> Path:
    """Make the holdout part of a simulated benchmark: its cortex anew, from a seed that is told to nobody.

    Raises
    ------
    BadDataset
        The benchmark is not simulated (``holdout``).
    """
    from gyral.datasets import simulated  # makes images; only here

    if not public.about.simulated:
        raise BadDataset(
            "only simulated data can be made; a part of a recording has to be cut off before the rest is packed.",
            where=f"benchmark {benchmark!r}",
            mend="Give a pack: `gyral holdout install BENCHMARK PACK`.",
            code="holdout",
        )
    with tempfile.TemporaryDirectory() as scratch:
        held = simulated.make(public.name, Path(scratch) / "0", seed=secrets.randbits(63))
        for again in range(1, _DRAWS):
            # Made sentences are few enough that two seeds now and then tell the same one.
            if not set(held.stimuli.hashes) & set(public.stimuli.hashes):
                break
            held = simulated.make(public.name, Path(scratch) / str(again), seed=secrets.randbits(63))
        require_apart(public, held)
        target = _emptied(benchmark)
        write_pack(held, target, progress=progress)
    return target


def _emptied(benchmark: str) -> Path:
    target = holdout_folder(benchmark)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.parent.chmod(0o700)
    shutil.rmtree(target, ignore_errors=True)
    return target
