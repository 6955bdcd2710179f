"""Preview: what operators see of an installed pack before ``sync_benchmarks`` or ``sync_datasets`` makes it public.

Pages are made by a command (canaries and ceilings take minutes) and kept below GYRAL_HOME, named by content: a pack that changed has none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gyral.datasets.catalogue import installed_packs
from gyral.datasets.manifest import Manifest, read_manifest
from gyral.errors import UserError
from gyral.places import home
from gyral.progress import Progress, silent
from gyral_submissions.domain.benchmark import Synced
from gyral_submissions.models import Benchmark, Dataset


@dataclass(frozen=True)
class Waiting:
    """An installed pack that nobody but operators sees.

    Parameters
    ----------
    name, title : str
    benchmark : str
        ``name@version`` that it declares; empty without a board.
    page : Path
        Its preview, once there is one.
    """

    name: str
    title: str
    benchmark: str
    page: Path

    @property
    def is_made(self) -> bool:
        """Whether the page is there."""
        return self.page.is_file()


def waiting() -> list[Waiting]:
    """Installed packs whose content is on no page of the site; those that cannot be read are left out."""
    public = {*Benchmark.objects.values_list("dataset", "dataset_hash")}
    public |= {*Dataset.objects.values_list("name", "content_hash")}
    found = []
    for name, folder in sorted(installed_packs().items()):
        try:
            manifest = read_manifest(folder)
        except UserError:
            continue
        if (name, manifest.content_hash) not in public:
            asked = manifest.benchmark or {}
            reference = f"{asked.get('name')}@{asked.get('version')}" if asked else ""
            found.append(Waiting(name, manifest.about.title, reference, _page(name, manifest)))
    return found


def preview_packs(*, progress: Progress = silent) -> Iterator[Synced]:
    """Make the pages that are missing, and remove those of packs that are public, changed or gone.

    Parameters
    ----------
    progress : Progress
        Told of the canaries.
    """
    from gyral.datasets.pack import read_pack
    from gyral.preview import preview

    found = waiting()
    for old in set((home() / "previews").glob("*.html")) - {w.page for w in found}:
        old.unlink()
    for one in found:
        if one.is_made:
            yield Synced(one.name, "unchanged")
            continue
        try:
            text = preview(read_pack(installed_packs()[one.name]), progress=progress)
        except UserError as error:
            yield Synced(one.name, "skipped", str(error))
            continue
        one.page.parent.mkdir(parents=True, exist_ok=True)
        scratch = one.page.with_suffix(".part")
        scratch.write_text(text, "utf-8")
        scratch.replace(one.page)
        yield Synced(one.name, "created")


def _page(name: str, manifest: Manifest) -> Path:
    return home() / "previews" / f"{name}-{manifest.content_hash[:16]}.html"
