"""Tests write nothing into the user's home folder, and see none of the models in it: they get a home of their own.

This is read before any test module, so that libraries that look for a home when they are imported find this one.
"""

from __future__ import annotations

import os
import tempfile

import pytest

_HOME = tempfile.TemporaryDirectory(prefix="imgedit-tests-")
_ELSEWHERE = ("IMGEDIT_HOME", "HF_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")

os.environ |= {"HOME": _HOME.name, "USERPROFILE": _HOME.name, "LOCALAPPDATA": _HOME.name}
for _name in _ELSEWHERE:
    os.environ.pop(_name, None)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the home after the last test."""
    _HOME.cleanup()
