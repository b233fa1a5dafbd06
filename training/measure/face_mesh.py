"""Write the bundled face mesh: `python -m training.measure.face_mesh CONVERTED.onnx CANONICAL.obj LICENSE`.

The network comes from MediaPipe (Apache-2.0). Its conversion needs TensorFlow, so it is done once, in an environment of
its own (Python 3.11):

    pip download --no-deps --only-binary=:all: mediapipe==0.10.21        # face_landmark.tflite lies in the wheel
    pip install tf2onnx==1.17.0 tensorflow-cpu==2.21.0
    python -m tf2onnx.convert --tflite face_landmark.tflite --output CONVERTED.onnx --opset 17

`CANONICAL.obj` is `mediapipe/modules/face_geometry/data/canonical_face_model.obj` of MediaPipe's repository: the mean
face in the network's order of points, and its triangles.

This script gives the graph the inputs and outputs of every other model here, frees the batch's size, stores the weights
in half precision, and refuses a result that differs from the converted graph.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit.errors import DataError, TrainingError
from training.measure.converted import graph_of, model_of, taken
from training.measure.script import printed

ID = "face_mesh.mediapipe"
SIDE, N_POINTS = 192, 468
TFLITE_SHA256 = "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814"
TOLERANCE = 0.2
"""Largest accepted difference from the converted graph, pixels of the crop: half precision moves points by less."""


def network(converted: Any) -> Any:
    """Return the network as `image` (N, 3, 192, 192) in [-1, 1] -> `points` (N, 468, 3), `presence` (N,).

    Args:
        converted: the `onnx.ModelProto` that tf2onnx writes: `input_1` (1, 192, 192, 3) in [0, 1] -> `conv2d_21`,
            `conv2d_31`.
    """
    from onnx import TensorProto, helper

    producers = {name: node for node in converted.graph.node for name in node.output}
    heads = [producers[name] for name in ("conv2d_21", "conv2d_31")]
    nodes, constants = taken(converted.graph, [node.output[0] for node in heads])
    nodes += [
        helper.make_node("Reshape", [heads[0].input[0], "points.shape"], ["points"]),
        helper.make_node("Reshape", [heads[1].input[0], "presence.shape"], ["presence.logits"]),
        helper.make_node("Sigmoid", ["presence.logits"], ["presence"]),
    ]
    constants |= {"points.shape": np.array([-1, N_POINTS, 3], np.int64), "presence.shape": np.array([-1], np.int64)}
    outputs = [
        helper.make_tensor_value_info("points", TensorProto.FLOAT, ["n", N_POINTS, 3]),
        helper.make_tensor_value_info("presence", TensorProto.FLOAT, ["n"]),
    ]
    return graph_of("mesh", nodes, constants, SIDE, outputs)


def template(points: NDArray[np.float64], triangles: NDArray[np.int64]) -> Any:
    """Return a graph without inputs that holds the mean face: `points`, `triangles`, `mirror`.

    Args:
        points: `(468, 3)` of the mean face, y down, z away from the camera.
        triangles: `(T, 3)` indices of points.
    """
    from onnx import TensorProto, helper, numpy_helper

    mirror = np.linalg.norm(points[:, None] * [-1.0, 1.0, 1.0] - points[None], axis=2).argmin(1)
    if not (mirror[mirror] == np.arange(len(points))).all():
        raise TrainingError("the mean face is not symmetric: its points have no partners on the other side")
    values: dict[str, NDArray[Any]] = {
        "points": points.astype(np.float32),
        "triangles": triangles.astype(np.int64),
        "mirror": mirror.astype(np.int64),
    }
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value)) for name, value in values.items()
    ]
    types = {"points": TensorProto.FLOAT, "triangles": TensorProto.INT64, "mirror": TensorProto.INT64}
    outputs = [helper.make_tensor_value_info(name, types[name], value.shape) for name, value in values.items()]
    return model_of(helper.make_graph(nodes, "template", [], outputs))


def read_obj(text: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return points `(468, 3)`, y down, z away from the camera, and triangles `(T, 3)` of a Wavefront file."""
    lines = [line.split() for line in text.splitlines() if line]
    points = np.array([line[1:4] for line in lines if line[0] == "v"], dtype=np.float64) * [1.0, -1.0, -1.0]
    triangles = np.array([[int(c.split("/")[0]) - 1 for c in line[1:4]] for line in lines if line[0] == "f"], np.int64)
    if points.shape != (N_POINTS, 3) or triangles.ndim != 2:
        raise DataError(f"the mean face must have {N_POINTS} points and triangles, got {points.shape[0]} points")
    return points, triangles


def difference(converted: bytes, written: bytes) -> tuple[float, float]:
    """Return how far points (px) and presence (0..1) of two graphs are from each other on random pictures."""
    import onnxruntime as ort

    from imgedit.models.runtime import Session

    options = ort.SessionOptions()
    options.log_severity_level = 4
    old = ort.InferenceSession(converted, options, providers=["CPUExecutionProvider"])
    new = Session(written, device="cpu")
    rng = np.random.default_rng(0)
    images = rng.uniform(0.0, 1.0, (4, 6, 6, 3)).astype(np.float32).repeat(32, 1).repeat(32, 2)
    found = new.run({"image": images.transpose(0, 3, 1, 2) * 2.0 - 1.0})
    worst = [0.0, 0.0]
    for i, image in enumerate(images):
        points, logit = old.run(["conv2d_21", "conv2d_31"], {"input_1": image[None]})
        worst[0] = max(worst[0], float(np.abs(points.reshape(N_POINTS, 3) - found["points"][i]).max()))
        worst[1] = max(worst[1], abs(float(found["presence"][i]) - 1.0 / (1.0 + float(np.exp(-logit.item())))))
    return worst[0], worst[1]


def export(converted: Path, canonical: Path, licence: Path, folder: Path) -> tuple[float, float]:
    """Write the model folder; returns the differences from the converted graph as `difference` does.

    Raises:
        TrainingError: the written graph differs by more than `TOLERANCE`, or the converted one is not as expected.
    """
    import onnx

    from imgedit.models.manifest import Crop, Export, GraphFile, Manifest, Stage

    source = converted.read_bytes()
    content = network(onnx.load_from_string(source)).SerializeToString()
    worst = difference(source, content)
    if worst[0] > TOLERANCE:
        raise TrainingError(f"the written graph's points differ by {worst[0]:.2g} px, more than {TOLERANCE:g}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mesh.onnx").write_bytes(content)
    (folder / "LICENSE").write_text(licence.read_text(encoding="utf-8"), encoding="utf-8")
    text = canonical.read_bytes()
    (folder / "template.onnx").write_bytes(template(*read_obj(text.decode())).SerializeToString())
    (folder / "README.md").write_text(CARD.format(obj=hashlib.sha256(text).hexdigest()), encoding="utf-8")
    manifest = Manifest(
        id=ID,
        version="1",
        title="Face mesh: 468 points in three dimensions",
        method="face_mesh",
        kind="mesh",
        graphs={role: GraphFile.of(folder / f"{role}.onnx") for role in ("mesh", "template")},
        crop=Crop("none", 0, 0),
        output="mesh",
        licence="Apache-2.0 (MediaPipe)",
        commercial_use=True,
        data_source="weights of MediaPipe 0.10.21, trained by their authors on pictures of their own",
        paper="Kartynnik et al. 2019, Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs, "
        "arXiv 1907.06724",
        stages=(Stage("weights of MediaPipe", "face_mesh", note="converted from mediapipe 0.10.21, not trained here"),),
        export=Export("float16"),
        metrics={"largest_difference": {"points_px": float(f"{worst[0]:.2g}"), "presence": float(f"{worst[1]:.2g}")}},
    )
    manifest.write(folder)
    return worst


CARD = f"""# face_mesh.mediapipe: 468 points of a face, in three dimensions

| graph | input | outputs |
|---|---|---|
| `mesh.onnx` | `image` (N, 3, {SIDE}, {SIDE}), RGB, -1..1 | `points` (N, {N_POINTS}, 3): x, y in pixels of the crop, \
z in the same unit, smaller is nearer; `presence` (N): probability that there is a face |
| `template.onnx` | none | `points` ({N_POINTS}, 3): the mean face, y down, z away from the camera; `triangles`; \
`mirror`: each point's partner on the other side |

- **Source**: MediaPipe 0.10.21, `mediapipe/modules/face_landmark/face_landmark.tflite` of its PyPI wheel (sha256
  `{TFLITE_SHA256}`), converted by tf2onnx 1.17, and
  `mediapipe/modules/face_geometry/data/canonical_face_model.obj` of MediaPipe's repository (sha256
  `{{obj}}`). Written by `python -m training.measure.face_mesh`, which
  says how: other inputs and outputs, weights in half precision.
- **Licence**: Apache-2.0, weights and mean face too (the file LICENSE). Copyright 2019-2020 The MediaPipe Authors.
- **Paper**: Kartynnik, Ablavatski, Grishchenko, Grundmann 2019, *Real-time Facial Surface Geometry from Monocular Video
  on Mobile GPUs*, arXiv 1907.06724.
- **Limits**: full profiles read as about 50 degrees of yaw, not 90; what a hand or hair covers is guessed; lips and
  eyelids are less exact than those of the face parser.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.measure.face_mesh", description="write the face mesh")
    bundled = Path(__file__).parents[2] / "imgedit" / "bundled" / ID
    parser.add_argument("converted", type=Path, help="the network as tf2onnx writes it")
    parser.add_argument("canonical", type=Path, help="canonical_face_model.obj")
    parser.add_argument("licence", type=Path, help="LICENSE of the wheel")
    parser.add_argument("-o", "--output", type=Path, default=bundled, help="model folder (default: the bundled one)")
    options = parser.parse_args(arguments)

    def lines() -> Iterator[str]:
        points, presence = export(options.converted, options.canonical, options.licence, options.output)
        yield f"differs from the converted graph by at most {points:.2g} px, presence by {presence:.2g}"

    return printed(lines)


if __name__ == "__main__":
    sys.exit(main())
