"""Volumes brought to a subject's surface: planted fields, nilearn's own projection, regions of vertices, and every refusal."""

import nibabel
import numpy as np
import pytest
from nibabel.freesurfer.io import write_annot, write_geometry
from nilearn.surface import vol_to_surf
from scipy.spatial import ConvexHull

from gyral.datasets.source import read_source
from gyral.datasets.source_build import assemble, build_pack
from gyral.errors import UserError
from source_folder import describe, image_stimuli, write_csv, write_nifti

SHAPE, AFFINE = (
    (16, 14, 12),
    np.diag([-2.0, 2.0, 2.0, 1.0]) + np.array([[0, 0, 0, 15.0], [0, 0, 0, -13.0], [0, 0, 0, -11.0], [0] * 4]),
)
COUNT, VERTICES = 12, 80
CRAS = np.array([1.0, -2.0, 3.0])


def sphere(radius, shift=(0.0, 0.0, 0.0)):
    """Vertices spread over a sphere, and its triangles turned outwards."""
    draw = np.random.default_rng(2).normal(size=(VERTICES, 3))
    points = draw / np.linalg.norm(draw, axis=1, keepdims=True)
    faces = ConvexHull(points).simplices
    normals = np.cross(points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]])
    turned = (normals * points[faces].mean(axis=1)).sum(axis=1) < 0
    faces[turned] = faces[turned][:, ::-1]
    return radius * points + np.asarray(shift), faces.astype(np.int32)


def gifti(path, mesh, **meta):
    told = nibabel.gifti.GiftiMetaData(meta)
    arrays = [
        nibabel.gifti.GiftiDataArray(mesh[0].astype(np.float32), "NIFTI_INTENT_POINTSET", meta=told),
        nibabel.gifti.GiftiDataArray(mesh[1], "NIFTI_INTENT_TRIANGLE"),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.gifti.GiftiImage(darrays=arrays), path)


@pytest.fixture
def volumes(tmp_path):
    """Twelve volumes in two files, meshes of both hemispheres; the value at (x, y, z) mm of volume t: ``x + 2 y + 10 t``."""
    folder = tmp_path / "own"
    stimuli = image_stimuli(folder, COUNT)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1)
    places = grid @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    series = (places[..., 0] + 2 * places[..., 1])[..., None] + 10.0 * np.arange(COUNT)
    for number, part in enumerate((series[..., :5], series[..., 5:])):
        write_nifti(folder / f"sub-01/betas-{number}.nii.gz", part, affine=AFFINE)
    write_nifti(folder / "sub-01/brain.nii.gz", np.ones(SHAPE), affine=AFFINE)
    gifti(folder / "sub-01/hemi-L_pial.surf.gii", sphere(6.0))
    gifti(folder / "sub-01/hemi-L_white.surf.gii", sphere(4.0))
    gifti(folder / "sub-01/hemi-R_pial.surf.gii", sphere(5.0))
    table = np.array([[0, 0, 0, 0, 0], [10, 20, 30, 0, 1], [40, 50, 60, 0, 2]])
    for side in ("lh", "rh"):
        labels = np.where(np.arange(VERTICES) < 30, 1, np.where(np.arange(VERTICES) < 50, 2, 0))
        write_annot(folder / f"sub-01/{side}.areas.annot", labels, table, ["unknown", "V1", "V2"], fill_ctab=True)
    tables = {
        "stimuli": stimuli,
        "responses": {
            "reader": "images",
            "kind": "fMRI",
            "unit": "a.u.",
            "subjects": ["sub-01"],
            "files": "{subject}/betas-*.nii.gz",
            "project": {"left": "{subject}/hemi-L_pial.surf.gii", "right": "{subject}/hemi-R_pial.surf.gii"},
        },
        "regions": [{"atlas": ["sub-01/lh.areas.annot", "sub-01/rh.areas.annot"]}],
    }
    return tables, folder


def read(folder, tables, **options):
    describe(folder, **tables)
    return assemble(read_source(folder), folder, folder.parent / "work", **options).dataset


def field(vertices):
    return vertices[:, 0] + 2 * vertices[:, 1] + 10.0 * np.arange(COUNT)[:, None]


@pytest.mark.parametrize("budget", [1 << 28, 1 << 16])
def test_vertices_have_the_values_of_the_volumes_at_their_places(volumes, budget):
    tables, folder = volumes
    pack = read(folder, tables, budget=budget)
    own = np.arange(VERTICES) < 50  # those that the atlas names
    expected = np.concatenate([field(sphere(6.0)[0])[:, own], field(sphere(5.0)[0])[:, own]], axis=1)
    # samples lie on both sides of a vertex along its normal: of a field without curvature their mean is the vertex's own
    np.testing.assert_allclose(pack.responses.values["sub-01"], expected, atol=0.05)
    assert pack.units["hemisphere"].tolist() == ["left"] * 50 + ["right"] * 50
    assert (len(pack.region("V1")), len(pack.region("V2"))) == (60, 40)


@pytest.mark.parametrize("kind", ["line", "ball", "depth"])
def test_values_are_those_of_nilearns_own_projection(volumes, kind):
    tables, folder = volumes
    draw = np.random.default_rng(0)
    for number, count in enumerate((5, 7)):
        write_nifti(folder / f"sub-01/betas-{number}.nii.gz", draw.normal(size=(*SHAPE, count)), affine=AFFINE)
    told = {
        "left": "{subject}/hemi-L_pial.surf.gii",
        "kind": kind,
        "radius": 2.0,
        "interpolation": "nearest_most_frequent",
    }
    told |= {"inner_left": "{subject}/hemi-L_white.surf.gii"} if kind == "depth" else {}
    tables["responses"] |= {"project": told}
    tables["regions"] = [{"atlas": "sub-01/lh.areas.annot"}]
    values = np.asarray(read(folder, tables).responses.values["sub-01"])
    expected = vol_to_surf(
        nibabel.load(folder / "sub-01/betas-1.nii.gz"),
        str(folder / "sub-01/hemi-L_pial.surf.gii"),
        radius=2.0,
        kind=kind,
        interpolation="nearest_most_frequent",
        inner_mesh=str(folder / "sub-01/hemi-L_white.surf.gii") if kind == "depth" else None,
    )
    np.testing.assert_allclose(values[5:], expected[:50].T, rtol=1e-5, atol=1e-6)


def test_meshes_of_freesurfer_are_shifted_by_their_centre(volumes):
    tables, folder = volumes
    vertices, faces = sphere(6.0)
    told = {
        "head": np.array([2, 0, 20], np.int32), "valid": "1  # volume info valid", "filename": "orig.mgz",
        "volume": np.array([256, 256, 256]), "voxelsize": np.ones(3), "xras": np.array([-1.0, 0, 0]),
        "yras": np.array([0, 0, -1.0]), "zras": np.array([0, 1.0, 0]), "cras": CRAS,
    }  # fmt: skip
    write_geometry(folder / "sub-01/lh.pial", vertices - CRAS, faces, volume_info=told)
    tables["responses"]["project"] = {"left": "{subject}/lh.pial"}
    tables["regions"] = [{"atlas": "sub-01/lh.areas.annot"}]
    np.testing.assert_allclose(read(folder, tables).responses.values["sub-01"], field(vertices)[:, :50], atol=0.05)
    write_geometry(folder / "sub-01/lh.pial", vertices - CRAS, faces)
    assert "c_ras" in refused("mesh-space", folder, tables)


def test_vertices_without_a_sample_inside_the_mask_are_missing(volumes):
    tables, folder = volumes
    half = np.zeros(SHAPE)
    half[:, 7:] = 1  # y above 0
    write_nifti(folder / "sub-01/half.nii.gz", half, affine=AFFINE)
    project(within="{subject}/half.nii.gz", radius=1.0)(tables, folder)
    assert "NaN" in refused("not-finite", folder, tables)
    tables["responses"]["not_a_number"] = "drop"
    pack = read(folder, tables)
    vertices = sphere(6.0)[0][pack.units.loc[pack.units["hemisphere"] == "left", "vertex"]]
    assert 0 < len(vertices) < 50 and vertices[:, 1].min() > -3


def test_bold_is_projected_before_trials_are_estimated(volumes):
    tables, folder = volumes
    draw = np.random.default_rng(1)
    for run in (0, 1):
        write_nifti(
            folder / f"sub-01/run-{run}_bold.nii.gz", 100 + draw.normal(size=(*SHAPE, 60)), affine=AFFINE, tr=2.0
        )
        write_csv(
            folder / f"sub-01/run-{run}_events.tsv",
            onset=[8 * k + 4 for k in range(COUNT)],
            duration=[2] * COUNT,
            trial_type=[f"item{k:02d}" for k in range(COUNT)],
        )
    tables["responses"] |= {
        "reader": "bold",
        "files": "{subject}/*_bold.nii.gz",
        "events": "{subject}/*_events.tsv",
        "stimulus": "trial_type",
    }
    assert np.asarray(read(folder, tables).responses.repeats["sub-01"]).shape == (COUNT, 2, 100)


def refused(code, folder, tables):
    describe(folder, **tables)
    with pytest.raises(UserError) as fault:
        build_pack(folder, folder / "pack")
    assert fault.value.code == code, fault.value
    return str(fault.value)


def project(**fields):
    def change(tables, folder):
        told = tables["responses"]["project"]
        tables["responses"]["project"] = {k: v for k, v in (told | fields).items() if v is not None}

    return change


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (project(left=None, right=None), "source", "no mesh is named"),
        (project(left=None, inner_left="{subject}/hemi-L_white.surf.gii"), "source", "goes with left"),
        (project(left="{subject}/lh.pial"), "file-missing", "lh.pial"),
        (project(left="../lh.pial"), "path-escapes", "leaves the folder"),
        (project(kind="cone"), "source", "'auto', 'line', 'ball' or 'depth'"),
        (project(lft="x"), "source", "Did you mean 'left'?"),
        (project(left="{subject}/betas-0.nii.gz"), "mesh", "not a surface mesh"),
        (project(within="{subject}/betas-0.nii.gz"), "image-shape", "one volume is expected"),
        (lambda t, f: gifti(f / "sub-01/hemi-L_pial.surf.gii", sphere(6.0, (400, 0, 0))), "mesh-space", "100 % of its vertices"),
        (lambda t, f: gifti(f / "sub-01/hemi-L_pial.surf.gii", sphere(6.0), VolGeomC_R="3.5"), "mesh-space", "c_ras"),
        (lambda t, f: gifti(f / "sub-01/hemi-R_pial.surf.gii", sphere(40.0)), "mesh-space", "lie outside of betas-0.nii.gz"),
        (lambda t, f: (f / "sub-01/hemi-L_pial.surf.gii").write_text("<GIFTI"), "not-an-image", "hemi-L"),
        (lambda t, f: write_nifti(f / "sub-01/betas-1.nii.gz", np.ones((16, 14, 11, 7)), affine=AFFINE), "image-shape", "(16, 14, 11)"),
        (lambda t, f: t["responses"].update(files="{subject}/hemi-*.surf.gii"), "not-an-image", "only NIfTI volumes"),
        (lambda t, f: t["responses"].update(reader="array", files="x.npy"), "source", "'images' and 'bold' do"),
    ],
)  # fmt: skip
def test_bad_projection_is_named(volumes, spoil, code, words):
    tables, folder = volumes
    spoil(tables, folder)
    assert words in refused(code, folder, tables)
