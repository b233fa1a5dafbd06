"""What a run keeps of its course: a row of means every few steps, as JSON lines and for TensorBoard."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console

from imgedit.errors import OutputError, TrainingError
from imgedit.files import read_file, write_whole
from imgedit.text import reason

LOG = "log.jsonl"
_LONGEST = 1 << 28  # bytes of a log
EVENTS = "events"


class Record:
    """The open log of a run; a context manager.

    Rows after `step` in an older log are removed, as a crash lost those steps and they come again. TensorBoard is
    optional: where it is not installed, or cannot write, the run goes on without it.

    Args:
        run: the run folder, which must exist.
        step: where the run stands.
        tensorboard: also write TensorBoard events.
        console: where a failure of TensorBoard is told, once.

    Raises:
        OutputError: the log cannot be written.
        TrainingError: an older log is damaged.
    """

    def __init__(self, run: Path, step: int, tensorboard: bool, console: Console) -> None:
        self.console = console
        self.path = run / LOG
        _drop_rows_after(self.path, step)
        try:
            self._log = open(self.path, "a", encoding="utf-8")  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise _cannot_write(self.path, error) from error
        self._events = _writer(run / EVENTS, step) if tensorboard else None

    def __enter__(self) -> Record:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._log.close()
        except OSError as failed:  # closing tries again to write what `write` could not
            if error is None:
                raise _cannot_write(self.path, failed) from failed
        if self._events is not None:
            with contextlib.suppress(Exception):
                self._events.close()

    def write(self, step: int, row: Mapping[str, float], images: int, seconds: float) -> None:
        """Add a row.

        Args:
            step: of the row.
            row: name of a term -> its mean over the steps since the last row.
            images: pictures that these steps drew; a step may draw several batches.
            seconds: how long they took.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            drawn = {"images": images, "images_per_second": round(images / seconds, 2)}
            self._log.write(json.dumps({"step": step, **row, **drawn}) + "\n")
            self._log.flush()
        except OSError as error:
            raise _cannot_write(self.path, error) from error
        if self._events is None:
            return
        try:
            for name, value in row.items():
                self._events.add_scalar(name, value, step)
        except Exception as error:  # whatever its thread met: a removed folder, a full disk
            self.console.print(f"TensorBoard stopped ({error}); the run goes on, its figures are in {LOG}")
            self._events = None


def _writer(folder: Path, step: int) -> Any:
    """Return a TensorBoard writer, or None where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step + 1)


def rows(log: Path) -> list[dict[str, Any]]:
    """Return the rows of a log; a last line that a crash cut short is left out.

    Raises:
        TrainingError: it cannot be read, or a line is no row.
    """
    try:
        lines = read_file(log, _LONGEST).decode("utf-8").splitlines(keepends=True)
    except (OSError, ValueError) as error:
        raise TrainingError(f"{log} cannot be read ({reason(error)}); move it away to go on without it") from error
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.endswith("\n") and number == len(lines):
            break
        try:
            row = json.loads(line)
            int(row["step"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise TrainingError(
                f"{log}, line {number}, is no row of a log; move it away to go on without it"
            ) from error
        found.append(row)
    return found


def _drop_rows_after(log: Path, step: int) -> None:
    if log.exists():
        write_whole(log, "".join(json.dumps(row) + "\n" for row in rows(log) if row["step"] <= step))


def _cannot_write(log: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write {log}: {error.strerror or error}; the checkpoints before it are whole")
