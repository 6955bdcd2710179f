"""Semantic Spatial Transformer: identity at the start, masks that follow what moves, and the assisted track."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, shift

from gyral.datasets.region import Region
from gyral.datasets.split import contiguous
from gyral.errors import BadFeatures, UserError
from gyral.features.features import Features
from gyral.readouts._gradient import Shape
from gyral.readouts._masks import Masks
from gyral.readouts._warps import Warped, matrices
from gyral.readouts.assisted import AssistAlone, SemanticAssisted
from gyral.readouts.factorized import Factorized
from gyral.readouts.readout import FittedJoint, JointReadout
from gyral.readouts.semantic import Semantic
from planted_readouts import planted

TRAIN, TEST = np.arange(500), np.arange(500, 800)
INNER = contiguous(500, 5).folds


def moving(
    side: int = 8, channels: int = 6, units: int = 12, seed: int = 0
) -> tuple[Features, Features, np.ndarray]:
    """Whole maps displaced sample by sample; units read a place that goes along.

    Returns the maps, another model's map (two channels: how far down, how far right), and the responses.
    """
    rng = np.random.default_rng(seed)
    away = rng.uniform(-2, 2, (800, 2))
    maps = gaussian_filter(rng.standard_normal((800, channels, side, side)), (0, 0, 0.8, 0.8), mode="wrap")
    maps /= maps.std()
    centre = rng.uniform(3, 4.5, (units, 2))
    row, column = np.divmod(np.arange(side * side), side)
    weights = rng.standard_normal((units, channels))
    pool = np.exp(-((row - centre[:, :1]) ** 2 + (column - centre[:, 1:]) ** 2) / 2)
    y = np.einsum("icp,vp,vc->iv", maps.reshape(800, channels, -1), pool, weights, optimize=True)
    seen = np.stack([shift(m, (0, d, r), order=1) for m, (d, r) in zip(maps, away, strict=True)])
    other = np.broadcast_to(away[:, :, None, None], (800, 2, 3, 3)) + 0.01 * rng.standard_normal((800, 2, 3, 3))
    y = y / y.std(0) + 0.3 * rng.standard_normal(y.shape)
    told = np.broadcast_to(away[:, :, None, None] / 2, (800, 2, side, side))
    both = np.concatenate([seen, told], axis=1).astype(np.float32)
    return Features("own", both), Features("other", other.astype(np.float32)), y.astype(np.float32)


def median_r(predicted: np.ndarray, y: np.ndarray) -> float:
    return float(np.median([np.corrcoef(a, b)[0, 1] for a, b in zip(predicted.T, y.T, strict=True)]))


@pytest.mark.parametrize("grid", [(5, 4), (1, 9)])
@pytest.mark.parametrize("parts", ["affine", "translation", "rotation+scale+shear+translation"])
def test_warps_start_at_the_identity(parts: str, grid: tuple[int, int]) -> None:
    shape = Shape(grid, 3, (torch.arange(4),), 4)
    groups = torch.tensor([0, 1, 1, 2])
    net = Warped(shape, groups, tuple(parts.split("+")), torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        net.scores.uniform_(generator=torch.Generator().manual_seed(1))
        net.weights.normal_(generator=torch.Generator().manual_seed(2))
        x, there = torch.randn(6, grid[0] * grid[1], 3), torch.ones(6, grid[0] * grid[1], dtype=torch.bool)
        still = Masks.forward(net, x, there)
        net.moving = True
        torch.testing.assert_close(net(x, there), still, rtol=1e-4, atol=1e-4)
        designs = net.design((x, there), torch.arange(3))
    predicted = torch.einsum("gnc,gc->ng", designs[groups], net.weights)
    torch.testing.assert_close(predicted, still, rtol=1e-4, atol=1e-4)


def test_warps_are_what_their_names_say() -> None:
    turn = matrices(torch.tensor([[np.pi / 2]], dtype=torch.float32), ("rotation",), (4, 4))[0]
    torch.testing.assert_close(turn, torch.tensor([[0.0, -1, 0], [1, 0, 0]]), atol=1e-6, rtol=0)
    grow = matrices(torch.tensor([[0.0, np.log(2.0)]], dtype=torch.float32), ("scale",), (4, 4))[0]
    torch.testing.assert_close(grow, torch.tensor([[1.0, 0, 0], [0, 2, 0]]))
    both = matrices(torch.tensor([[0.5, 0.0, 0.1, 0.2]]), ("shear", "translation"), (4, 4))[0]
    torch.testing.assert_close(both, torch.tensor([[1.0, 0.5, 0.1], [0, 1, 0.2]]))
    along = matrices(torch.tensor([[0.1, 0.5, 0.5, 0.5, 0.2, 0.9]]), ("affine",), (1, 9))[0]
    torch.testing.assert_close(along, torch.tensor([[1.1, 0.0, 0.2], [0, 1, 0]]))


def test_masks_follow_what_moves() -> None:
    own, _, y = moving()
    static = Factorized(members=2).fit(own, y, TRAIN, INNER)
    semantic = Semantic(members=2, warps="translation", later=30)
    fitted = semantic.fit(own, y, TRAIN, INNER, regions=[Region("r", np.arange(12))])
    assert median_r(fitted.predict(own, TEST), y[TEST]) > median_r(static.predict(own, TEST), y[TEST]) + 0.05
    away = own.array[TEST, -2:, 0, 0] * 2
    row, column = np.divmod(np.arange(64), 8)
    masks = fitted.maps(own, TEST)["r"]
    assert np.corrcoef(masks @ row, away[:, 0])[0, 1] > 0.5
    assert np.corrcoef(masks @ column, away[:, 1])[0, 1] > 0.5


def test_the_assisted_track_moves_by_what_another_model_sees() -> None:
    own, other, y = moving()
    blind = Features("own", own.array[:, :-2])
    options = {"members": 1, "warps": "translation", "later": 30}
    assisted = SemanticAssisted(**options)
    assert isinstance(assisted, JointReadout)
    fitted = assisted.fit_spaces((blind, other), y, TRAIN, INNER)
    assert isinstance(fitted, FittedJoint)
    alone = Semantic(**options).fit(blind, y, TRAIN, INNER)
    found = median_r(fitted.predict((blind, other), TEST), y[TEST])
    assert found > median_r(alone.predict(blind, TEST), y[TEST]) + 0.05
    # The control: where something moved says nothing of what it is.
    control = AssistAlone(**options)
    assert control.name == "assist-alone"
    predicted = control.fit_spaces((blind, other), y, TRAIN, INNER).predict((blind, other), TEST)
    assert abs(median_r(predicted, y[TEST])) < 0.2


def test_the_assisted_track_is_refused_without_assistance() -> None:
    own, _, y = moving()
    with pytest.raises(BadFeatures, match="assisting one; there is 1") as caught:
        SemanticAssisted().fit_spaces((own,), y, TRAIN, INNER)
    assert caught.value.code == "needs-assist"


@pytest.mark.parametrize("warps", ["twist", "affine+scale", "scale+scale", ""])
def test_warps_that_there_are_not_are_refused(warps: str) -> None:
    with pytest.raises(UserError, match="warps must be 'affine'"):
        Semantic(warps=warps)
    with pytest.raises(UserError, match="readout 'semantic-assisted'|readout 'semantic'"):
        SemanticAssisted(warps=warps)


def test_regions_do_not_change_each_other() -> None:
    p = planted("field", 120, 0, units=6)
    readout = Semantic(members=1, epochs=5, later=2)
    regions = [Region("a", np.arange(3)), Region("b", np.arange(3, 6))]
    both = readout.fit(p.features, p.responses, p.train, p.inner, regions=regions)
    alone = readout.fit(p.features, p.responses[:, 3:], p.train, p.inner)
    np.testing.assert_allclose(
        both.predict(p.features, p.test)[:, 3:], alone.predict(p.features, p.test), rtol=1e-4, atol=1e-4
    )
