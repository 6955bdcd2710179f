"""Learned receptive fields: sampled at a point, or pooled."""

import numpy as np
import pytest
import torch

from gyral.errors import UserError
from gyral.readouts._gradient import Shape
from gyral.readouts.gaussian import Fields, Gaussian
from planted_readouts import planted


def network(read: str = "point") -> Fields:
    net = Fields(Shape((4, 6), 3, (torch.arange(2),), 2), read, torch.Generator().manual_seed(0))
    with torch.no_grad():
        net.weights.normal_(generator=torch.Generator().manual_seed(1))
    return net


def test_the_point_is_sampled_bilinearly_as_torch_does_it() -> None:
    net = network().eval()
    x = torch.randn(5, 4, 6, 3)
    with torch.no_grad():
        net.centre.copy_(torch.tensor([[1.3, 2.6], [4.0, 0.25]]))
        found = net(x.view(5, 24, 3), torch.ones(5, 24, dtype=torch.bool))
        scaled = net.centre / torch.tensor([5.0, 3.0]) * 2 - 1
        at = scaled[None, None].expand(5, 1, 2, 2)
        sampled = torch.nn.functional.grid_sample(x.permute(0, 3, 1, 2), at, align_corners=True)[:, :, 0]
        expected = torch.einsum("icv,vc->iv", sampled, net.weights)
    torch.testing.assert_close(found, expected)


def test_training_samples_around_the_centre_and_the_test_does_not() -> None:
    net = network()
    x, there = torch.randn(200, 24, 3), torch.ones(200, 24, dtype=torch.bool)
    with torch.no_grad():
        net.width.fill_(np.log(0.5))
        still = net.eval()(x, there)
        torch.testing.assert_close(net(x, there), still)
        moving = net.train()(x, there)
        assert not torch.allclose(moving, still, atol=0.1)
        net.width.fill_(-20.0)  # the narrowest
        near = net(x, there)
    assert (near - still).square().mean() < (moving - still).square().mean()


def test_a_pool_is_the_average_under_the_gaussian() -> None:
    net = network("pool")
    with torch.no_grad():
        net.centre.copy_(torch.tensor([[2.0, 1.0], [3.0, 2.0]]))
        net.width.copy_(torch.tensor([[1.0, 0.5], [2.0, 1.0]]).log())
        masks = net.masks().view(2, 4, 6)
    np.testing.assert_allclose(masks.sum((1, 2)), 1, rtol=1e-5)
    # One standard deviation away the weight is exp(-1/2) of the centre's.
    assert masks[0, 1, 3] / masks[0, 1, 2] == pytest.approx(np.exp(-0.5), rel=1e-4)
    assert masks[1, 1, 3] / masks[1, 2, 3] == pytest.approx(np.exp(-0.5), rel=1e-4)


def test_the_width_of_a_sampled_point_shrinks_below_the_field_it_reads() -> None:
    # Stated in the docstring: noise of the point is error of the prediction, so training narrows it.
    p = planted("field", 300, 0)
    point = Gaussian().fit(p.features, p.responses, p.train, p.inner).traits["rf_size"] * 8
    pool = Gaussian(read="pool").fit(p.features, p.responses, p.train, p.inner).traits["rf_size"] * 8
    assert np.median(point / p.size) < 0.8
    assert 0.8 < np.median(pool / p.size) < 1.25


def test_an_unknown_way_to_read_is_refused() -> None:
    with pytest.raises(UserError, match="one of point, pool"):
        Gaussian(read="mean")  # type: ignore[arg-type]
