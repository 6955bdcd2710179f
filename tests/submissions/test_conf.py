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


def test_least_tier_is_one_of_the_tiers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert conf.LEAST_TIER() == "landlock"
    monkeypatch.setenv("GYRAL_LEAST_TIER", "bubblewrap")
    assert conf.LEAST_TIER() == "bubblewrap"
    monkeypatch.setenv("GYRAL_LEAST_TIER", "castle")
    with pytest.raises(ImproperlyConfigured, match="process, landlock, bubblewrap"):
        conf.LEAST_TIER()


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
