"""Names of common spaces: known ones and a laboratory's own stand, misspelt ones are refused."""

import pytest

from gyral.datasets.mesh import require_space
from gyral.errors import UnknownName


@pytest.mark.parametrize(
    "name", ["fsaverage5", "fsaverageSym", "fsLR", "fsnative", "MNI152NLin2009aSym", "macaque-D99", "T1w", "onavg"]
)
def test_known_spaces_and_own_ones_stand(name):
    assert require_space(name) == name


@pytest.mark.parametrize(
    ("name", "meant"), [("fsavg5", "fsaverage5"), ("FSaverage", "fsaverage"), ("NMI152Lin", "MNI152Lin")]
)
def test_misspelt_spaces_are_refused(name, meant):
    with pytest.raises(UnknownName, match=f"Did you mean .*'{meant}'"):
        require_space(name)
