"""Ridge keeps decompositions for later units, never the wrong ones, and never copies responses whole."""

from pathlib import Path

import numpy as np
import pytest

from gyral.datasets.split import contiguous
from gyral.errors import BadFeatures
from gyral.features.features import Features
from gyral.readouts._ridge_arrays import NumpyArrays
from gyral.readouts._ridge_design import Design
from gyral.readouts._ridge_kept import Kept, key_of
from gyral.readouts.ridge import GapRidge, Ridge

TRAIN, TEST = np.arange(150), np.arange(150, 200)
INNER = contiguous(150, 5).folds


@pytest.fixture
def decompositions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the matrices decomposed so far."""
    sizes: list[int] = []
    eigh = NumpyArrays.eigh

    def counted(self: NumpyArrays, gram: np.ndarray):
        sizes.append(len(gram))
        return eigh(self, gram)

    monkeypatch.setattr(NumpyArrays, "eigh", counted)
    return sizes


def arrays(features: int, units: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, features)).astype(np.float32)
    y = x[:, :20] @ rng.standard_normal((20, units)) + rng.standard_normal((200, units))
    return x, y.astype(np.float32)


@pytest.mark.parametrize("features", [40, 400])
def test_later_units_and_predictions_share_decompositions(features: int, decompositions: list[int]) -> None:
    x, y = arrays(features)
    whole = Ridge().fit(Features("a", x), y, TRAIN, INNER)
    expected = whole.predict(Features("a", x), TEST)
    assert len(decompositions) == 6
    ridge = Ridge()
    decompositions.clear()
    for start in range(0, 30, 10):
        part = slice(start, start + 10)
        fitted = ridge.fit(Features("a", x.copy()), y[:, part], TRAIN, INNER)
        np.testing.assert_array_equal(fitted.penalties, whole.penalties[part])
        np.testing.assert_allclose(fitted.predict(Features("a", x), TEST), expected[:, part], rtol=1e-4, atol=1e-5)
    assert len(decompositions) == 6


@pytest.mark.parametrize("features", [40, 400])
def test_units_with_the_same_holes_share_decompositions(features: int, decompositions: list[int]) -> None:
    x, y = arrays(features)
    y[:30, ::2] = np.nan
    ridge = Ridge()
    for start in (0, 10):
        part = y[:, start : start + 10]
        ridge.fit(Features("a", x), part, TRAIN, INNER).predict(Features("a", x), TEST)
    # Units with holes lose the first fold, whose training rows are all of theirs: the refit is there already.
    assert len(decompositions) == 6 + 4


def test_features_changed_in_place_are_decomposed_again() -> None:
    x, y = arrays(40)
    ridge = Ridge()
    before = ridge.fit(Features("a", x), y, TRAIN, INNER).inner_r2
    x[TRAIN] = x[TRAIN][::-1].copy()
    after = ridge.fit(Features("a", x), y, TRAIN, INNER).inner_r2
    np.testing.assert_array_equal(after, Ridge().fit(Features("a", x), y, TRAIN, INNER).inner_r2)
    assert not np.allclose(before, after, atol=0.05)


def test_other_rows_folds_and_penalties_are_told_apart() -> None:
    x, y = arrays(40)
    ridge, rows = Ridge(), np.arange(20, 170)
    ridge.fit(Features("a", x), y, TRAIN, INNER)
    folds = contiguous(150, 3).folds
    for train, inner in ((rows, INNER), (TRAIN, folds)):
        found, alone = (r.fit(Features("a", x), y, train, inner) for r in (ridge, Ridge()))
        np.testing.assert_array_equal(found.inner_r2, alone.inner_r2)
        np.testing.assert_array_equal(found.predict(Features("a", x), TEST), alone.predict(Features("a", x), TEST))


def test_pooled_features_share_decompositions(decompositions: list[int]) -> None:
    maps = np.random.default_rng(1).standard_normal((200, 8, 4, 4)).astype(np.float16)
    _, y = arrays(40)
    gap = GapRidge()
    for part in (y[:, :15], y[:, 15:]):
        gap.fit(Features("m", maps), part, TRAIN, INNER)
    assert len(decompositions) == 6


def test_a_file_mapped_whole_is_known_by_name_and_time_others_by_content(tmp_path: Path) -> None:
    x, _ = arrays(40)
    np.save(tmp_path / "a.npy", x)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    key = key_of(Features("a", mapped), TRAIN)
    assert key == key_of(Features("a", np.load(tmp_path / "a.npy", mmap_mode="r")), TRAIN)
    assert key != key_of(Features("a", mapped), TEST)
    assert key_of(Features("a", mapped[1:]), TRAIN) != key_of(Features("a", mapped[:-1]), TRAIN)
    assert key_of(Features("a", mapped[1:]), TRAIN) == key_of(Features("a", x[1:]), TRAIN)


def test_what_is_kept_is_bounded() -> None:
    kept = Kept(limit=100, least=2)
    for k in range(5):
        kept.get(k, lambda: np.zeros(50, np.int8))
    assert kept.nbytes == 100
    kept.get("large", lambda: np.zeros(500, np.int8))
    assert kept.nbytes == 550, "the newest two stay whatever their size"


def test_responses_are_read_block_by_block_from_a_memory_map(tmp_path: Path) -> None:
    x, y = arrays(40, units=9000)
    np.save(tmp_path / "y.npy", y)
    stored = np.load(tmp_path / "y.npy", mmap_mode="r")
    expected = Ridge().fit(Features("a", x), y, TRAIN, INNER)
    found = Ridge().fit(Features("a", x), stored, TRAIN, INNER)
    np.testing.assert_array_equal(found.penalties, expected.penalties)
    np.testing.assert_array_equal(found.predict(Features("a", x), TEST), expected.predict(Features("a", x), TEST))


@pytest.mark.parametrize("features", [40, 400])
def test_without_room_for_coefficients_predictions_are_solved_again(
    features: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = arrays(features)
    y[:30, 4], y[:, 7] = np.nan, 3.0
    expected = Ridge().fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    monkeypatch.setattr("gyral.readouts.ridge._COEFFICIENTS", 0)
    found = Ridge().fit(Features("a", x), y, TRAIN, INNER)
    assert not found._solved
    np.testing.assert_allclose(found.predict(Features("a", x), TEST), expected, rtol=1e-4, atol=1e-4)
    assert np.isnan(expected[:, 7]).all()


def test_a_narrow_layer_meets_units_that_need_its_kernel_after_predicting() -> None:
    x, y = arrays(120)
    ridge = Ridge()
    ridge.fit(Features("a", x), y, TRAIN, contiguous(150, 10).folds).predict(Features("a", x), TEST)
    y[:60] = np.nan
    found = ridge.fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    alone = Ridge().fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    np.testing.assert_array_equal(found, alone)
    assert np.isfinite(found).all()


def test_held_out_features_that_are_not_finite_are_named() -> None:
    x, y = arrays(40)
    fitted = Ridge().fit(Features("conv1", x), y, TRAIN, INNER)
    x[171, 3] = np.nan
    with pytest.raises(BadFeatures, match="layer 'conv1'.*sample 171"):
        fitted.predict(Features("conv1", x), TEST)


def test_a_design_says_what_it_holds() -> None:
    x, _ = arrays(400)
    design = Design(NumpyArrays(), Features("a", x), TRAIN)
    empty = design.nbytes
    assert empty == 150 * 400 * 4 + 150 * 150 * 8
    system = design.system(INNER[0].train)
    assert design.nbytes >= empty + system.vectors.nbytes
