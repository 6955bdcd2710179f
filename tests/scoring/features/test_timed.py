"""Features of words on the clock of responses."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, RidgeCV

from gyral.datasets.dataset import Dataset
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.timeline import Timeline, fir_delays, lags
from gyral.features.downsample import lanczos, weights
from gyral.features.features import Features
from gyral.features.timed import Placement, Timed, delayed
from gyral.fitting import fit_layers
from gyral.readouts.ridge import Ridge
from gyral.scores.problem import problem_of
from planted_stories import heard, planted_stories, words_in_time


def mean_r(dataset: Dataset, features: Features) -> float:
    problem = problem_of(dataset, "none")
    predicted = fit_layers({"words": features}, problem, Ridge()).predictions[0]
    found = []
    for fold in problem.split.folds:
        pairs = zip(predicted[fold.test].T, problem.responses[fold.test].T, strict=True)
        found += [np.corrcoef(p, y)[0, 1] if np.ptp(p) else 0.0 for p, y in pairs]
    return float(np.mean(found))


def timed(dataset: Dataset, vectors: np.ndarray) -> Timed:
    assert dataset.timeline is not None
    return Timed.of(Features("words", vectors), Placement.of(dataset.timeline, dataset.stimuli))


def test_lanczos_weights_are_those_of_the_plain_formula_and_stay_inside_a_story() -> None:
    dataset, _ = planted_stories(stories=2, samples=20)
    assert dataset.timeline is not None
    onset, groups = dataset.stimuli.columns["onset"], np.array(dataset.stimuli.groups)
    plain = np.zeros((40, len(onset)))
    for i in range(40):
        for j in range(len(onset)):
            if groups[j] == dataset.timeline.stories[i]:
                plain[i, j] = lanczos(np.array((i % 20) * 2.0 - onset[j]), 2.0)
    np.testing.assert_allclose(weights(dataset.timeline, dataset.stimuli).toarray(), plain, atol=1e-12)


def test_word_rate_leaks_through_lanczos_unless_features_are_centred_first() -> None:
    rng = np.random.default_rng(0)
    names, onsets = words_in_time(1, 800.0, rng)
    stimuli = StimulusSet.from_texts(["word"] * len(names), groups=names, columns={"onset": onsets})
    placement = Placement.of(Timeline(2.0, ("story-0",) * 400, (1,), start=1.0), stimuli)
    vectors = rng.standard_normal((len(names), 50)) + rng.standard_normal(50)
    words = np.bincount((onsets / 2.0).astype(int), minlength=400)
    train, test = slice(0, 300), slice(310, 400)

    def r2(features: np.ndarray) -> float:
        return float(LinearRegression().fit(features[train], words[train]).score(features[test], words[test]))

    plain = Timed.of(Features("words", vectors.astype(np.float32)), placement)
    assert r2(plain.array) > 0.75
    assert r2(plain.within(np.arange(300)).flat()) < 0
    assert np.corrcoef(placement.rate, words)[0, 1] > 0.9


def test_delays_stay_inside_each_story_and_may_look_ahead() -> None:
    values = np.arange(1.0, 7.0)[:, None]
    found = delayed(values, [slice(0, 3), slice(3, 6)], (-1, 0, 2))
    np.testing.assert_array_equal(found[:, 0], [2, 3, 0, 5, 6, 0])
    np.testing.assert_array_equal(found[:, 1], values[:, 0])
    np.testing.assert_array_equal(found[:, 2], [0, 0, 1, 0, 0, 4])


@pytest.mark.parametrize(("peak", "low", "high"), [(3, 0.32, 0.42), (5, 0.31, 0.42), (8, 0.24, 0.34)])
def test_fir_delays_recover_responses_whatever_the_peak_and_no_delay_finds_nothing(
    peak: float, low: float, high: float
) -> None:
    dataset, vectors = planted_stories(peak=peak, units=8)  # ceiling: root of .2 = .447
    assert dataset.timeline is not None
    assert low < mean_r(dataset, timed(dataset, vectors)) < high
    alone = replace(dataset, timeline=replace(dataset.timeline, delays=(0,)))
    assert abs(mean_r(alone, timed(alone, vectors))) < 0.06


def test_a_canonical_response_wins_where_it_is_right_and_loses_where_it_is_not() -> None:
    found = {}
    for peak in (3.0, 5.0):
        dataset, vectors = planted_stories(peak=peak, units=8)
        names, onset = list(dataset.stimuli.groups or ()), dataset.stimuli.columns["onset"]
        canonical = heard(vectors.astype(np.float64), names, onset, 5.0, 80, 2.0)
        found[peak] = (mean_r(dataset, timed(dataset, vectors)), mean_r(dataset, Features("", canonical)))
    assert found[3.0][0] > found[3.0][1] + 0.03
    assert found[5.0][1] > found[5.0][0]


def test_the_mean_is_that_of_words_in_training_samples() -> None:
    dataset, vectors = planted_stories(stories=3, samples=40)
    fold = dataset.split().folds[0]
    layer = timed(dataset, vectors)
    held_out = np.isin(layer.placement.sample_of, fold.test)
    wiped = vectors.copy()
    wiped[held_out] = 1e3
    train = timed(dataset, wiped).within(fold.train).flat()[fold.train]
    np.testing.assert_array_equal(layer.within(fold.train).flat()[fold.train], train)
    assert layer.width == layer.within(fold.train).width == 4 * vectors.shape[1]


def test_a_feature_that_never_changes_in_training_is_left_out() -> None:
    dataset, vectors = planted_stories(stories=3, samples=40)
    fold = dataset.split().folds[0]
    place = timed(dataset, vectors).placement
    vectors[:, 0] = np.where(np.isin(place.sample_of, fold.test), 5.0, 1 / 3)
    found = timed(dataset, vectors).within(fold.train).flat()
    assert not found[:, :: vectors.shape[1]].any()


def test_impulses_and_lags_recover_a_temporal_response_function() -> None:
    """Events at 64 Hz, a response 250 ms later: the weights peak there."""
    rng = np.random.default_rng(1)
    rate, seconds = 64.0, 120
    names, onsets = words_in_time(1, float(seconds), rng)
    stimuli = StimulusSet.from_texts(["a"] * len(names), groups=names, columns={"onset": onsets})
    timeline = Timeline(1 / rate, ("story-0",) * int(rate * seconds), lags(-100, 600, rate), "impulse")
    strength = rng.standard_normal((len(names), 1))
    layer = Timed.of(Features("", strength.astype(np.float32)), Placement.of(timeline, stimuli))
    kernel = np.exp(-0.5 * ((np.arange(38) / rate - 0.25) / 0.05) ** 2)
    centred = layer.within(np.arange(len(timeline)))
    at_once = centred.flat()[:, timeline.delays.index(0)]
    sensor = np.convolve(at_once, kernel)[: len(timeline)] + rng.standard_normal(len(timeline))
    design = centred.flat()
    found = RidgeCV([1.0, 10.0, 100.0]).fit(design, sensor).coef_
    assert abs(timeline.delays[int(np.argmax(found))] / rate - 0.25) < 0.03
    assert np.abs(found[: timeline.delays.index(0)]).max() < 0.5 * found.max()


def test_delays_for_common_periods() -> None:
    assert fir_delays(2.0) == (1, 2, 3, 4)
    assert fir_delays(1.0) == (2, 3, 4, 5, 6, 7, 8)
    assert fir_delays(0.8) == tuple(range(3, 11))
