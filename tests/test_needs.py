"""What a machine lacks skips a test with the reason, and fails it where it was required."""

import pytest

from needs import absent


@pytest.mark.parametrize("required", ["", "data,services"])
def test_what_nobody_requires_skips_with_the_reason(monkeypatch: pytest.MonkeyPatch, required: str) -> None:
    monkeypatch.setenv("GYRAL_REQUIRE", required)
    with pytest.raises(pytest.skip.Exception, match="no namespaces here"):
        absent("sandbox", "no namespaces here")


def test_what_is_required_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GYRAL_REQUIRE", "data, sandbox")
    with pytest.raises(pytest.fail.Exception, match="GYRAL_REQUIRE names 'sandbox', but no namespaces here"):
        absent("sandbox", "no namespaces here")
