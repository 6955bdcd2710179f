"""TextGrids as stimulus tables: the same pack as of a table, and files that must not be believed."""

import sys
import tomllib

import numpy as np
import pytest

from gyral.datasets.pack import read_pack
from gyral.datasets.readers.textgrid import read_tier, read_words
from gyral.datasets.source_draft import draft
from gyral.datasets.source_look import look
from gyral.errors import BadDataset, Unavailable
from published_folder import textgrid
from source_folder import built, write_csv

# Onset, offset, label of each interval; 0.125 s are whole in binary.
STORIES = {
    "alpha": [
        (0.0, 0.5, "Once"),
        (0.5, 0.625, "sp"),
        (0.625, 1.25, "upon"),
        (1.25, 3.0, ""),
        (3.0, 4.0, 'a "time"'),
    ],
    "beta": [(0.0, 1.0, "sil"), (1.0, 1.5, "The"), (1.5, 6.0, "End,")],
}


def short(path, words, end="\n"):
    """The short form: a point tier, then a tier of words."""
    last = words[-1][1]
    lines = ['File type = "ooTextFile short"', '"TextGrid"', "", "0", f"{last}", "<exists>", "2"]
    lines += ['"TextTier"', '"tones"', "0", f"{last}", "1", "0.25", '"H*"']
    lines += ['"IntervalTier"', '"Words"', "0", f"{last}", f"{len(words)}"]
    for onset, offset, label in words:
        lines += [f"{onset}", f"{offset}", f'"{label}"']
    path.write_text("\n".join(lines) + end, "utf-8")
    return path


def story_folder(folder):
    """Grids, the table of the same words, and samples; the tables of a description that reads the grids."""
    rows = []
    for story, words in STORIES.items():
        textgrid(folder / "grids" / f"{story}.TextGrid", [(a, b, w.replace('"', '""')) for a, b, w in words])
        said = [(a, b, w) for a, b, w in words if w not in ("", "sp", "sil")]
        rows += [(f"{story}-{k:05d}", w, story, a, b) for k, (a, b, w) in enumerate(said, 1)]
    names = ("id", "word", "story", "onset", "offset")
    write_csv(folder / "words.csv", **{n: list(c) for n, c in zip(names, zip(*rows, strict=True), strict=True)})
    draw = np.random.default_rng(0)
    samples = ["alpha"] * 6 + ["beta"] * 6
    write_csv(folder / "x.csv", story=samples, STG=draw.normal(size=12))
    columns = {"text": "word", "group": "story", "onset": "onset", "offset": "offset"}
    return {
        "stimuli": {"modality": "text", "table": "grids/*.TextGrid", **columns},
        "responses": {
            "reader": "table",
            "kind": "fMRI",
            "unit": "z",
            "subjects": ["x"],
            "files": "{subject}.csv",
            "story": "story",
            "units": ["STG"],
        },
        "regions": [{"name": "STG", "all": True}],
        "timeline": {"period": 1.0, "delays": [1]},
    }


def test_grids_make_the_pack_that_the_table_of_their_words_makes(tmp_path):
    tables = story_folder(tmp_path)
    digest, _ = built(tmp_path, tables)
    pack = read_pack(tmp_path / "pack")
    assert pack.stimuli.texts == ("Once", "upon", 'a "time"', "The", "End,")
    assert pack.stimuli.groups == ("alpha", "alpha", "alpha", "beta", "beta")
    np.testing.assert_array_equal(pack.stimuli.columns["onset"], [0.0, 0.625, 3.0, 1.0, 1.5])
    assert built(tmp_path, tables | {"stimuli": tables["stimuli"] | {"table": "words.csv"}})[0] == digest


def test_a_tier_is_chosen_by_its_name(tmp_path):
    tables = story_folder(tmp_path)
    tables["stimuli"]["tier"] = "phone"
    built(tmp_path, tables)
    tables["stimuli"]["tier"] = "speech"
    with pytest.raises(BadDataset, match=r"tiers \['phone', 'word'\]; one called 'speech' is expected") as fault:
        built(tmp_path, tables)
    assert "stimuli.tier" in fault.value.mend
    tables["stimuli"]["table"] = "words.csv"
    with pytest.raises(BadDataset, match="tier 'speech' goes with TextGrids"):
        built(tmp_path, tables)


@pytest.mark.parametrize("end", ["\n", "", "\r\n"])
@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
def test_short_forms_and_codings_of_praat_are_read(tmp_path, end, coding):
    path = short(tmp_path / "a.TextGrid", [(0.0, 0.5, "für"), (0.5, 1.0, "")], end)
    path.write_bytes(path.read_text("utf-8").encode(coding))
    (said,) = read_tier(path)
    assert (said.label, said.onset, said.offset) == ("für", 0.0, 0.5)


def test_a_file_that_is_cut_off_is_refused_wherever_it_ends(tmp_path):
    words = [(k / 2, k / 2 + 0.5, f"w{k}") for k in range(4)]
    textgrid(tmp_path / "long.TextGrid", words)
    short(tmp_path / "short.TextGrid", words)
    for name in ("long", "short"):
        whole = (tmp_path / f"{name}.TextGrid").read_text()
        for length in range(len(whole.rstrip()) - 1):
            cut = tmp_path / "cut.TextGrid"
            cut.write_text(whole[:length])
            with pytest.raises(BadDataset) as fault:
                read_tier(cut)
            assert fault.value.code == "textgrid"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([(0.0, 0.6, "one"), (0.5, 1.0, "two")], "'two' begins at 0.5 s, before 'one' ends at 0.6 s"),
        ([(0.5, 1.0, "two"), (0.0, 0.5, "one")], "'one' begins at 0 s, before 'two' ends"),
        ([(0.5, 0.5, "one"), (0.5, 1.0, "two")], "'one' begins at 0.5 s and ends at 0.5 s"),
        ([(-0.5, 0.5, "one"), (0.5, 1.0, "two")], "a time is below 0"),
        ([(0.0, 0.5, "sp"), (0.5, 1.0, "")], "the tier holds no word"),
    ],
)
def test_times_and_labels_that_cannot_be_are_refused(tmp_path, words, said):
    textgrid(tmp_path / "long.TextGrid", words)
    short(tmp_path / "short.TextGrid", words)
    for name in ("long", "short"):
        with pytest.raises(BadDataset, match=said):
            read_words([tmp_path / f"{name}.TextGrid"])


def test_tiers_of_points_two_files_of_one_name_and_other_files_are_refused(tmp_path):
    path = short(tmp_path / "a.TextGrid", STORIES["beta"])
    with pytest.raises(BadDataset, match="'tones' holds points"):
        read_tier(path, "tones")
    with pytest.raises(BadDataset, match="is called the same"):
        read_words([path, path])
    path.write_bytes(b"RIFF\xff\xfe\x00")
    with pytest.raises(BadDataset, match="UTF-8 and UTF-16"):
        read_tier(path)
    path.write_text("id,word\n1,once\n")
    with pytest.raises(BadDataset, match="not a TextGrid"):
        read_tier(path)


def test_the_extra_is_named_where_praatio_is_missing(tmp_path, monkeypatch):
    path = short(tmp_path / "a.TextGrid", STORIES["beta"])
    monkeypatch.setitem(sys.modules, "praatio", None)
    with pytest.raises(Unavailable, match=r"gyral\[textgrid\]"):
        read_tier(path)


def test_init_drafts_what_reads_them(tmp_path):
    tables = story_folder(tmp_path)
    (tmp_path / "words.csv").unlink()
    seen = look(tmp_path)
    (sight,) = [s for s in seen.sights if s.what == "word times (TextGrid)"]
    assert (sight.readable, sight.count) == (True, 2)
    told = tomllib.loads(draft(tmp_path, seen).text)
    assert told["stimuli"] == tables["stimuli"] | {"table": "grids/*a.TextGrid"}
    assert told["timeline"] == {"period": "TODO"}
