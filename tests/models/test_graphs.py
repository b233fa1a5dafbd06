"""Graphs that could do more than bounded arithmetic are refused in one line before they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgedit.errors import ModelError
from imgedit.models import graphs, library
from imgedit.models.sessions import Sessions
from tests import toy_models as models

onnx = pytest.importorskip("onnx")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT


def graph_of(nodes: list[Any], *weights: Any) -> Any:
    """A graph from `x` (1) to `y`."""
    x = helper.make_tensor_value_info("x", FLOAT, [1])
    return helper.make_graph(nodes, "test", [x], [helper.make_tensor_value_info("y", FLOAT, None)], list(weights))


def model_of(graph: Any, domains: tuple[str, ...] = ("",), **more: Any) -> Any:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(d, 17) for d in domains], ir_version=8, **more)


def identity() -> Any:
    return helper.make_node("Identity", ["x"], ["y"])


def with_a_body(operator: str) -> Any:
    node = helper.make_node(operator, ["x"], ["y"])
    node.attribute.append(helper.make_attribute("body", graph_of([identity()])))
    return node


def elsewhere() -> Any:
    tensor = onnx.numpy_helper.from_array(np.ones(1, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return tensor


def test_bundled_and_toy_models_pass(tmp_path: Path) -> None:
    made = [models.hair(tmp_path / "a"), models.bangs(tmp_path / "b"), models.generator(tmp_path / "c")]
    bundled = [library.bundled(folder.name) for folder in library.bundled_folder().iterdir() if folder.is_dir()]
    assert len(bundled) > 10
    for model in made + bundled:
        for role in model.manifest.graphs:
            model.read(role)


@pytest.mark.parametrize("operator", ["Loop", "If", "Scan", "SequenceMap"])
def test_control_flow_is_refused_by_name(operator: str) -> None:
    content = model_of(graph_of([helper.make_node(operator, ["x"], ["y"])])).SerializeToString()
    with pytest.raises(ModelError, match=f"a model: translate is refused: it has the operator {operator}"):
        graphs.check(content, "a model: translate")


def constant_elsewhere() -> Any:
    return helper.make_node("Constant", [], ["w"], value=elsewhere())


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (model_of(graph_of([with_a_body("Identity")])), "a graph inside a node"),
        (model_of(graph_of([identity()]), ("", "com.microsoft")), "the domain 'com.microsoft'"),
        (model_of(graph_of([helper.make_node("Identity", ["x"], ["y"], domain="evil\x1b[2J")])), r"'evil\\x1b\[2J'"),
        (model_of(graph_of([identity()], elsewhere())), "weights in another file"),
        (model_of(graph_of([constant_elsewhere(), identity()])), "weights in another file"),
        (
            model_of(
                graph_of([identity()]),
                functions=[helper.make_function("own", "f", ["x"], ["y"], [identity()], [helper.make_opsetid("", 17)])],
            ),
            "functions of its own",
        ),
    ],
)
def test_what_is_more_than_arithmetic_is_refused(model: Any, says: str) -> None:
    with pytest.raises(ModelError, match=says) as caught:
        graphs.check(model.SerializeToString(), "a model")
    assert str(caught.value).isprintable()


def test_a_refused_graph_is_not_opened(tmp_path: Path) -> None:
    model = models.face(tmp_path / "model")
    (model.folder / "translate.onnx").write_bytes(model_of(graph_of([with_a_body("Loop")])).SerializeToString())
    model = models.save_model(
        model.folder, id="a.b", kind="classify", crop=model.manifest.crop, attributes=("A",), output="none"
    )
    with pytest.raises(ModelError, match=r"a\.b: translate is refused: it has the operator Loop"):
        Sessions("cpu").open(model, "translate")


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"\x00" * 40, b"\xff" * 40, b"ORTM" * 20, b"\x0a\xff\xff\xff\x0f"]
)
def test_what_is_no_graph_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="is no ONNX graph"):
        graphs.check(content, "a model")


def test_a_graph_cut_anywhere_is_refused_or_harmless() -> None:
    content = model_of(graph_of([with_a_body("Loop")])).SerializeToString()
    for end in range(len(content)):
        with pytest.raises(ModelError):
            graphs.check(content[:end], "a model")


BIG = np.array([28_000, 28_000], np.int64)  # 3.1 GB of float32


def bombs() -> dict[str, Any]:
    """Graphs that need more than 3 GB, each with few bytes."""
    array = onnx.numpy_helper.from_array
    total = helper.make_node("ReduceSum", ["big"], ["y"], keepdims=0)
    doubled, last = [], "x"
    for i in range(31):
        doubled.append(helper.make_node("Concat", [last, last], [f"c{i}"], axis=0))
        last = f"c{i}"
    row, column = np.ones((1, 28_000), np.float32), np.ones((28_000, 1), np.float32)
    return {
        "Expand": graph_of([helper.make_node("Expand", ["x", "s"], ["big"]), total], array(BIG, "s")),
        "Tile": graph_of(
            [helper.make_node("Tile", ["row", "s"], ["big"]), total],
            *(array(np.array([28_000, 1]), "s"), array(row, "row")),
        ),
        "ConstantOfShape": graph_of([helper.make_node("ConstantOfShape", ["s"], ["big"]), total], array(BIG, "s")),
        "Add": graph_of(
            [helper.make_node("Add", ["row", "column"], ["big"]), total], array(row, "row"), array(column, "column")
        ),
        "Concat": graph_of([*doubled[:30], helper.make_node("ReduceSum", ["c29"], ["y"], keepdims=0)]),
    }


@pytest.mark.parametrize("name", ["Expand", "Tile", "ConstantOfShape", "Add", "Concat"])
def test_a_graph_that_wants_more_memory_than_models_may_have_fails_in_one_line(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "classify.onnx").write_bytes(model_of(bombs()[name]).SerializeToString())
    model = models.save_model(folder, id="bomb.test", kind="classify", crop=models.Crop("face", 8, 8))
    with pytest.raises(ModelError, match=r"bomb\.test: classify .*it needs more than 2 GiB of memory"):
        Sessions("cpu").open(model, "classify").run({"x": np.ones(1, np.float32)})
    # What is limited goes on working for others.
    face = models.face(tmp_path / "face")
    session = Sessions("cpu").open(face, "translate")
    session.run({"image": np.zeros((1, 3, 64, 64), np.float32), "edit": np.zeros((1, 2), np.float32)})
