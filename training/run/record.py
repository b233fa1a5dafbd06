"""What a run keeps of its course: a row of means every few steps, as JSON lines and for TensorBoard."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console

LOG = "log.jsonl"
EVENTS = "events"


class Record:
    """The open log of a run; a context manager.

    Rows after `step` in an older log are removed, as a crash lost those steps and they come again. TensorBoard is
    company: where it is not installed, or cannot write, the run goes on without it.

    Args:
        run: the run folder, which must exist.
        step: where the run stands.
        tensorboard: also write TensorBoard events.
        console: where a failure of TensorBoard is told, once.
    """

    def __init__(self, run: Path, step: int, tensorboard: bool, console: Console) -> None:
        self.console = console
        _drop_rows_after(run / LOG, step)
        self._log = open(run / LOG, "a", encoding="utf-8")  # noqa: SIM115 - closed by __exit__
        self._events = _writer(run / EVENTS, step) if tensorboard else None

    def __enter__(self) -> Record:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.close()
        if self._events is not None:
            with contextlib.suppress(Exception):
                self._events.close()

    def write(self, step: int, row: Mapping[str, float], images_per_second: float) -> None:
        """Add a row.

        Args:
            step: of the row.
            row: name of a term -> its mean over the steps since the last row.
            images_per_second: over the same steps.
        """
        self._log.write(json.dumps({"step": step, **row, "images_per_second": round(images_per_second, 2)}) + "\n")
        self._log.flush()
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


def _drop_rows_after(log: Path, step: int) -> None:
    if log.exists():
        rows = log.read_text(encoding="utf-8").splitlines(keepends=True)
        log.write_text("".join(r for r in rows if r.endswith("\n") and json.loads(r)["step"] <= step), encoding="utf-8")
