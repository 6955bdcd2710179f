"""The stories of LeBel et al. from `init` to a pack, on look-alikes made here."""

import h5py
import numpy as np
import pytest

from gyral.datasets.layouts.lebel2023 import words
from gyral.errors import UserError
from published_folder import lebel, textgrid
from published_walk import built, finished, refused, undrafted


def test_lebel_stories(tmp_path, begun):
    lebel(tmp_path, {"UTS01": 7, "UTS02": 5}, {"alpha": 40, "beta": 30, "gamma": 35})
    fields, out = begun(tmp_path)
    assert "LeBel/Huth stories" in out
    assert fields["responses"]["key"] == "data"
    assert fields["timeline"] == {"period": 2.0, "start": 10.0}
    pack, _ = built(tmp_path, finished(fields))
    assert pack.samples == 105
    assert {s: v.shape for s, v in pack.responses.values.items()} == {"UTS01": (105, 7), "UTS02": (105, 5)}
    np.testing.assert_allclose(pack.responses.values["UTS02"][40], 100 + np.arange(5) / 1000, rtol=1e-6)
    assert pack.stimuli.texts[:3] == ("word0", "word1", "word2")
    assert "{br}" not in pack.stimuli.texts
    # 40 samples from 10 s on end at 90 s; of every ten words one is a breath
    assert pack.stimuli.groups.count("alpha") == 162
    assert pack.timeline.start == 10.0 and pack.timeline.delays == (1, 2, 3, 4)
    assert pack.timeline.stories[39:41] == ("alpha", "beta")
    assert pack.split().name.startswith("leave-one-group-out")


def test_lebel_that_does_not_fit_is_refused(tmp_path, begun):
    lebel(tmp_path, {"UTS01": 7, "UTS02": 5}, {"alpha": 40, "beta": 30})
    fields = finished(begun(tmp_path)[0])
    home = tmp_path / "derivative/preprocessed_data"
    with h5py.File(home / "UTS02/beta.hf5", "w") as file:
        file["data"] = np.zeros((29, 5))
    assert "70 trials in the table, 69 rows" in refused("trial-count", tmp_path, fields)
    assert "29 samples; UTS01 has 30" in undrafted("layout", tmp_path)
    with h5py.File(home / "UTS02/beta.hf5", "w") as file:
        file["resp"] = np.zeros((30, 5))
    assert "no variable 'data'" in refused("missing-key", tmp_path, fields)
    assert "['data', 'resp']" in undrafted("layout", tmp_path)
    with h5py.File(home / "UTS02/beta.hf5", "w") as file:
        file["data"] = np.zeros((30, 4))
    assert "[4, 5] units" in refused("array", tmp_path, fields)
    with h5py.File(home / "UTS02/beta.hf5", "w") as file:
        file["data"], file["more"] = np.zeros((30, 5)), np.zeros(3)
    assert "2 variables, and none is named" in undrafted("missing-key", tmp_path)
    (home / "UTS02/beta.hf5").unlink()
    assert begun(tmp_path)[0]["responses"]["files"] == ["derivative/preprocessed_data/{subject}/alpha.hf5"]
    grid = tmp_path / "derivative/TextGrids/alpha.TextGrid"
    grid.write_text("File type = 'something'")
    undrafted("textgrid", tmp_path)
    grid.unlink()
    assert "'alpha' first" in undrafted("layout", tmp_path)


def test_words_of_a_textgrid_leave_breaths_out_and_name_missing_tiers(tmp_path):
    textgrid(
        tmp_path / "a.TextGrid", [(0.0, 0.5, "Once"), (0.5, 0.9, "{LG}"), (0.9, 1.2, "sp"), (1.2, 2.0, "UPON")]
    )
    assert words(tmp_path / "a.TextGrid") == [("once", 0.0, 0.5), ("upon", 1.2, 2.0)]
    (tmp_path / "b.TextGrid").write_text((tmp_path / "a.TextGrid").read_text().replace('"word"', '"tone"'))
    with pytest.raises(UserError, match="one called 'word' or 'words' is expected"):
        words(tmp_path / "b.TextGrid")
