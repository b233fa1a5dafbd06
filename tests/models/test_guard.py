"""Graphs from elsewhere: whatever they compute, Ctrl-C and the clock end the waiting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import imgedit
from imgedit.errors import ModelError
from imgedit.models import graphs, guard
from imgedit.models.runtime import Session

ROOT = Path(imgedit.__file__).parent.parent


def products(n: int, count: int, *, of_constants: bool) -> bytes:
    """Return a graph that multiplies `count` matrices `(n, n)` for one number; `count` * 2 n^3 operations."""
    fill = helper.make_tensor("value", TensorProto.FLOAT, [1], [1e-9])
    nodes = [helper.make_node("ConstantOfShape", ["size"], ["c"], value=fill)]
    last = "c"
    if not of_constants:
        nodes += [helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0), helper.make_node("Add", ["c", "m"], ["d"])]
        last = "d"
    for i in range(count):
        nodes.append(helper.make_node("MatMul", [last, "c"], [f"p{i}"]))
        last = f"p{i}"
    nodes += [helper.make_node("ReduceMean", [last], ["r"], keepdims=0), helper.make_node("Add", ["x", "r"], ["y"])]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1]) for name in "xy"]
    sizes = [numpy_helper.from_array(np.array([n, n], np.int64), "size")]
    graph = helper.make_graph(nodes, "products", values[:1], values[1:], sizes)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content = bytes(model.SerializeToString())
    graphs.check(content, "a graph that may be loaded")
    return content


X = {"x": np.zeros((1, 1), np.float32)}


@pytest.mark.parametrize("of_constants", [False, True])
def test_a_run_that_takes_too_long_is_ended(of_constants: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "TIME_LIMIT", 2.0)
    session = Session(products(1000, 2000, of_constants=of_constants), "cpu", 1, name="m: role", is_limited=True)
    start = time.monotonic()
    with pytest.raises(ModelError, match=r"^m: role took more than 2 s"):
        session.run(X)
    assert time.monotonic() - start < 10.0
    for thread in [one for one in threading.enumerate() if one.name == "m: role"]:
        thread.join(20.0)  # the product at hand ends first, which takes a while beside other work
        assert not thread.is_alive()  # ONNX Runtime stopped too


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_leaves_a_node_that_cannot_be_stopped_and_the_process_ends(tmp_path: Path) -> None:
    (tmp_path / "g.onnx").write_bytes(
        products(9_000, 3, of_constants=False)
    )  # seconds for each node, within the limit of memory
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it\n"
        "import numpy as np; from imgedit.models import guard; from imgedit.models.runtime import Session\n"
        "session = Session(open('g.onnx', 'rb').read(), 'cpu', is_limited=True)\n"
        "print('loaded', flush=True)\n"
        "try: session.run({'x': np.zeros((1, 1), np.float32)})\n"
        "except KeyboardInterrupt: guard.leave(130)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "loaded\n"
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, err) == (130, "")


def test_a_run_in_time_gives_its_results_and_its_errors() -> None:
    session = Session(products(4, 1, of_constants=False), "cpu", 1, name="m: role", is_limited=True)
    assert session.run(X)["y"].tolist() == [[pytest.approx(4e-18)]]
    with pytest.raises(ZeroDivisionError):
        guard.in_time(lambda: 1 // 0, lambda: None, "division")


def test_leaving_is_an_exit_as_any_other_where_nothing_runs_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    ended: list[int] = []
    monkeypatch.setattr(guard, "_left", [done])
    monkeypatch.setattr(guard.os, "_exit", ended.append)
    guard.leave(3)
    assert ended == [3]
    done.set()
    with pytest.raises(SystemExit) as end:
        guard.leave(4)
    assert (end.value.code, ended) == (4, [3])
