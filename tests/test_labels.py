"""What a data set calls things stands in manifests; the code of imgedit names none of it."""

from __future__ import annotations

import ast
from pathlib import Path

import imgedit
from imgedit.models import library

CODE = Path(imgedit.__file__).parent


def texts(path: Path) -> set[str]:
    """Return the text constants of a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone
    }


def test_no_attribute_of_a_data_set_stands_in_the_code() -> None:
    labels = set(library.bundled("attribute_classifier.celeba").manifest.attributes)
    assert {"Wearing_Hat", "Bald", "Blond_Hair"} <= labels
    named = {
        str(path.relative_to(CODE)): found
        for path in sorted(CODE.rglob("*.py"))
        if (found := texts(path) & labels) and path.name != "schema1.py"  # which reads manifests that had no guards
    }
    assert named == {}
