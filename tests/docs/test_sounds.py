"""What the pages say of sounds is what the code takes."""

import re
import tomllib
from pathlib import Path

from gyral.datasets.sound import ENDINGS, LONGEST
from gyral.datasets.source import parse_source
from gyral.models.card import ModelCard, SoundInput

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _blocks(page: str) -> list[dict[str, object]]:
    text = (DOCS / page).read_text("utf-8")
    return [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]


def test_the_source_of_the_page_is_read() -> None:
    (fields,) = [b for b in _blocks("your_data.md") if b.get("stimuli", {}).get("modality") == "sound"]  # type: ignore[attr-defined]
    about = {"name": "x", "title": "x", "description": "x"}
    told = parse_source({"source": 1, "about": about, "stimuli": fields["stimuli"]}, "page")
    assert (told.stimuli.file, told.stimuli.group) == ("file", "source")
    text = (DOCS / "your_data.md").read_text("utf-8")
    assert f"at most {LONGEST:g} seconds" in text and {".wav", ".flac", ".ogg"} <= set(ENDINGS)


def test_the_card_of_the_page_is_read_and_shows_the_defaults() -> None:
    (fields,) = [b for b in _blocks("submitting.md") if "sound" in b]
    assert ModelCard.checked(fields).sound == SoundInput()
    assert set(fields["sound"]) == set(SoundInput.model_fields)  # type: ignore[call-overload]
