"""The simulated cortex holds what it claims: same seed same content, planted ceilings, planted truths."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from gyral.datasets.pack import content_hash, read_pack, write_pack
from gyral.datasets.png import png
from gyral.datasets.simulated import make, planted
from gyral.datasets.simulated_images import draw
from gyral.datasets.simulated_language import bag, length, roles
from gyral.datasets.simulated_sentences import tell
from gyral.datasets.simulated_vision import conjunctions, feature_map, field_weights, form, routed
from gyral.errors import UnknownName
from gyral.scores.repeats import ncsnr

# A change of these is a change of the data: bump the benchmarks' version with it.
HASHES = {
    "sim-vision": "4daf3c403d397d1655af7e0d8a8fe111d292a01108280b7770042654814c7d00",
    "sim-language": "77aefa4eccb1a67f05760075f3128fa433eaf65ceb7b0f91c711703fa19c375e",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return {name: make(name, tmp_path_factory.mktemp(name)) for name in HASHES}


@pytest.fixture(scope="module")
def images():
    return np.stack([draw(i, 0).pixels for i in range(320)])


@pytest.fixture(scope="module")
def features(images):
    return feature_map(images)


@pytest.fixture(scope="module")
def sentences():
    return tell(400, 0)


def share_reached(dataset, region, features, penalty=10.0, subject=None):
    """Median over units that are not silent of signed r2 / planted ceiling; ridge with one penalty.

    ``features``: samples x features, or one such array a unit of ``region`` (in unit order).
    """
    chosen = (dataset.units["region"] == region) & (dataset.units["truth"] != "silent")
    if subject is not None:
        chosen &= dataset.units["subject"] == subject
    rows = np.flatnonzero(chosen)
    responses = dataset.responses.stacked().astype(float)[:, rows]
    arrays = features if isinstance(features, list) else [features]
    correlations = []
    for fold in dataset.split().folds:
        found = np.empty(len(rows))
        for which, array in enumerate(arrays):
            units = slice(None) if len(arrays) == 1 else slice(which, which + 1)
            mean, scale = array[fold.train].mean(axis=0), array[fold.train].std(axis=0) + 1e-9
            train, test = (array[fold.train] - mean) / scale, (array[fold.test] - mean) / scale
            target = responses[fold.train, units] - responses[fold.train, units].mean(axis=0)
            kernel = train @ train.T + penalty * np.eye(len(train))
            predicted = test @ (train.T @ np.linalg.solve(kernel, target))
            measured = responses[fold.test, units]
            found[units] = [np.corrcoef(a, b)[0, 1] for a, b in zip(measured.T, predicted.T, strict=True)]
        correlations.append(found)
    r = np.mean(correlations, axis=0)
    return float(np.median(np.sign(r) * r**2 / dataset.units["planted_ceiling"].to_numpy()[rows]))


@pytest.mark.parametrize("name", HASHES)
def test_content_is_the_same_everywhere(name, made):
    assert content_hash(made[name]) == HASHES[name]


def test_content_does_not_depend_on_vector_instructions(tmp_path):
    code = (
        "import sys; from pathlib import Path; from gyral.datasets.simulated import make;"
        "from gyral.datasets.pack import content_hash; print(content_hash(make('sim-language', Path(sys.argv[1]))))"
    )
    probe = (
        "from numpy._core._multiarray_umath import __cpu_features__ as f, __cpu_dispatch__ as d;"
        "print(' '.join(k for k in d if f.get(k)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    ).stdout.strip()
    plain = os.environ | {"NPY_DISABLE_CPU_FEATURES": found}
    command = [sys.executable, "-c", code, str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=plain)
    assert ran.stdout.strip() == HASHES["sim-language"]


def test_another_seed_makes_another_cortex(tmp_path):
    other = make("sim-language", tmp_path, seed=1)
    assert content_hash(other) != HASHES["sim-language"]
    assert not np.allclose(planted("sim-language", seed=1), planted("sim-language"))


def test_make_refuses_unknown_name(tmp_path):
    with pytest.raises(UnknownName, match="sim-vision"):
        make("sim-visoin", tmp_path)


def test_png_opens_as_the_pixels_it_was_made_from(tmp_path):
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (150, 170, 3)).astype(np.uint8)  # more than one block
    (tmp_path / "a.png").write_bytes(png(pixels))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), pixels)


@pytest.mark.parametrize("name", HASHES)
def test_dataset_says_simulated_everywhere(name, made):
    dataset = made[name]
    assert dataset.about.simulated
    assert dataset.about.species == "simulated" == dataset.responses.kind
    assert "imulated" in dataset.about.title
    assert all(r.name.startswith("sim_") and "simulated" in r.title for r in dataset.regions)
    assert all(i.startswith("sim-") for i in (*dataset.stimuli.ids, *dataset.responses.subjects))


@pytest.mark.parametrize("name", HASHES)
def test_pack_keeps_what_was_planted(name, made, tmp_path):
    write_pack(made[name], tmp_path / "pack")
    again = read_pack(tmp_path / "pack")
    assert again.content_hash == HASHES[name]
    assert again.stimuli.degrees == (8.0 if name == "sim-vision" else None)
    assert np.array_equal(again.units["planted_ceiling"], made[name].units["planted_ceiling"])
    assert [r.path for r in again.regions] == [r.path for r in made[name].regions]


@pytest.mark.parametrize("name", HASHES)
def test_regions_partition_the_units_and_have_a_hierarchy(name, made):
    dataset = made[name]
    rows = np.concatenate([r.units for r in dataset.regions])
    assert np.array_equal(np.sort(rows), np.arange(dataset.responses.n_units))
    for region in dataset.regions:
        assert region.path[-1] == region.name
        assert len(region.path) >= 2
        assert (dataset.units["region"].to_numpy()[region.units] == region.name).all()
    subjects = np.repeat(dataset.responses.subjects, [v.shape[1] for v in dataset.responses.values.values()])
    assert (dataset.units["subject"].to_numpy() == subjects).all()


@pytest.mark.parametrize("name", HASHES)
def test_units_sit_on_fsaverage5_vertices_once(name, made):
    from nilearn.datasets import load_fsaverage

    units = made[name].units
    assert not units.duplicated(["subject", "hemisphere", "vertex"]).any()
    pial = load_fsaverage("fsaverage5")["pial"]
    for side in ("left", "right"):
        here = units[units["hemisphere"] == side]
        assert len(here) > 0.3 * len(units)
        assert here["vertex"].between(0, 10241).all()
        place = pial.parts[side].coordinates[here["vertex"].to_numpy()]
        assert np.abs(place - here[["x", "y", "z"]].to_numpy()).max() < 1e-3


def test_receptive_fields_are_contralateral(made):
    units = made["sim-vision"].units.dropna(subset="rf_x")
    assert set(units["region"]) == {"sim_V1", "sim_V2", "sim_V4"}
    assert ((units["rf_x"] > 0.5) == (units["hemisphere"] == "left")).all()


@pytest.mark.parametrize("name", HASHES)
def test_values_are_means_over_repeats_and_only_repeats_are_missing(name, made):
    responses = made[name].responses
    shown = {}
    for subject, single in responses.repeats.items():
        missing = np.isnan(single)
        assert (missing.any(axis=2) == missing.all(axis=2)).all()  # a repeat is missing for all units
        shown[subject] = set((~missing[:, :, 0]).sum(axis=1).tolist())
        assert np.isfinite(responses.values[subject]).all()
        assert np.allclose(responses.values[subject], np.nanmean(single, axis=1), atol=1e-5)
    assert shown == {"sim-1": {4}, "sim-2": {3, 4}, "sim-3": {1, 2, 3, 4}}


@pytest.mark.parametrize("name", HASHES)
def test_ncsnr_recovers_planted_ceilings(name, made):
    dataset = made[name]
    true = dataset.units["planted_ceiling"].to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for subject, single in dataset.responses.repeats.items():
            rows = (dataset.units["subject"] == subject).to_numpy()
            found = ncsnr(single).noise_ceiling
            off = found - true[rows]
            assert np.abs(off).max() < 0.25
            assert abs(off[true[rows] > 0].mean()) < 0.02
            assert np.sqrt((off[true[rows] > 0] ** 2).mean()) < 0.07


@pytest.mark.parametrize("name", HASHES)
def test_true_signal_reaches_its_ceiling(name, made):
    dataset, signal = made[name], planted(name)
    measured = dataset.responses.stacked().astype(float)
    r = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(signal.T, measured.T, strict=True)])
    heard = (dataset.units["truth"] != "silent").to_numpy()
    assert (dataset.units["planted_ceiling"][~heard] == 0).all()
    assert abs(r[~heard]).mean() < 0.1
    assert abs(np.mean(r[heard] ** 2 / dataset.units["planted_ceiling"].to_numpy()[heard]) - 1) < 0.02


@pytest.mark.parametrize(("region", "least"), [("sim_V1", 0.85), ("sim_V2", 0.85), ("sim_V4", 0.75)])
def test_features_under_the_field_predict_early_regions(region, least, made, features):
    dataset = made["sim-vision"]
    if region == "sim_V4":
        features = np.concatenate([features, conjunctions(features)], axis=1)
    flat = features.reshape(*features.shape[:2], -1)
    units = dataset.units.query("region == @region and truth != 'silent' and subject == 'sim-1'")
    seen = field_weights(units[["rf_x", "rf_y", "rf_size"]].to_numpy())
    under = [flat @ seen[:, u] for u in range(len(units))]
    assert share_reached(dataset, region, under, subject="sim-1") > least


def test_pooled_and_routed_regions_need_their_own_features(made, features):
    dataset = made["sim-vision"]
    pooled, attended = features.mean(axis=(2, 3)), routed(features)
    assert share_reached(dataset, "sim_pooled", pooled) > 0.9
    assert share_reached(dataset, "sim_routed", attended) > 0.9
    assert share_reached(dataset, "sim_routed", pooled) < 0.2
    assert share_reached(dataset, "sim_routed", features.reshape(len(features), -1), penalty=1e3) < 0.2
    assert share_reached(dataset, "sim_pooled", attended) < 0.3


def test_dense_region_is_linear_in_the_whole_map_only(made, features):
    dataset = made["sim-vision"]
    whole = share_reached(dataset, "sim_dense", features.reshape(len(features), -1), penalty=300.0)
    assert whole > 0.35
    assert share_reached(dataset, "sim_dense", features.mean(axis=(2, 3))) < whole - 0.15


def test_object_region_follows_form_wherever_it_is(made, images, features):
    dataset = made["sim-vision"]
    assert share_reached(dataset, "sim_object", form(images)) > 0.9
    assert share_reached(dataset, "sim_object", features.mean(axis=(2, 3))) < 0.3


def test_colourful_pixels_are_the_drawn_object(made, features):
    columns = made["sim-vision"].stimuli.columns
    attention = features[:, 14].reshape(len(features), -1)
    y, x = np.divmod(attention.argmax(axis=1), 8)
    off = np.hypot((x + 0.5) / 8 - columns["object_x"], (y + 0.5) / 8 - columns["object_y"])
    assert (off < columns["object_size"] + 0.1).mean() > 0.97


def test_words_are_a_bag_and_context_is_not(made, sentences):
    dataset = made["sim-language"]
    assert share_reached(dataset, "sim_words", bag(sentences)) > 0.85
    assert share_reached(dataset, "sim_context", roles(sentences)) > 0.9
    assert share_reached(dataset, "sim_context", bag(sentences)) < 0.4
    assert share_reached(dataset, "sim_length", length(sentences)) > 0.9


def test_context_cannot_be_reached_by_any_bag_of_words(made, sentences):
    words = sorted({w for s in sentences for w in s.text.lower().rstrip(".").split()})
    counts = np.array([[s.text.lower().rstrip(".").split().count(w) for w in words] for s in sentences], float)
    # Weights chosen on the very rows they are tested on, without noise: an upper bound for static words.
    signal = planted("sim-language")[:, (made["sim-language"].units["region"] == "sim_context").to_numpy()]
    counts -= counts.mean(axis=0)
    fitted = counts @ np.linalg.lstsq(counts, signal, rcond=None)[0]
    assert np.median((fitted**2).mean(axis=0)) < 0.75


@pytest.mark.parametrize("name", HASHES)
def test_noise_region_is_reliable_and_unpredictable(name, made, features, sentences):
    dataset = made[name]
    ceilings = dataset.units.query("region == 'sim_noise' and truth != 'silent'")["planted_ceiling"]
    assert ceilings.median() > 0.35
    seen = features.mean(axis=(2, 3)) if name == "sim-vision" else bag(sentences)
    assert abs(share_reached(dataset, "sim_noise", seen)) < 0.05


def test_order_of_presentation_predicts_nothing(made):
    for dataset in made.values():
        row = np.arange(len(dataset.stimuli))[:, None]
        neighbours = np.exp(-(((row - row.T) / 5.0) ** 2))
        for region in dataset.regions:
            assert abs(share_reached(dataset, region.name, neighbours, penalty=1.0)) < 0.05


def test_sentences_are_unique_and_keep_their_passages_whole(made, sentences):
    dataset = made["sim-language"]
    assert len({s.text for s in sentences}) == 400
    assert dataset.split().name == "grouped-5"
    assert set(np.unique(dataset.stimuli.groups, return_counts=True)[1]) == {5}


def test_passive_sentences_put_the_patient_first(sentences):
    for s in sentences:
        words = s.text.lower().rstrip(".").split()
        first = min((s.agent.word, s.patient.word), key=words.index)
        assert first == (s.patient.word if s.passive else s.agent.word)
        denied = bool({"not", "never"} & set(words))
        assert denied == (s.polarity == -1)
