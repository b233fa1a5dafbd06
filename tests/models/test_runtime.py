from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imgedit.errors import ModelError
from imgedit.models import devices, runtime, together

onnx = pytest.importorskip("onnx")


def affine_graph() -> bytes:
    """Return a graph y = 2 x + b for x (N, 3) and b (3)."""
    helper, kinds = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["x", "two"], ["double"]),
            helper.make_node("Add", ["double", "b"], ["y"]),
        ],
        "affine",
        [
            helper.make_tensor_value_info("x", kinds.FLOAT, ["n", 3]),
            helper.make_tensor_value_info("b", kinds.FLOAT, [3]),
        ],
        [
            helper.make_tensor_value_info("y", kinds.FLOAT, ["n", 3]),
            helper.make_tensor_value_info("double", kinds.FLOAT, ["n", 3]),
        ],
        [helper.make_tensor("two", kinds.FLOAT, [1], [2.0])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def rows_graph() -> bytes:
    """Return a graph y = 2 x for x (N, 3)."""
    helper, kinds = onnx.helper, onnx.TensorProto
    ends = [helper.make_tensor_value_info(name, kinds.FLOAT, ["n", 3]) for name in "xy"]
    two = helper.make_tensor("two", kinds.FLOAT, [1], [2.0])
    graph = helper.make_graph([helper.make_node("Mul", ["x", "two"], ["y"])], "rows", ends[:1], ends[1:], [two])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def session() -> runtime.Session:
    return runtime.Session(affine_graph(), device="cpu", threads=1)


@pytest.mark.parametrize("n", [1, 4])
def test_run_gives_the_graphs_arithmetic_for_any_batch(session: runtime.Session, n: int) -> None:
    x = np.arange(3 * n, dtype=np.float64).reshape(n, 3)  # float64 is brought to the graph's float32
    b = np.array([1, 2, 3])
    result = session.run({"x": x, "b": b})
    assert list(result) == ["y", "double"]
    assert np.array_equal(result["y"], 2 * x + b)
    assert result["y"].dtype == np.float32


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_graph_that_returns_half_precision_is_held_to_the_same_bounds(value: float) -> None:
    helper, half = onnx.helper, onnx.TensorProto.FLOAT16
    ends = [helper.make_tensor_value_info(name, half, ["n"]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "half", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = runtime.Session(bytes(model.SerializeToString()), device="cpu", threads=1)
    assert session.run({"x": np.array([65504.0])})["y"] == np.float16(65504.0)
    with pytest.raises(ModelError, match="not finite"):
        session.run({"x": np.array([1.0, value])})


def test_run_returns_only_the_outputs_asked_for(session: runtime.Session) -> None:
    x = np.ones((1, 3), np.float32)
    assert list(session.run({"x": x, "b": x[0]}, ["double"])) == ["double"]


def test_a_session_tells_its_inputs_outputs_and_device(session: runtime.Session) -> None:
    assert session.inputs == {"x": (None, 3), "b": (3,)}
    assert session.outputs == ["y", "double"]
    assert session.device == "cpu"


@pytest.mark.parametrize(
    ("feeds", "outputs", "message"),
    [
        ({"x": np.ones((1, 3))}, None, r"takes \['b', 'x'\]"),
        ({"x": np.ones((1, 3)), "b": np.ones(3), "c": np.ones(3)}, None, r"not \['b', 'c', 'x'\]"),
        ({"x": np.ones((1, 4)), "b": np.ones(3)}, None, r"'x' has shape \(any, 3\), not \(1, 4\)"),
        ({"x": np.ones(3), "b": np.ones(3)}, None, r"'x' has shape \(any, 3\), not \(3,\)"),
        ({"x": np.ones((1, 3)), "b": np.ones(3)}, ["z"], r"has outputs \['y', 'double'\], not \['z'\]"),
    ],
)
def test_wrong_inputs_and_outputs_are_named(
    session: runtime.Session, feeds: dict[str, np.ndarray], outputs: list[str] | None, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        session.run(feeds, outputs)


def test_a_graph_is_read_from_a_file_with_any_name(tmp_path: Path) -> None:
    path = tmp_path / "a gráph ü.onnx"
    path.write_bytes(affine_graph())
    x = np.ones((1, 3), np.float32)
    assert np.array_equal(runtime.Session(path, "cpu").run({"x": x, "b": x[0]})["y"], 3 * x)


@pytest.mark.parametrize("content", [b"", b"not a graph", affine_graph()[:-20]])
def test_a_damaged_graph_is_a_model_error_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.onnx") as caught:
        runtime.Session(path, "cpu")
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError):
        runtime.Session(content, "cpu")


def test_a_graph_that_cannot_be_loaded_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    node = onnx.load_model_from_string(one_output("Exp"))
    node.graph.node[0].name = "name"
    content = node.SerializeToString().replace(b"Exp", b"E\xffp")  # no text, which makes ONNX Runtime try again aloud
    with pytest.raises(ModelError, match="cannot be loaded"):
        runtime.Session(content, "cpu")
    assert capfd.readouterr() == ("", "")


def test_a_missing_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx is missing"):
        runtime.Session(tmp_path / "none.onnx")


@pytest.mark.skipif(devices.gpu_count() == 0, reason="no NVIDIA GPU here")
def test_cuda_gives_what_the_cpu_gives() -> None:
    x = np.random.default_rng(0).random((5, 3), dtype=np.float32)
    gpu = runtime.Session(affine_graph(), "cuda")
    assert gpu.device == "cuda"
    cpu = runtime.Session(affine_graph(), "cpu")
    feeds = {"x": x, "b": x[0]}
    assert np.allclose(gpu.run(feeds)["y"], cpu.run(feeds)["y"], atol=1e-6)


def one_output(operator: str, **attributes: object) -> bytes:
    """A graph y = operator(x) for x of any length."""
    helper, kinds = onnx.helper, onnx.TensorProto
    x, y = (helper.make_tensor_value_info(name, kinds.FLOAT, ["n"]) for name in "xy")
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], **attributes)], "one", [x], [y])
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    )


@pytest.mark.parametrize(("operator", "x"), [("Log", -1.0), ("Log", 0.0), ("Exp", 1000.0), ("Sqrt", -1.0)])
def test_numbers_that_are_not_finite_are_refused(operator: str, x: float) -> None:
    session = runtime.Session(one_output(operator), "cpu", name="a.b: translate")
    assert session.run({"x": np.ones(3, np.float32)})["y"].shape == (3,)
    with pytest.raises(ModelError, match=r"a\.b: translate returned numbers in 'y' that are not finite"):
        session.run({"x": np.array([1.0, x, 1.0], np.float32)})


def test_numbers_beyond_all_bounds_are_refused() -> None:
    session = runtime.Session(one_output("Exp"), "cpu", name="a.b: translate")
    assert session.run({"x": np.array([20.0], np.float32)})["y"] == pytest.approx([np.exp(20.0)])
    with pytest.raises(ModelError, match=r"a\.b: translate returned numbers in 'y' beyond all bounds"):
        session.run({"x": np.array([21.0], np.float32)})


def test_an_output_that_is_empty_though_no_input_is_is_refused() -> None:
    helper, kinds = onnx.helper, onnx.TensorProto
    x, y = (helper.make_tensor_value_info(name, kinds.FLOAT, ["n"]) for name in "xy")
    ends = [helper.make_tensor(name, kinds.INT64, [1], [0]) for name in ("start", "end")]
    graph = helper.make_graph([helper.make_node("Slice", ["x", "start", "end"], ["y"])], "none", [x], [y], ends)
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    with pytest.raises(ModelError, match=r"empty 'y' of shape \(0,\)"):
        runtime.Session(content, "cpu").run({"x": np.ones(3, np.float32)})
    assert runtime.Session(one_output("Exp"), "cpu").run({"x": np.ones(0, np.float32)})["y"].shape == (0,)


def test_loading_the_runtime_writes_nothing() -> None:
    code = "import imgedit.models.runtime, imgedit.models.devices as d; d.providers('auto')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr == ""


def test_a_graph_whose_inputs_and_outputs_are_rows_runs_once_for_tasks_side_by_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = runtime.Session(rows_graph(), device="cpu", threads=1)
    assert session.takes_rows
    runs = []
    computed = session._computed
    monkeypatch.setattr(session, "_computed", lambda *args: runs.append(1) or computed(*args))
    rows = [np.full((n, 3), n, np.float32) for n in (1, 2)]
    found = together.side_by_side([lambda x=x: session.run({"x": x})["y"] for x in rows])
    assert [np.array_equal(y, 2 * x) for x, y in zip(rows, found, strict=True)] == [True, True]
    assert len(runs) == 1


def test_an_input_that_is_no_rows_keeps_runs_apart(session: runtime.Session) -> None:
    assert not session.takes_rows  # b is one vector for all
    tasks = [lambda v=v: session.run({"x": np.ones((1, 3)), "b": np.full(3, v)})["y"][0, 0] for v in (1.0, 5.0)]
    assert together.side_by_side(tasks) == [3.0, 7.0]


def test_a_foreign_graph_runs_for_each_task_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    session = runtime.Session(rows_graph(), device="cpu", threads=1, is_limited=True)
    lengths = []
    computed = session._computed
    monkeypatch.setattr(session, "_computed", lambda wanted, x: lengths.append(len(x["x"])) or computed(wanted, x))
    together.side_by_side([lambda: session.run({"x": np.ones((1, 3))})] * 2)
    assert lengths == [1, 1]
