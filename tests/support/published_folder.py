"""Look-alikes of published datasets: their names, axes, types and sizes of a trial; fewer images, sessions and people."""

from pathlib import Path
from typing import Any

import h5py
import mne
import nibabel
import numpy as np
import pandas as pd
import xarray
from PIL import Image

from source_folder import AFFINE, write_csv, write_nifti

DRAW = np.random.default_rng
GRID = (5, 4, 3)  # voxels of NSD's volumes
EEG2_CHANNELS = [
    "Pz",
    "P3",
    "P7",
    "O1",
    "Oz",
    "O2",
    "P4",
    "P8",
    "P1",
    "P5",
    "PO7",
    "PO3",
    "POz",
    "PO4",
    "PO8",
    "P6",
    "P2",
]


def picture(path: Path, seed: int, size: int = 8) -> None:
    """A small picture of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(DRAW(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)).save(path)


def things_eeg2(folder: Path, subjects: tuple[str, ...] = ("sub-01", "sub-02"), concepts: int = 5) -> None:
    """Ten images a concept, four repetitions, 17 channels, 100 times; five test images, eighty times.

    Image k, repetition r, channel c, time t: ``k + r / 10 + c / 100`` at t >= 0, else 0.
    """
    names, folders = [], []
    for c in range(concepts):
        for i in range(10):
            name = f"thing{c}_{i + 1:02d}s.jpg"
            picture(folder / "image_set" / "training_images" / f"{c + 1:05d}_thing{c}" / name, 10 * c + i)
            names.append(name)
            folders.append(f"{c + 1:05d}_thing{c}")
    metadata = {
        "train_img_concepts": folders,
        "train_img_concepts_THINGS": [f"{10 * int(f[:5]):05d}{f[5:]}" for f in folders],
        "train_img_files": names,
        "test_img_concepts": [f"{k + 1:05d}_other{k}" for k in range(5)],
        "test_img_concepts_THINGS": [f"{9 * k + 1:05d}_other{k}" for k in range(5)],
        "test_img_files": [f"other{k}_13s.jpg" for k in range(5)],
    }
    np.save(folder / "image_set" / "image_metadata.npy", metadata)  # type: ignore[arg-type]
    times = np.round(np.arange(-20, 80) / 100, 2)
    for k, (concept, name) in enumerate(
        zip(metadata["test_img_concepts"], metadata["test_img_files"], strict=True)
    ):
        picture(folder / "image_set" / "test_images" / concept / name, 1000 + k)
    for subject in subjects:
        home = folder / "preprocessed_data" / subject
        home.mkdir(parents=True)
        for partition, images, repetitions in (("training", 10 * concepts, 4), ("test", 5, 80)):
            value = np.arange(images)[:, None, None] + np.arange(repetitions)[:, None] / 10 + np.arange(17) / 100
            np.save(
                home / f"preprocessed_eeg_{partition}.npy",
                {  # type: ignore[arg-type]
                    "preprocessed_eeg_data": value[..., None] * (times >= 0),
                    "ch_names": EEG2_CHANNELS,
                    "times": times,
                },
            )


def things_meg(folder: Path, people: tuple[str, ...] = ("P1", "P2"), images: int = 6, sessions: int = 3) -> None:
    """Epochs of 271 sensors and 281 times in pieces, z-scored numbers, with metadata; test images once a session.

    Test image k in session s: ``k + s / 10`` at every sensor, at times >= 0.
    """
    sensors = [f"M{side}{lobe}{n:02d}-1609" for side in "LR" for lobe in "OTPFC" for n in range(28)][:271]
    names = [f"images_test_meg/thing{k}_13s.jpg" for k in range(images)]
    for k, name in enumerate(names):
        picture(folder / "images" / name, k)
    times = np.arange(-20, 261) / 200
    rows, values = [], []
    for session in range(sessions):
        for k in DRAW(session).permutation(images):
            rows.append(("test", names[k], session + 1, 100 + k))
            values.append((k + session / 10) * (times >= 0))
        rows += [("exp", f"images_meg/other/other_{session:02d}s.jpg", session + 1, session)]
        rows += [("catch", "images_catch_meg/c1.jpg", session + 1, 999999)]
        values += [np.full(281, 50.0), np.full(281, 99.0)]
    table = pd.DataFrame(rows, columns=["trial_type", "image_path", "session_nr", "things_image_nr"])
    info = mne.create_info(sensors, 200.0, "mag")
    with info._unlock():
        info["lowpass"] = 40.0
    for person in people:
        data = np.repeat(np.array(values)[:, None], len(sensors), axis=1)
        events = np.column_stack([1000 * np.arange(len(rows)), np.zeros(len(rows), int), table["things_image_nr"]])
        epochs = mne.EpochsArray(data, info, events, tmin=-0.1, metadata=table, verbose="error")
        home = folder / "derivatives" / "preprocessed"
        home.mkdir(parents=True, exist_ok=True)
        epochs.save(home / f"preprocessed_{person}-epo.fif", split_size="4MB", verbose="error")


def algonauts(folder: Path, vertices: dict[str, tuple[int, int]], seen: dict[str, list[int]]) -> None:
    """Two hemispheres of each person, one row an image; value of NSD image i at column c: ``i + c / 100000`` (right: negative)."""
    for subject, shown in seen.items():
        home = folder / subject
        for row, image in enumerate(shown):
            picture(home / f"training_split/training_images/train-{row + 1:04d}_nsd-{image:05d}.png", image)
        (home / "training_split/training_fmri").mkdir(parents=True)
        (home / "roi_masks").mkdir()
        for sign, side, count in zip((1, -1), ("lh", "rh"), vertices[subject], strict=True):
            data = sign * (np.array(shown)[:, None] + np.arange(count) / 100_000)
            np.save(home / f"training_split/training_fmri/{side}_training_fmri.npy", data.astype(np.float32))
            labels = np.zeros(count, int)
            labels[:100], labels[100:130] = 1, 2
            np.save(home / f"roi_masks/{side}.prf-visualrois_challenge_space.npy", labels)
            np.save(home / f"roi_masks/{side}.prf-visualrois_fsaverage_space.npy", np.zeros(163_842, int))
            np.save(home / f"roi_masks/{side}.floc-faces_challenge_space.npy", np.where(labels == 2, 3, 0))
        for kind, names in (
            ("prf-visualrois", {0: "Unknown", 1: "V1v", 2: "V1d"}),
            ("floc-faces", {0: "Unknown", 1: "OFA", 2: "FFA-1", 3: "FFA-2"}),
        ):
            np.save(home / f"roi_masks/mapping_{kind}.npy", names)  # type: ignore[arg-type]


def nsd_sessions(seed: int, sessions: int = 2, trials: int = 9) -> list[np.ndarray]:
    """Betas of one person in `GRID`, in thirds of a per cent of 300ths, so that whole numbers hold them."""
    return [DRAW([seed, s]).integers(-900, 900, (trials, *GRID)) / 300 for s in range(sessions)]


def nsd(
    folder: Path,
    betas: dict[str, list[np.ndarray]],
    shown: dict[str, list[list[int]]],
    *,
    grid: tuple[int, int, int],
    ending: str = "hdf5",
    pixels: int = 425,
    images: int = 8,
) -> None:
    """Sessions of betas, trials x X x Y x Z in % signal change, kept as whole numbers x 300; ``shown`` are places from 0."""
    voxels = np.arange(np.prod(grid)).reshape(grid)
    for subject, sessions in betas.items():
        home = folder / f"nsddata_betas/ppdata/{subject}/func1pt8mm/betas_fithrf_GLMdenoise_RR"
        home.mkdir(parents=True)
        rows: list[dict[str, Any]] = []
        for s, (session, places) in enumerate(zip(sessions, shown[subject], strict=True), 1):
            whole = np.round(session * 300).astype(np.int16)
            if ending == "hdf5":
                with h5py.File(home / f"betas_session{s:02d}.hdf5", "w") as file:
                    data = whole.transpose(0, 3, 2, 1)
                    file.create_dataset("betas", data=data, chunks=(len(whole), 1, 1, 1))
            else:
                image = nibabel.Nifti1Image(whole.transpose(1, 2, 3, 0), AFFINE)
                nibabel.save(image, home / f"betas_session{s:02d}.nii.gz")
            rows += [
                {"SUBJECT": int(subject[4:]), "SESSION": s, "RUN": 1, "TRIAL": t + 1, "73KID": p + 1, "10KID": 1}
                for t, p in enumerate(places)
            ]
        # a session that nobody downloaded
        rows += [dict(rows[-1], SESSION=len(sessions) + 1)]
        ppdata = folder / f"nsddata/ppdata/{subject}"
        write_csv(ppdata / "behav" / "responses.tsv", **pd.DataFrame(rows).to_dict("list"))
        write_nifti(ppdata / "func1pt8mm/roi/nsdgeneral.nii.gz", np.where(voxels % 5 == 4, -1, voxels % 5 > 0))
        write_nifti(ppdata / "func1pt8mm/roi/prf-visualrois.nii.gz", np.where(voxels % 5 == 4, -1, voxels % 5))
        write_nifti(ppdata / "func1pt8mm/roi/lh.prf-visualrois.nii.gz", voxels * 0)
        labels = folder / f"nsddata/freesurfer/{subject}/label"
        labels.mkdir(parents=True)
        (labels / "prf-visualrois.mgz.ctab").write_text("0 Unknown\n1 V1v\n2 V1d\n3 V2v\n4 V2d\n")
        write_nifti(home / "ncsnr.nii.gz", voxels / 1000)
    brick = folder / "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5"
    brick.parent.mkdir(parents=True)
    with h5py.File(brick, "w") as file:
        made = DRAW(1).integers(0, 256, (images, pixels, pixels, 3), dtype=np.uint8)
        file.create_dataset("imgBrick", data=made, chunks=(1, pixels, pixels, 3))
    write_csv(
        folder / "nsddata/experiments/nsd/nsd_stim_info_merged.csv",
        nsdId=range(images),
        cocoId=range(1000, 1000 + images),
        shared1000=[i % 2 == 0 for i in range(images)],
    )


def textgrid(path: Path, words: list[tuple[float, float, str]]) -> None:
    """A TextGrid in the long form: phones and words."""
    end = words[-1][1]
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {end}",
        "tiers? <exists>",
    ]
    lines += ["size = 2", "item []:"]
    for number, name in enumerate(("phone", "word"), 1):
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{name}"']
        lines += ["        xmin = 0", f"        xmax = {end}", f"        intervals: size = {len(words)}"]
        for k, (a, b, text) in enumerate(words, 1):
            lines += [
                f"        intervals [{k}]:",
                f"            xmin = {a}",
                f"            xmax = {b}",
                f'            text = "{text}"',
            ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, ""]))


def lebel(folder: Path, voxels: dict[str, int], stories: dict[str, int]) -> None:
    """A series a story and person (rows: TRs), and words every half second from 0 on; story one alone is heard by the first."""
    for subject, count in voxels.items():
        home = folder / "derivative" / "preprocessed_data" / subject
        home.mkdir(parents=True)
        for number, (story, rows) in enumerate(stories.items()):
            with h5py.File(home / f"{story}.hf5", "w") as file:
                file["data"] = 100.0 * number + np.arange(rows)[:, None] + np.arange(count) / 1000
    first = next(iter(voxels))
    with h5py.File(folder / "derivative" / "preprocessed_data" / first / "alone.hf5", "w") as file:
        file["data"] = np.zeros((9, voxels[first]))
    for story, rows in stories.items():
        spoken = [(k / 2, k / 2 + 0.5, "{BR}" if k % 10 == 9 else f"WORD{k}") for k in range(4 * rows + 60)]
        textgrid(folder / "derivative" / "TextGrids" / f"{story}.TextGrid", spoken)


def brainio(path: Path, *, bins: int = 1, engine: Any = "h5netcdf") -> xarray.DataArray:
    """An assembly of neuroids of two animals, three repetitions of four images; written as BrainIO writes them."""
    draw = DRAW(4)
    images = [f"im{k}" for k in range(4)]
    made = xarray.DataArray(
        draw.normal(size=(6, 12, bins)).astype(np.float32),
        dims=("neuroid", "presentation", "time_bin"),
        coords={
            "neuroid_id": ("neuroid", [f"site_{k}" for k in range(6)]),
            "region": ("neuroid", ["V4", "IT", "IT", "V4", "IT", "IT"]),
            "animal": ("neuroid", ["Chabo"] * 3 + ["Tito"] * 3),
            "x": ("neuroid", np.arange(6) / 2),
            "image_id": ("presentation", images * 3),
            "repetition": ("presentation", np.repeat([0, 1, 2], 4)),
            "time_bin_start": ("time_bin", [70 + 100 * b for b in range(bins)]),
            "time_bin_end": ("time_bin", [170 + 100 * b for b in range(bins)]),
        },
        attrs={"identifier": "dicarlo.Made2026", "stimulus_set_identifier": "dicarlo.made"},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    made.to_dataset(name="data", promote_attrs=True).to_netcdf(path, engine=engine)
    write_csv(
        path.parent / "stimulus_made.csv", image_id=images, filename=[f"{i}.png" for i in images], size=range(4)
    )
    for k, name in enumerate(images):
        picture(path.parent / "images" / f"{name}.png", k)
    return made
