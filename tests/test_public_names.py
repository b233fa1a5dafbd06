from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import tomllib
from pathlib import Path

import pytest

import imgedit

MODULES = [m.name for m in pkgutil.walk_packages(imgedit.__path__, "imgedit.") if m.name != "imgedit.__main__"]


def test_every_public_name_can_be_had():
    for name in imgedit.__all__:
        assert getattr(imgedit, name) is not None


def test_public_names_are_exactly_those_with_a_home():
    assert sorted(imgedit.__all__) == sorted([*imgedit._HOME_OF, "__version__"])
    assert set(imgedit.__all__) <= set(dir(imgedit))


def test_the_names_for_type_checkers_are_the_names_at_run_time():
    tree = ast.parse(Path(imgedit.__file__).read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    stated = {
        node.module: tuple(a.name for a in node.names) for node in guarded.body if isinstance(node, ast.ImportFrom)
    }
    assert stated == imgedit._HOMES


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="blond"):
        imgedit.blond  # noqa: B018


def test_the_version_is_the_projects():
    project = Path(imgedit.__file__).parent.parent / "pyproject.toml"
    if not project.is_file():
        pytest.skip("installed without its pyproject.toml")
    assert tomllib.loads(project.read_text())["project"]["version"] == imgedit.__version__


@pytest.mark.parametrize("name", MODULES)
def test_a_modules_all_holds_names_that_it_defines(name):
    if name == "imgedit.page.layout":
        pytest.importorskip("gradio", reason="Gradio is not installed")
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    assert [n for n in exported if not hasattr(module, n)] == []
    assert list(exported) == sorted(set(exported), key=list(exported).index)


def test_every_error_is_one_of_ours():
    from imgedit import errors

    assert issubclass(errors.EditWarning, UserWarning)
    for name in set(errors.__all__) - {"EditWarning"}:
        assert issubclass(getattr(errors, name), errors.ImgeditError)
        assert getattr(errors, name).exit_code in (1, 2, 3, 4)


def test_errors_speak_of_options_in_their_hint_alone() -> None:
    """Python callers have no command line; only that shows the hint."""
    package = Path(imgedit.__file__).parent
    told = []
    for path in package.rglob("*.py"):
        if path.is_relative_to(package / "cli"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("Error"):
                texts = [n.value for a in node.args for n in ast.walk(a) if isinstance(n, ast.Constant)]
                told += [(path.name, text) for text in texts if re.search(r"(^|[\s(])--[a-z]", str(text))]
    assert told == []
