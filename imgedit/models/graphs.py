"""What an ONNX graph may hold, read from its bytes before anything runs (standard library only).

Models come from anywhere, so a graph is refused if it could do more than arithmetic in a bounded number of steps:

- control flow (`If`, `Loop`, `Scan`, `SequenceMap`, or any node with a graph inside): it may never end;
- operators of other domains than ONNX's own, and functions that the file defines: they are not known;
- data in other files ("external data"): only the file itself was hashed;
- anything that is no ONNX file.

What a graph that passes may take of memory is bounded when it runs (`devices.MEMORY_LIMIT`, for models that are not
bundled), as shapes are often known only then: `Expand`, `Tile`, `ConstantOfShape`, repeated `Concat` and products of
long vectors all run into that bound. So is the time of each run (`guard.TIME_LIMIT`), and Ctrl-C ends it at once.

The file is a protocol buffer: https://protobuf.dev/programming-guides/encoding, field numbers of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgedit.errors import ModelError
from imgedit.text import printable

__all__ = ["check", "parameters"]

CONTROL_FLOW = {"If", "Loop", "Scan", "SequenceMap"}
DOMAINS = {"", "ai.onnx"}

# Field numbers.
_MODEL_GRAPH, _MODEL_OPSET, _MODEL_TRAINING, _MODEL_FUNCTION = 7, 8, 20, 25
_OPSET_DOMAIN = 1
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_ATTRIBUTE_SPARSE = {22, 23}
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 1, 2, 13, 14
_WEIGHTS = {1, 2, 3, 10, 11, 16}  # float32, uint8, int8, float16, float64, bfloat16
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def check(content: bytes, name: str) -> None:
    """Refuse a graph that could do more than bounded arithmetic on its own weights.

    Args:
        content: an ONNX file.
        name: what messages call it.

    Raises:
        ModelError: it is no ONNX file, or holds what is listed above.
    """
    try:
        problem = next(_problems(memoryview(content)), None)
    except (IndexError, ValueError) as error:
        raise ModelError(f"{name} cannot be loaded, get the model again: it is no ONNX graph") from error
    if problem is not None:
        raise ModelError(f"{name} is refused: it has {printable(problem)}, which models may not have")


def parameters(content: bytes) -> int:
    """Return how many numbers the weights of a graph are: its initializers and the tensors in its nodes.

    Raises:
        ModelError: it is no ONNX file.
    """
    try:
        return sum(_numbers(tensor) for tensor in _tensors(memoryview(content)))
    except (IndexError, ValueError) as error:
        raise ModelError("this is no ONNX graph") from error


def _tensors(model: memoryview) -> Iterator[memoryview]:
    graph = next((_message(value) for number, value in _fields(model) if number == _MODEL_GRAPH), memoryview(b""))
    for number, value in _fields(graph):
        if number == _GRAPH_INITIALIZER:
            yield _message(value)
        elif number == _GRAPH_NODE:
            for kind, attribute in _fields(_message(value)):
                if kind == _NODE_ATTRIBUTE:
                    yield from (_message(t) for n, t in _fields(_message(attribute)) if n == _ATTRIBUTE_TENSOR)


def _numbers(tensor: memoryview) -> int:
    """Return how many numbers a tensor of floating-point or 8-bit numbers has; 0 for others, which are no weights."""
    count, kind = 1, 0
    for number, value in _fields(tensor):
        if number == _TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number == _TENSOR_DIMS and isinstance(value, int):
            count *= value
        elif number == _TENSOR_DIMS:
            place, packed = 0, _message(value)
            while place < len(packed):
                size, place = _varint(packed, place)
                count *= size
    return count if kind in _WEIGHTS else 0


def _problems(model: memoryview) -> Iterator[str]:
    has_graph = False
    for number, value in _fields(model):
        if number == _MODEL_GRAPH:
            has_graph = True
            yield from _in_graph(_message(value))
        elif number == _MODEL_OPSET:
            domains = [_text(v) for n, v in _fields(_message(value)) if n == _OPSET_DOMAIN]
            yield from (f"operators of the domain {d[:60]!r}" for d in domains if d not in DOMAINS)
        elif number == _MODEL_FUNCTION:
            yield "functions of its own"
        elif number == _MODEL_TRAINING:
            yield "graphs for training"
    if not has_graph:
        raise ValueError("there is no graph")


def _in_graph(graph: memoryview) -> Iterator[str]:
    for number, value in _fields(graph):
        if number == _GRAPH_NODE:
            yield from _in_node(_message(value))
        elif number == _GRAPH_INITIALIZER:
            yield from _in_tensor(_message(value))
        elif number == _GRAPH_SPARSE:
            yield "sparse weights"


def _in_node(node: memoryview) -> Iterator[str]:
    operator = ""
    for number, value in _fields(node):
        if number == _NODE_OPERATOR:
            operator = _text(value)
            if operator in CONTROL_FLOW:
                yield f"the operator {operator}"
        elif number == _NODE_DOMAIN and _text(value) not in DOMAINS:
            yield f"an operator of the domain {_text(value)[:60]!r}"
        elif number == _NODE_ATTRIBUTE:
            for kind, item in _fields(_message(value)):
                if kind in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                    yield "a graph inside a node"
                elif kind in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                    yield from _in_tensor(_message(item))
                elif kind in _ATTRIBUTE_SPARSE:
                    yield "sparse weights"


def _in_tensor(tensor: memoryview) -> Iterator[str]:
    for number, value in _fields(tensor):
        if number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value != 0):
            yield "weights in another file"


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Yield number and value of each field of a message; of numbers, only those stored as varints are read."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == _BYTES:
            length, place = _varint(message, place)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if place + length > len(message):
            raise ValueError("the message ends early")
        if kind == _BYTES:
            yield number, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, the lowest first; return it with the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("a number of more than 64 bits")


def _message(value: memoryview | int) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number stands in place of a message")
    return value


def _text(value: memoryview | int) -> str:
    return _message(value).tobytes().decode("utf-8", "replace")
