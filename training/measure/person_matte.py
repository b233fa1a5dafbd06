"""Write the bundled person matte: `python -m training.measure.person_matte CONVERTED.onnx LICENSE`.

The network comes from MediaPipe (Apache-2.0). Its conversion needs TensorFlow, so it is done once, in an environment of
its own (Python 3.11):

    pip download --no-deps --only-binary=:all: mediapipe==0.10.21    # selfie_segmentation.tflite lies in the wheel
    pip install tf2onnx==1.17.0 tensorflow-cpu==2.21.0
    python -m tf2onnx.convert --tflite selfie_segmentation.tflite --output CONVERTED.onnx --opset 17

Its transposed convolutions are operators of MediaPipe's own, which tf2onnx leaves in the graph: each was rewritten as
Transpose, ConvTranspose, Transpose before this script. It was not compared with MediaPipe's own runtime.

This script gives the graph the inputs and outputs of every other model here, frees the batch's size, stores the weights
in half precision, and refuses a result that differs from the converted graph.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from imgedit.errors import TrainingError
from training.measure.converted import graph_of, run_command, taken

ID = "person_matte.mediapipe"
SIDE = 256
TOLERANCE = 0.01
"""Largest accepted difference from the converted graph, 0..1."""


def network(converted: Any) -> Any:
    """Return the network as `image` (N, 3, 256, 256) in [-1, 1] -> `probability` (N, 1, 256, 256).

    Args:
        converted: the `onnx.ModelProto`: `input_1` (1, 256, 256, 3) in [0, 1] -> `activation_10`.
    """
    from onnx import TensorProto, helper

    producers = {name: node for node in converted.graph.node for name in node.output}
    sigmoid = producers["activation_10"]
    last = producers[sigmoid.input[0]]
    if sigmoid.op_type != "Sigmoid" or last.op_type != "Transpose":
        raise TrainingError(f"the converted graph ends with {last.op_type} and {sigmoid.op_type}")
    nodes, constants = taken(converted.graph, [sigmoid.output[0], last.output[0]])
    nodes.append(helper.make_node("Sigmoid", [last.input[0]], ["probability"]))
    for node in nodes:  # any number of pictures
        if node.op_type == "Reshape" and constants[node.input[1]][0] == 1:
            constants[node.input[1]] = np.concatenate([[-1], constants[node.input[1]][1:]]).astype(np.int64)
    outputs = [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 1, SIDE, SIDE])]
    return graph_of("matte", nodes, constants, SIDE, outputs)


def difference(converted: bytes, written: bytes) -> float:
    """Return how far the probabilities of two graphs are from each other on random pictures, two at once."""
    import onnxruntime as ort

    from imgedit.models.runtime import Session

    options = ort.SessionOptions()
    options.log_severity_level = 4
    old = ort.InferenceSession(converted, options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    images = rng.uniform(0.0, 1.0, (2, 8, 8, 3)).astype(np.float32).repeat(32, 1).repeat(32, 2)
    found = Session(written, device="cpu").run({"image": images.transpose(0, 3, 1, 2) * 2.0 - 1.0})["probability"]
    own = [old.run(None, {"input_1": image[None]})[0][0, ..., 0] for image in images]
    return float(np.abs(np.stack(own) - found[:, 0]).max())


def export(converted: Path, licence: Path, folder: Path) -> float:
    """Write the model folder; returns the difference from the converted graph.

    Raises:
        TrainingError: it is more than `TOLERANCE`, or the converted graph is not as expected.
    """
    import onnx

    from imgedit.models.manifest import Crop, Export, GraphFile, Manifest, Stage
    from training.publish.export import golden

    source = converted.read_bytes()
    content = network(onnx.load_from_string(source)).SerializeToString()
    worst = difference(source, content)
    if worst > TOLERANCE:
        raise TrainingError(f"the written graph differs by {worst:.2g}, more than {TOLERANCE:g}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "matte.onnx").write_bytes(content)
    (folder / "LICENSE").write_text(licence.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    crop = Crop("head", SIDE, SIDE)
    Manifest(
        id=ID,
        version="1",
        title="Person matte: person or ground",
        method="person_matte",
        kind="matte",
        graphs={"matte": GraphFile.of(folder / "matte.onnx")},
        crop=crop,
        output="none",
        classes=("person",),
        licence="Apache-2.0 (MediaPipe)",
        commercial_use=True,
        data_source="weights of MediaPipe 0.10.21, trained by their authors on pictures of their own",
        paper="MediaPipe Selfie Segmentation, model card of 2021 (MobileNetV3 encoder)",
        stages=(Stage("weights of MediaPipe", "person_matte", note="converted from mediapipe 0.10.21"),),
        export=Export("float16"),
        metrics={"largest_difference": {"probability": float(f"{worst:.2g}")}},
        golden=golden("matte", content, crop),
    ).write(folder)
    return worst


CARD = f"""# person_matte.mediapipe: where a person is in a picture of a head

| graph | input | output |
|---|---|---|
| `matte.onnx` | `image` (N, 3, {SIDE}, {SIDE}), RGB, -1..1 | `probability` (N, 1, {SIDE}, {SIDE}) of a person, 0..1 |

- **Source**: MediaPipe 0.10.21, `mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite` of its PyPI wheel.
  Written by `python -m training.measure.person_matte`, which says how: transposed convolutions rewritten, other inputs
  and outputs, weights in half precision. Not compared with MediaPipe's own runtime.
- **Licence**: Apache-2.0, weights too (the file LICENSE). Copyright 2019-2020 The MediaPipe Authors.
- **Use**: it keeps hair colours out of the ground behind a head.
- **Limits**: people behind or beside the head are persons too; edges are as fine as {SIDE} px of a head with its
  surroundings allow.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    return run_command("person_matte", ID, "matte", lambda *paths: f"{export(*paths):.2g}", arguments)


if __name__ == "__main__":
    sys.exit(main())
