"""Search: words with AND, OR, NOT, quotes and parentheses, as an expression over lower-case texts.

>>> wanted = parse('resnet NOT "self supervised"')
>>> matches(wanted, "resnet-50"), matches(wanted, "resnet self supervised")
(True, False)
>>> matches(parse("vit OR resnet"), "a ViT".lower()), matches(parse(""), "anything")
(True, True)
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

LONGEST = 200  # characters; bounds the depth of parentheses, too
_TOKEN = re.compile(r'"([^"]*)"?|([()])|([^\s()"]+)')


@dataclass(frozen=True)
class Term:
    """A text that must occur."""

    text: str


@dataclass(frozen=True)
class Both:
    """AND or OR of two expressions."""

    kind: Literal["and", "or"]
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Not:
    """What must not match."""

    of: "Expression"


Expression = Term | Both | Not


def parse(words: str) -> Expression | None:
    """The expression; None where nothing is asked for.

    Words side by side must all occur; AND binds tighter than OR; ``-word`` is NOT. What is left open (a quote, a
    parenthesis, an operator without its right side) is read as far as it goes, since people are still typing it.
    """
    return _Reader(list(_tokens(words[:LONGEST]))).either()


def matches(expression: Expression | None, text: str) -> bool:
    """Whether a lower-case ``text`` is meant."""
    if expression is None:
        return True
    if isinstance(expression, Term):
        return expression.text in text
    if isinstance(expression, Not):
        return not matches(expression.of, text)
    if expression.kind == "and":
        return matches(expression.left, text) and matches(expression.right, text)
    return matches(expression.left, text) or matches(expression.right, text)


def _tokens(words: str) -> Iterator[tuple[str, str]]:
    for phrase, bracket, word in _TOKEN.findall(words):
        if bracket:
            yield bracket, ""
        elif word in ("AND", "OR", "NOT"):
            yield word, ""
        elif word.startswith("-") and len(word) > 1:
            yield "NOT", ""
            yield "term", word[1:].lower()
        elif word == "-" and not phrase:
            yield "NOT", ""
        elif word or phrase.strip():
            yield "term", (word or phrase.strip()).lower()


class _Reader:
    """Recursive descent; a parenthesis that nothing opened is passed over."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens, self.at = tokens, 0

    def _kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def either(self, depth: int = 0) -> Expression | None:
        left = self.all(depth)
        while self._kind() == "OR":
            self.at += 1
            right = self.all(depth)
            left = Both("or", left, right) if left and right else left or right
        return left

    def all(self, depth: int) -> Expression | None:
        left: Expression | None = None
        while (kind := self._kind()) and kind != "OR":
            if kind == ")":
                if depth:
                    break
                self.at += 1
                continue
            if kind == "AND":
                self.at += 1
                continue
            right = self.one(depth)
            left = Both("and", left, right) if left and right else left or right
        return left

    def one(self, depth: int) -> Expression | None:
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "term":
            return Term(text)
        if kind == "(":
            inside = self.either(depth + 1)
            self.at += self._kind() == ")"
            return inside
        if not self._kind() or self._kind() in (")", "OR", "AND"):
            return None
        negated = self.one(depth)
        return Not(negated) if negated else None
