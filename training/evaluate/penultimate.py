"""What a classifier computes before its last layer: features in which sets of pictures are compared."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper

from imgedit.errors import ModelError
from imgedit.models.library import Model
from imgedit.pixels import Floats

__all__ = ["penultimate"]

_FEATURES = "features"
_AT_ONCE = 64


def penultimate(model: Model, role: str = "classify") -> Callable[[Floats], NDArray[np.float64]]:
    """Return what computes the input of a classifier's last linear layer.

    Args:
        model: a classifier of pictures alone.
        role: of its graph.

    Returns:
        `(N, 3, H, W)` in [-1, 1] -> `(N, F)`.

    Raises:
        ModelError: it has no linear layer.
    """
    loaded = onnx.load(model.folder / model.manifest.graphs[role].file)
    layers = [node for node in loaded.graph.node if node.op_type == "Gemm"]
    if not layers:
        raise ModelError(f"{model.id} has no linear layer whose input could be looked at")
    loaded.graph.node.append(helper.make_node("Identity", [layers[-1].input[0]], [_FEATURES]))
    loaded.graph.output.append(helper.make_tensor_value_info(_FEATURES, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(loaded.SerializeToString(), providers=["CPUExecutionProvider"])

    def look(images: Floats) -> NDArray[np.float64]:
        parts = [
            session.run([_FEATURES], {"image": images[i : i + _AT_ONCE]})[0] for i in range(0, len(images), _AT_ONCE)
        ]
        return np.concatenate(parts).astype(np.float64)

    return look
