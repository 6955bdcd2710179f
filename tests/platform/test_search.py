"""Search expressions: words, AND, OR, NOT, quotes, parentheses; half-typed ones do no harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gyral_portal.leaderboard.search import matches, parse

TEXT = "resnet-50 self supervised vision net resnet"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", True),
        ("resnet", True),
        ("RESNET Vision", True),
        ("vit", False),
        ("vit OR resnet", True),
        ("vit AND resnet", False),
        ("NOT vit", True),
        ("-vit resnet", True),
        ("-resnet", False),
        ("NOT NOT resnet", True),
        ('"self supervised"', True),
        ('"supervised self"', False),
        ('NOT "self supervised"', False),
        ("(vit OR resnet) vision", True),
        ("(vit OR resnet) NOT vision", False),
        ("vit OR resnet NOT vision", False),
        ("vision OR vit AND bert", True),
        ("and", False),
        ("resnet AND", True),
        ("OR resnet", True),
        ("(resnet", True),
        (")resnet(", True),
        ('"self superv', True),
        ("NOT", True),
        ("-", True),
        ("()", True),
    ],
)
def test_search_reads_expressions(words: str, found: bool) -> None:
    assert matches(parse(words), TEXT) is found


@given(st.text(alphabet='ab ()"-ANDORNT', max_size=60))
def test_search_reads_anything(words: str) -> None:
    assert matches(parse(words), TEXT) in (True, False)


@given(st.lists(st.sampled_from(["net", "vit", "vision", "bert"]), min_size=1, max_size=4))
def test_not_of_an_expression_is_its_opposite(words: list[str]) -> None:
    inner = " OR ".join(words)
    assert matches(parse(f"NOT ({inner})"), TEXT) is not matches(parse(inner), TEXT)
