"""Run tasks side by side: a graph that several of them wait for runs once, on the rows of all of them.

Each task is a greenlet of the caller's thread. It works until it needs a graph, then waits while the next one works.
So no two tasks ever work at the same time, their order is always the same, and Ctrl-C ends all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_TASKS", "compute", "side_by_side"]

MAX_TASKS = 8
"""Tasks that are begun before the first one has ended: their crops are in memory at the same time."""

T = TypeVar("T")
Arrays = Mapping[str, NDArray[Any]]


class _State(threading.local):
    """The greenlet to which the running task of this thread hands its requests; None where no task runs."""

    scheduler: Any = None


_state = _State()


@dataclass(frozen=True)
class _Request:
    """Rows that a task wants to have computed.

    Attributes:
        key: those of equal keys can be computed together.
        rows: input name to array; their first axes are equally long.
        run: computes rows of any number.
    """

    key: Hashable
    rows: Arrays
    run: Callable[[Arrays], Arrays]

    def __len__(self) -> int:
        return len(next(iter(self.rows.values())))


def compute(key: Hashable, rows: Arrays, run: Callable[[Arrays], Arrays]) -> Arrays:
    """Compute rows, together with those of other tasks that wait for the same; at once where there are no other tasks.

    Args:
        key: what `run` is; rows of the same key and shape are computed together.
        rows: input name to array, `(N, ...)`, the same N for all of them.
        run: maps such arrays to output name and array, `(N, ...)`.

    Raises:
        Exception: whatever `run` raises, in every task whose rows it was given.
    """
    if _state.scheduler is None:
        return run(rows)
    shapes = tuple((name, array.shape[1:]) for name, array in rows.items())
    answer: Arrays = _state.scheduler.switch(_Request((key, shapes), rows, run))
    return answer


def side_by_side(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Run tasks and return their results in order; what each of them computes does not depend on the others.

    Args:
        tasks: functions that may call `compute`; at most `MAX_TASKS` are under way at the same time.

    Raises:
        BaseException: what the first task to fail raises; the others end where they are.
    """
    if len(tasks) == 1:
        return [tasks[0]()]
    return [result for i in range(0, len(tasks), MAX_TASKS) for result in _run(tasks[i : i + MAX_TASKS])]


def _run(tasks: Sequence[Callable[[], T]]) -> list[T]:
    from greenlet import getcurrent, greenlet  # only photos with several subjects need it

    scheduler = getcurrent()
    running = [greenlet(task) for task in tasks]
    results: dict[int, T] = {}
    waiting: dict[int, _Request] = {}

    def go_on(i: int, switch: Callable[..., Any], *answer: object) -> None:
        """Let one task work until it ends or waits."""
        outer, _state.scheduler = _state.scheduler, scheduler
        try:
            given = switch(*answer)
        finally:
            _state.scheduler = outer
        if running[i].dead:
            results[i] = given
        else:
            waiting[i] = given

    try:
        for i, task in enumerate(running):
            go_on(i, task.switch)
        while waiting:
            key = next(iter(waiting.values())).key
            group = {i: waiting.pop(i) for i in list(waiting) if waiting[i].key == key}
            try:
                answers = list(_answers(list(group.values())))
            except Exception as error:  # each task may have its own way of going on
                for i in group:
                    go_on(i, running[i].throw, error)
            else:
                for i, answer in zip(group, answers, strict=True):
                    go_on(i, running[i].switch, answer)
    finally:
        for task in running:
            if not task.dead:
                task.throw()  # ends it
    return [results[i] for i in range(len(tasks))]


def _answers(requests: Sequence[_Request]) -> Iterator[Arrays]:
    """Compute the rows of requests of one key, and part the results."""
    first = requests[0]
    rows = {name: np.concatenate([request.rows[name] for request in requests]) for name in first.rows}
    found = first.run(rows if len(requests) > 1 else first.rows)
    start = 0
    for request in requests:
        end = start + len(request)
        yield {name: array[start:end] for name, array in found.items()}
        start = end
