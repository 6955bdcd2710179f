"""Network: from windows of sensors to the targets of what was heard.

After the description of Défossez, Caucheteux, Rapin, Kabeli & King (2023), Nature Machine Intelligence 5, 1097-1107,
doi:10.1038/s42256-023-00714-5, at a smaller scale:

    spatial attention over sensor places -> 1x1 convolution -> a matrix for each subject
    -> dilated convolutions with residuals and gated linear units -> head -> targets
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

# Frequencies are those of a square a fifth wider on every side, so that its edges are not neighbours.
_PERIOD = 1.4


@dataclass(frozen=True)
class Shape:
    """Sizes of the network and what is left out of it.

    Parameters
    ----------
    mixed : int
        Channels behind the spatial attention (270 in the paper).
    hidden : int
        Channels of the convolutions (320).
    layers : int
        Convolutions (10); the dilation doubles from one to the next and starts again after `period`.
    period, kernel : int
        5 and 3.
    frequencies : int
        Fourier frequencies of a place along each axis (32): an embedding of 2 * frequencies ** 2.
    dropout : float
        Radius of the disc of sensors that is left out of each training batch (.2).
    spatial_attention, subject_layer : bool
        False leaves it out.
    """

    mixed: int = 48
    hidden: int = 64
    layers: int = 4
    period: int = 5
    kernel: int = 3
    frequencies: int = 8
    dropout: float = 0.2
    spatial_attention: bool = True
    subject_layer: bool = True


def fourier(places: Tensor, frequencies: int) -> Tensor:
    """Cosines and sines of every pair of frequencies at places in [0, 1] x [0, 1]: sensors x 2 frequencies^2."""
    turns = 2 * math.pi * torch.arange(1, frequencies + 1, device=places.device) / _PERIOD
    margin = (_PERIOD - 1) / 2
    x, y = ((places[:, axis, None] + margin) * turns for axis in (0, 1))
    phase = (x[:, :, None] + y[:, None, :]).flatten(1)
    return torch.cat([phase.cos(), phase.sin()], dim=1)


class SpatialAttention(nn.Module):
    """Sensors to channels by where they are: ``softmax_c(heads . embedding_c)``; a sensor without a place gets nothing."""

    def __init__(self, places: Tensor, channels: int, frequencies: int, dropout: float) -> None:
        super().__init__()
        known = torch.isfinite(places).all(dim=1)
        where = torch.where(known[:, None], places, torch.zeros_like(places))
        embedding = fourier(where, frequencies)
        self.dropout = dropout
        self.heads = nn.Parameter(torch.randn(channels, embedding.shape[1]) / math.sqrt(embedding.shape[1]))
        self.register_buffer("embedding", embedding)
        self.register_buffer("known", known)
        self.register_buffer("places", where)

    def forward(self, x: Tensor) -> Tensor:
        """Batch x sensors x times to batch x channels x times."""
        seen: Any = self.known
        places: Any = self.places
        if self.training and self.dropout > 0:
            centre = torch.rand(2, device=x.device)
            kept = seen & ((places - centre).norm(dim=1) > self.dropout)
            seen = kept if kept.any() else seen
        embedding: Any = self.embedding
        scores = self.heads @ embedding.T
        weights = scores.masked_fill(~seen, -math.inf).softmax(dim=1)
        return torch.einsum("oc,bct->bot", weights, x)


class SubjectLayer(nn.Module):
    """A square matrix for each subject: ``W_s^T x``."""

    def __init__(self, subjects: int, channels: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(subjects, channels, channels) / math.sqrt(channels))

    def forward(self, x: Tensor, subjects: Tensor) -> Tensor:
        """Batch x channels x times, the channels of each subject mixed in its own way."""
        return torch.einsum("bct,bcd->bdt", x, self.weights[subjects])


class Convolutions(nn.Module):
    """Dilated convolutions with batch normalisation, GELU and residuals; a gate after every second one."""

    def __init__(self, channels: int, shape: Shape) -> None:
        super().__init__()
        self.steps, self.gates = nn.ModuleList(), nn.ModuleDict()
        for k in range(shape.layers):
            dilation = 2 ** (k % shape.period)
            wide = nn.Conv1d(channels, shape.hidden, shape.kernel, padding="same", dilation=dilation)
            self.steps.append(nn.Sequential(wide, nn.BatchNorm1d(shape.hidden), nn.GELU()))
            if k % 2:
                gate = nn.Conv1d(shape.hidden, 2 * shape.hidden, 3, padding="same")
                self.gates[str(k)] = nn.Sequential(gate, nn.GLU(dim=1))
            channels = shape.hidden

    def forward(self, x: Tensor) -> Tensor:
        """Batch x channels x times."""
        for k, step in enumerate(self.steps):
            made = step(x)
            x = x + made if made.shape == x.shape else made
            if str(k) in self.gates:
                x = self.gates[str(k)](x)
        return x


class Network(nn.Module):
    """Windows of sensors to targets.

    Parameters
    ----------
    places : Tensor, sensors x 2
    subjects : int
    features, times : int
        Of a target; ``times`` of 1: one vector, the mean over the window.
    shape : Shape
    """

    def __init__(self, places: Tensor, subjects: int, features: int, times: int, shape: Shape) -> None:
        super().__init__()
        sensors = len(places)
        attend = shape.spatial_attention and bool(torch.isfinite(places).all(dim=1).any())
        self.attention = (
            SpatialAttention(places, shape.mixed, shape.frequencies, shape.dropout) if attend else None
        )
        self.first = nn.Conv1d(shape.mixed if attend else sensors, shape.mixed, 1)
        self.subjects = SubjectLayer(subjects, shape.mixed) if shape.subject_layer else None
        self.body = Convolutions(shape.mixed, shape)
        self.head = nn.Sequential(
            nn.Conv1d(shape.hidden, 2 * shape.hidden, 1), nn.GELU(), nn.Conv1d(2 * shape.hidden, features, 1)
        )
        self.pooled = times == 1

    def forward(self, x: Tensor, subjects: Tensor) -> Tensor:
        """Batch x sensors x times to batch x features x times of a target."""
        x = x if self.attention is None else self.attention(x)
        x = self.first(x)
        x = x if self.subjects is None else self.subjects(x, subjects)
        out: Tensor = self.head(self.body(x))
        return out.mean(dim=2, keepdim=True) if self.pooled else out


def contrastive_loss(predictions: Tensor, candidates: Tensor, right: Tensor) -> Tensor:
    """``-mean log softmax_j <prediction_i, candidate_j / |candidate_j|>`` at the right j; no temperature, one direction.

    Parameters
    ----------
    predictions : Tensor, batch x features x times
    candidates : Tensor, candidates x features x times
        Each item once.
    right : Tensor, batch
        Number of the right candidate.
    """
    flat = candidates.flatten(1)
    normed = flat / flat.norm(dim=1, keepdim=True).clamp_min(1e-8)
    return nn.functional.cross_entropy(predictions.flatten(1) @ normed.T, right)
