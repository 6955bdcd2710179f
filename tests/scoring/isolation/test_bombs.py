"""Uploads that would run code, or ask for more than they are worth: real files, looked at by a real guest of each tier."""

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import uploads
from guests import TIERS, hostile, run
from gyral.errors import BadFeatures, BadUpload, OutOfResources
from gyral.isolation.host import IsolatedModel, check
from gyral.isolation.limits import Limits
from gyral.isolation.tier import Tier

SMALL = Limits(memory=1 << 30)


@pytest.fixture(params=TIERS)
def tier(request: pytest.FixtureRequest) -> Tier:
    """Each tier in turn."""
    return request.param  # type: ignore[no-any-return]


def pickled(folder: Path) -> None:
    uploads.write_pickle(folder / "pytorch_model.bin", folder / "opened")


def torchscript(folder: Path) -> None:
    class Net(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2

    torch.jit.save(torch.jit.trace(Net(), torch.ones(2)), str(folder / "model.ts"))


def exported(folder: Path) -> None:
    program = torch.export.export(torch.nn.Linear(3, 3), (torch.ones(1, 3),))
    torch.export.save(program, str(folder / "model.pt2"))


def remote_code(folder: Path) -> None:
    uploads.edit_json(folder / "config.json", auto_map={"AutoModel": "evil.Model"})


def python(folder: Path) -> None:
    (folder / "evil.py").write_text(f"open({str(folder / 'opened')!r}, 'w')")


def expanding_checkpoint(folder: Path) -> None:
    """A megabyte that is a gigabyte of zeros once it is unpacked; `weights_only` would unpack it."""
    torch.save({"w": torch.zeros(1)}, folder / "small.bin")
    with (
        zipfile.ZipFile(folder / "small.bin") as small,
        zipfile.ZipFile(folder / "weights.ckpt", "w", zipfile.ZIP_DEFLATED) as large,
    ):
        for member in small.infolist():
            if "/data/" not in member.filename:
                large.writestr(member.filename, small.read(member))
                continue
            with large.open(member.filename, "w", force_zip64=True) as stream:
                for _ in range(64):
                    stream.write(bytes(1 << 24))
    (folder / "small.bin").unlink()
    assert (folder / "weights.ckpt").stat().st_size < 2 << 20


def forged_header(folder: Path) -> None:
    raw = json.dumps({"w": {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 4]}}).encode()
    (folder / "model.safetensors").write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(4))


def endless_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((1 << 62).to_bytes(8, "little") + b"{}")


def weights_on_paper(folder: Path) -> None:
    """A configuration of a hundred billion parameters beside the file of a small one."""
    uploads.edit_json(folder / "config.json", hidden_size=1 << 15, intermediate_size=1 << 17, num_hidden_layers=8)


NEVER_OPENED = {
    pickled: ("pytorch_model.bin", "pickle"),
    torchscript: ("model.ts", "pickle"),
    exported: ("model.pt2", "pickle"),
    expanding_checkpoint: ("weights.ckpt", "pickle"),
    python: ("evil.py", "code"),
}


@pytest.mark.filterwarnings("ignore")
def test_what_may_run_code_is_named_file_by_file_and_never_opened(tier: Tier, tmp_path: Path) -> None:
    folder = uploads.good("bert", tmp_path)
    for make in (*NEVER_OPENED, remote_code):
        make(folder)
    report = check(folder, limits=SMALL, tier=tier)
    found = {(fault["where"], fault["code"]) for fault in report["faults"]}
    assert found >= set(NEVER_OPENED.values())
    assert "auto-map" in {code for _, code in found}
    assert not (folder / "opened").exists()


@pytest.mark.parametrize(
    ("make", "codes"),
    [
        (forged_header, {"safetensors-size"}),
        (endless_header, {"safetensors-truncated"}),
        (weights_on_paper, {"too-many-parameters", "safetensors-unfit"}),
    ],
)
def test_weights_that_are_not_there_are_not_made_room_for(
    make: Callable[[Path], None], codes: set[str], tier: Tier, tmp_path: Path
) -> None:
    folder = uploads.good("bert", tmp_path)
    make(folder)
    report = check(folder, limits=SMALL, tier=tier)
    assert codes & {fault["code"] for fault in report["faults"]}


def test_seventy_bytes_that_ask_for_16_gib_are_refused(tier: Tier, tmp_path: Path) -> None:
    def ask(model: Any) -> None:
        from onnx import helper, numpy_helper

        graph = model.graph
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.initializer.append(numpy_helper.from_array(np.array([1 << 16, 1 << 16], np.int64), "s"))
        graph.node.append(helper.make_node("ConstantOfShape", ["s"], [graph.output[0].name]))
        graph.output[0].type.tensor_type.ClearField("shape")

    folder = uploads.edit_onnx(uploads.good("conv", tmp_path), ask)
    report = check(folder, limits=SMALL, tier=tier)
    assert [fault["code"] for fault in report["faults"]] == ["onnx-tensor-size"]


def test_activations_that_grow_end_with_the_memory_limit(tier: Tier, tmp_path: Path) -> None:
    folder = uploads.edit_onnx(uploads.good("conv", tmp_path), uploads.with_expansion(600_000_000))
    with pytest.raises(OutOfResources) as caught:
        IsolatedModel(folder, limits=SMALL, tier=tier).layers()
    assert caught.value.code == "memory-limit"


@pytest.mark.parametrize("does", ["nan", "infinity"])
def test_values_that_are_no_numbers_are_refused_by_stimulus(does: str, tier: Tier, tmp_path: Path) -> None:
    with pytest.raises(BadFeatures, match="picture-2") as caught:
        run(hostile(tmp_path, does, tier, Limits(opening=60)), tmp_path)
    assert caught.value.code == "features-finite"


def test_denormal_values_are_taken_as_they_are(tier: Tier, tmp_path: Path) -> None:
    (batch,) = run(hostile(tmp_path, "denormal", tier, Limits(opening=60)), tmp_path)
    np.testing.assert_array_equal(batch.arrays["a"], np.full((5, 3), 1e-42, np.float32))
    assert batch.arrays["a"].any()


@pytest.mark.parametrize(
    ("does", "code"), [("shape", "wrong-shape"), ("lying-header", "wire-broken"), ("link", "wire-broken"), ("hardlink", "wire-broken")]
)  # fmt: skip
def test_what_a_guest_leaves_in_its_scratch_is_not_believed(
    does: str, code: str, tier: Tier, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.npy"
    np.save(secret, np.ones((5, 3), np.float32))
    with pytest.raises(BadUpload) as caught:
        run(hostile(tmp_path, does, tier, Limits(opening=60), target=str(secret)), tmp_path)
    # Where it is held it cannot make a link: the guest's program dies of it.
    links = does in ("link", "hardlink") and tier != "process"
    assert caught.value.code == ("model-died" if links else code)


def test_guest_sees_nothing_that_could_be_learnt_from_the_names_of_files(tmp_path: Path) -> None:
    from gyral.isolation.job import Job

    job = Job(tmp_path / "jobs")
    stimuli = uploads.pictures(tmp_path / "responses-of-subject-1")
    staged = job.stage(stimuli, link=True)
    assert set(staged) == {"modality", "ids", "hashes", "texts", "files", "groups", "contexts"}
    assert "responses-of-subject-1" not in json.dumps(staged)
    assert sorted(os.listdir(job.folder)) == ["lock", "scratch", "stimuli"]
    job.remove()
