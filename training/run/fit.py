"""Whether the state in a checkpoint fits what goes on from it; if not, which value is wrong and what is right."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor

from imgedit.errors import TrainingError
from imgedit.text import printable

TENSORS = "tensors.safetensors"
STATE = "state.json"
UNFIT = (RuntimeError, LookupError, ValueError, TypeError, AttributeError, OverflowError)
"""What `load_state_dict` raises for a state of another form."""
_LARGEST = 2**128  # the state of a random number generator is an integer below it
_SHOWN = 40  # characters of a value


def damaged(file: Path, wrong: str) -> TrainingError:
    """Return the error of a damaged file of a checkpoint."""
    return TrainingError(f"{file} is damaged: {wrong}; remove {file.parent} to go on from the checkpoint before it")


def shown(value: object) -> str:
    """Name a value in few words, for messages."""
    if isinstance(value, Tensor):
        return f"a tensor of {str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if isinstance(value, int) and abs(value) >= _LARGEST:
        return "a huge number"
    if isinstance(value, Mapping):
        return "a table" if value else "an empty table"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if value is None:
        return "null"
    text = printable(repr(value))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


@contextlib.contextmanager
def checked(checkpoint: Path, stored: object, own: object, name: str) -> Iterator[None]:
    """Compare a part of a checkpoint's state with the part as it is when it is new; the body takes it over.

    Args:
        checkpoint: the folder.
        stored: the part that was read.
        own: the same part of what takes it over.
        name: of the part.

    Raises:
        TrainingError: the stored part has another form; the message names the file and the value.
    """
    if wrong := _other_type(stored, own, name):
        raise damaged(checkpoint / STATE, wrong)
    try:
        yield
    except UNFIT as error:
        why = first_line(error) if isinstance(error, ValueError) else "it has another form"
        file, wrong = _other_form(stored, own, name) or (STATE, f"{name}: {why}")
        raise TrainingError(
            f"{checkpoint / file} does not fit the settings of this run, or is damaged: {wrong}"
        ) from error


def _other_type(stored: object, own: object, where: str) -> str | None:
    """Say which value has another type than its counterpart; what only one of the two holds is not compared."""
    if own is None or stored is None:
        return None
    if isinstance(own, Mapping):
        if not isinstance(stored, Mapping):
            return f"{where} is {shown(stored)}, it must be a table"
        pairs = [(stored[key], own[key], key) for key in own if key in stored]
    elif isinstance(own, list | tuple):
        if not isinstance(stored, list | tuple):
            return f"{where} is {shown(stored)}, it must be a list"
        pairs = [(a, b, i) for i, (a, b) in enumerate(zip(stored, own, strict=False))]
    elif isinstance(own, int | float):
        if not isinstance(stored, int | float) or (isinstance(own, int) and not math.isfinite(_float(stored))):
            return f"{where} is {shown(stored)}, it must be a number such as {own}"
        if isinstance(stored, int) and abs(stored) >= _LARGEST:
            return f"{where} is a huge number, it must be one such as {own}"
        return None
    elif isinstance(own, Tensor):
        if not isinstance(stored, Tensor) or stored.is_floating_point() != own.is_floating_point():
            return f"{where} is {shown(stored)}, it must be {shown(own)}"
        return None
    else:
        fits = isinstance(stored, type(own))
        return None if fits else f"{where} is {shown(stored)}, it must be {shown(own)}"
    found = (_other_type(a, b, f"{where}/{key}") for a, b, key in pairs)
    return next((wrong for wrong in found if wrong), None)


def _float(number: int | float) -> float:
    return number if isinstance(number, float) else 0.0


def _other_form(stored: object, own: object, where: str) -> tuple[str, str] | None:
    """Say which value is missing, is nothing or has another shape, and in which file."""
    if isinstance(own, Mapping) and isinstance(stored, Mapping):
        if missing := [key for key in own if key not in stored]:
            return STATE, f"{where} has no {shown(missing[0])}"
        if all(isinstance(value, Tensor) for value in own.values()):  # a network's, so they all are known
            unknown = [key for key in stored if own and key not in own]
            if unknown:
                return STATE, f"{where} has {shown(unknown[0])}, which is no weight of these settings"
        found = (_other_form(stored[key], own[key], f"{where}/{key}") for key in own)
        return next((wrong for wrong in found if wrong), None)
    if isinstance(own, list | tuple) and isinstance(stored, list | tuple):
        if len(own) != len(stored):
            return STATE, f"{where} has {len(stored)} entries, {len(own)} are right"
        found = (_other_form(a, b, f"{where}/{i}") for i, (a, b) in enumerate(zip(stored, own, strict=True)))
        return next((wrong for wrong in found if wrong), None)
    if isinstance(own, Tensor) and isinstance(stored, Tensor):
        fits = own.numel() == 0 or own.shape == stored.shape
        return None if fits else (TENSORS, f"{where} is {shown(stored)}, it must be {shown(own)}")
    is_missing = stored is None and own is not None
    return (STATE, f"{where} is null, it must be {shown(own)}") if is_missing else None


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message; its type where it has none."""
    return (str(error).splitlines() or [""])[0] or type(error).__name__
