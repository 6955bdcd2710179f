"""Every code of an error that stands in the source, read from its syntax tree."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AREAS = ("scoring/gyral", "submissions/gyral_submissions", "platform/gyral_portal")
_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# Functions whose argument is a code, or its last part.
_FIRST = {"Finding", "shape", "ours"}
_PREFIX = {"safetensors_header.py": ("_fault", 2, "safetensors-")}


def codes_in_source() -> dict[str, set[str]]:
    """Code -> files it stands in."""
    found: dict[str, set[str]] = defaultdict(set)
    for area in AREAS:
        for file in sorted((ROOT / area).rglob("*.py")):
            if "migrations" not in file.parts:
                for code in _codes_of(file):
                    found[code].add(str(file.relative_to(ROOT)))
    return dict(found)


def _codes_of(file: Path) -> Iterator[str]:
    tree = ast.parse(file.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(node, file.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(getattr(target, "id", "") == "code" for target in targets):
                yield from _texts(node.value)
        elif isinstance(node, ast.FunctionDef):  # def f(..., code="x")
            for argument, default in zip(
                reversed(node.args.kwonlyargs), reversed(node.args.kw_defaults), strict=True
            ):
                if argument.arg == "code" and default is not None:
                    yield from _texts(default)


def _of_call(call: ast.Call, file: str) -> Iterator[str]:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    for keyword in call.keywords:
        if keyword.arg == "code":
            yield from _texts(keyword.value)
    if name in _FIRST and call.args:
        yield from _texts(call.args[0])
    if name == "Refused" and file == "formats.py" and len(call.args) == 5:
        yield from _texts(call.args[4])
    helper, position, prefix = _PREFIX.get(file, ("", 0, ""))
    if name == helper and len(call.args) > position:
        yield from (prefix + text for text in _texts(call.args[position]))


def _texts(node: ast.expr) -> Iterator[str]:
    """String constants of an expression that chooses between some."""
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.fullmatch(node.value):
        yield node.value
