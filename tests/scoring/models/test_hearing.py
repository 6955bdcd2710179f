"""Models that hear: what they are given, what is kept of their layers, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

import uploads
from gyral.datasets.sound import Sound
from gyral.errors import BadDataset, BadUpload
from gyral.models.card import SHOWN, ModelCard, SoundInput
from gyral.models.hearing import fitted, load_sounds
from gyral.models.model import Model
from gyral.models.onnx_check import parse
from gyral.models.onnx_graph import OnnxModel
from gyral.models.onnx_time import channel_axis
from gyral.models.precomputed import PrecomputedFeatures
from gyral.models.upload import check_folder, open_folder
from hearing_net import LENGTH, RATE, SECONDS, HearingNet, SpeechNet, as_onnx, hearing_folder, hearing_onnx
from made_models import features, onnx_bytes
from made_sounds import audio_card, sounds

CARD = audio_card(sound={"rate": RATE, "seconds": SECONDS})
RAMP = Sound(np.arange(1, 11, dtype=np.float32), 1_000)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"seconds": 0.004}, [1, 2, 3, 4]),
        ({"seconds": 0.004, "cut": "start"}, [7, 8, 9, 10]),
        ({"seconds": 0.004, "cut": "both"}, [4, 5, 6, 7]),
        ({"seconds": 0.012}, [*range(1, 11), 0, 0]),
        ({"seconds": None}, list(range(1, 11))),
        ({"seconds": 0.012, "normalise": "rms"}, [*(np.arange(1, 11) / np.sqrt(38.5)), 0, 0]),
    ],
)
def test_a_sound_is_cut_or_has_silence_behind_it(given: dict[str, object], expected: list[float]) -> None:
    np.testing.assert_allclose(fitted(RAMP, SoundInput(rate=1_000, **given)), expected, rtol=1e-6)


@pytest.mark.parametrize("channel", [False, True])
def test_layers_are_means_over_time_wherever_time_stands(channel: bool, tmp_path: Path) -> None:
    model = OnnxModel(hearing_onnx(channel=channel), CARD)
    assert isinstance(model, Model) and model.layers() == ("filters", "norm", "mix", "head")
    _require_means(
        model, HearingNet(channel=channel), {"filters": 2, "norm": 2, "mix": 1}, tmp_path, channel=channel
    )


def test_layers_of_a_transformer_are_means_over_time(tmp_path: Path) -> None:
    model = OnnxModel(as_onnx(SpeechNet(), torch.zeros(2, LENGTH)), CARD)
    assert model.layers() == ("front", "layers.0", "layers.1")
    _require_means(model, SpeechNet(), {"front": 2, "layers.0": 1, "layers.1": 1}, tmp_path)


def _require_means(
    model: OnnxModel, net: nn.Module, time: dict[str, int], folder: Path, *, channel: bool = False
) -> None:
    """Layers of the graph are those of the net, their axis of time averaged."""
    stimuli, seen = sounds(folder), {}
    for name in model.layers():
        net.get_submodule(name).register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
    heard = torch.from_numpy(load_sounds(stimuli.files or (), CARD.sound))
    assert heard.shape == (5, LENGTH)
    with torch.no_grad():
        net.eval()(heard[:, None] if channel else heard)
    for name, values in features(model, stimuli).items():
        whole = seen[name].mean(dim=time[name]) if name in time else seen[name]
        np.testing.assert_allclose(values, whole.numpy(), rtol=1e-3, atol=1e-4)


def test_the_axis_of_channels_follows_transpositions() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["conv"]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("Transpose", ["relu"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["turned", "m"], ["linear"]),
        helper.make_node("Add", ["linear", "turned"], ["sum"]),
        helper.make_node("Transpose", ["sum"], ["out"], perm=[0, 2, 1]),
    ]
    weights = {"w": np.zeros((4, 1, 3), np.float32), "m": np.zeros((4, 4), np.float32)}
    graph = parse(onnx_bytes(nodes, weights, inputs={"x": (TensorProto.FLOAT, ["batch", 1, 50])})).graph
    found = {name: channel_axis(graph, name) for name in ("conv", "relu", "turned", "linear", "sum", "out", "x")}
    assert found == {"conv": 1, "relu": 1, "turned": 2, "linear": 2, "sum": 2, "out": 1, "x": 2}


def test_numbers_do_not_depend_on_the_batch_and_the_twin_has_other_weights(tmp_path: Path) -> None:
    stimuli = sounds(tmp_path, 6)
    model, twin = (OnnxModel(hearing_onnx(), CARD, twin=twin) for twin in (None, "untrained"))
    whole, single, redrawn = features(model, stimuli), features(model, stimuli, memory=1), features(twin, stimuli)
    for name in model.layers():
        np.testing.assert_allclose(whole[name], single[name], rtol=1e-3, atol=1e-4)
        assert redrawn[name].shape == whole[name].shape and not np.allclose(redrawn[name], whole[name], atol=1e-3)
    assert model.multiply_adds(stimuli, ("filters",)) == 6 * 127 * -(-LENGTH // 8)


def test_the_card_of_an_upload_decides_what_is_heard(tmp_path: Path) -> None:
    folder = hearing_folder(tmp_path / "net")
    report = check_folder(folder)
    assert report.faults == () and report.layers == ("filters", "norm", "mix", "head")
    assert (
        report.preprocessing
        == "one channel at 11025 Hz, the first 0.5 seconds, shorter sounds with silence behind"
    )
    loud = CARD.model_copy(update={"sound": CARD.sound.model_copy(update={"normalise": "rms"})})
    loud.write(folder / "gyral.toml")
    assert open_folder(folder).hash != OnnxModel(hearing_onnx(), CARD).hash


@pytest.mark.parametrize(
    ("card", "code", "said"),
    [
        (audio_card(), "onnx-input-size", r"the input wants \[5512\], the card says \[4000\]: 0.5 s at 8000 Hz"),
        (audio_card(sound={"seconds": None}), "card-value", "sound.seconds: a number is needed"),
        (
            ModelCard(name="made", modality="vision"),
            "onnx-inputs",
            "a vision model takes one float input with 4 axes",
        ),
    ],
)
def test_a_graph_and_a_card_that_do_not_fit_are_refused(card: ModelCard, code: str, said: str) -> None:
    with pytest.raises(BadUpload, match=said) as fault:
        OnnxModel(hearing_onnx(), card)
    assert fault.value.code == code


def test_a_graph_of_images_does_not_hear(tmp_path: Path) -> None:
    folder = uploads.good("conv", tmp_path)
    with pytest.raises(BadUpload, match=r"batch x samples or batch x 1 x samples; this one takes .* 3, 32, 32\]"):
        OnnxModel((folder / "model.onnx").read_bytes(), audio_card())


def test_a_checkpoint_that_hears_is_told_the_way(tmp_path: Path) -> None:
    folder = uploads.good("vit", tmp_path)
    (folder / "config.json").write_text('{"model_type": "wav2vec2"}')
    audio_card().write(folder / "gyral.toml")
    (fault, *_) = check_folder(folder).faults
    assert fault.code == "family-unknown" and "models that hear are read from ONNX" in fault.what


def test_who_hears_is_shown_no_pictures_and_who_sees_no_sounds(tmp_path: Path) -> None:
    assert set(SHOWN) == {"vision", "language", "audio"}
    with pytest.raises(BadDataset, match="is an audio model and cannot be shown image stimuli"):
        features(OnnxModel(hearing_onnx(), CARD), uploads.pictures(tmp_path / "seen"))
    with pytest.raises(BadDataset, match="Choose an audio model"):
        features(open_folder(uploads.good("conv", tmp_path)), sounds(tmp_path / "heard"))


def test_times_of_precomputed_features_are_averaged(tmp_path: Path) -> None:
    stimuli, draw = sounds(tmp_path / "heard", 4), np.random.default_rng(0)
    folder = tmp_path / "features"
    folder.mkdir()
    values = draw.standard_normal((4, 9, 3)).astype(np.float32)
    np.save(folder / "a.npy", values)
    rows = [f"{i},{h}" for i, h in zip(stimuli.ids, stimuli.hashes, strict=True)]
    (folder / "ids.csv").write_text("\n".join(["id,sha256", *rows]))
    (folder / "features.toml").write_text(
        'format = 1\n[card]\nname = "a"\nmodality = "audio"\n[[layer]]\nname = "a"\nfile = "a.npy"\n'
    )
    (found,) = features(PrecomputedFeatures(folder), stimuli).values()
    np.testing.assert_allclose(found, values.mean(axis=1), rtol=1e-5)
