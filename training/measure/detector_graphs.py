"""Graphs of MTCNN's three nets, written node by node in operators that ONNX Runtime is quick at on processors.

The nets are small and regular, so their graphs are written here; they stay the same whichever exporter a torch release
prefers. They compute what facenet-pytorch's modules compute, up to rounding. Three rules keep ONNX Runtime from
rearranging pictures in memory between two convolutions, which took longer than the convolutions themselves:

- Channels are filled up with zeros to a multiple of 16, what a vector register holds.
- PRelu, which ONNX Runtime knows in no quick form, is written with convolutions of one weight a channel,
  `prelu(x) = x + (1 - slope) relu(-x)`; both convolutions take the operator after them into themselves.
- P-Net's first PRelu comes after the pool, where a quarter of the values is left. With a slope of at least 0 it rises
  all along, and `pool(prelu(x)) = prelu(pool(x))`. Below 0, `prelu(x) = max(x, slope x)`, so that
  `pool(prelu(x)) = max(p, q) = p + relu(q - p)` with `p = pool(x)` and `q = pool(slope x)`; the convolution before
  gives `slope x` in channels that would be zeros. (R-Net and O-Net, with more channels, would lose by that.)

Reference:
    Zhang et al. 2016, "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks".
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["SIDES", "build"]

Array = np.ndarray[Any, Any]

SIDES = {"pnet": None, "rnet": 24, "onet": 48}
"""Role to the side of its input, px; None: any."""
_OPSET, _IR = 17, 8  # read by every ONNX Runtime since 1.12
_BLOCK = 16  # channels that ONNX Runtime computes together, with AVX-512; 8, also a divisor, with less
# Role to the side of the pool after each convolution, px; 0: none. Pools take every second place and round up.
_POOLS = {"pnet": (2, 0, 0), "rnet": (3, 3, 0), "onet": (3, 3, 2, 0)}
# Role to the module of its first dense layer, and output name to the module of each head.
_DENSE = {"rnet": "dense4", "onet": "dense5"}
_HEADS = {
    "rnet": {"probability": "dense5_1", "box": "dense5_2"},
    "onet": {"probability": "dense6_1", "box": "dense6_2", "landmarks": "dense6_3"},
}


class _Writer:
    """Nodes and constants of a graph."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: Array) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **settings: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [output], **settings))
        return output

    def conv(self, x: str, output: str, weight: Array, bias: Array | None = None, *, group: int = 1) -> str:
        names = [self.constant(f"{output}.weight", weight)]
        if bias is not None:
            names.append(self.constant(f"{output}.bias", bias))
        return self.node("Conv", [x, *names], output, group=group)

    def scale(self, x: str, output: str, factors: Array) -> str:
        """Multiply each channel by its factor."""
        return self.conv(x, output, factors[:, None, None, None], group=len(factors))

    def pool(self, x: str, output: str, side: int) -> str:
        return self.node("MaxPool", [x], output, kernel_shape=[side, side], strides=[2, 2], ceil_mode=1)

    def prelu(self, x: str, name: str, slopes: Array) -> str:
        """Return `x + (1 - slope) relu(-x)`; channels beyond the slopes, which are 0, stay."""
        factors = _filled(1.0 - slopes)
        below = self.node("Relu", [self.scale(x, f"{name}.minus", -np.ones(len(factors)))], f"{name}.below")
        return self.node("Add", [self.scale(below, f"{name}.scaled", factors), x], name)

    def first_pooled(self, weight: Array, bias: Array, slopes: Array) -> tuple[str, Array, int]:
        """Write convolution, PRelu and 2x2 pool of the picture, the PRelu last.

        Returns:
            The result, the order of the channels in it, and how many it has with those that do not count.
        """
        order = np.argsort(slopes >= 0, kind="stable")
        weight, bias, slopes = weight[order], bias[order], slopes[order]
        n, bent = len(slopes), int((slopes < 0).sum())  # channels; those with a slope below 0, which come first
        below = slopes[:bent]
        weight = np.concatenate([weight, below[:, None, None, None] * weight[:bent]])
        bias = np.concatenate([bias, below * bias[:bent]])
        x = self.conv("image", "conv1", _filled(weight), _filled(bias))
        pooled = self.pool(x, "pool1", 2)
        size = len(_filled(bias))
        mix, factors = np.zeros((size, size)), np.zeros(size)
        for i in range(n):
            mix[i, i] = -1
            if i < bent:
                mix[i, n + i] = 1  # q - p
            factors[i] = 1 if i < bent else 1 - slopes[i]
        mixed = self.node("Relu", [self.conv(pooled, "prelu1.mixed", mix[:, :, None, None])], "prelu1.below")
        return self.node("Add", [self.scale(mixed, "prelu1.scaled", factors), pooled], "prelu1"), order, size


def _filled(values: Array, axis: int = 0) -> Array:
    """Fill an axis up with zeros to a multiple of `_BLOCK`."""
    missing = -values.shape[axis] % _BLOCK
    return np.pad(values, [(0, missing if i == axis else 0) for i in range(values.ndim)])


def build(role: str, net: Any) -> Any:
    """Write one net as an ONNX model.

    Args:
        role: `pnet`, `rnet` or `onet`.
        net: The facenet-pytorch module with its weights.

    Returns:
        An `onnx.ModelProto` with input `image`. P-Net's output is `proposal` `(N, 5, h, w)`: the logit of a face
        against no face, then four corrections of the box; those of the others are `probability`, `box` and O-Net's
        `landmarks`.
    """
    from onnx import TensorProto, helper

    from training.publish.operators import rewritten

    weights = {name: value.detach().numpy().astype(np.float64) for name, value in net.state_dict().items()}
    writer = _Writer()
    outputs = _pnet(writer, weights) if role == "pnet" else _crop_net(writer, weights, role)
    side = SIDES[role]
    sides: list[Any] = ["height", "width"] if side is None else [side, side]
    free: list[Any] = ["rows", "columns"] if side is None else []
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, *sides])
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", n, *free]) for name, n in outputs.items()]
    graph = helper.make_graph(writer.nodes, role, [image], infos, writer.constants)
    opset = [helper.make_opsetid("", _OPSET)]
    return rewritten(helper.make_model(graph, opset_imports=opset, ir_version=_IR, producer_name="imgedit"))


def _parts(weights: dict[str, Array], module: str) -> tuple[Array, Array]:
    return weights[f"{module}.weight"], weights[f"{module}.bias"]


def _pnet(writer: _Writer, weights: dict[str, Array]) -> dict[str, int]:
    """Write P-Net; returns output name to channels."""
    x, order, size = writer.first_pooled(*_parts(weights, "conv1"), weights["prelu1.weight"])
    weight, bias = _parts(weights, "conv2")
    unused = [(0, 0), (0, size - len(order)), (0, 0), (0, 0)]
    x = writer.conv(x, "conv2", _filled(np.pad(weight[:, order], unused)), _filled(bias))
    x = writer.prelu(x, "prelu2", weights["prelu2.weight"])
    weight, bias = _parts(weights, "conv3")
    x = writer.conv(x, "conv3", _filled(_filled(weight), axis=1), _filled(bias))
    x = writer.prelu(x, "prelu3", weights["prelu3.weight"])
    (of_face, face_bias), (of_box, box_bias) = _parts(weights, "conv4_1"), _parts(weights, "conv4_2")
    head = np.concatenate([of_face[1:] - of_face[:1], of_box])
    writer.conv(x, "proposal", head, np.concatenate([face_bias[1:] - face_bias[:1], box_bias]))
    return {"proposal": len(head)}


def _crop_net(writer: _Writer, weights: dict[str, Array], role: str) -> dict[str, int]:
    """Write R-Net or O-Net; returns output name to values a crop."""
    x = "image"
    for number, side in enumerate(_POOLS[role], 1):
        weight, bias = _parts(weights, f"conv{number}")
        filled = _filled(weight) if x == "image" else _filled(_filled(weight), axis=1)
        x = writer.conv(x, f"conv{number}", filled, _filled(bias))
        x = writer.prelu(x, f"prelu{number}", weights[f"prelu{number}.weight"])
        x = writer.pool(x, f"pool{number}", side) if side else x
    x = writer.node("Flatten", [x], "flat", axis=1)
    dense = _DENSE[role]
    weight, bias = _parts(weights, dense)
    # The Caffe model flattens columns first, channels last.
    channels = len(weights[f"conv{len(_POOLS[role])}.bias"])
    side = round((weight.shape[1] / channels) ** 0.5)
    weight = weight.reshape(-1, side, side, channels).transpose(0, 3, 2, 1).reshape(len(weight), -1)
    names = [writer.constant(f"{dense}.weight", weight), writer.constant(f"{dense}.bias", bias)]
    x = writer.node("Gemm", [x, *names], dense, transB=1)
    slopes = writer.constant("slopes", weights[dense.replace("dense", "prelu") + ".weight"])
    x = writer.node("PRelu", [x, slopes], "prelu")
    outputs = {}
    for output, module in _HEADS[role].items():
        weight, bias = _parts(weights, module)
        names = [writer.constant(f"{module}.weight", weight), writer.constant(f"{module}.bias", bias)]
        is_probability = output == "probability"
        found = writer.node("Gemm", [x, *names], f"{output}.logits" if is_probability else output, transB=1)
        if is_probability:
            writer.node("Softmax", [found], output, axis=1)
        outputs[output] = len(bias)
    return outputs
