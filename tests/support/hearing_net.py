"""A net on waveforms, made when a test needs it, and its upload."""

from functools import cache
from pathlib import Path

import torch
from torch import nn

from made_models import exported
from made_sounds import EDGES, audio_card

RATE, SECONDS = 11_025, 0.5
LENGTH = round(RATE * SECONDS)


class HearingNet(nn.Module):
    """Filters as wide as the bands of made units, their power over time, and a layer that has time ahead of channels.

    ``filters``: channels x times; ``mix``: times x channels; ``head``: flat.
    """

    def __init__(self, *, channel: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.channel = channel
        self.filters = nn.Sequential(
            nn.Conv1d(1, 2 * len(EDGES), 127, stride=8, padding=63, bias=False), nn.ReLU()
        )
        self.norm = nn.BatchNorm1d(2 * len(EDGES))
        self.mix = nn.Sequential(nn.Linear(2 * len(EDGES), 5), nn.LayerNorm(5))
        self.head = nn.Linear(5, 3)
        times = (torch.arange(127) - 63) / RATE
        window = torch.hann_window(127, periodic=False)
        with torch.no_grad():
            for i, (low, high) in enumerate(EDGES):
                wave = window * torch.cos(2 * torch.pi * (low * high) ** 0.5 * times)
                self.filters[0].weight[2 * i], self.filters[0].weight[2 * i + 1] = wave, -wave

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x if self.channel else x[:, None]
        x = self.norm(torch.log(1e-4 + self.filters(x)))
        x = self.mix(x.transpose(1, 2))
        return self.head(x.mean(dim=1))  # type: ignore[no-any-return]


class SpeechNet(nn.Module):
    """A small transformer over a convolution, as models of speech are: ``front`` channels x times, the rest times x channels."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.front = nn.Sequential(nn.Conv1d(1, 8, 80, stride=40), nn.GroupNorm(2, 8), nn.GELU())
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.front(x[:, None]).transpose(1, 2)
        for layer in self.layers:
            x = layer(x)
        return x.mean(dim=1)


def as_onnx(net: nn.Module, example: torch.Tensor) -> bytes:
    """Any net on waveforms as ONNX."""
    return exported(net.eval(), (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))


@cache
def hearing_onnx(*, channel: bool = False) -> bytes:
    """The net as ONNX; ``channel``: with an axis for the one channel."""
    example = torch.zeros(2, 1, LENGTH) if channel else torch.zeros(2, LENGTH)
    return as_onnx(HearingNet(channel=channel), example)


def hearing_folder(folder: Path) -> Path:
    """An upload of the net."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(hearing_onnx())
    audio_card(sound={"rate": RATE, "seconds": SECONDS}).write(folder / "gyral.toml")
    return folder
