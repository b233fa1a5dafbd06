"""Run a property for a time instead of a number of examples; every round draws new ones, the same in every run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")

_ROUND = 100  # examples
PLACES = st.integers(0, 2**16 - 1).map(lambda n: n * 0.6180339887 % 1)
"""A place in something, as a share of its length; small numbers, which are drawn most, lie far apart."""
_EXTREMES = st.sampled_from(
    [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\x01", b"\x80\0\0\0", b"\xff\xd9"]
)

_CHARACTERS = st.one_of(
    st.integers(0x20, 0x7E), st.integers(0x01, 0x2FF), st.integers(0x2000, 0x206F), st.integers(0xE000, 0x10FFFF)
).map(chr)

Damage = tuple[str, float, object]
"""How, where and with what."""


def texts(max_size: int) -> SearchStrategy[str]:
    """Any text, without a NUL and halves of surrogate pairs (`st.text` takes seconds to make its table of Unicode)."""
    return st.lists(_CHARACTERS, max_size=max_size).map("".join)


def damages(names: Sequence[str]) -> SearchStrategy[list[Damage]]:
    """What may happen to a file's bytes; `names` are the files that another end may come from."""
    return st.lists(
        st.one_of(
            st.tuples(st.just("set"), PLACES, st.binary(min_size=1, max_size=1)),
            st.tuples(st.just("set"), PLACES, _EXTREMES),
            st.tuples(st.just("insert"), PLACES, st.binary(min_size=1, max_size=40)),
            st.tuples(st.just("remove"), PLACES, st.integers(1, 200)),
            st.tuples(st.just("double"), PLACES, st.integers(1, 400)),
            st.tuples(st.just("cut"), PLACES, st.none()),
            st.tuples(st.just("splice"), PLACES, st.sampled_from(sorted(names))),
        ),
        min_size=1,
        max_size=6,
    )


def damaged(data: bytes, what: Sequence[Damage], others: Mapping[str, bytes]) -> bytes:
    """Return a file's bytes after `damages`; `others` are the files by name."""
    for how, where, change in what:
        at = int(where * len(data))
        if isinstance(change, bytes):
            data = data[:at] + change + data[at + (len(change) if how == "set" else 0) :]
        elif isinstance(change, int):
            data = data[:at] + (data[at : at + change] * 2 if how == "double" else b"") + data[at + change :]
        else:
            data = data[:at] + (others[change][at:] if isinstance(change, str) else b"")
    return data


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
