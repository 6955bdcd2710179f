"""Tuckute et al. 2024: 1,000 six-word sentences, language network."""

from collections.abc import Mapping
from pathlib import Path

from gyral.datasets.dataset import About, Dataset
from gyral.datasets.manifest import SplitEntry
from gyral.datasets.readers.files import read_table
from gyral.datasets.recipe import Recipe, SourceFile
from gyral.datasets.recipe import Source as Files
from gyral.datasets.reliability import Published
from gyral.datasets.source import RegionSource, ResponsesSource, Source, StimuliSource
from gyral.datasets.source_build import read_files
from gyral.datasets.source_parts import JoinSource

NETWORK = "lang_LH_netw"
TITLES = {
    NETWORK: "Language network, left",
    "lang_LH_AntTemp": "Anterior temporal",
    "lang_LH_IFG": "Inferior frontal",
    "lang_LH_IFGorb": "Inferior frontal, orbital",
    "lang_LH_MFG": "Middle frontal",
    "lang_LH_PostTemp": "Posterior temporal",
}
# Names in the public table -> ours, in the order of the table.
NORMS = {
    "5-Gram Log-Prob": "logprob_5gram",
    "GPT2-XL Log-Prob": "logprob_gpt2xl",
    "PCFG Log-Prob": "logprob_pcfg",
    "Arousal": "rating_arousal",
    "Conversational": "rating_conversational",
    "Sense": "rating_plausibility",
    "Gram.": "rating_grammaticality",
    "Frequency": "rating_frequency",
    "Imageability": "rating_imageability",
    "Others Thoughts": "rating_mental_states",
    "Physical": "rating_physical",
    "Places": "rating_places",
    "Valence": "rating_valence",
}
_RAW = "https://raw.githubusercontent.com/"
_RESPONSES = "7b794f7efbd2abd76012d629e4f7a19bb758bb0a85a1fae8c50e8fadd52f1e0f"

ABOUT = About(
    name="tuckute2024",
    title="Language network, 1,000 sentences",
    description=(
        "People read 1,000 six-word sentences in an event-related fMRI experiment. Per sentence: BOLD of five "
        "left-hemisphere language regions and of the whole network, z-scored per session, averaged over the voxels "
        "of each functional region and over five people. Single people and single trials are not in this copy."
    ),
    version="0",
    licence="The authors' repository is MIT; the copies used here come from repositories without a licence file",
    citation=(
        "Tuckute, Sathe, Srikant, Taliaferro, Wang, Schrimpf, Kay & Fedorenko (2024). Driving and suppressing the "
        "human language network using large language models. Nature Human Behaviour. "
        "doi:10.1038/s41562-023-01783-7"
    ),
    url="https://github.com/gretatuckute/drive_suppress_brains",
    species="human",
    display="none",
)

RECIPE = Recipe(
    name=ABOUT.name,
    title=ABOUT.title,
    about=ABOUT,
    content_hash="fd8ef64bb5ddebe3b8fc1663ccd33f387c010d2e818e46dcedd107c8a5f076b6",
    licence="MIT (authors' repository)",
    mirror=Files(
        folder="tuckute2024_sentences",
        files=(
            SourceFile("responses.csv", _RESPONSES),
            SourceFile(
                "ratings_2000_sentences.csv", "c3a01eeb38099575d8f59fb5e6c6826d321c1b2ed02006167423ecf4ebee0a44"
            ),
        ),
        reader="gyral.datasets.recipes.tuckute2024:read_mirror",
    ),
    public=Files(
        folder="tuckute2024",
        files=(
            SourceFile(
                "bold_response_LH.csv",
                _RESPONSES,
                _RAW + "flawreen/LLM2vec/72a36f7bf5cc58df2bdee665856c2944afdf89db/bold_response_LH.csv",
            ),
            SourceFile(
                "data.csv",
                # The mirror's table under its public header; as long as the public file.
                "1ef74f172242d2b38c398990ed721e11f984803a5d35ae0384ecfa4a4a2efa81",
                _RAW + "mlepori1/Impossible_Features/3415d4e87eed7390afbf68c5c44754492e6b462d"
                "/data/correlation/tuckute/data.csv",
            ),
        ),
        reader="gyral.datasets.recipes.tuckute2024:read_public",
        verified=False,
    ),
)

PROVENANCE = """# 1,000 six-word sentences, left-hemisphere language network (Tuckute et al. 2024)

- Responses: github flawreen/LLM2vec, commit 72a36f7bf5cc58df2bdee665856c2944afdf89db, bold_response_LH.csv.
- Norms: github mlepori1/Impossible_Features, commit 3415d4e87eed7390afbf68c5c44754492e6b462d,
  data/correlation/tuckute/data.csv (13 columns renamed).
- Authors: github gretatuckute/drive_suppress_brains (MIT), commit 9078ec3055ac3962b5211757b02ea3683a6fb5e8.
- Ceiling of the network: split-half r .5592 over five people, data_SI/SI6-CV-UID-data.csv at commit 173f3bf9 of the
  authors' repository; .5592 squared = .313 in r2.
- Changed here: nothing in the numbers (float32).
"""


_NAMES = sorted(TITLES, key=lambda n: n != NETWORK)  # the network first, its regions behind

SOURCE = Source(
    source=1,
    about=ABOUT,
    stimuli=StimuliSource(
        modality="text",
        table="responses.csv",
        id="item_id",
        text="sentence",
        join=(JoinSource(table="norms.csv", on="sentence", columns=tuple(NORMS.values())),),
    ),
    responses=ResponsesSource(
        reader="table",
        kind="fMRI",
        unit="z",
        subjects=("group",),
        files="responses.csv",
        stimulus="item_id",
        units=tuple(_NAMES),
    ),
    regions=tuple(
        RegionSource(
            name=n, units=(n,), title=TITLES[n], path=("language",) if n == NETWORK else ("language", NETWORK)
        )
        for n in _NAMES
    ),
    published=(
        Published(
            NETWORK,
            0.313,
            "r2",
            "split-half over five people, r = .5592 (SE .032), squared: data_SI/SI6-CV-UID-data.csv of the "
            "authors' repository at commit 173f3bf9",
        ),
    ),
    split=SplitEntry(kind="contiguous", folds=5, gap=0),
)


def read_mirror(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from the mirror's tables."""
    named = {"responses.csv": files["responses.csv"], "norms.csv": files["ratings_2000_sentences.csv"]}
    return read_files(SOURCE, named, scratch, provenance=PROVENANCE)


def read_public(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from the tables at their public addresses."""
    norms = scratch / "norms.csv"
    read_table(files["data.csv"]).rename(columns=NORMS).to_csv(norms, index=False)
    named = {"responses.csv": files["bold_response_LH.csv"], "norms.csv": norms}
    return read_files(SOURCE, named, scratch, provenance=PROVENANCE)
