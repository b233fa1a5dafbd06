"""What `imgedit benchmark` measures: ratios within wide limits, and counts that are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from typer.testing import CliRunner

import imgedit
from imgedit import speed
from imgedit.errors import ConfigError
from imgedit.models import graphs, library
from imgedit.vision import faces
from tests.command_line import app


def run(*args):
    done = CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=False, prog_name="imgedit")
    return done.exit_code, done.stdout, done.stderr


def graph_of(node, inputs, output, weights):
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        [onnx.numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


@pytest.mark.parametrize(
    ("node", "shape", "output", "weights", "expected"),
    [
        # 3x3, stride 2: 8 x 8 places of 6 channels, each of 4 * 9 products
        (helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1], strides=[2, 2]), [1, 4, 16, 16], [1, 6, 8, 8],
         {"w": (6, 4, 3, 3)}, 64 * 6 * 36),
        (helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1], group=4), [1, 4, 16, 16], [1, 4, 16, 16],
         {"w": (4, 1, 3, 3)}, 256 * 4 * 9),
        # every pixel goes into 5 channels of 2 x 2 places
        (helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2]), [1, 3, 8, 8], [1, 5, 16, 16],
         {"w": (3, 5, 2, 2)}, 64 * 3 * 20),
        (helper.make_node("Gemm", ["x", "w"], ["y"]), [2, 7], [2, 5], {"w": (7, 5)}, 2 * 7 * 5),
        (helper.make_node("MatMul", ["x", "w"], ["y"]), [2, 3, 7], [2, 3, 5], {"w": (7, 5)}, 2 * 3 * 7 * 5),
        (helper.make_node("Relu", ["x"], ["y"]), [1, 9], [1, 9], {}, 0),
    ],
)  # fmt: skip
def test_multiplications_are_counted(node, shape, output, weights, expected):
    content = graph_of(node, {"x": shape}, output, weights)
    assert speed.macs(content, {"x": np.zeros(shape, np.float32)}) == expected
    assert graphs.parameters(content) == sum(int(np.prod(size)) for size in weights.values())


def test_parameters_are_those_that_onnx_counts():
    content = library.bundled("mtcnn.facenet").read("onet")
    made = onnx.load_from_string(content)
    floats = [t for t in made.graph.initializer if t.data_type == TensorProto.FLOAT]
    held = [a.t for node in made.graph.node for a in node.attribute if a.HasField("t")]
    floats += [t for t in held if t.data_type == TensorProto.FLOAT]
    assert graphs.parameters(content) == sum(int(np.prod(t.dims)) for t in floats) > 100_000


@pytest.mark.parametrize("count", speed.FACES)
def test_the_pictures_show_as_many_faces_as_they_say(count):
    assert len(faces.pick(faces.search(speed.scene(count, *speed.SIZE), device="cpu"))) == count


def test_a_start_and_a_folder_are_measured_within_wide_limits():
    told = json.loads(
        run("benchmark", "start", "folder", "--photos", 4, "--repeats", 1, "--device", "cpu", "--json")[1]
    )
    assert set(told) == {"kind", "model", "command", "machine", "start", "folder"}
    assert told["machine"]["device"] == "cpu"
    assert told["kind"] == "benchmark"
    assert told["model"] == f"imgedit {imgedit.__version__}"
    assert told["start"]["--help, times that of an empty application"] < 3
    assert told["start"]["first edit, 1920x1080"] > told["start"]["--help"]
    folder = told["folder"]
    assert folder["photos"] == 4
    assert 0.2 < folder["share of cores times one job's rate"] < 2
    assert all(value > 0 for name, value in folder.items() if "a second" in name)
    if Path("/proc/self/statm").is_file():
        before, after = folder["memory after a quarter and at the end, MB, jobs: 1"]
        assert 0 < after < before + 200


def test_edits_cost_more_with_more_faces_and_pixels_but_not_as_many_times_more(monkeypatch):
    monkeypatch.setattr(speed, "FACES", (1, 4))  # the usual ones take half a minute
    monkeypatch.setattr(speed, "SIZE", (960, 540))
    monkeypatch.setattr(speed, "LARGE", (1920, 1080))
    told = speed.measure(["edits"], repeats=1, device="cpu")["edits"]
    assert told["faces found of 4"] == 4
    assert 0.5 < told["translate --attr blond, faces: 4"] / told["translate --attr blond, faces: 1"] < 6
    assert 0.3 < told["1920x1080, times 960x540"] < 4  # four times the pixels


def test_detection_costs_more_on_larger_photos_but_no_more_than_their_pixels(monkeypatch):
    monkeypatch.setattr(speed, "DETECTION", (240, 480))  # the usual ones take half a minute
    told = json.loads(run("benchmark", "detection", "--repeats", 3, "--device", "cpu", "--json")[1])["detection"]
    assert 1 < told["480p"] / told["240p"] < 16  # four times the pixels
    pytest.importorskip("facenet_pytorch")
    assert told["480p, times facenet-pytorch's rate"] > 0.3  # torch is much slower where other processes run


def test_a_graph_is_also_given_eight_pictures_where_it_takes_any_number(monkeypatch):
    names = ("hair_judge.celeba", "hair_tones.celebamask_hq")
    monkeypatch.setattr(speed.library, "folders", lambda: [library.bundled(name).folder for name in names])
    told = speed.measure(["models"], repeats=1, device="cpu")["models"]
    assert told["hair_judge.celeba: classify"]["ms each of 8"] > 0
    assert 0.2 < told["hair_judge.celeba: classify"]["bound, times ms"] < 5
    assert "bound, times ms" not in told["hair_tones.celebamask_hq: tones"]
    assert "ms each of 8" not in told["hair_tones.celebamask_hq: tones"]  # has no input


def test_what_is_not_measured_is_refused():
    with pytest.raises(ConfigError, match="known: start, edits, detection, folder, models"):
        speed.measure(["speed"])
    assert run("benchmark", "speed")[0] == 2
    assert run("benchmark", "--photos", 1)[0] == 2
