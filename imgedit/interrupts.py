"""Ctrl-C and SIGTERM: both end the work by KeyboardInterrupt, with different exit codes."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["Received", "Terminated", "exit_code", "interrupt", "noted"]

_REPEAT = 1.0  # seconds; `timeout` sends SIGTERM to the process and then to its group, so it comes twice


class Terminated(KeyboardInterrupt):
    """SIGTERM asks the process to end, as a service manager or `timeout` does; it ends as after Ctrl-C."""


def interrupt(number: int) -> KeyboardInterrupt:
    """Return the exception that stands for a signal."""
    return Terminated() if number == signal.SIGTERM else KeyboardInterrupt()


def exit_code(error: KeyboardInterrupt) -> int:
    """Return the exit code after a signal, as shells count it: 128 and its number."""
    return 128 + (signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT)


class Received:
    """The signals that came, without a SIGTERM that repeats the one before.

    Attributes:
        numbers: of the signals, in their order.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._terminated = -math.inf  # when the last SIGTERM was noted

    def note(self, number: int) -> bool:
        """Note a signal; return whether it is to be obeyed, which a repeated SIGTERM is not."""
        now = time.monotonic()
        if number == signal.SIGTERM:
            if now - self._terminated < _REPEAT:
                return False
            self._terminated = now
        self.numbers.append(number)
        return True


@contextlib.contextmanager
def noted(at_once: Callable[[Received], bool]) -> Iterator[Received]:
    """Yield what Ctrl-C and SIGTERM are noted in; the work looks there between its steps.

    Args:
        at_once: whether the last one that was noted interrupts the work where it is.
    """
    received = Received()
    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread may handle signals
        return

    def stop(number: int, frame: FrameType | None) -> None:
        if received.note(number) and at_once(received):
            raise interrupt(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
