"""What a network costs: multiply-adds, parameters, and the time of a run in PyTorch and in ONNX Runtime."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from imgedit.models.devices import threads_limited
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.speed import macs
from training.method import Graph

__all__ = ["milliseconds", "of_run", "parameters"]

RUNS = 7
"""Timed runs after a first one, of which the least counts."""


def of_run(model: Model, graphs: Mapping[str, Graph], roles: Sequence[str]) -> dict[str, float]:
    """Return what one picture costs on one thread of the processor.

    Args:
        model: the exported network.
        graphs: the same in PyTorch.
        roles: graphs that do the work; of several the first is run.

    Returns:
        `gmac`, `parameters` (of all roles), `ms_torch` and `ms_onnx`.
    """
    graph = graphs[roles[0]]
    with threads_limited(1):
        session = Sessions("cpu").open(model, roles[0])
    feeds = {name: tensor.numpy() for name, tensor in graph.inputs.items()}
    arguments = list(graph.inputs.values())
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            in_torch = milliseconds(lambda: graph.module(*arguments))
    finally:
        torch.set_num_threads(before)
    return {
        "gmac": macs(model.read(roles[0]), feeds) / 1e9,
        "parameters": float(sum(parameters(graphs[role]) for role in roles)),
        "ms_torch": in_torch,
        "ms_onnx": milliseconds(lambda: session.run(feeds)),
    }


def milliseconds(run: Callable[[], Any]) -> float:
    """Return the least time of a run, by the clock."""
    run()
    best = math.inf
    for _ in range(RUNS):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return 1e3 * best


def parameters(graph: Graph) -> int:
    """Return how many numbers a network learns."""
    return sum(parameter.numel() for parameter in graph.module.parameters())
