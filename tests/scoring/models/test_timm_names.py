"""timm's own configurations: read where timm imports, and a sentence where it does not."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import uploads
from gyral.errors import UserError
from gyral.models.card import ModelCard
from gyral.models.timm_names import WRAPPER, as_transformers
from gyral.models.upload import check_folder, open_folder
from made_models import features

HERE = find_spec("timm") is not None


def _folder(tmp_path: Path, **config: object) -> Path:
    folder = tmp_path / "timm-net"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"num_classes": 10, "pretrained_cfg": {}} | config))
    save_file({"conv1.weight": np.zeros((64, 3, 7, 7), np.float32)}, folder / "model.safetensors")
    card = {"name": "timm-net", "modality": "vision", "image": {"size": 64}}
    ModelCard.checked(card).write(folder / "gyral.toml")
    return folder


@pytest.mark.skipif(HERE, reason="timm is here")
def test_absence_of_timm_is_said_with_the_way_out(tmp_path: Path) -> None:
    (fault,) = check_folder(_folder(tmp_path, architecture="resnet18")).faults
    assert (fault.code, fault.where) == ("timm-missing", "config.json")
    assert "'resnet18'" in fault.what and "No module named 'timm'" in fault.what
    assert "torch.onnx.export" in str(fault.mend)


def test_a_timm_that_breaks_while_it_is_imported_is_said_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A torchvision made for another torch: it raises RuntimeError, not ImportError."""
    (tmp_path / "site" / "timm").mkdir(parents=True)
    broken = tmp_path / "site" / "timm" / "__init__.py"
    broken.write_text("raise RuntimeError('operator torchvision::nms does not exist\\nmore')\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    (fault,) = check_folder(_folder(tmp_path, architecture="resnet18")).faults
    assert fault.code == "timm-missing" and "(operator torchvision::nms does not exist)" in fault.what


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"architecture": "hf-hub:somebody/net"}, "timm-name"),
        ({"architecture": "local-dir:/etc"}, "timm-name"),
        ({"architecture": 3}, "timm-name"),
        ({"architecture": "hf-hub:somebody/net", "model_type": WRAPPER}, "timm-name"),
        ({"architecture": "resnet18", "model_args": {"checkpoint_path": "/etc/passwd"}}, "timm-arguments"),
    ],
)
def test_names_that_would_fetch_or_open_something_are_refused(
    config: dict[str, object], code: str, tmp_path: Path
) -> None:
    folder = _folder(tmp_path, **config)
    assert [fault.code for fault in check_folder(folder).faults] == [code]
    with pytest.raises(UserError) as caught:
        open_folder(folder)
    assert caught.value.code == code


def test_other_configurations_are_left_alone() -> None:
    settings = {"model_type": "resnet", "architecture": "hf-hub:x/y"}
    assert as_transformers(settings) is settings


@pytest.mark.filterwarnings("ignore")
def test_a_timm_model_is_read_where_timm_imports(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    folder = _folder(tmp_path, architecture="resnet18")
    net = timm.create_model("resnet18", num_classes=10)
    save_file({name: value.numpy() for name, value in net.state_dict().items()}, folder / "model.safetensors")
    assert check_folder(folder).faults == ()
    model = open_folder(folder)
    found = features(model, uploads.pictures(tmp_path))
    assert set(found) == set(model.layers()) and all(np.ptp(values) > 0 for values in found.values())
