"""Packages that are missing, and others that stand before ours."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import imgedit
from imgedit.cli.training import torch_extra
from imgedit.errors import ImgeditError
from imgedit.extras import how_to_add, how_to_install, how_to_replace

ROOT = Path(imgedit.__file__).parent.parent


class Installed(metadata.Distribution):
    def __init__(self, **files: str) -> None:
        self.files_ = files

    def read_text(self, filename: str) -> str | None:
        return self.files_.get(filename.replace(".", "_"))

    def locate_file(self, path: object) -> Path:
        return ROOT


METADATA = """Metadata-Version: 2.4
Name: imgedit
Version: 0.1.0
Requires-Dist: numpy>=1.26
Provides-Extra: train
Requires-Dist: torch>=2.6; extra == "train"
Requires-Dist: facenet-pytorch<2.6,>=2.5.3; (python_version > "3") and extra == 'train'
Requires-Dist: dlib-bin>=19.24; extra == "evaluate"
"""


@pytest.mark.parametrize(
    ("came_from", "wanted"),
    [
        ({"url": "file:///home/me/my%20src", "dir_info": {"editable": True}}, ["-e", "/home/me/my src[train]"]),
        ({"url": "file:///home/me/src", "dir_info": {}}, ["/home/me/src[train]"]),
        (
            {"url": "https://example.com/r.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            ["imgedit[train] @ git+https://example.com/r.git@abc"],
        ),
        (
            {"url": "file:///tmp/imgedit-0.1.0-py3-none-any.whl", "archive_info": {}},
            ["imgedit[train] @ file:///tmp/imgedit-0.1.0-py3-none-any.whl"],
        ),
        (None, ["torch>=2.6", "facenet-pytorch<2.6,>=2.5.3"]),
        ("damaged", ["torch>=2.6", "facenet-pytorch<2.6,>=2.5.3"]),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="POSIX paths")
def test_the_hint_adds_to_this_install_and_asks_no_index_for_our_name(came_from, wanted, monkeypatch):
    text = came_from if isinstance(came_from, str) else json.dumps(came_from)
    files = {"METADATA": METADATA} | ({} if came_from is None else {"direct_url_json": text})
    monkeypatch.setattr(metadata, "distribution", lambda _: Installed(**files))
    command = shlex.split(how_to_add("train"))
    assert command == [sys.executable, "-m", "pip", "install", *wanted]
    assert "imgedit[train]" not in command


def test_an_environment_without_pip_is_added_to_by_uv(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    command = shlex.split(how_to_add("train"))
    assert command[:5] == ["uv", "pip", "install", "--python", sys.executable]
    assert len(command) > 5


def test_a_checkout_that_was_never_installed_is_named(monkeypatch):
    def missing(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert shlex.split(how_to_add("evaluate"))[-2:] == ["-e", f"{ROOT.resolve()}[evaluate]"]


def test_the_hint_to_install_a_package_is_for_this_python():
    assert shlex.split(how_to_install("ray[data]")) == [sys.executable, "-m", "pip", "install", "ray[data]"]


def test_the_hint_to_replace_packages_is_for_this_python_with_pip_and_with_uv(monkeypatch):
    packages = ["onnxruntime", "onnxruntime-gpu"]
    out, into = (shlex.split(part) for part in how_to_replace(packages, "onnxruntime-gpu").split(" && "))
    assert out == [sys.executable, "-m", "pip", "uninstall", "-y", *packages]
    assert into == [sys.executable, "-m", "pip", "install", "onnxruntime-gpu"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    out, into = (shlex.split(part) for part in how_to_replace(packages, "onnxruntime-gpu").split(" && "))
    assert out == ["uv", "pip", "uninstall", "--python", sys.executable, *packages]
    assert into == ["uv", "pip", "install", "--python", sys.executable, "onnxruntime-gpu"]


@pytest.mark.parametrize(("module", "extra"), [("torch", "train"), ("dlib", "evaluate")])
def test_a_missing_package_is_one_line_with_the_command(module, extra):
    with pytest.raises(ImgeditError) as caught, torch_extra():
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)
    assert str(caught.value) == f"this command needs {module}; add it with: {how_to_add(extra)}"


@pytest.mark.parametrize("shadow", ["training.py", "training/__init__.py"])
def test_a_package_of_the_same_name_in_the_folder_is_said_and_not_run(tmp_path, shadow):
    path = tmp_path / shadow
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise SystemExit('ran')")
    done = subprocess.run(
        [sys.executable, "-m", "imgedit", "train", "vae", "--dry-run"], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert f"{path} stands before imgedit's own {ROOT.resolve() / 'training'}" in done.stderr
