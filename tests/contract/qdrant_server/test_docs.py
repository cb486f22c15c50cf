"""docs/qdrant.md and the behaviour tests tell the same."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "qdrant.md"


def test_every_behaviour_is_documented_and_every_documented_test_exists():
    trees = [ast.parse(path.read_text()) for path in HERE.glob("test_*.py") if path != Path(__file__)]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    tests = {node.name for tree in trees for node in tree.body if isinstance(node, kinds)}
    documented = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    assert documented == {name for name in tests if name.startswith("test_")}
