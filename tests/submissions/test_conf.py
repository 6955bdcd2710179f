"""Settings: Django's first, then the environment's, then the default."""

import re
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from gyral.models.card import ModelCard
from gyral_submissions import conf
from gyral_submissions.validators import NAME_PATTERN


def test_django_setting_goes_before_the_environment(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert conf.RUNS_PER_DAY() == conf.RUNS_PER_DAY.default
    monkeypatch.setenv("GYRAL_RUNS_PER_DAY", "7")
    assert conf.RUNS_PER_DAY() == 7
    settings.GYRAL_RUNS_PER_DAY = 5
    assert conf.RUNS_PER_DAY() == 5


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        (conf.RUNS_PER_DAY, "many"),
        (conf.RUNS_PER_DAY, "-1"),
        (conf.LEASE_SECONDS, "0"),
        (conf.LEASE_SECONDS, "nan"),
    ],
)
def test_unreadable_environment_is_named(
    setting: conf.Setting[Any], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting.name, text)
    with pytest.raises(ImproperlyConfigured, match=f"{setting.name}={text!r}"):
        setting()


@pytest.mark.parametrize(("text", "value"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_switch_reads_words(text: str, value: bool, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    del settings.GYRAL_ALLOW_UNSANDBOXED
    monkeypatch.setenv("GYRAL_ALLOW_UNSANDBOXED", text)
    assert conf.ALLOW_UNSANDBOXED() is value


def test_command_is_split_like_a_shell_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GYRAL_SCORE_COMMAND", "python '/a b/score.py'")
    assert conf.SCORE_COMMAND() == ["python", "/a b/score.py"]


def test_every_setting_is_listed_with_its_meaning() -> None:
    defined = {value.name for value in vars(conf).values() if isinstance(value, conf.Setting)}
    assert {setting.name for setting in conf.SETTINGS} == defined
    assert all(setting.meaning for setting in conf.SETTINGS)


def test_name_rule_is_the_cards() -> None:
    pattern = next(m.pattern for m in ModelCard.model_fields["name"].metadata if hasattr(m, "pattern"))
    assert pattern == NAME_PATTERN
    assert re.match(NAME_PATTERN, "efficientnet-lite0.v1")
