"""The bundled recipes: both sources build one content, and the packs' numbers are the published ones."""

import dataclasses
import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from file_server import FileServer, serving
from gyral import places
from gyral.datasets import sources
from gyral.datasets.catalogue import RECIPES, open_dataset
from gyral.datasets.pack import content_hash
from gyral.datasets.recipes.haxby2001 import SUBJECT
from gyral.datasets.recipes.kriegeskorte2008 import FLAGS, VECTORS
from gyral.datasets.recipes.tuckute2024 import NETWORK, NORMS
from gyral.datasets.split import shuffled
from gyral.metrics.correlation import pearson_r
from gyral.scores.halves import split_half
from gyral.scores.repeats import ncsnr

DOCS = Path(__file__).resolve().parents[3] / "docs" / "benchmarks"
REAL = [name for name in RECIPES.table if not name.startswith("sim-")]


@pytest.mark.parametrize("name", REAL)
def test_recipe_says_what_a_page_and_a_citation_need(name):
    recipe = RECIPES.load(name)
    if recipe.public is recipe.mirror:
        assert not any(f.url for f in recipe.public.files)  # it has no public address
    else:
        assert recipe.public.verified is False  # nobody has been able to fetch them yet
        assert all(f.url and f.url.startswith("https://raw.githubusercontent.com/") for f in recipe.public.files)
    assert all(f.sha256 for f in recipe.mirror.files)
    assert (DOCS / f"{name.removesuffix('-group')}.md").is_file()


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "samples", "units", "regions"),
    [
        ("tuckute2024", 1000, 6, 6),
        ("cowley2023-v4", 640, 50, 1),
        ("kriegeskorte2008", 92, 0, 3),
        ("haxby2001", 96, 530, 2),
        ("things2020", 1854, 0, 1),
    ],
)
def test_pack_from_the_mirror_has_the_published_shape(name, samples, units, regions):
    dataset = open_dataset(name)
    assert (len(dataset.stimuli), len(dataset.units), len(dataset.regions)) == (samples, units, regions)
    assert dataset.content_hash == RECIPES.load(name).content_hash == content_hash(dataset)
    assert dataset.about.display == "none"
    assert dataset.about.licence
    assert dataset.about.citation
    assert dataset.extra["constant_units"] == 0
    assert len(dataset.split().folds) == (12 if name == "haxby2001" else 5)


# -- the public files, made again from the mirror's re-packed copies, in the layout the repositories have


def tuckute_public(mirror):
    norms = (mirror / "ratings_2000_sentences.csv").read_bytes().split(b"\n", 1)[1]
    header = ",".join(["sentence", *NORMS]).encode()
    return {"bold_response_LH.csv": (mirror / "responses.csv").read_bytes(), "data.csv": header + b"\n" + norms}


def cowley_public(mirror):
    with np.load(mirror / "responses_210325.npz") as arrays:
        mean, trials = arrays["responses_mean"], arrays["responses_trials"]
    packed = io.BytesIO()
    with zipfile.ZipFile(mirror / "images_210325.zip") as old, zipfile.ZipFile(packed, "w") as new:
        new.writestr("__MACOSX/images_210325/._image0001.jpg", b"shadow")
        for name in reversed(old.namelist()):  # whatever order, in a folder
            new.writestr(f"images_210325/{name}", old.read(name))
    return {
        "images_210325.zip": packed.getvalue(),
        "raw.npy": npy(trials.transpose(1, 0, 2).astype(np.float64)),
        "averaged.npy": npy(mean.T.astype(np.float64)),
    }


def haxby_public(mirror):
    rows = (mirror / "half_slice_labels.csv").read_text().splitlines()[1:]
    return {
        "bold.nii.gz": (mirror / "half_slice_all_runs_bold.nii.gz").read_bytes(),
        "mask.nii.gz": (mirror / "half_slice_mask.nii.gz").read_bytes(),
        "attributes_literal.txt": "\n".join(r.replace(",", " ") for r in rows).encode(),
    }


def kriegeskorte_public(mirror):
    table = pd.read_csv(mirror / "stimuli.csv")
    with np.load(mirror / "rdms.npz") as arrays:
        rdms = {name: arrays[name] for name in arrays}
    items = [
        {"image": np.asarray(Image.open(mirror / row["file"]).convert("RGB")), "category": row["category"]}
        | {f: int(row[f]) for f in FLAGS}
        for _, row in table.iterrows()
    ]
    upper = np.triu_indices(92, 1)
    sessions = [
        {"RDM": rdms["human_it_subjects_sessions"][s, k].astype(float), "name": f"hIT | {name} | {k + 1}"}
        for s, name in enumerate(rdms["human_subject_names"])
        for k in range(2)
    ]
    judges = [
        {"RDM": r[upper].astype(float), "name": f"judge {i}"} for i, r in enumerate(rdms["behaviour_subjects"])
    ]
    figure = [
        {"RDM": rdms["monkey_it"][upper].astype(float), "name": "mIT_674neurons"},
        {"RDM": rdms["human_it_mean"][upper].astype(float), "name": "hITvisStim_316vx"},
    ]
    vectors = table[[f"cat_{v}" for v in VECTORS]].to_numpy(np.float64)
    return {
        "Kriegeskorte_Neuron2008_supplementalData.mat": mat(
            stimuli_92objs=structs(items), categoryVectors=vectors, RDMs_mIT_hIT_fig1=structs(figure)
        ),
        "92_brainRDMs.mat": mat(RDMs=structs(sessions).reshape(1, 4, 2)),
        "92_behavRDMs.mat": mat(rdms_behav_92=structs(judges)),
    }


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def structs(rows):
    array = np.empty((1, len(rows)), dtype=[(name, object) for name in rows[0]])
    for i, row in enumerate(rows):
        array[0, i] = tuple(row.values())
    return array


def mat(**variables):
    from scipy.io import savemat

    stream = io.BytesIO()
    savemat(stream, variables)
    return stream.getvalue()


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("tuckute2024", tuckute_public),
        ("cowley2023-v4", cowley_public),
        ("haxby2001", haxby_public),
        ("kriegeskorte2008", kriegeskorte_public),
    ],
)
def test_public_files_build_the_same_content(name, make, tmp_path, cold_cache, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    recipe = RECIPES.load(name)
    served = make(places.mirror() / recipe.mirror.folder)
    assert set(served) == {f.name for f in recipe.public.files}
    with serving(FileServer(served)) as server:
        local = tuple(dataclasses.replace(f, url=server.url + f.name) for f in recipe.public.files)
        public = dataclasses.replace(recipe.public, files=local)
        files = sources.from_public(dataclasses.replace(recipe, public=public))
        dataset = sources.read(public, files, tmp_path)
        assert content_hash(dataset) == recipe.content_hash


# -- the numbers a right pack gives


@pytest.mark.data
@pytest.mark.parametrize(("name", "region"), [("tuckute2024", NETWORK), ("cowley2023-v4", "V4")])
def test_order_alone_scores_under_a_shuffled_split_and_not_under_the_declared_one(name, region):
    dataset = open_dataset(name)
    measured = dataset.responses.stacked()[:, dataset.region(region).units]

    def from_neighbours(split):
        """Predict each held-out row from the training rows before and after it (Gaussian, 8 rows wide)."""
        rows = []
        for fold in split.folds:
            weight = np.exp(-0.5 * ((fold.test[:, None] - fold.train) / 8) ** 2) + 1e-12
            predicted = weight @ measured[fold.train] / weight.sum(axis=1, keepdims=True)
            rows.append(pearson_r(measured[fold.test], predicted))
        return np.median(np.mean(rows, axis=0))

    assert dataset.split().name == "contiguous-5"
    assert from_neighbours(shuffled(len(measured), audit=True)) > 0.10
    assert from_neighbours(dataset.split()) < 0.03


@pytest.mark.data
def test_tuckute_norms_predict_the_network():
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    dataset = open_dataset("tuckute2024")
    norms = np.column_stack([dataset.stimuli.columns[n] for n in NORMS.values()])
    measured = np.asarray(dataset.responses.values["group"][:, dataset.region(NETWORK).units[0]])
    scores = []
    for train, test in KFold(5, shuffle=True, random_state=0).split(norms):
        model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 13)))
        scores.append(
            np.corrcoef(model.fit(norms[train], measured[train]).predict(norms[test]), measured[test])[0, 1]
        )
    assert abs(np.mean(scores) - 0.40) < 0.02
    (ceiling,) = dataset.published
    assert (ceiling.region, ceiling.unit) == (NETWORK, "r2")
    assert ceiling.value == round(0.5592**2, 3)


@pytest.mark.data
def test_v4_reliability_is_the_shipped_one():
    dataset = open_dataset("cowley2023-v4")
    repeats = np.asarray(dataset.responses.repeats["PE"])
    assert repeats.shape == (640, 10, 50)
    halves = split_half(repeats, seed=0)
    with np.load(places.mirror() / "cowley_macaque_v4" / "responses_210325.npz") as arrays:
        shipped = arrays["reliability_spearman_brown"]
    assert abs(np.median(halves.noise_ceiling) - 0.76) < 0.02
    assert np.abs(halves.noise_ceiling - shipped).max() < 0.05
    assert np.abs(halves.noise_ceiling - ncsnr(repeats).noise_ceiling).max() < 0.03
    np.testing.assert_allclose(np.nanmean(repeats, axis=1), dataset.responses.values["PE"], rtol=1e-6)


@pytest.mark.data
def test_kriegeskorte_bounds_and_plain_models():
    from scipy.stats import rankdata, spearmanr

    dataset = open_dataset("kriegeskorte2008")
    upper = np.triu_indices(92, 1)
    human = [rankdata(m[upper]) for m in np.asarray(dataset.rdms["human_IT"].values).mean(axis=1)]

    def against(other):
        return np.mean([spearmanr(ranks, other)[0] for ranks in human])

    total = np.sum(human, axis=0)
    assert abs(np.mean([spearmanr(ranks, total - ranks)[0] for ranks in human]) - 0.37) < 0.005
    assert abs(against(total) - 0.67) < 0.005
    assert abs(against(np.asarray(dataset.rdms["monkey_IT"].values)[0, 0][upper]) - 0.30) < 0.005
    animate = dataset.stimuli.columns["cat_animate"]
    assert abs(against((animate[:, None] != animate[None])[upper].astype(float)) - 0.39) < 0.005
    assert dataset.rdms["judgements"].values.shape == (16, 1, 92, 92)


@pytest.mark.data
def test_haxby_categories_can_be_decoded_from_a_run_left_out():
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.neighbors import NearestCentroid
    from sklearn.svm import LinearSVC

    dataset = open_dataset("haxby2001")
    voxels = dataset.region("bright").units
    assert len(voxels) == 448
    samples = np.asarray(dataset.responses.values[SUBJECT])[:, voxels]
    labels = np.asarray(dataset.stimuli.texts)

    def accuracy(model, rows):
        hits = []
        for fold in dataset.split().folds:
            train, test = np.intersect1d(fold.train, rows), np.intersect1d(fold.test, rows)
            hits.append(np.mean(model.fit(samples[train], labels[train]).predict(samples[test]) == labels[test]))
        return np.mean(hits)

    every = np.arange(96)
    assert abs(accuracy(LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"), every) - 0.84) < 0.01
    assert abs(accuracy(LinearSVC(C=0.01, random_state=0), every) - 0.72) < 0.05
    assert abs(accuracy(NearestCentroid(), every) - 0.51) < 0.03
    assert accuracy(LinearSVC(C=0.01, random_state=0), np.flatnonzero(np.isin(labels, ["face", "house"]))) == 1.0
