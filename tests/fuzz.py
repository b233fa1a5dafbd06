"""Run a property for a time instead of a number of examples; every round draws new ones, the same in every run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")

_ROUND = 100  # examples


def explore(seconds: float, examples: SearchStrategy[T], check: Callable[[T], None]) -> int:
    """Check examples until the time is over; a failing one is made as small as it goes and raised.

    Args:
        seconds: how long; at least one example is checked.
        examples: where they come from.
        check: raises for a bad one.

    Returns:
        How many were checked.
    """
    end, tried, number = time.monotonic() + seconds, 0, 0

    def run(example: T) -> None:
        nonlocal tried
        if tried and time.monotonic() > end:
            return
        check(example)
        tried += 1

    while not tried or time.monotonic() < end:
        rounds = settings(
            max_examples=_ROUND,
            derandomize=False,
            database=None,
            deadline=None,
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        seed(number)(rounds(given(examples)(run)))()
        number += 1
    return tried
