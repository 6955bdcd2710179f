"""Look-alikes of published fMRI in tables: THINGS-fMRI, Pereira et al. 2018, Narratives; their names, axes and types."""

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from scipy.io import savemat

from published_folder import picture
from source_folder import write_csv, write_nifti

DRAW = np.random.default_rng
FLAGS = ("V1", "hV4", "LO1 (prf)", "lFFA", "rFFA", "lPPA", "rPPA", "lSTS", "rSTS", "glasser-V1")


def things_fmri(
    folder: Path,
    people: tuple[str, ...] = ("sub-01", "sub-02"),
    *,
    concepts: int = 6,
    sessions: int = 4,
    tests: int = 5,
    voxels: int = 40,
    openneuro: bool = False,
    images: bool = True,
) -> dict[str, np.ndarray]:
    """Betas as pandas' fixed format keeps a table with ``voxel_id`` and a column a trial; trials x voxels of each person.

    Every training image once, every test image once a session, in an order of its own for each person.
    """
    training = [(f"thing{c}_{i + 1:02d}s.jpg", f"thing{c}") for c in range(concepts) for i in range(sessions)]
    testing = [(f"other{k}_14s.jpg", f"other{k}") for k in range(tests)]
    for k, (name, concept) in enumerate([*training, *testing] if images else []):
        picture(folder / "object_images" / concept / name, k)
    made = {}
    for number, person in enumerate(people):
        draw, rows = DRAW(number), []
        order = draw.permutation(len(training))
        for session in range(sessions):
            own = [("train", *training[k]) for k in order[session::sessions]] + [("test", *t) for t in testing]
            rows += [(*own[k], session + 1) for k in draw.permutation(len(own))]
        told = pd.DataFrame(rows, columns=["trial_type", "stimulus", "concept", "session"])
        told = told.assign(run=1, subject_id=number + 1, trial_id=range(len(told)))
        signal = DRAW(99).normal(size=(len(training) + tests, voxels))
        place = {n: k for k, (n, _) in enumerate([*training, *testing])}
        betas = signal[[place[n] for n in told["stimulus"]]] * np.linspace(0, 2, voxels)
        betas += draw.normal(size=betas.shape) + 5 * told["session"].to_numpy()[:, None]
        made[person] = betas
        home = folder / ("ICA-betas" if openneuro else "betas_csv")
        if openneuro:
            home = home / person / "voxel-metadata"
        names = {
            k: f"{person}_task-things_{b}" if openneuro else f"{person}_{a}"
            for k, a, b in (
                ("betas", "ResponseData", "voxel-wise-responses"),
                ("voxels", "VoxelMetadata", "voxel-metadata"),
                ("trials", "StimulusMetadata", "stimulus-metadata"),
            )
        }
        write_csv(home / f"{names['trials']}.csv", **told.to_dict("list"))
        pandas_fixed(home / f"{names['betas']}.h5", betas.T)
        flags = {
            f: [int(v % len(FLAGS) == k and v < voxels - 8) for v in range(voxels)] for k, f in enumerate(FLAGS)
        }
        flags["glasser-V1"] = [1] * voxels
        write_csv(
            home / f"{names['voxels']}.csv",
            **{
                "voxel_id": range(voxels),
                "subject_id": [number + 1] * voxels,
                "voxel_x": range(voxels),
                "nc_singletrial": [1.5] * voxels,
                "nc_testset": published_ceiling(betas, told),
                **flags,
            },
        )
    return made


def pandas_fixed(path: Path, values: np.ndarray, *, names: list[int] | None = None) -> None:
    """A table of ``voxel_id`` and numbered columns, as `DataFrame.to_hdf` (fixed format) lays its blocks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = values.shape
    with h5py.File(path, "w") as file:
        group = file.create_group("ResponseData")
        group.attrs["pandas_type"] = "frame"
        group["axis0"] = np.array([b"voxel_id", *(str(k).encode() for k in range(columns))])
        group["axis1"] = np.arange(rows)
        group["block0_items"] = np.array([str(k).encode() for k in names or range(columns)])
        group["block0_values"] = values.astype(np.float64)
        group["block1_items"] = np.array([b"voxel_id"])
        group["block1_values"] = np.arange(rows)[:, None]


def published_ceiling(betas: np.ndarray, told: pd.DataFrame) -> np.ndarray:
    """Percent: NSD's formula over test images, each z-scored presentation by presentation (sessions), as the authors compute it."""
    test = told["trial_type"] == "test"
    images = sorted(set(told.loc[test, "stimulus"]))
    sessions = sorted(set(told["session"]))
    rows = [
        [told.index[test & (told["stimulus"] == i) & (told["session"] == s)][0] for i in images] for s in sessions
    ]
    shown = betas[np.array(rows)]  # sessions x images x voxels
    scored = (shown - shown.mean(axis=1, keepdims=True)) / shown.std(axis=1, keepdims=True)
    noise = scored.var(axis=0, ddof=1).mean(axis=0)
    ratio = np.clip(1 - noise, 0, None) / noise
    return np.asarray(100 * ratio / (ratio + 1 / len(sessions)))


def pereira(
    folder: Path,
    people: dict[str, tuple[int, ...]],
    *,
    voxels: int = 60,
    key: str = "examples_passagesentences",
    atlases: bool = True,
) -> None:
    """Files of experiments (numbers of sentences) a person; four sentences a passage, two passages a topic.

    The value of voxel v at sentence s is ``s + v / 100`` in the first experiment, its negative in the other.
    """
    for person, experiments in people.items():
        for experiment in experiments:
            passages = [1 + s // 4 for s in range(experiment)]
            topics = [1 + p // 2 for p in range(max(passages))]
            values = np.arange(experiment)[:, None] + np.arange(voxels) / 100
            meta: dict[str, object] = {
                "nvoxels": voxels,
                "colToCoord": np.stack([1 + np.arange(voxels), np.full(voxels, 2), np.full(voxels, 3)], axis=1),
            }
            if atlases:
                meta |= {
                    "atlases": cell("aal_1ofN", "languageLH", "DMN"),
                    "rois": cell(column("Precentral"), column("IFG", "AntTemp"), column("PCC")),
                    "roiColumns": cell(
                        column(1 + np.arange(50)[:, None]),
                        column(np.array([[3], [4], [5]]), np.array([[7], [8], [9]])),
                        column(np.array([[5]])),
                    ),
                }
            home = folder / person
            home.mkdir(parents=True, exist_ok=True)
            savemat(
                home / f"data_{experiment}sentences.mat",
                {
                    key: values if experiment == max(experiments) else -values,
                    "examples_passages": np.zeros((max(passages), voxels)),
                    "keySentences": column(*(f"Sentence {s} of {experiment}." for s in range(experiment))),
                    "labelsPassageForEachSentence": np.array(passages, np.uint8)[:, None],
                    "labelsPassageCategory": np.array(topics, np.uint8)[:, None],
                    "keyPassageCategory": cell(*(cell(f"topic{t}") for t in range(max(topics)))),
                    "keyPassages": column(*(f"passage{p}" for p in range(max(passages)))),
                    "meta": meta,
                },
            )


def cell(*items: object) -> np.ndarray:
    """A MATLAB cell array in a row."""
    made = np.empty((1, len(items)), object)
    for k, item in enumerate(items):
        made[0, k] = item
    return made


def column(*items: object) -> np.ndarray:
    """A MATLAB cell array in a column."""
    return cell(*items).T


STORIES = {"pieman": (15.0, 60), "milkyway": (21.0, 50), "tunnel": (3.0, 70)}


def narratives(
    folder: Path,
    heard: dict[str, tuple[str, ...]],
    *,
    pipeline: str = "afni-nosmooth",
    alignment: str = "json",
    shape: tuple[int, int, int] = (4, 3, 2),
) -> None:
    """Clean series (or those of fMRIPrep) of tasks, TR 1.5 s; a word every half second of the audio, every seventh without a time.

    The audio of pieman begins with music. Value of voxel v at volume t of the k-th story: ``100 k + t + v / 100``.
    """
    desc = "preproc" if pipeline == "fmriprep" else "clean"
    space = "space-MNI152NLin2009cAsym_res-native"
    for subject, tasks in heard.items():
        for task in tasks:
            onset, volumes = STORIES[task]
            number = list(STORIES).index(task)
            stem = f"{subject}_task-{task}" + ("_run-1" if task == "pieman" else "")
            voxels = np.arange(np.prod(shape)).reshape(shape)
            series = 100 * number + np.arange(volumes) + voxels[..., None] / 100
            func = f"derivatives/{pipeline}/{subject}/func"
            write_nifti(folder / func / f"{stem}_{space}_desc-{desc}_bold.nii.gz", series, tr=1.5)
            mask = folder / f"derivatives/fmriprep/{subject}/func/{stem}_{space}_desc-brain_mask.nii.gz"
            write_nifti(mask, (voxels % 2 == 0) & (voxels > 3))
            story = "milkywayoriginal" if task == "milkyway" else task
            rows = [(onset, 40.0, "story", f"{story}_audio.wav")]
            if task == "pieman":
                rows = [(0.0, 13.0, "music", f"{story}_audio.wav"), *rows]
            names = ("onset", "duration", "trial_type", "stim_file")
            write_csv(
                folder / subject / "func" / f"{stem}_events.tsv",
                **{n: [r[k] for r in rows] for k, n in enumerate(names)},
            )
            home = folder / "stimuli" / "gentle" / story
            home.mkdir(parents=True, exist_ok=True)
            told = [
                {
                    "word": f"word{w}",
                    "alignedWord": f"word{w}",
                    "case": "success",
                    "start": w / 2,
                    "end": w / 2 + 0.4,
                }
                if w % 7 != 6
                else {"word": f"word{w}", "case": "not-found-in-audio"}
                for w in range(2 * int(1.5 * volumes))
            ]
            if alignment == "json":
                (home / "align.json").write_text(json.dumps({"transcript": "", "words": told}))
            else:
                lines = [
                    f"{w['word']},{w.get('alignedWord', '')},{w.get('start', '')},{w.get('end', '')}" for w in told
                ]
                (home / "align.csv").write_text("\n".join([*lines, ""]))
