"""Networks that tf2onnx converted: channels first, inputs and outputs as everywhere here, weights in half precision."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit.errors import TrainingError
from training.measure.script import printed

__all__ = ["graph_of", "model_of", "run_command", "taken"]

_HALF_FROM = 256  # numbers of a weight that is worth storing in half precision
_OPSET, _IR = 17, 8


def taken(source: Any, dropped: Sequence[str]) -> tuple[list[Any], dict[str, NDArray[Any]]]:
    """Take the nodes of a converted graph, but for some, with `image` in [-1, 1], channels first, for its input.

    Args:
        source: the `onnx.GraphProto`; its input is `input_1`, in [0, 1], channels last.
        dropped: outputs of the nodes that are left out.

    Returns:
        The nodes, and the constants that they may use.

    Raises:
        TrainingError: the graph does not begin by putting the channels first.
    """
    from onnx import helper, numpy_helper

    constants = {item.name: numpy_helper.to_array(item) for item in source.initializer}
    first = next(node for node in source.node if "input_1" in node.input)
    if first.op_type != "Transpose":
        raise TrainingError(f"the converted graph begins with {first.op_type}, not with a Transpose to channels first")
    constants["half"] = np.array(0.5, np.float32)
    nodes = [
        helper.make_node("Mul", ["image", "half"], ["image.scaled"]),
        helper.make_node("Add", ["image.scaled", "half"], ["image.unit"]),
    ]
    for node in source.node:
        if node.output[0] in (first.output[0], *dropped):
            continue
        if node.op_type == "Cast" and node.input[0] in constants:  # widened again by `graph_of`
            constants[node.output[0]] = constants.pop(node.input[0]).astype(np.float32)
            continue
        copy = type(node)()
        copy.CopyFrom(node)
        for i, name in enumerate(copy.input):
            copy.input[i] = "image.unit" if name == first.output[0] else name
        nodes.append(copy)
    return nodes, constants


def graph_of(
    name: str, nodes: Sequence[Any], constants: dict[str, NDArray[Any]], side: int, outputs: Sequence[Any]
) -> Any:
    """Return a model of `image` (N, 3, side, side); large constants are stored in half precision."""
    from onnx import TensorProto, helper, numpy_helper

    used = {name for node in nodes for name in node.input}
    widened, initializers = [], []
    for key, value in constants.items():
        if key not in used:
            continue
        if value.dtype == np.float32 and value.size >= _HALF_FROM:
            initializers.append(numpy_helper.from_array(value.astype(np.float16), f"{key}.half"))
            widened.append(helper.make_node("Cast", [f"{key}.half"], [key], to=TensorProto.FLOAT))
        else:
            initializers.append(numpy_helper.from_array(value, key))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, side, side])
    return model_of(helper.make_graph([*widened, *nodes], name, [image], list(outputs), initializers))


def model_of(graph: Any) -> Any:
    """Return a graph as a model, in quick operators."""
    from onnx import helper

    from training.publish.operators import rewritten

    opset = [helper.make_opsetid("", _OPSET)]
    return rewritten(helper.make_model(graph, opset_imports=opset, ir_version=_IR, producer_name="imgedit"))


def run_command(
    name: str, model: str, what: str, export: Callable[[Path, Path, Path], str], arguments: list[str] | None = None
) -> int:
    """Run the command of a script that writes a model from a converted network; returns the exit code.

    Args:
        name: of the script, in `training.measure`.
        model: id of the bundled model.
        what: is written, for the help.
        export: takes the converted network, the licence and the model folder; returns by how much they differ.
        arguments: of the command line; None for those of the process.
    """
    parser = argparse.ArgumentParser(prog=f"python -m training.measure.{name}", description=f"write the {what}")
    bundled = Path(__file__).parents[2] / "imgedit" / "bundled" / model
    parser.add_argument(
        "converted", type=Path, help="the network as tf2onnx writes it, transposed convolutions rewritten"
    )
    parser.add_argument("licence", type=Path, help="LICENSE of the wheel")
    parser.add_argument("-o", "--output", type=Path, default=bundled, help="model folder (default: the bundled one)")
    options = parser.parse_args(arguments)

    def lines() -> Iterator[str]:
        found = export(options.converted, options.licence, options.output)
        yield f"differs from the converted graph by at most {found}"

    return printed(lines)
