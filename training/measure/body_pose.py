"""Write the bundled body pose: `python -m training.measure.body_pose CONVERTED.onnx LICENSE`.

The network comes from MediaPipe (Apache-2.0). Its conversion needs TensorFlow, so it is done once, in an environment of
its own (Python 3.11):

    pip download --no-deps --only-binary=:all: mediapipe==0.10.21    # pose_landmark_full.tflite lies in the wheel
    pip install tf2onnx==1.17.0 tensorflow-cpu==2.21.0
    python -m tf2onnx.convert --tflite pose_landmark_full.tflite --output CONVERTED.onnx --opset 17

Its two transposed convolutions were rewritten as Transpose, ConvTranspose, Transpose before this script.

This script gives the graph the inputs and outputs of every other model here, drops what `imgedit` does not
use (heatmaps, points in metres, most of the points), frees the batch's size, stores the weights in half precision, and
refuses a result that differs from the converted graph. Weights as 8-bit integers move elbows and wrists by 5 px and
more, so they are not stored so.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from imgedit.errors import TrainingError
from training.measure.converted import graph_of, run_command, taken

ID = "body_pose.mediapipe"
SIDE = 256
POINTS = (0, 7, 8, 11, 12, 13, 14, 15, 16, 19, 20, 23, 24, 33, 34)
"""Points that are kept, of 39; `imgedit.vision.body.POINTS` names them."""
HEADS = ("Identity", "Identity_1", "Identity_2", "Identity_3", "Identity_4")
"""Outputs of the converted graph: points, presence, mask, heatmaps, points in metres."""


class Difference(NamedTuple):
    """How far two graphs are from each other on one picture of a person.

    Attributes:
        points_px: largest distance of a point, pixels of the crop.
        presence: difference of the presences, 0..1.
        mask: mean difference of the masks, 0..1.
    """

    points_px: float
    presence: float
    mask: float


TOLERANCE = Difference(0.05, 0.005, 0.001)
_ALL = 39  # points of the converted graph, five numbers each


def network(converted: Any) -> Any:
    """Return the network as `image` (N, 3, 256, 256) in [-1, 1] -> `points`, `presence`, `mask`.

    Args:
        converted: the `onnx.ModelProto`: `input_1` (1, 256, 256, 3) in [0, 1] -> `HEADS`.

    Raises:
        TrainingError: the converted graph is not as expected.
    """
    from onnx import TensorProto, helper

    _put_channels_first(converted.graph)
    producers = {name: node for node in converted.graph.node for name in node.output}
    heads = [producers[name] for name in HEADS]
    if [node.op_type for node in heads] != ["Reshape", "Reshape", "Reshape", "Transpose", "Reshape"]:
        raise TrainingError(f"the converted graph ends with {', '.join(node.op_type for node in heads)}")
    nodes, constants = taken(converted.graph, [node.output[0] for node in heads])
    kept = np.concatenate([np.arange(5 * i, 5 * i + 5) for i in POINTS])
    for name in producers[heads[0].input[0]].input[1:]:
        constants[name] = constants[name][kept]
    nodes += [
        helper.make_node("Reshape", [heads[0].input[0], "points.shape"], ["points"]),
        helper.make_node("Reshape", [heads[1].input[0], "presence.shape"], ["presence"]),
        helper.make_node("Sigmoid", [heads[2].input[0]], ["mask"]),
    ]
    constants |= {"points.shape": np.array([-1, len(POINTS), 5], np.int64), "presence.shape": np.array([-1], np.int64)}
    outputs = [
        helper.make_tensor_value_info("points", TensorProto.FLOAT, ["n", len(POINTS), 5]),
        helper.make_tensor_value_info("presence", TensorProto.FLOAT, ["n"]),
        helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["n", 1, SIDE, SIDE]),
    ]
    needed: list[Any] = []
    wanted = {"points", "presence", "mask"}
    for node in reversed(nodes):  # sorted, so that a node's users come after it
        if wanted & set(node.output):
            needed.insert(0, node)
            wanted |= set(node.input)
    return graph_of("body", needed, constants, SIDE, outputs)


def _put_channels_first(graph: Any) -> None:
    """Let the graph transpose its input before it pads it; converted, it pads first."""
    from onnx import helper

    pad = next((node for node in graph.node if "input_1" in node.input), None)
    after = next((node for node in graph.node if pad is not None and pad.output[0] in node.input), None)
    if pad is None or after is None or (pad.op_type, after.op_type) != ("Pad", "Transpose"):
        raise TrainingError("the converted graph does not begin with Pad and Transpose")
    places = [list(graph.node).index(node) for node in (pad, after)]
    first = helper.make_node("Transpose", ["input_1"], ["input_1.first"], perm=[0, 3, 1, 2])
    pads = helper.make_node("Constant", [], ["input_1.pads"], value_ints=[0, 0, 1, 1, 0, 0, 1, 1])
    second = helper.make_node("Pad", ["input_1.first", "input_1.pads"], [after.output[0]])
    rest = [node for i, node in enumerate(graph.node) if i not in places]
    del graph.node[:]
    graph.node.extend([first, pads, second, *rest])


def difference(converted: bytes, written: bytes, rgb: np.ndarray) -> Difference:
    """Compare two graphs on a picture of a person and its mirror image, uint8 `(256, 256, 3)` RGB."""
    import onnxruntime as ort

    from imgedit.models.runtime import Session

    options = ort.SessionOptions()
    options.log_severity_level = 4
    old = ort.InferenceSession(converted, options, providers=["CPUExecutionProvider"])
    images = np.stack([rgb, rgb[:, ::-1]]).astype(np.float32) / np.float32(255.0)
    found = Session(written, device="cpu").run({"image": images.transpose(0, 3, 1, 2) * 2.0 - 1.0})
    worst = [0.0, 0.0, 0.0]
    for i, image in enumerate(images):
        points, presence, mask = old.run(list(HEADS[:3]), {"input_1": image[None]})
        apart = points.reshape(_ALL, 5)[list(POINTS), :2] - found["points"][i][:, :2]
        probability = 0.5 + 0.5 * np.tanh(0.5 * mask[0, ..., 0])
        each = (
            float(np.linalg.norm(apart, axis=1).max()),
            abs(float(presence.item() - found["presence"][i])),
            float(np.abs(probability - found["mask"][i, 0]).mean()),
        )
        worst = [max(a, b) for a, b in zip(worst, each, strict=True)]
    return Difference(*worst)


def portrait() -> np.ndarray:
    """Return the bundled portrait as the network sees it, uint8 `(256, 256, 3)` RGB."""
    from imgedit.models import library
    from training.data.reading import rgb

    return np.asarray(
        cv2.resize(rgb(library.bundled_folder() / "astronaut.jpg"), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    )


def export(converted: Path, licence: Path, folder: Path) -> Difference:
    """Write the model folder; returns the difference from the converted graph.

    Raises:
        TrainingError: it is more than `TOLERANCE`, or the converted graph is not as expected.
    """
    import onnx

    from imgedit.models.manifest import Crop, Export, GraphFile, Manifest, Stage

    source = converted.read_bytes()
    content = network(onnx.load_from_string(source)).SerializeToString()
    worst = difference(source, content, portrait())
    if any(a > b for a, b in zip(worst, TOLERANCE, strict=True)):
        raise TrainingError(f"the written graph differs by {worst}, more than {TOLERANCE}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "body.onnx").write_bytes(content)
    (folder / "LICENSE").write_text(licence.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    Manifest(
        id=ID,
        version="1",
        title="Body pose: shoulders, elbows, wrists, and a mask of the person",
        method="body_pose",
        kind="body",
        graphs={"body": GraphFile.of(folder / "body.onnx")},
        crop=Crop("none", SIDE, SIDE),
        output="none",
        licence="Apache-2.0 (MediaPipe)",
        commercial_use=True,
        data_source="weights of MediaPipe 0.10.21, trained by their authors on pictures of their own",
        paper="Bazarevsky et al. 2020, BlazePose: On-device Real-time Body Pose Tracking, arXiv 2006.10204",
        stages=(Stage("weights of MediaPipe", "body_pose", note="converted from mediapipe 0.10.21, not trained here"),),
        export=Export("float16"),
        metrics={"largest_difference": {name: float(f"{value:.2g}") for name, value in worst._asdict().items()}},
    ).write(folder)
    return worst


CARD = f"""# body_pose.mediapipe: the arms of a person, and where the person is

| graph | input | outputs |
|---|---|---|
| `body.onnx` | `image` (N, 3, {SIDE}, {SIDE}), RGB, -1..1 | `points` (N, {len(POINTS)}, 5): x, y in pixels of the \
crop, z, logits of visibility and presence; `presence` (N): probability of a person; \
`mask` (N, 1, {SIDE}, {SIDE}): of each pixel, 0..1 |

- **Source**: MediaPipe 0.10.21, `mediapipe/modules/pose_landmark/pose_landmark_full.tflite` of its PyPI wheel.
  Written by `python -m training.measure.body_pose`, which says how: transposed convolutions rewritten, other inputs and
  outputs, heatmaps, points in metres and most of the 39 points dropped, weights in half precision.
- **Licence**: Apache-2.0, weights too (the file LICENSE). Copyright 2019-2020 The MediaPipe Authors.
- **Paper**: Bazarevsky, Grishchenko, Raveendran, Zhu, Zhang, Grundmann 2020, *BlazePose: On-device Real-time Body Pose
  Tracking*, arXiv 2006.10204.
- **Points**: nose, ears, shoulders, elbows, wrists, index fingers, hips (the person's left one first), and two that say
  where to look: the middle of the hips, and a point above them at the body's radius.
- **Use**: it finds the arms for `imgedit sleeves`.
- **Limits**: one person in a crop; arms that the body hides are guessed; the mask bleeds a few pixels.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    return run_command("body_pose", ID, "body pose", lambda *paths: f"{export(*paths).points_px:.2g} px", arguments)


if __name__ == "__main__":
    sys.exit(main())
