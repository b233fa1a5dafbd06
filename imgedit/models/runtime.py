"""Run graphs: device choice, ONNX Runtime sessions, inputs by name."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from imgedit.errors import ConfigError, ModelError

__all__ = ["Session", "default_threads", "gpu_count", "providers"]

Provider = str | tuple[str, dict[str, Any]]

_SILENT = 4  # ONNX Runtime's log severity "fatal": what goes wrong comes back as an exception as well
# A GPU that does not work would otherwise fill stderr before the CPU takes over.
ort.set_default_logger_severity(_SILENT)
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


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


@cache
def _cuda_is_built_in() -> bool:
    """Tell whether this ONNX Runtime has CUDA, and load CUDA's libraries from where pip put them."""
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        return False
    if hasattr(ort, "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it cannot find
            ort.preload_dlls()
    return True


def providers(device: str = "auto") -> list[Provider]:
    """Translate a device name to ONNX Runtime's execution providers, the wanted one first.

    Args:
        device: `cpu`, `cuda`, `cuda:N`, or `auto`: the first GPU if there is one that works, else the CPU.

    Raises:
        ConfigError: No such device name, or CUDA is asked for and not there.
    """
    match = re.fullmatch(r"auto|cpu|cuda(?::(\d{1,3}))?", device)
    if not match:
        raise ConfigError(f"unknown device {device!r}; known: auto, cpu, cuda, cuda:N")
    if device == "cpu" or (device == "auto" and (gpu_count() == 0 or not _cuda_is_built_in())):
        return ["CPUExecutionProvider"]
    number = int(match[1] or 0)
    if gpu_count() <= number:
        raise ConfigError(f"device {device} is not there: the NVIDIA driver reports {gpu_count()}; use --device cpu")
    if not _cuda_is_built_in():
        raise ConfigError(
            f"device {device}: this ONNX Runtime has no CUDA; install onnxruntime-gpu or use --device cpu"
        )
    options = {
        "device_id": number,
        "cudnn_conv_algo_search": "HEURISTIC",  # the default measures every new picture size for seconds
        "use_tf32": 0,  # the same figures as on the CPU
    }
    return [("CUDAExecutionProvider", options), "CPUExecutionProvider"]


def default_threads() -> int:
    """Return how many threads a graph uses: OMP_NUM_THREADS if set, else the cores this process may use."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


class Session:
    """One graph, ready to run; safe to call from several threads.

    Args:
        graph: An ONNX file, or its bytes.
        device: As in `providers`.
        threads: CPU threads for one run; None for `default_threads()`.
        name: What messages call it; the file's name if empty.

    Attributes:
        inputs: Input name to shape; None where a size is free.
        outputs: Output names in the graph's order.
        device: `cpu` or `cuda`, where it really runs.

    Raises:
        ModelError: The graph is missing or damaged.
        ConfigError: The device is unknown, absent or does not work.
    """

    def __init__(
        self, graph: str | Path | bytes, device: str = "auto", threads: int | None = None, *, name: str = ""
    ) -> None:
        self.name = name or ("graph" if isinstance(graph, bytes) else Path(graph).name)
        if not isinstance(graph, bytes) and not Path(graph).is_file():
            raise ModelError(f"graph {graph} is missing; get the model again")
        source = graph if isinstance(graph, bytes) else os.fspath(graph)
        options = ort.SessionOptions()
        options.log_severity_level = _SILENT
        options.intra_op_num_threads = threads or default_threads()
        options.inter_op_num_threads = 1
        # Threads that wait busily triple the time of small graphs where the cores have other work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = self._open(source, options, device)
        self.inputs = {
            item.name: tuple(size if isinstance(size, int) else None for size in item.shape)
            for item in self._session.get_inputs()
        }
        self._types = {item.name: _TYPES.get(item.type, np.float32) for item in self._session.get_inputs()}
        self.outputs = [item.name for item in self._session.get_outputs()]
        on_gpu = self._session.get_providers()[0] == "CUDAExecutionProvider"
        self.device = "cuda" if on_gpu else "cpu"

    def _open(self, source: str | bytes, options: ort.SessionOptions, device: str) -> ort.InferenceSession:
        wanted = providers(device)
        try:
            session = ort.InferenceSession(source, options, providers=wanted)
        except Exception as error:  # ONNX Runtime's errors share no base class but this
            if device == "auto" and len(wanted) > 1:  # a GPU that does not work: the CPU will do
                return self._open(source, options, "cpu")
            raise ModelError(f"{self.name} cannot be loaded, get the model again: {_reason(error)}") from error
        if device.startswith("cuda") and session.get_providers()[0] != "CUDAExecutionProvider":
            raise ConfigError(f"device {device}: CUDA or cuDNN cannot be loaded here; use --device cpu")
        return session

    def run(self, feeds: Mapping[str, NDArray[Any]], outputs: list[str] | None = None) -> dict[str, NDArray[Any]]:
        """Run the graph once.

        Args:
            feeds: Input name to array; converted to the graph's number type where it differs.
            outputs: The outputs that are wanted; None for all.

        Returns:
            Output name to array.

        Raises:
            ModelError: An input is missing, unknown or has the wrong shape, an output is unknown, or the graph fails.
        """
        if feeds.keys() != self.inputs.keys():
            raise ModelError(f"{self.name} takes {sorted(self.inputs)}, not {sorted(feeds)}")
        arrays = {}
        for name, expected in self.inputs.items():
            array: NDArray[Any] = np.ascontiguousarray(feeds[name], dtype=self._types[name])
            fits = len(array.shape) == len(expected) and all(
                want is None or want == have for want, have in zip(expected, array.shape, strict=True)
            )
            if not fits:
                shape = ", ".join("any" if size is None else str(size) for size in expected)
                raise ModelError(f"{self.name}: input {name!r} has shape ({shape}), not {array.shape}")
            arrays[name] = array
        wanted = self.outputs if outputs is None else outputs
        unknown = [name for name in wanted if name not in self.outputs]
        if unknown:
            raise ModelError(f"{self.name} has outputs {self.outputs}, not {unknown}")
        try:
            results = self._session.run(wanted, arrays)
        except Exception as error:
            raise ModelError(f"{self.name} failed to run: {_reason(error)}") from error
        return dict(zip(wanted, results, strict=True))


def _reason(error: Exception) -> str:
    """Return an ONNX Runtime message as one line without its prefix and file positions."""
    text = " ".join(str(error).split())
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : ", "", text)[:300] or type(error).__name__
