"""What the package declares."""

from __future__ import annotations

import platform
import sys
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("linux", "x86_64", "onnxruntime-gpu"),
        ("win32", "AMD64", "onnxruntime-gpu"),
        ("linux", "aarch64", "onnxruntime"),
        ("win32", "ARM64", "onnxruntime"),
        ("darwin", "x86_64", "onnxruntime"),
        ("darwin", "arm64", "onnxruntime"),
    ],
)
def test_every_machine_gets_exactly_one_onnx_runtime(system: str, machine: str, expected: str) -> None:
    needed = [Requirement(text) for text in PROJECT["dependencies"]]
    environment = {"sys_platform": system, "platform_machine": machine}
    chosen = [
        r.name
        for r in needed
        if r.name.startswith("onnxruntime") and (r.marker is None or r.marker.evaluate(environment))
    ]
    assert chosen == [expected]


def test_applying_a_model_needs_no_torch() -> None:
    names = {Requirement(text).name for text in PROJECT["dependencies"]}
    assert not names & {"torch", "torchvision", "facenet-pytorch", "onnx", "safetensors"}
    assert {"torch", "torchvision"} <= {Requirement(text).name for text in PROJECT["optional-dependencies"]["train"]}


def test_the_libraries_of_cuda_are_those_of_the_onnx_runtime_that_every_machine_gets() -> None:
    base = next(r for r in map(Requirement, PROJECT["dependencies"]) if r.name == "onnxruntime-gpu")
    (cuda,) = map(Requirement, PROJECT["optional-dependencies"]["cuda"])
    assert (cuda.name, cuda.specifier, str(cuda.marker)) == (base.name, base.specifier, str(base.marker))
    assert cuda.extras == {"cuda", "cudnn"}
    if sys.platform == "linux" and platform.machine() == "x86_64":
        assert cuda.extras <= set(metadata("onnxruntime-gpu").get_all("Provides-Extra") or ())


def test_each_python_that_is_declared_is_allowed() -> None:
    named = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if "Python :: 3." in line]
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert named == ["3.11", "3.12", "3.13", "3.14"]  # of 3.12 to 3.14 an edit and tests
    assert all(allowed.contains(version) for version in named)
    assert not allowed.contains("3.10")
