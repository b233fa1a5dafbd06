"""What the package declares."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

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
