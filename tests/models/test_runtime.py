from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imgedit.errors import ConfigError, ModelError
from imgedit.models import runtime

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


def test_a_missing_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx is missing"):
        runtime.Session(tmp_path / "none.onnx")


@pytest.mark.parametrize("device", ["", "gpu", "cuda:", "cuda:-1", "CPU", "tpu"])
def test_an_unknown_device_names_the_known_ones(device: str) -> None:
    with pytest.raises(ConfigError, match="auto, cpu, cuda, cuda:N"):
        runtime.providers(device)


def test_auto_is_the_cpu_where_no_gpu_is_and_cuda_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "gpu_count", lambda: 0)
    assert runtime.providers("auto") == ["CPUExecutionProvider"]
    for device in ("cuda", "cuda:3"):
        with pytest.raises(ConfigError, match="--device cpu"):
            runtime.providers(device)


def test_auto_takes_the_first_gpu_and_cuda_n_the_nth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "gpu_count", lambda: 2)
    monkeypatch.setattr(runtime, "_cuda_is_built_in", lambda: True)
    for device, number in (("auto", 0), ("cuda", 0), ("cuda:1", 1)):
        name, options = runtime.providers(device)[0]
        assert name == "CUDAExecutionProvider"
        assert options["device_id"] == number
    with pytest.raises(ConfigError, match="reports 2"):
        runtime.providers("cuda:2")


@pytest.mark.skipif(runtime.gpu_count() > 0, reason="a GPU is here")
def test_auto_falls_back_to_the_cpu_when_cuda_does_not_work(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runtime, "gpu_count", lambda: 1)
    monkeypatch.setattr(runtime, "_cuda_is_built_in", lambda: True)
    assert runtime.Session(affine_graph(), "auto").device == "cpu"
    with pytest.raises((ConfigError, ModelError)):
        runtime.Session(affine_graph(), "cuda")
    captured = capfd.readouterr()
    assert captured.err == ""


@pytest.mark.skipif(runtime.gpu_count() == 0, reason="no NVIDIA GPU here")
def test_cuda_gives_what_the_cpu_gives() -> None:
    x = np.random.default_rng(0).random((5, 3), dtype=np.float32)
    gpu = runtime.Session(affine_graph(), "cuda")
    assert gpu.device == "cuda"
    cpu = runtime.Session(affine_graph(), "cpu")
    feeds = {"x": x, "b": x[0]}
    assert np.allclose(gpu.run(feeds)["y"], cpu.run(feeds)["y"], atol=1e-6)


def test_threads_follow_omp_num_threads_and_else_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert runtime.default_threads() == 3
    for useless in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", useless)
        assert 1 <= runtime.default_threads() <= (os.cpu_count() or 1)


def test_loading_the_runtime_writes_nothing() -> None:
    code = "import imgedit.models.runtime as r; r.providers('auto')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr == ""
