"""Algonauts 2023 challenge (of NSD): vertices of two hemispheres, an array each, with label arrays of regions."""

import re
from pathlib import Path

from gyral.datasets.layouts.layout import Draft, Layout, Published, csv, described, relative
from gyral.errors import BadDataset

_FMRI = "training_split/training_fmri"
_IMAGE = re.compile(r"train-(\d+)_(nsd-\d+)\.png")
_PUBLISHED = Published(
    name="algonauts2023",
    title="Algonauts 2023",
    description=(
        "Eight people of the Natural Scenes Dataset, images of the training split; betas z-scored a session and averaged over "
        "presentations, vertices of visual cortex."
    ),
    citation=(
        "Gifford et al. (2023). The Algonauts Project 2023 Challenge: How the human brain makes sense of natural scenes. "
        "arXiv:2301.03198. Data: Allen et al. (2022). Nature Neuroscience 25, 116-126."
    ),
    url="https://algonautsproject.com/2023/",
)
_NOTES = (
    "Algonauts 2023. Responses are means over presentations: single ones, and so noise ceilings of repeats, are not published.",
    "Most images were seen by one person alone; a pack keeps those that all of its subjects saw. Leave one subject in the list,",
    "and that person's images stay all.",
)


def draft(folder: Path) -> Draft:
    """A description of all subjects found, with every class of regions that all of them have.

    Raises
    ------
    BadDataset
        Images are not numbered from 1 without gaps (``layout``).
    """
    found = sorted(folder.glob(f"**/subj[0-9][0-9]/{_FMRI}/lh_training_fmri.npy"))
    homes = [p.parents[2] for p in found]
    base = homes[0].parent
    subjects = [h.name for h in homes]
    files, others = dict[str, str](), dict[str, str]()
    for home in homes:
        shown = _images(home)
        for name, path in shown.items():
            files.setdefault(name, relative(folder, path))
        others[f"{home.name}_trials.csv"] = csv("stimulus", [(n,) for n in shown])
    others["stimuli.csv"] = csv("id,file", sorted(files.items()))
    own = relative(folder, base / "{subject}")
    kinds = [{p.name[len("mapping_") : -len(".npy")] for p in h.glob("roi_masks/mapping_*.npy")} for h in homes]
    regions: list[dict[str, object]] = [{"name": "all vertices", "all": True}]
    for kind in sorted(set.intersection(*kinds)):
        atlas = [f"{own}/roi_masks/{side}.{kind}_challenge_space.npy" for side in ("lh", "rh")]
        labels = f"{own}/roi_masks/mapping_{kind}.npy"
        regions.append({"atlas": atlas, "labels": labels, "path": [kind], "smaller": "drop"})
    tables: list[tuple[str, object]] = [
        (
            "stimuli",
            {"modality": "image", "table": "stimuli.csv", "file": "file"}
            | ({"unseen": "drop"} if len(homes) > 1 else {}),
        ),
        (
            "responses",
            {
                "reader": "array",
                "kind": "fMRI",
                "unit": "z",
                "subjects": subjects,
                "files": [f"{own}/{_FMRI}/{side}_training_fmri.npy" for side in ("lh", "rh")],
                "trials": "{subject}_trials.csv",
            },
        ),
        ("regions", regions),
    ]
    return Draft(described(_PUBLISHED, tables, _NOTES), others)


def _images(home: Path) -> dict[str, Path]:
    """Files of training images by NSD name, in the order of the rows that their first number says."""
    numbered = {}
    for path in home.glob("training_split/training_images/train-*.png"):
        if (match := _IMAGE.fullmatch(path.name)) is not None:
            numbered[int(match[1])] = (match[2], path)
    if sorted(numbered) != list(range(1, len(numbered) + 1)):
        raise BadDataset(
            f"{len(numbered)} images whose numbers are not 1 to {len(numbered)}; a number is the row of the responses.",
            where=str(home / "training_split" / "training_images"),
            mend="Unpack the archive again.",
            code="layout",
        )
    return {numbered[n][0]: numbered[n][1] for n in sorted(numbered)}


LAYOUT = Layout("Algonauts 2023", lambda name: name.endswith(f"{_FMRI}/lh_training_fmri.npy"), draft)
