"""The toy method for every training test, one thread, and figures that do not depend on the machine's cores."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

# Loaded by path, so that the tests need no package names of their own.
_spec = importlib.util.spec_from_file_location("training_toys", Path(__file__).parent / "toys.py")
assert _spec is not None
assert _spec.loader is not None
toys = importlib.util.module_from_spec(_spec)
sys.modules["training_toys"] = toys
_spec.loader.exec_module(toys)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    toys.install(monkeypatch)
