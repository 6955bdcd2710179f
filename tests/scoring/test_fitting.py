"""Fitting in blocks: the same numbers whatever the memory, and nothing done twice after an interruption."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from gyral.datasets.region import Region
from gyral.datasets.split import contiguous
from gyral.errors import OutOfResources
from gyral.features.features import Features
from gyral.fitting import fit_layers
from gyral.readouts.ridge import Ridge
from gyral.scores.problem import Problem
from gyral.workplace import Workplace, workplace

RNG = np.random.default_rng(0)
X = {k: Features(k, RNG.standard_normal((80, 12)).astype(np.float32)) for k in "ab"}
Y = (X["a"].array @ RNG.standard_normal((12, 40)) + RNG.standard_normal((80, 40))).astype(np.float32)


@dataclass(frozen=True)
class Watched(Ridge):
    """Ridge that counts its fits, says which columns came together, and needs a megabyte a unit."""

    together: bool = False
    calls: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)

    @property
    def by_region(self) -> bool:  # type: ignore[override]
        return self.together

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        return units << 20

    def fit(self, features, responses, rows, inner, *, regions=(), seed=0):
        self.calls.append((responses.shape[1], tuple(len(r) for r in regions)))
        return super().fit(features, responses, rows, inner, seed=seed)


def problem(*units: list[int]) -> Problem:
    regions = tuple(Region(f"r{k}", np.array(u)) for k, u in enumerate(units or [list(range(40))]))
    return Problem(Y, contiguous(80, 5), regions, np.full(40, "all"), None)


@pytest.fixture
def cold_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GYRAL_CACHE", str(tmp_path))
    return tmp_path


def test_blocks_change_no_number() -> None:
    whole = fit_layers(X, problem(), Watched(), memory=64 << 20)
    readout = Watched()
    cut = fit_layers(X, problem(), readout, memory=7 << 20)
    assert {n for n, _ in readout.calls} == {7, 5}
    np.testing.assert_allclose(cut.predictions, whole.predictions, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(cut.inner_r2, whole.inner_r2, atol=1e-6)
    # Rounding may choose otherwise for a unit that is not predicted, where two penalties are as good.
    predicted = whole.inner_r2 > 0.01
    assert predicted.mean() > 0.4
    np.testing.assert_array_equal(cut.traits["penalty"][predicted], whole.traits["penalty"][predicted])


def test_too_little_memory_says_the_least_that_would_do() -> None:
    with pytest.raises(
        OutOfResources, match=r"1 MiB to fit a single unit .*; 0.00098 MiB are given.*at least 1 MiB"
    ) as caught:
        fit_layers(X, problem(), Watched(), memory=1 << 10)
    assert caught.value.code == "memory-budget"
    with pytest.raises(OutOfResources, match="11 MiB to fit a region of 11 units"):
        fit_layers(X, problem(list(range(11)), [20, 21]), Watched(together=True), memory=8 << 20)


def test_regions_stay_whole_and_overlapping_ones_together() -> None:
    readout = Watched(together=True)
    fit_layers({"a": X["a"]}, problem([0, 1, 2], [10, 11], [2, 3], [20, 21, 22]), readout, memory=6 << 20)
    # {0 1 2 3} are linked by unit 2; with {10 11} they fill the memory.
    assert set(readout.calls) == {(6, (3, 2, 2)), (3, (3,))}


def test_units_in_no_region_are_not_fitted() -> None:
    readout = Watched()
    fits = fit_layers({"a": X["a"]}, problem([3, 5]), readout)
    assert {n for n, _ in readout.calls} == {2}
    assert np.isfinite(fits.predictions[0][:, [3, 5]]).all()
    assert np.isnan(fits.predictions[0][:, [4, 6]]).all()


def stopping_after(pieces: int) -> Iterator[None]:
    for _ in range(pieces):
        yield
    raise KeyboardInterrupt


def test_an_interrupted_fit_goes_on_after_its_last_block(cold_cache: Path) -> None:
    first, stop = Watched(), stopping_after(7)
    with pytest.raises(KeyboardInterrupt), workplace("key") as place:
        fit_layers(X, problem(), first, memory=20 << 20, workplace=place, progress=lambda *_: next(stop))
    assert len(first.calls) == 7
    second = Watched()
    with workplace("key") as place:
        again = fit_layers(X, problem(), second, memory=20 << 20, workplace=place)
    assert len(second.calls) == 2 * 5 * 2 - 7
    whole = fit_layers(X, problem(), Watched(), memory=20 << 20)
    np.testing.assert_array_equal(again.predictions, whole.predictions)
    np.testing.assert_array_equal(again.traits["penalty"], whole.traits["penalty"])
    assert again.warnings == whole.warnings
    assert not (cold_cache / "fits" / "key").exists(), "a finished fit leaves nothing behind"


def test_a_second_process_with_the_same_key_works_apart(cold_cache: Path) -> None:
    with workplace("key") as one, workplace("key") as other:
        assert isinstance(one.folder, Path)
        assert isinstance(other.folder, Path)
        assert one.folder != other.folder
    assert list((cold_cache / "fits").iterdir()) == []


def test_large_predictions_rest_in_a_file(cold_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gyral.workplace._IN_MEMORY", 1000)
    with workplace("key") as place:
        fits = fit_layers(X, problem(), Ridge(), workplace=place)
        assert isinstance(fits.predictions, np.memmap)
        np.testing.assert_array_equal(fits.predictions, fit_layers(X, problem(), Ridge()).predictions)


def test_a_torn_piece_is_made_again(cold_cache: Path) -> None:
    place = Workplace(cold_cache)
    fits = fit_layers({"a": X["a"]}, problem(), Ridge(), workplace=place)
    torn = cold_cache / "0-2-0.npz"
    torn.write_bytes(torn.read_bytes()[:100])
    readout = Watched()
    again = fit_layers({"a": X["a"]}, problem(), readout, workplace=place)
    assert len(readout.calls) == 1
    np.testing.assert_array_equal(again.predictions, fits.predictions)
