"""The contrastive decoder, its parts, and the ridge decoder it has to beat."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gyral.errors import BadDataset
from gyral.retrieval.linear import ridge_predictions
from gyral.retrieval.network import Network, Shape, SpatialAttention, SubjectLayer, contrastive_loss
from gyral.retrieval.ranks import Ranks, ranked, similarity
from gyral.retrieval.segments import Segments
from gyral.retrieval.simulated import Speech, simulated_speech
from gyral.retrieval.training import Decoder, fit_contrastive

SMALL = Decoder(shape=Shape(mixed=24, hidden=32, layers=2, frequencies=4), epochs=12, rate=4e-3)
EASY = Speech(items=150, subjects=2, features=4, times=20, noise=0.4, jitter=0.2, artefacts=0.05)


def contrastive(segments: Segments, targets: np.ndarray, decoder: Decoder, seed: int = 0) -> Ranks:
    """Trained on 70 % of the items, stopped by 10 %, the rest held out."""
    count = len(targets)
    train, valid, test = np.split(np.arange(count), [int(0.7 * count), int(0.8 * count)])
    fitted = fit_contrastive(segments, targets, train, valid, decoder=decoder, seed=seed)
    held = segments.of_items(test)
    return ranked(similarity(fitted.predict(held), targets[test]), held.items, test)


def linear(segments: Segments, targets: np.ndarray, clamp: float | None = 20.0) -> Ranks:
    count = len(targets)
    train, test = np.split(np.arange(count), [int(0.8 * count)])
    made, items = ridge_predictions(segments, targets, train, test, clamp=clamp)
    return ranked(similarity(made, targets[test]), items, test)


def test_the_loss_is_the_cross_entropy_of_products_with_normalised_candidates() -> None:
    rng = np.random.default_rng(0)
    z, y, right = rng.standard_normal((5, 3, 2)), rng.standard_normal((4, 3, 2)), np.array([0, 3, 1, 1, 2])
    scores = similarity(z, y)
    expected = -np.mean([s[j] - np.log(np.exp(s).sum()) for s, j in zip(scores, right, strict=True)])
    found = contrastive_loss(*(torch.from_numpy(a) for a in (z, y, right)))
    assert float(found) == pytest.approx(expected)


def test_attention_weighs_known_sensors_only_and_leaves_a_disc_out_while_it_learns() -> None:
    places = torch.rand(30, 2)
    places[4] = torch.nan
    attention = SpatialAttention(places, 7, 4, 0.3).eval()
    unit = torch.eye(30)[None]
    weights = attention(unit)[0]
    assert torch.allclose(weights.sum(dim=1), torch.ones(7)) and not weights[:, 4].any()
    attention.train()
    dropped = attention(unit)[0]
    left_out = torch.nonzero((dropped == 0).all(dim=0)).flatten()
    spread = torch.cdist(places[left_out[left_out != 4]], places[left_out[left_out != 4]])
    assert len(left_out) > 1 and spread.max() <= 0.6 + 1e-6


def test_each_subject_has_a_matrix_of_its_own() -> None:
    layer = SubjectLayer(3, 5)
    x, who = torch.randn(4, 5, 6), torch.tensor([2, 0, 1, 2])
    with torch.no_grad():
        for made, own, subject in zip(layer(x, who), x, who, strict=True):
            assert torch.allclose(made, layer.weights[subject].T @ own, atol=1e-6)


@pytest.mark.parametrize("times", [1, 20])
def test_targets_are_vectors_or_series_as_long_as_the_window(times: int) -> None:
    network = Network(torch.rand(9, 2), 2, 5, times, SMALL.shape)
    assert network(torch.randn(3, 9, 20), torch.tensor([0, 1, 1])).shape == (3, 5, times)


def test_places_that_nobody_knows_are_done_without() -> None:
    network = Network(torch.full((9, 2), torch.nan), 2, 5, 1, SMALL.shape).eval()
    assert network.attention is None
    assert torch.isfinite(network(torch.randn(3, 9, 20), torch.tensor([0, 1, 1]))).all()


def test_both_decoders_beat_chance_and_the_clamp_is_what_saves_them_from_artefacts() -> None:
    segments, targets = simulated_speech(EASY)
    full = contrastive(segments, targets, SMALL)
    ridge = linear(segments, targets)
    for found in (full, ridge):
        assert found.interval(5)[0] > found.chance(5) + 0.1
        assert found.relative < 0.2
    assert contrastive(segments, targets, replace(SMALL, clamp=None)).top(5) < full.top(5) - 0.2
    assert linear(segments, targets, clamp=None).top(5) < ridge.top(5) - 0.2


def test_nothing_is_found_where_windows_and_items_do_not_belong_together() -> None:
    segments, targets = simulated_speech(EASY)
    strange = np.random.default_rng(3).permutation(targets)
    found = contrastive(segments, strange, replace(SMALL, epochs=4))
    low, high = found.interval(5)
    assert low < found.chance(5) + 0.05 and high < 0.4


def test_a_seed_decides_everything_and_the_global_generator_is_left_alone() -> None:
    segments, targets = simulated_speech(replace(EASY, items=60))
    decoder = replace(SMALL, epochs=2)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    runs = [
        fit_contrastive(segments, targets, np.arange(40), np.arange(40, 50), decoder=decoder, seed=s).predict(
            segments
        )
        for s in (1, 1, 2)
    ]
    assert torch.equal(before, torch.random.get_rng_state())
    np.testing.assert_array_equal(runs[0], runs[1])
    assert np.abs(runs[0] - runs[2]).max() > 1e-3


def test_what_cannot_be_trained_is_refused() -> None:
    segments, targets = simulated_speech(replace(EASY, items=30))
    items = np.arange(30)
    for train, valid, aim in (
        (items[:20], items[19:], targets),
        (items[:20], items[20:21], targets),
        (items[:20], items[20:], targets[:, :, 0]),
        (items[:20], items[20:], targets[:25]),
        (items[:20], items[20:], np.repeat(targets, 3, axis=2)),
    ):
        with pytest.raises(BadDataset) as caught:
            fit_contrastive(segments, aim, train, valid, decoder=SMALL)
        assert caught.value.code == "retrieval-targets"
    fitted = fit_contrastive(segments, targets, items[:20], items[20:], decoder=replace(SMALL, epochs=1))
    with pytest.raises(BadDataset, match="subject 2 was not there in training"):
        fitted.predict(replace(segments, subjects=segments.subjects + 1))


@pytest.mark.slow
def test_ablations_of_the_paper_come_out_in_their_direction() -> None:
    """No clamp is worst, then no subject layer; moving latencies are found by convolutions sooner than by ridge.

    One seed; tests/benchmarks/retrieval.py has three.
    """
    segments, targets = simulated_speech(Speech(items=600))
    decoders = {
        "full": Decoder(),
        "no clamp": Decoder(clamp=None),
        "alike": Decoder(shape=Shape(subject_layer=False)),
    }
    found = {name: contrastive(segments, targets, decoder).top(10) for name, decoder in decoders.items()}
    assert found["no clamp"] < 0.25
    assert found["no clamp"] + 0.1 < found["alike"] < found["full"] - 0.1
    assert found["full"] > linear(segments, targets).top(10) + 0.05
