"""Tests write nothing into the user's home folder, and see none of the models in it: they get a home of their own.

This is read before any test module, so that libraries that look for a home when they are imported find this one.

Property tests draw the same examples in every run; `pytest --hypothesis-profile=long` draws many more, and new ones.
Fuzz tests run for a time: `pytest --fuzz-seconds 600`.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
import typer.testing
from hypothesis import HealthCheck, settings

_HOME = tempfile.TemporaryDirectory(prefix="imgedit-tests-")
_ELSEWHERE = ("IMGEDIT_HOME", "HF_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")

os.environ |= {"HOME": _HOME.name, "USERPROFILE": _HOME.name, "LOCALAPPDATA": _HOME.name}
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = os.path.join(_HOME.name, "hypothesis")
for _name in _ELSEWHERE:
    os.environ.pop(_name, None)
if "PYTEST_XDIST_WORKER" in os.environ:  # several processes share the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def _without_waiting(file: int) -> None:
    """Stand in for `os.fsync`: thousands of waits for the disk would tell nothing but that a power cut did not come."""
    os.fstat(file)  # a file that is closed is still an error


os.fsync = _without_waiting

# Typer makes all commands anew for each line that a test gives it, which takes longer than many of these lines.
typer.testing._get_command = functools.cache(typer.testing._get_command)  # type: ignore[attr-defined]

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}
settings.register_profile("default", max_examples=200, derandomize=True, database=None, **_COMMON)
settings.register_profile("long", max_examples=5_000, **_COMMON)
settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the fuzz tests run longer."""
    parser.addoption("--fuzz-seconds", type=float, default=6.0, help="seconds of each fuzz test")


@pytest.fixture(scope="session", autouse=True)
def _graphs_are_opened_once() -> Iterator[None]:
    """Share what ONNX Runtime makes of a bundled graph: each command and editor of a test would open it anew."""
    from imgedit.models.runtime import Session  # not before the home is another

    opened, real = {}, Session._open

    def _open(self: Session, source: str | bytes, options: Any, device: str, is_limited: bool) -> Any:
        if device != "cpu" or is_limited or not isinstance(source, bytes):
            return real(self, source, options, device, is_limited)
        key = source, options.intra_op_num_threads
        if key not in opened:
            opened[key] = real(self, source, options, device, is_limited)
        return opened[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "_open", _open)
        yield


@pytest.fixture
def fuzz_seconds(request: pytest.FixtureRequest) -> float:
    """How long a fuzz test looks for something that fails."""
    return float(request.config.getoption("--fuzz-seconds"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the home after the last test."""
    _HOME.cleanup()
