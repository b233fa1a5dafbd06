"""Graphs in operators that ONNX Runtime is quick at: `python -m training.publish.operators`.

On processors two operators take far longer than the arithmetic in them: PRelu, which runs element by element (two
thirds of the face mesh's time), and Softmax over the channels of a picture, which transposes it twice (a quarter of the
parser's time). Both are written out in simple operators. PRelu gives the same numbers, bit for bit: one of its two
terms is 0. The last digit of Softmax may differ.

As a command it rewrites the bundled models.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from imgedit.errors import ModelError
from imgedit.files import write_whole
from imgedit.models import library, manifest
from imgedit.models.manifest import GraphFile
from imgedit.models.runtime import Session
from training.measure.script import printed

__all__ = ["TOLERANCE", "difference", "rewrite", "rewritten"]

TOLERANCE = 1e-6
"""Largest difference that the command accepts between what a graph returns before and after."""
_CLASSES = 3  # of a Softmax that is written out; of two, as in the detector, nothing is gained
_AXES_ARE_INPUTS = 18  # opset from which ReduceMax takes its axes as an input


def rewritten(model: Any) -> Any:
    """Return a graph that computes the same with quick operators; the graph itself where it has no slow ones.

    Args:
        model: an `onnx.ModelProto`.
    """
    opset = next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    pictures = {
        item.name: item.type.tensor_type.shape.dim[1].dim_value
        for item in model.graph.output
        if len(item.type.tensor_type.shape.dim) == 4
    }
    nodes: list[Any] = []
    for node in model.graph.node:
        if node.op_type == "PRelu":
            nodes += _prelu(node)
        elif node.op_type == "Softmax" and _axis(node) == 1 and pictures.get(node.output[0], 0) >= _CLASSES:
            nodes += _softmax(node, opset)
        else:
            nodes.append(node)
    if len(nodes) == len(model.graph.node):
        return model
    copy = type(model)()
    copy.CopyFrom(model)
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy


def difference(before: bytes, after: bytes, size: int = 96) -> float:
    """Return the largest absolute difference of two graphs' outputs on two random pictures.

    Args:
        before: a graph.
        after: another with the same inputs.
        size: of inputs whose axes are free, px.
    """
    sessions = [Session(content, "cpu", threads=1) for content in (before, after)]
    rng = np.random.default_rng(0)
    feeds = {
        name: rng.uniform(-1.0, 1.0, (2, *(side or size for side in shape[1:]))).astype(np.float32)
        for name, shape in sessions[0].inputs.items()
    }
    one, other = (session.run(feeds) for session in sessions)
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


def rewrite(folder: Path) -> dict[str, float]:
    """Rewrite the graphs of a model, and its manifest.

    Args:
        folder: of the model.

    Returns:
        Role -> difference, of the graphs that changed.

    Raises:
        ModelError: a graph then computes something else, by more than `TOLERANCE`; no file is changed.
    """
    model = library.load(folder)
    changed: dict[str, tuple[bytes, float]] = {}
    for role in model.manifest.graphs:
        before = model.read(role)
        graph = onnx.load_model_from_string(before)
        new = rewritten(graph)
        if new is graph:
            continue
        after = new.SerializeToString()
        found = difference(before, after)
        if not found <= TOLERANCE:
            raise ModelError(f"{model.id}: {role} differs by {found:.2g} when rewritten; {TOLERANCE:g} is allowed")
        changed[role] = after, found
    if not changed:
        return {}
    graphs = dict(model.manifest.graphs)
    for role, (after, _) in changed.items():
        path = folder / graphs[role].file
        write_whole(path, after)
        graphs[role] = GraphFile.of(path)
    replace(model.manifest, graphs=graphs).write(folder)
    return {role: found for role, (_, found) in changed.items()}


def _prelu(node: Any) -> list[Any]:
    """Return `max(x, 0) + slope * min(x, 0)`."""
    (x, slope), (y,) = node.input, node.output
    above, below, scaled = (f"{y}.{part}" for part in ("above", "below", "scaled"))
    return [
        helper.make_node("Relu", [x], [above]),
        helper.make_node("Sub", [x, above], [below]),
        helper.make_node("Mul", [below, slope], [scaled]),
        helper.make_node("Add", [above, scaled], [y]),
    ]


def _softmax(node: Any, opset: int) -> list[Any]:
    """Return `exp(x - max) / sum(exp(x - max))` over axis 1."""
    (x,), (y,) = node.input, node.output
    axes, most, less, power, total = (f"{y}.{part}" for part in ("axes", "most", "less", "power", "total"))
    if opset >= _AXES_ARE_INPUTS:
        largest = helper.make_node("ReduceMax", [x, axes], [most], keepdims=1)
    else:
        largest = helper.make_node("ReduceMax", [x], [most], axes=[1], keepdims=1)
    return [
        helper.make_node("Constant", [], [axes], value=numpy_helper.from_array(np.array([1], np.int64))),
        largest,
        helper.make_node("Sub", [x, most], [less]),
        helper.make_node("Exp", [less], [power]),
        helper.make_node("ReduceSum", [power, axes], [total], keepdims=1),
        helper.make_node("Div", [power, total], [y]),
    ]


def _axis(node: Any) -> int:
    return next((int(item.i) for item in node.attribute if item.name == "axis"), -1)


def main() -> int:
    """Rewrite the bundled models, and print what changed; returns the exit code."""

    def lines() -> Iterator[str]:
        for file in sorted(library.bundled_folder().glob(f"*/{manifest.FILE}")):
            for role, found in rewrite(file.parent).items():
                yield f"{file.parent.name}: {role} rewritten; it differs by at most {found:.2g}"

    return printed(lines)


if __name__ == "__main__":
    sys.exit(main())
