"""Devices are refused by name, without a traceback."""

import subprocess
import sys

import pytest
import torch

from gyral.device import check_device
from gyral.errors import UserError


@pytest.mark.parametrize("device", ["gpu", "CPU", "cuda:", "cuda:x", "mps", ""])
def test_unknown_devices_are_refused_with_the_known_ones(device: str) -> None:
    with pytest.raises(UserError) as caught:
        check_device(device)
    assert caught.value.code == "bad-device"
    assert f"device: {device!r} is unknown; choose cpu, cuda or cuda:N." in str(caught.value)


def test_cuda_is_refused_where_there_is_none() -> None:
    missing = f"cuda:{torch.cuda.device_count()}" if torch.cuda.is_available() else "cuda"
    with pytest.raises(UserError) as caught:
        check_device(missing)
    assert caught.value.code == "bad-device"
    assert torch.cuda.is_available() or "this torch has no CUDA" in str(caught.value)


@pytest.mark.parametrize("command", [["score"], ["extract", "--out", "made-never"]])
def test_the_commands_say_it_in_one_line(command: list[str]) -> None:
    line = [sys.executable, "-m", "gyral.cli.main", *command, "pixels", "-b", "sim-vision", "--device", "gpu"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "device: 'gpu' is unknown; choose cpu, cuda or cuda:N." in done.stderr
    assert "Traceback" not in done.stderr
