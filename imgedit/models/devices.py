"""Where graphs run: which GPU there is, whether ONNX Runtime can use it, and how many threads a CPU run gets."""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import math
import os
import platform
import re
import sys
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import onnxruntime as ort

from imgedit import settings
from imgedit.errors import ConfigError
from imgedit.extras import how_to_install, how_to_replace

__all__ = [
    "MEMORY_LIMIT",
    "Provider",
    "built_for",
    "core_count",
    "cuda_fails",
    "cuda_libraries",
    "default_threads",
    "gpu_count",
    "missing_cuda",
    "note_used",
    "providers",
    "threads_limited",
    "used",
    "warn_of_gpu",
    "why_no_cuda",
]

Provider = str | tuple[str, dict[str, Any]]

MEMORY_LIMIT = 2 << 30
"""Bytes that the graphs of models from elsewhere may take for what they compute, all together."""

_log = logging.getLogger(__name__)
_warned = threading.Event()
_used: set[str] = set()  # what sessions of this process run on
_limits: list[int] = []  # of `threads_limited`


@cache
def gpu_count() -> int:
    """Ask the NVIDIA driver how many devices there are; 0 without a driver."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        count = ctypes.c_int(0)
        if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
            return 0
    except (OSError, AttributeError):
        return 0
    return count.value


def providers(device: str = "auto", *, is_limited: bool = False) -> list[Provider]:
    """Translate a device name to ONNX Runtime's execution providers, the wanted one first.

    Args:
        device: `cpu`, `cuda`, `cuda:N`, or `auto`: the first GPU if there is one that works, else the CPU. A GPU that
            cannot be used gives one warning with the reason.
        is_limited: hold a GPU's memory to `MEMORY_LIMIT`.

    Raises:
        ConfigError: No such device name, or CUDA is asked for and cannot be used.
    """
    match = re.fullmatch(settings.DEVICE, device)
    if not match:
        raise ConfigError(f"unknown device {device[:40]!r}; known: auto, cpu, cuda, cuda:N")
    if device == "cpu" or (device == "auto" and gpu_count() == 0):
        return ["CPUExecutionProvider"]
    number = int(match[1] or 0)
    if gpu_count() <= number:
        raise ConfigError(
            f"device {device} is not there: the NVIDIA driver reports {gpu_count()}", hint="use --device cpu"
        )
    problem = missing_cuda()
    if problem is not None and device == "auto":
        warn_of_gpu(problem)
        return ["CPUExecutionProvider"]
    if problem is not None:
        raise ConfigError(f"device {device} cannot be used: {problem}", hint="or use --device cpu")
    options: dict[str, Any] = {
        "device_id": number,
        "cudnn_conv_algo_search": "HEURISTIC",  # the default measures every new picture size for seconds
        "use_tf32": 0,  # the same figures as on the CPU
    }
    if is_limited:
        options["gpu_mem_limit"] = MEMORY_LIMIT
    return [("CUDAExecutionProvider", options), "CPUExecutionProvider"]


def note_used(device: str) -> None:
    """Remember that a session runs on `cpu` or `cuda`."""
    _used.add(device)


def used() -> str:
    """Return where this process runs graphs: `cuda` as soon as one of them runs on a GPU, else `cpu`."""
    return "cuda" if "cuda" in _used else "cpu"


def warn_of_gpu(problem: str) -> None:
    """Log that the GPU cannot be used, and why; a process says so once."""
    if not _warned.is_set():
        _warned.set()
        _log.warning("the GPU is not used: %s; the device cpu silences this", problem)


def cuda_fails() -> str:
    """Say what is wrong where ONNX Runtime has CUDA and a session does not get it, with what to do."""
    command = how_to_install("onnxruntime-gpu[cuda,cudnn]")
    return f"CUDA or cuDNN cannot be loaded; install them beside this ONNX Runtime with `{command}`"


def built_for() -> str:
    """Return the version of CUDA that this ONNX Runtime was built for, such as `12.8`; empty for none."""
    return str(getattr(ort, "cuda_version", "") or "")


def cuda_libraries() -> dict[str, str | None]:
    """Load the libraries of CUDA and cuDNN that this ONNX Runtime needs, and say where each was found, on Linux.

    Returns:
        Name of the library -> its path, or None where it is missing.
    """
    major = built_for().partition(".")[0]
    if not major.isdigit() or not sys.platform.startswith("linux"):
        return {}
    missing_cuda()  # which also looks beside ONNX Runtime
    cufft = int(major) - 1
    names = [f"lib{name}.so.{major}" for name in ("cudart", "cublasLt", "cublas", "nvrtc")]
    names += [f"libcufft.so.{cufft}", "libcurand.so.10", "libcudnn.so.9"]
    return {name: _loaded_from(name) for name in names}


def _loaded_from(library: str) -> str | None:
    try:
        ctypes.CDLL(library)
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            found = [line.split(None, 5)[5].strip() for line in maps if f"/{library}" in line]
    except OSError:
        return None
    return found[0] if found else library


def missing_cuda() -> str | None:
    """Say why this ONNX Runtime has no CUDA, with what to do; None where it has, after loading CUDA's libraries."""
    found = why_no_cuda()
    return None if found is None else f"{found[0]}; run `{found[1]}`"


def why_no_cuda() -> tuple[str, str] | None:
    """Return why this ONNX Runtime has no CUDA, and the command that mends it; otherwise as `missing_cuda`."""
    return _missing_cuda()


@cache
def _missing_cuda() -> tuple[str, str] | None:
    if "CUDAExecutionProvider" in ort.get_available_providers():
        if hasattr(ort, "preload_dlls"):
            with contextlib.redirect_stdout(io.StringIO()):  # it prints what it cannot find
                ort.preload_dlls()
        return None
    if _is_installed("onnxruntime") and _is_installed("onnxruntime-gpu"):
        command = how_to_replace(["onnxruntime", "onnxruntime-gpu"], "onnxruntime-gpu")
        return "the package onnxruntime hides onnxruntime-gpu, which is installed too", command
    return "this ONNX Runtime is built for the CPU alone", how_to_replace(["onnxruntime"], "onnxruntime-gpu")


def _is_installed(package: str) -> bool:
    import importlib.metadata  # 20 ms that only this rare question needs

    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@contextlib.contextmanager
def threads_limited(most: int) -> Iterator[None]:
    """Give graphs that are opened meanwhile so many threads at most: for programs that run several at a time.

    OpenCV and the library behind NumPy's matrix products, whose threads are those of the whole process, get no more
    meanwhile either.
    """
    import cv2
    from threadpoolctl import threadpool_limits

    before = cv2.getNumThreads()
    _limits.append(most)
    try:
        with threadpool_limits(most):
            cv2.setNumThreads(min(most, before))
            yield
    finally:
        cv2.setNumThreads(before)
        _limits.remove(most)


def default_threads() -> int:
    """Return how many threads a graph uses: OMP_NUM_THREADS, but no more than the cores this process may use."""
    cores = min([core_count(), *_limits])
    # OpenMP takes a list as well, one number for each level of nesting; the first is meant.
    wanted = re.match(r"\s*0*([1-9][0-9]{0,8})\s*(?:[0-9]|,|$)", os.environ.get("OMP_NUM_THREADS", ""))
    return min(int(wanted[1]), cores) if wanted else cores


def processor() -> str:
    """Return the name of the processor as the system tells it; an empty one where it does not."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    found = re.search(r"^model name\s*: (.+)$", told, re.MULTILINE)
    return found[1].strip() if found else platform.processor()


def core_count() -> int:
    """Return how many cores this process may use: by its affinity and by the quota of its control groups."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(float(cores), _quota())))


def _quota(root: Path = Path("/")) -> float:
    """Return the cores that control groups (Linux, version 1 or 2) allow; infinite where they set no bound.

    Args:
        root: of the file system.
    """
    try:
        groups = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return math.inf
    quota = math.inf
    for line in groups:
        controllers, _, path = line.partition(":")[2].partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        group = PurePosixPath(path.lstrip("/"))
        for place in (group, *group.parents):  # every group above has its say
            quota = min(quota, _quota_of(mount / place))
    return quota


def _quota_of(folder: Path) -> float:
    try:
        if (folder / "cpu.max").is_file():
            limit, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            limit, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period")
            )
        quota = float(limit) / float(period)  # "max" is no number: no bound
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf
    return quota if quota > 0 else math.inf  # version 1 says -1 for no bound
