"""What `training.run.memory` does to the process; in processes of their own, since it cannot be undone."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from training.run import memory

GLIBC = sys.platform.startswith("linux") and platform.libc_ver()[0] == "glibc"


def run(code: str) -> str:
    root = Path(memory.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    return done.stdout.strip()


@pytest.mark.skipif(not GLIBC, reason="needs glibc")
def test_glibc_takes_every_setting() -> None:
    assert run("from training.run.memory import keep_freed_memory; print(keep_freed_memory())") == "True"


@pytest.mark.skipif(not GLIBC, reason="needs glibc")
@pytest.mark.parametrize("kept", [False, True])
def test_freed_memory_stays_with_the_process_only_when_asked_to(kept: bool) -> None:
    code = f"""
from training.run.memory import keep_freed_memory
if {kept}:
    keep_freed_memory()
def pages():
    return int(open("/proc/self/statm").read().split()[1])
before = pages()
block = bytearray(b"x") * (64 << 20)
block = None
print((pages() - before) * 4096 >> 20)
"""
    megabytes = int(run(code))
    assert megabytes >= 60 if kept else megabytes < 10


@pytest.mark.parametrize("name", ["win32", "darwin"])
def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(sys, "platform", name)
    monkeypatch.setattr(memory.ctypes, "CDLL", None)  # would raise if it were called
    assert memory.keep_freed_memory() is False


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    assert memory.keep_freed_memory() is False
