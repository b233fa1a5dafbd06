from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from imgedit.models import together
from imgedit.models.together import Arrays

Task = Callable[[], float]


class Doubling:
    """Doubles rows and counts them; refuses rows that hold a NaN."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, rows: Arrays) -> Arrays:
        self.sizes.append(len(rows["x"]))
        if np.isnan(rows["x"]).any():
            raise ValueError("a NaN")
        return {"y": 2.0 * rows["x"]}

    def of(self, value: float, n: int = 1) -> float:
        """Ask for n equal rows and return the sum of what comes back."""
        return float(together.compute("double", {"x": np.full((n, 1), value)}, self)["y"].sum())


def test_tasks_that_wait_for_the_same_are_computed_at_once_and_each_gets_its_own_rows() -> None:
    double = Doubling()
    results = together.side_by_side([lambda v=v: double.of(double.of(v), n=int(v)) for v in (1.0, 2.0, 3.0)])
    assert results == [4.0, 16.0, 36.0]  # 2 * 2 * v, v rows of it
    assert double.sizes == [3, 1 + 2 + 3]


def test_rows_of_other_shapes_or_keys_are_computed_apart() -> None:
    sizes = []

    def ask(key: str, width: int) -> int:
        def run(rows: Arrays) -> Arrays:
            sizes.append(rows["x"].shape)
            return rows

        return len(together.compute(key, {"x": np.zeros((1, width))}, run)["x"])

    tasks = [lambda k=k, w=w: ask(k, w) for k, w in (("a", 2), ("a", 3), ("b", 2), ("a", 2))]
    assert together.side_by_side(tasks) == [1, 1, 1, 1]
    assert sorted(sizes) == [(1, 2), (1, 3), (2, 2)]


def test_tasks_take_turns_where_they_wait_and_nowhere_else() -> None:
    said = []
    double = Doubling()

    def task(name: str) -> None:
        said.append(f"{name} begins")
        double.of(1.0)
        said.append(f"{name} ends")

    together.side_by_side([lambda: task("a"), lambda: task("b")])
    assert said == ["a begins", "b begins", "a ends", "b ends"]


def test_no_more_tasks_than_the_limit_are_under_way() -> None:
    double = Doubling()
    n = 2 * together.MAX_TASKS + 1
    assert together.side_by_side([lambda: double.of(1.0) for _ in range(n)]) == [2.0] * n
    assert double.sizes == [together.MAX_TASKS, together.MAX_TASKS, 1]


def test_what_a_computation_raises_reaches_each_task_that_waited_for_it() -> None:
    double = Doubling()

    def careful(value: float) -> float:
        try:
            return double.of(value)
        except ValueError:
            return -1.0

    tasks: list[Task] = [lambda: careful(float("nan")), lambda: careful(1.0), lambda: 7.0]
    assert together.side_by_side(tasks) == [-1.0, -1.0, 7.0]


@pytest.mark.parametrize("error", [ValueError("a NaN"), KeyboardInterrupt()], ids=["an error", "Ctrl-C"])
def test_a_task_that_fails_ends_the_others_where_they_are(error: BaseException) -> None:
    said = []
    double = Doubling()

    def waits() -> float:
        try:
            return double.of(1.0)
        finally:
            said.append("cleaned up")

    def fails() -> float:
        raise error

    with pytest.raises(type(error)):
        together.side_by_side([waits, fails, waits])
    assert said == ["cleaned up"]
    assert double.sizes == []
    assert double.of(1.0) == 2.0  # and afterwards all is as before


def test_tasks_within_a_task_are_on_their_own() -> None:
    double = Doubling()

    def outer() -> float:
        return sum(together.side_by_side([lambda: double.of(1.0), lambda: double.of(2.0)])) + double.of(3.0)

    assert together.side_by_side([outer, outer]) == [12.0, 12.0]
    assert double.sizes == [2, 2, 2]


def test_alone_a_task_needs_no_greenlets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "greenlet", None)  # its import fails
    double = Doubling()
    assert together.side_by_side([lambda: double.of(1.0)]) == [2.0]
    assert together.side_by_side([]) == []
