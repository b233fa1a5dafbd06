"""Graphs in quick operators compute what they did."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from imgedit.errors import ModelError
from imgedit.models import library, manifest
from imgedit.models.manifest import GraphFile
from imgedit.models.runtime import Session
from training.publish import operators


def model(node: Any, channels: int, constants: dict[str, np.ndarray], opset: int = 18, *, is_flat: bool = False) -> Any:
    """Return one operator on `image`, as a graph."""
    shape: list[Any] = ["n", channels] if is_flat else ["n", channels, "h", "w"]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("image", "result")]
    arrays = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph([node], "one", values[:1], values[1:], arrays)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def softmax(channels: int, axis: int = 1, **options: Any) -> Any:
    return model(helper.make_node("Softmax", ["image"], ["result"], axis=axis), channels, {}, **options)


def run(graph: Any, image: np.ndarray) -> np.ndarray:
    return Session(graph.SerializeToString(), "cpu").run({"image": image})["result"]


def test_prelu_is_written_out_and_gives_the_same_numbers() -> None:
    slope = np.array([-1.5, 0.0, 0.3, 1.0, 2.7], np.float32).reshape(5, 1, 1)
    before = model(helper.make_node("PRelu", ["image", "slope"], ["result"]), 5, {"slope": slope})
    after = operators.rewritten(before)
    assert "PRelu" not in [node.op_type for node in after.graph.node]
    image = np.random.default_rng(0).normal(size=(2, 5, 9, 7)).astype(np.float32)
    image[0, :, 0, :3] = [0.0, 1e6, -1e6]
    np.testing.assert_array_equal(run(after, image), np.where(image < 0, slope * image, image))
    np.testing.assert_array_equal(run(after, image), run(before, image))


@pytest.mark.parametrize("opset", [13, 17, 18])
def test_softmax_over_channels_is_written_out_and_large_numbers_do_not_overflow(opset: int) -> None:
    after = operators.rewritten(softmax(4, opset=opset))
    assert "Softmax" not in [node.op_type for node in after.graph.node]
    image = np.random.default_rng(0).normal(size=(2, 4, 5, 6)).astype(np.float32)
    image[1] += 1e4
    power = np.exp(image.astype(np.float64) - image.max(1, keepdims=True))
    np.testing.assert_allclose(run(after, image), power / power.sum(1, keepdims=True), atol=1e-6)


def test_what_is_quick_already_stays_the_graph_that_it_is() -> None:
    for graph in (softmax(2), softmax(4, axis=3), softmax(4, is_flat=True)):
        assert operators.rewritten(graph) is graph


def test_bundled_graphs_have_no_slow_operators() -> None:
    for file in sorted(library.bundled_folder().glob("*/*.onnx")):
        graph = onnx.load(file)
        assert operators.rewritten(graph) is graph, file


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A model whose graph has an operator that is slow."""
    source = library.bundled_folder() / "face_parser.celebamask_hq"
    folder = shutil.copytree(source, tmp_path / source.name)
    path = folder / "parse.onnx"
    graph = model(helper.make_node("PRelu", ["image", "s"], ["result"]), 3, {"s": np.ones((3, 1, 1), np.float32)})
    path.write_bytes(graph.SerializeToString())
    stated = manifest.Manifest.from_json((folder / manifest.FILE).read_text())
    replace(stated, graphs={"parse": GraphFile.of(path)}).write(folder)
    return folder


def test_a_folder_is_rewritten_once_and_its_manifest_holds(slow: Path) -> None:
    assert operators.rewrite(slow) == {"parse": 0.0}
    manifest.verify(slow)
    assert operators.rewrite(slow) == {}


def test_a_graph_that_would_compute_something_else_is_left_alone(slow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (slow / "parse.onnx").read_bytes()
    monkeypatch.setattr(operators, "difference", lambda *_: float("nan"))
    with pytest.raises(ModelError, match="differs by nan"):
        operators.rewrite(slow)
    assert (slow / "parse.onnx").read_bytes() == before
