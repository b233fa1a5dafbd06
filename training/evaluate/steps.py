"""How much processor time a training step takes, beside a plain loop on the same networks and batches.

Each loop has a process of its own. They run in turn, so that what else runs on the machine meets both. Pictures are
random numbers: none is read.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from statistics import median, quantiles
from typing import Any

import numpy as np
import torch

from imgedit.errors import ConfigError, TrainingError
from training.data.batch import Batch, to_tensor
from training.evaluate import plain_loops
from training.evaluate.layout import Block, Table
from training.evaluate.plain_loops import Step
from training.run import config as configs
from training.run.memory import keep_freed_memory

__all__ = ["CASES", "Case", "batches", "blocks", "evaluate", "in_turn", "step_of"]

KIND = "steps"
TURN = 0.2
"""Processor seconds of one turn, at least."""
_BATCHES = 8  # different ones, over and over

Loop = Callable[[int], float]
"""Makes so many steps and returns the processor seconds of one."""


@dataclass(frozen=True)
class Case:
    """A training that is timed.

    Attributes:
        method: id.
        preset: one of the method's.
        plain: makes the plain step of a new method and batches.
    """

    method: str
    preset: str
    plain: Callable[[Any, Iterator[Batch]], Step]


CASES = {
    "gan": Case("gan", "paper", plain_loops.gan),
    "wgan_gp": Case("wgan_gp", "paper", plain_loops.wgan_gp),
    "cycle_vae-compact": Case("cycle_vae", "compact", plain_loops.cycle_vae),
    "cycle_vae-paper": Case("cycle_vae", "paper", plain_loops.cycle_vae),
    "stargan-compact": Case("stargan", "compact", plain_loops.stargan),
}


def evaluate(*, n: int = 21, cases: Sequence[str] = (), command: str = "") -> dict[str, Any]:
    """Time both loops of each case, one thread.

    Args:
        n: turns of each loop.
        cases: of `CASES`; none: all.
        command: what was typed.

    Raises:
        ConfigError: a case is unknown, or there are too few turns for quartiles.
    """
    if unknown := sorted(set(cases) - set(CASES)):
        raise ConfigError(f"nothing called {unknown[0]!r} is timed; known: {', '.join(CASES)}")
    if n < 3:
        raise ConfigError(f"--n must be 3 or more, got {n}")
    rows = [_row(name, n) for name in CASES if name in (cases or CASES)]
    return {"model": "steps", "kind": KIND, "command": command, "metrics": {"n": n, "rows": rows}}


def in_turn(first: Loop, second: Loop, n: int, least: float = TURN) -> tuple[list[float], list[float]]:
    """Return the processor seconds a step of two loops, `n` turns each; who begins changes from turn to turn.

    Args:
        first: one loop.
        second: the other.
        n: turns.
        least: seconds of a turn; the steps of a turn are as many for both.
    """
    for loop in (first, second):
        loop(1)  # the first one also allocates
    steps = max(1, int(np.ceil(least / max(first(1), second(1), 1e-6))))
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(n):
        for which in (0, 1) if turn % 2 == 0 else (1, 0):
            taken[which].append((first, second)[which](steps))
    return taken


def batches(method: Any, *, paired: bool = False, labels: int = 0, seed: int = 0) -> list[Batch]:
    """Return batches of random pictures of a method's size, as data sets make them.

    Args:
        method: has `config`.
        paired: with partners.
        labels: number of random labels.
        seed: of the numbers.
    """
    c, rng = method.config, np.random.default_rng(seed)
    shape = (c.batch_size, getattr(c, "rows", c.size), c.size, getattr(c, "channels", 3))

    def pictures() -> torch.Tensor:
        return to_tensor(rng.integers(0, 256, shape, np.uint8))

    return [
        Batch(
            pictures(),
            labels=torch.from_numpy(rng.integers(0, 2, (c.batch_size, labels)).astype(np.float32)) if labels else None,
            specified=torch.from_numpy(rng.integers(0, 10, c.batch_size)),
            partner=pictures() if paired else None,
        )
        for _ in range(_BATCHES)
    ]


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return what is said of a result, and the table."""
    rows = [
        [
            row["case"],
            str(row["batch_size"]),
            *(f"{1e3 * row[loop]['least']:.2f}" for loop in ("ours", "plain")),
            f"{row['ratio']['median']:.2f}",
            f"{row['ratio']['lower']:.2f} to {row['ratio']['upper']:.2f}",
        ]
        for row in result["metrics"]["rows"]
    ]
    return [
        "Processor time of a training step on one thread, beside a plain PyTorch loop on the same networks and batches "
        f"of random pictures; {result['metrics']['n']} turns each, in turn. The ratio is that of the plain loop over "
        "ours, turn by turn: above 1 ours takes less.",
        Table(["training", "batch", "ours ms, least", "plain ms, least", "ratio, median", "quartiles"], rows),
    ]


def _row(name: str, n: int) -> dict[str, Any]:
    with _process(name, False) as first, _process(name, True) as second:
        ours, plain = in_turn(first, second, n, TURN)
    ratios = [b / a for a, b in zip(ours, plain, strict=True)]
    lower, _, upper = quantiles(ratios, n=4)
    return {
        "case": name,
        "batch_size": configs.resolve(CASES[name].method, CASES[name].preset, []).batch_size,
        "ours": {"least": min(ours), "median": median(ours)},
        "plain": {"least": min(plain), "median": median(plain)},
        "ratio": {"median": median(ratios), "lower": lower, "upper": upper},
    }


@contextlib.contextmanager
def _process(name: str, is_plain: bool) -> Iterator[Loop]:
    """Yield a loop of a case that runs in a process of its own.

    Raises:
        TrainingError: the process has ended; why stands above.
    """
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there, name, is_plain), daemon=True)
    process.start()
    there.close()

    def loop(times: int) -> float:
        try:
            here.send(times)
            return float(here.recv())
        except (EOFError, OSError) as error:
            raise TrainingError(f"the process that timed {name} has ended") from error

    try:
        yield loop
    finally:
        here.close()
        process.join()


def _serve(connection: Connection, name: str, is_plain: bool) -> None:
    """Make as many steps as asked for, and tell the processor seconds of one, until nobody asks any more."""
    torch.set_num_threads(1)
    step = step_of(CASES[name], is_plain)
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            times = connection.recv()
            start = time.process_time()
            for _ in range(times):
                step()
            connection.send((time.process_time() - start) / times)


def step_of(case: Case, is_plain: bool) -> Step:
    """Return a step of a case: ours as `imgedit train` runs it, or the plain one."""
    torch.manual_seed(0)
    method = configs.method_module(case.method).Method(configs.resolve(case.method, case.preset, []))
    made = batches(method, paired=case.method == "cycle_vae", labels=len(getattr(method.config, "attributes", ())))
    if is_plain:  # a user's loader yields pictures in PyTorch's default order
        return case.plain(method, itertools.cycle([_contiguous(batch) for batch in made]))
    keep_freed_memory()
    stream = itertools.cycle(made)

    def step() -> None:
        method.step(stream)

    return step


def _contiguous(batch: Batch) -> Batch:
    partner = None if batch.partner is None else batch.partner.contiguous()
    return Batch(batch.image.contiguous(), labels=batch.labels, specified=batch.specified, partner=partner)
