"""Run graphs: ONNX Runtime sessions with inputs by name and outputs that are checked."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from imgedit.errors import ConfigError, ModelError
from imgedit.models import devices, together
from imgedit.models.guard import in_time
from imgedit.text import printable

__all__ = ["Session", "why_not"]

LARGEST = 1e9
"""Largest number that a graph may return; what is computed with it stays finite in single precision."""
_SILENT = 4  # ONNX Runtime's log severity "fatal": what goes wrong comes back as an exception as well
# A GPU that does not work would otherwise fill stderr before the CPU takes over.
ort.set_default_logger_severity(_SILENT)
ort.disable_telemetry_events()  # for programs that loaded ONNX Runtime before `imgedit.privacy` could switch it off
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


class Session:
    """One graph, ready to run; safe to call from several threads.

    Args:
        graph: An ONNX file, or its bytes.
        device: As in `devices.providers`.
        threads: CPU threads for one run; None for `devices.default_threads()`.
        name: What messages call it; the file's name if empty.
        is_limited: Hold what it computes to `devices.MEMORY_LIMIT`, together with all others that are limited, and each
            run to `guard.TIME_LIMIT`; Ctrl-C ends it at once.

    Attributes:
        inputs: Input name to shape; None where a size is free.
        outputs: Output names in the graph's order.
        device: `cpu` or `cuda`, where it really runs.
        takes_rows: Whether every input and output is `(N, ...)` with any N.

    Raises:
        ModelError: The graph is missing or damaged.
        ConfigError: The device is unknown, absent or does not work.
    """

    def __init__(
        self,
        graph: str | Path | bytes,
        device: str = "auto",
        threads: int | None = None,
        *,
        name: str = "",
        is_limited: bool = False,
    ) -> None:
        self.name = name or ("graph" if isinstance(graph, bytes) else Path(graph).name)
        if not isinstance(graph, bytes) and not Path(graph).is_file():
            raise ModelError(f"graph {graph} is missing; get the model again")
        source = graph if isinstance(graph, bytes) else os.fspath(graph)
        options = ort.SessionOptions()
        options.log_severity_level = _SILENT
        options.intra_op_num_threads = threads or devices.default_threads()
        options.inter_op_num_threads = 1
        # Threads that wait busily triple the time of small graphs where the cores have other work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.load_model_format", "ONNX")  # the format that `graphs.check` reads
        if is_limited:
            _limit_memory()
            options.add_session_config_entry("session.use_env_allocators", "1")
        self._is_limited = is_limited
        self._session = self._open(source, options, device, is_limited)
        self.inputs = {
            item.name: tuple(size if isinstance(size, int) else None for size in item.shape)
            for item in self._session.get_inputs()
        }
        self._types = {item.name: _TYPES.get(item.type, np.float32) for item in self._session.get_inputs()}
        self.outputs = [item.name for item in self._session.get_outputs()]
        ends = [*self._session.get_inputs(), *self._session.get_outputs()]
        self.takes_rows = bool(self.inputs) and all(item.shape and not isinstance(item.shape[0], int) for item in ends)
        self.device = "cuda" if _is_on_gpu(self._session) else "cpu"
        devices.note_used(self.device)

    def _open(
        self, source: str | bytes, options: ort.SessionOptions, device: str, is_limited: bool
    ) -> ort.InferenceSession:
        wanted = devices.providers(device, is_limited=is_limited)
        wants_gpu = len(wanted) > 1
        try:
            # Its own fallback prints to stdout, where results belong.
            if is_limited:
                # Folding would compute at once, without end as far as we know, what a graph makes of its constants.
                session = in_time(
                    lambda: ort.InferenceSession(
                        source,
                        options,
                        providers=wanted,
                        enable_fallback=0,
                        disabled_optimizers=["ConstantFolding"],
                    ),
                    lambda: None,
                    self.name,
                )
            else:
                session = ort.InferenceSession(source, options, providers=wanted, enable_fallback=0)
        except ModelError:
            raise
        except Exception as error:  # ONNX Runtime's errors share no base class but this
            if wants_gpu:
                session = self._open(source, options, "cpu", is_limited)  # raises where it was the graph's fault
                if device != "auto":
                    raise ConfigError(f"device {device} cannot be used: {_reason(error)}") from error
                devices.warn_of_gpu(_reason(error))
                return session
            raise ModelError(f"{self.name} cannot be loaded, get the model again: {_reason(error)}") from error
        if wants_gpu and not _is_on_gpu(session):
            if device != "auto":
                raise ConfigError(f"device {device} cannot be used: {devices.cuda_fails()}", hint="or use --device cpu")
            devices.warn_of_gpu(devices.cuda_fails())
        return session

    def run(self, feeds: Mapping[str, NDArray[Any]], outputs: list[str] | None = None) -> dict[str, NDArray[Any]]:
        """Run the graph; among tasks that run side by side (`together`), on the rows of all that wait for it.

        Args:
            feeds: Input name to array; converted to the graph's number type where it differs.
            outputs: The outputs that are wanted; None for all.

        Returns:
            Output name to array; no number in it is beyond `LARGEST`.

        Raises:
            ModelError: An input is missing, unknown or has the wrong shape, an output is unknown, empty or has numbers
                that are not finite or beyond all bounds, or the graph fails or takes too long.
        """
        if feeds.keys() != self.inputs.keys():
            raise ModelError(f"{self.name} takes {sorted(self.inputs)}, not {sorted(feeds)}")
        arrays = {name: self._input(name, array) for name, array in feeds.items()}
        wanted = self.outputs if outputs is None else outputs
        unknown = [name for name in wanted if name not in self.outputs]
        if unknown:
            raise ModelError(f"{self.name} has outputs {self.outputs}, not {unknown}")
        run = functools.partial(self._checked, wanted)
        lengths = {len(array) for array in arrays.values()} if self.takes_rows else set()
        # A foreign graph may compute a row by the others, and its memory is limited.
        if self._is_limited or len(lengths) != 1 or 0 in lengths:
            return run(arrays)
        return dict(together.compute((id(self), *wanted), arrays, run))

    def _checked(self, wanted: list[str], arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        try:
            results = dict(zip(wanted, self._computed(wanted, arrays), strict=True))
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(f"{self.name} failed to run: {_reason(error)}") from error
        is_empty = any(array.size == 0 for array in arrays.values())
        for name, result in results.items():
            self._check_output(name, result, may_be_empty=is_empty)
        return results

    def _computed(self, wanted: list[str], arrays: Mapping[str, NDArray[Any]]) -> list[Any]:
        if not self._is_limited:
            return list(self._session.run(wanted, dict(arrays)))
        options = ort.RunOptions()

        def stop() -> None:
            options.terminate = True  # ends before the next node

        return list(in_time(lambda: self._session.run(wanted, dict(arrays), options), stop, self.name))

    def _input(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        """Return an input in the graph's number type, after comparing its shape."""
        expected = self.inputs[name]
        converted: NDArray[Any] = np.ascontiguousarray(array, dtype=self._types[name])
        fits = len(converted.shape) == len(expected) and all(
            want is None or want == have for want, have in zip(expected, converted.shape, strict=True)
        )
        if not fits:
            shape = ", ".join("any" if size is None else str(size) for size in expected)
            raise ModelError(f"{self.name}: input {name!r} has shape ({shape}), not {converted.shape}")
        return converted

    def _check_output(self, name: str, result: object, *, may_be_empty: bool) -> None:
        if not isinstance(result, np.ndarray):
            raise ModelError(f"{self.name} returned {type(result).__name__} as {name!r}, not an array")
        if result.size == 0:
            if may_be_empty:
                return
            raise ModelError(f"{self.name} returned an empty {name!r} of shape {result.shape}")
        if not np.issubdtype(result.dtype, np.floating):
            return
        # Python's numbers, because `LARGEST` is infinite in half precision. Both are NaN where any number is, and then
        # no comparison is true.
        least, largest = float(result.min()), float(result.max())
        if not (least >= -LARGEST and largest <= LARGEST):
            what = "beyond all bounds" if np.isfinite(result).all() else "that are not finite (NaN or infinite)"
            raise ModelError(f"{self.name} returned numbers in {name!r} {what}")


def why_not(graph: bytes, provider: str) -> str | None:
    """Say why a graph cannot run on one of ONNX Runtime's execution providers; None where it can.

    Args:
        graph: any graph that the provider should take.
        provider: its name, such as `CUDAExecutionProvider`.
    """
    options = ort.SessionOptions()
    options.log_severity_level = _SILENT
    if provider == "CUDAExecutionProvider":
        problem = devices.missing_cuda() if devices.gpu_count() else "there is no NVIDIA GPU, or no driver for it"
        if problem is not None:
            return problem
    try:
        session = ort.InferenceSession(graph, options, providers=[provider], enable_fallback=0)
    except Exception as error:  # ONNX Runtime's errors share no base class but this
        return f"its libraries cannot be loaded: {_reason(error)}"
    if session.get_providers()[0] == provider:
        return None
    return devices.cuda_fails() if provider == "CUDAExecutionProvider" else "its libraries cannot be loaded"


@cache
def _limit_memory() -> None:
    """Give limited sessions a common arena of at most `devices.MEMORY_LIMIT` bytes on the CPU."""
    kind = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    as_requested = 1  # grow by what is asked for, not by powers of two, which would end at half of the limit
    arena = ort.OrtArenaCfg({"max_mem": devices.MEMORY_LIMIT, "arena_extend_strategy": as_requested})
    ort.create_and_register_allocator(kind, arena)


def _is_on_gpu(session: ort.InferenceSession) -> bool:
    return bool(session.get_providers()[0] == "CUDAExecutionProvider")


def _reason(error: Exception) -> str:
    """Return an ONNX Runtime message as one line without its prefix and file positions."""
    text = " ".join(str(error).split())
    if "bfc_arena" in text and "smaller than requested" in text:
        return f"it needs more than {devices.MEMORY_LIMIT >> 30} GiB of memory"
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : |^/\S+:\d+ [^()]*\([^()]*\) ", "", text)
    return printable(text[:300]) or type(error).__name__
