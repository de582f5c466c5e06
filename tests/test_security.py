"""Each promise in SECURITY.md names a test that exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROMISES = re.findall(
    r"^\| (.+) \| `(tests/[\w/]+\.py)::(\w+)` \|$", (ROOT / "SECURITY.md").read_text(encoding="utf-8"), re.MULTILINE
)


def test_every_promise_names_a_test_that_holds_it():
    section = (ROOT / "SECURITY.md").read_text(encoding="utf-8").split("## What is promised")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(PROMISES) > 15
    missing = [f"{path}::{name}" for _, path, name in PROMISES if name not in names_in(ROOT / path)]
    assert missing == []


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
