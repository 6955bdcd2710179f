"""The bundled datasets, and how one is opened: found, or built once into the cache."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gyral import places
from gyral.errors import BadDataset, Unavailable, UnknownName
from gyral.progress import Progress, silent
from gyral.registry import Registry
from gyral.room import make_room, touch

if TYPE_CHECKING:
    from gyral.datasets.dataset import About, Dataset
    from gyral.datasets.recipe import Recipe

RECIPES = Registry(
    kind="dataset",
    table={
        "tuckute2024": "gyral.datasets.recipes.tuckute2024:RECIPE",
        "alice": "gyral.datasets.recipes.alice:RECIPE",
        "alice-group": "gyral.datasets.recipes.alice:GROUP_RECIPE",
        "cowley2023-v4": "gyral.datasets.recipes.cowley2023:RECIPE",
        "kriegeskorte2008": "gyral.datasets.recipes.kriegeskorte2008:RECIPE",
        "haxby2001": "gyral.datasets.recipes.haxby2001:RECIPE",
        "n170": "gyral.datasets.recipes.n170:RECIPE",
        "things2020": "gyral.datasets.recipes.things2020:RECIPE",
        "sim-vision": "gyral.datasets.simulated:make",
        "sim-language": "gyral.datasets.simulated:make",
        "sim-meg": "gyral.datasets.simulated:make",
        "sim-eeg": "gyral.datasets.simulated:make",
    },
    summaries={
        "tuckute2024": "1,000 sentences, 6 language regions (fMRI, mean of five people)",
        "alice": "a story heard by 27 people, 6 language regions each (fMRI, words in time)",
        "alice-group": "the same, mean over the 27 listeners",
        "cowley2023-v4": "640 images, 50 V4 neurons of a macaque, 6 to 10 repeats",
        "kriegeskorte2008": "92 object images, RDMs of human IT, monkey IT and 16 judges",
        "haxby2001": "8 categories in 12 runs, one slice of one person (decoding; a page, no board)",
        "n170": "faces and houses in 13 runs of four people, EEG of 4 electrodes (decoding; a page, no board)",
        "things2020": "20,000 odd-one-out choices of 325 people among the names of 1,854 objects",
        "sim-vision": "simulated: made images, units with known truth",
        "sim-language": "simulated: made sentences, units with known truth",
        "sim-meg": "simulated: made images, 38 MEG sensors x 20 times with planted latencies",
        "sim-eeg": "simulated: made sentences, 32 EEG sensors x 19 times with planted latencies",
    },
)
_STEP = "wait for another process that builds {}"


def installed_packs() -> dict[str, Path]:
    """Packs an operator installed (``GYRAL_HOME/packs``), by name."""
    packs = (places.home() / "packs").glob("[!.]*/dataset.toml")
    return {path.parent.name: path.parent for path in sorted(packs)}


def dataset_names() -> tuple[str, ...]:
    """Every dataset that can be opened: recipes first, then installed packs."""
    names = RECIPES.names()
    return (*names, *sorted(set(installed_packs()) - set(names)))


def open_dataset(
    name: str,
    *,
    progress: Progress = silent,
    force: bool = False,
    unverified: bool = False,
) -> "Dataset":
    """Open the dataset ``name``: an installed pack, the cached one, or one built now.

    Building takes a lock: processes that ask at once build it once.

    Parameters
    ----------
    name : str
        One of `dataset_names`.
    progress : Progress
        Told of downloads and building.
    force : bool
        Build again even if it is there (an installed pack is never rebuilt).
    unverified : bool
        Also try public addresses nobody has been able to fetch yet.

    Raises
    ------
    UnknownName
        No such dataset.
    Unavailable
        No source can be reached; says how to get the data.
    BadDataset
        A source file or the pack is wrong, or its content is not the one the recipe promises.
    OutOfResources
        The disk is full; nothing half-written is left.
    """
    if not _known(name):
        raise UnknownName("dataset", name, dataset_names())
    if (pack := find_pack(name)) is not None and not (force and _may_be_built(name, pack)):
        from gyral.datasets.pack import read_pack  # slow import (pandas), only when a pack is opened

        dataset = read_pack(pack)
        touch(pack)
        check_content(name, dataset.content_hash, str(pack))  # an installed pack may be older than the recipe
        return replace(dataset, about=about_of(name, pack))
    return _build_locked(name, progress, force=force, unverified=unverified)


def find_pack(name: str) -> Path | None:
    """Folder of a pack that is here and current, or None.

    An installed pack goes first; a cached one counts only if it is what its recipe makes today.
    """
    installed = places.home() / "packs" / name
    if (installed / "dataset.toml").is_file():
        return installed
    cached = places.cache() / "packs" / name
    return cached if _is_current(name, cached) else None


def about_of(name: str, pack: Path) -> "About":
    """What is said of the dataset ``name``, whose pack is here: its recipe's words, else the pack's own.

    Words are no part of the content, so that a pack built under older ones is not built again for them.
    """
    from gyral.datasets.manifest import read_manifest  # slow import (pydantic models), only when asked

    recipe = _recipe(name) if name in RECIPES else None
    return recipe.about if recipe is not None and recipe.about is not None else read_manifest(pack).about


def check_content(name: str, content_hash: str, where: str) -> None:
    """Refuse content that is not what a bundled recipe of that name promises.

    Raises
    ------
    BadDataset
        ``content-hash``.
    """
    recipe = _recipe(name) if name in RECIPES else None
    if recipe is not None and content_hash != recipe.content_hash:
        raise BadDataset(
            f"the content's hash is {content_hash[:16]}..., the recipe {name!r} promises {recipe.content_hash[:16]}...",
            where=where,
            mend="Scores of other content would not be comparable; give the pack another name, or use the mirror.",
            code="content-hash",
        )


def _known(name: str) -> bool:
    return name in RECIPES or name in installed_packs()


def _may_be_built(name: str, pack: Path) -> bool:
    return name in RECIPES and pack.parent == places.cache() / "packs"


def _recipe(name: str) -> "Recipe | None":
    """The recipe, or None for a generator (which is a function)."""
    from gyral.datasets.recipe import Recipe  # here, because this module is read by `gyral list`

    loaded = RECIPES.load(name)
    return loaded if isinstance(loaded, Recipe) else None


def _stamp(name: str) -> str:
    """What a cached pack must have been made by to be current.

    A recipe's promise is its content hash; a generator has only its own source files.
    """
    if (recipe := _recipe(name)) is not None:
        return recipe.content_hash
    from gyral.hashing import hash_file, hash_json  # here, because this module is read by `gyral list`

    spec = find_spec(RECIPES.load(name).__module__)
    if spec is None or spec.origin is None:
        return ""
    origin = Path(spec.origin)
    return hash_json({p.name: hash_file(p) for p in origin.parent.glob(f"{origin.stem}*.py")})


def _is_current(name: str, pack: Path) -> bool:
    if not (pack / "dataset.toml").is_file() or name not in RECIPES:
        return False
    from gyral.datasets.manifest import read_manifest  # slow import (pydantic models), only when asked

    try:
        return read_manifest(pack).recipe == _stamp(name)
    except BadDataset:
        return False  # an older format: the cache can be made again


def _build_locked(name: str, progress: Progress, *, force: bool, unverified: bool) -> "Dataset":
    from filelock import FileLock, Timeout  # here, because this module is read by `gyral list`

    from gyral.datasets.folder import disk_faults, sweep
    from gyral.datasets.pack import read_pack

    target = places.cache() / "packs" / name
    with disk_faults(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.parent / f".{name}.lock")
        waited = False
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waited = True
            progress(_STEP.format(name), 0, 1)
            lock.acquire()
        try:
            # Another process may have built it while this one waited for the lock.
            if not _is_current(name, target) or (force and not waited):
                sweep(target)
                _build(name, target, progress, unverified=unverified)
        finally:
            lock.release()
    make_room(keep=target)
    return read_pack(target)


def _build(name: str, target: Path, progress: Progress, *, unverified: bool) -> None:
    from gyral.datasets.folder import disk_faults, scratch_folder
    from gyral.datasets.pack import content_hash, write_pack

    with disk_faults(target), scratch_folder(target) as scratch:
        recipe = _recipe(name)
        if recipe is None:
            progress(f"make {name}", 0, 1)
            dataset = RECIPES.load(name)(name, scratch)
            progress(f"make {name}", 1, 1)
        else:
            dataset, origin = _gather(recipe, scratch, progress, unverified=unverified)
            check_content(name, content_hash(dataset), origin)
        write_pack(dataset, target, recipe=_stamp(name), progress=progress)


def _gather(recipe: "Recipe", scratch: Path, progress: Progress, *, unverified: bool) -> "tuple[Dataset, str]":
    """The dataset from the first source that can be reached, and where that was."""
    from gyral.datasets import sources
    from gyral.datasets.recipe import SourceMissing

    reasons = []
    try:
        files = sources.from_mirror(recipe, progress)
        return sources.read(recipe.mirror, files, scratch), "mirror"
    except SourceMissing as error:
        reasons.append(error.what)
    if recipe.public.verified or unverified:
        try:
            files = sources.from_public(recipe, progress)
            return sources.read(recipe.public, files, scratch), "public address"
        except SourceMissing as error:
            reasons.append(error.what)
    else:
        reasons.append("its public address is unverified")
    raise Unavailable(
        f"dataset {recipe.name!r} is not here: {'; '.join(reasons)}.",
        mend=f"Let GYRAL_MIRROR name a folder that holds {recipe.mirror.folder!r}"
        + ("." if unverified else f", or try `gyral data fetch {recipe.name} --unverified`."),
        code="dataset-unavailable",
    )
