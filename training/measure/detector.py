"""Export facenet-pytorch's trained MTCNN nets to the bundled detector: `python -m training.measure.detector`.

The nets lie inside the facenet-pytorch wheel. They are small and regular, so their graphs are written node by node,
which keeps them the same whichever exporter a torch release prefers, and compared with torch before anything is
replaced. `--template FOLDER` instead measures `imgedit.vision.geometry.FACE_TEMPLATE` over CelebA's aligned pictures.

Reference:
    Zhang et al. 2016, "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks".
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from imgedit.errors import DataError, TrainingError
from training.measure.script import printed

ID = "mtcnn.facenet"
TOLERANCE = 1e-5  # largest accepted difference between torch and ONNX Runtime, absolute
_OPSET, _IR = 17, 8  # read by every ONNX Runtime since 1.12

# Layers after "image": (operator, torch module, settings). A convolution has no padding; pools round up, as in Caffe.
_PNET = [("conv", "conv1"), ("prelu", "prelu1"), ("pool", 2), ("conv", "conv2"), ("prelu", "prelu2")]
_PNET += [("conv", "conv3"), ("prelu", "prelu3")]
_RNET = [("conv", "conv1"), ("prelu", "prelu1"), ("pool", 3), ("conv", "conv2"), ("prelu", "prelu2"), ("pool", 3)]
_RNET += [("conv", "conv3"), ("prelu", "prelu3"), ("flatten", ""), ("dense", "dense4"), ("prelu", "prelu4")]
_ONET = [("conv", "conv1"), ("prelu", "prelu1"), ("pool", 3), ("conv", "conv2"), ("prelu", "prelu2"), ("pool", 3)]
_ONET += [("conv", "conv3"), ("prelu", "prelu3"), ("pool", 2), ("conv", "conv4"), ("prelu", "prelu4")]
_ONET += [("flatten", ""), ("dense", "dense5"), ("prelu", "prelu5")]
# role: (layers, side of the input or None, (kind, module, output name) of each head)
NETS: dict[str, tuple[list[tuple[str, Any]], int | None, list[tuple[str, str, str]]]] = {
    "pnet": (_PNET, None, [("conv", "conv4_1", "probability"), ("conv", "conv4_2", "box")]),
    "rnet": (_RNET, 24, [("dense", "dense5_1", "probability"), ("dense", "dense5_2", "box")]),
    "onet": (
        _ONET,
        48,
        [("dense", "dense6_1", "probability"), ("dense", "dense6_2", "box"), ("dense", "dense6_3", "landmarks")],
    ),
}

CARD = """# mtcnn.facenet: face detector

Finds faces, with five landmarks each, in three small networks (MTCNN): P-Net proposes boxes over an image pyramid,
R-Net refines them, O-Net decides and places the landmarks. `imgedit.vision.faces` runs the cascade around them.

| graph | input | outputs |
|---|---|---|
| `pnet.onnx` | `image` (N, 3, H, W), from 12 px | `probability` (N, 2, h, w): no face, face; `box` (N, 4, h, w) |
| `rnet.onnx` | `image` (N, 3, 24, 24) | `probability` (N, 2), `box` (N, 4) |
| `onet.onnx` | `image` (N, 3, 48, 48) | `probability` (N, 2), `box` (N, 4), `landmarks` (N, 10): five x, then five y |

Images are RGB, (value - 127.5) / 128. Boxes are corrections in parts of the box's side, landmarks parts of the box.

- **Source**: the weights inside the {version} wheel of [facenet-pytorch](https://github.com/timesler/facenet-pytorch)
  (Tim Esler), converted there from [facenet](https://github.com/davidsandberg/facenet) (David Sandberg), from the
  authors' Caffe model. Exported by `python -m training.measure.detector`, which refuses a difference from torch above
  1e-5.
- **Licence**: MIT (facenet-pytorch and facenet).
- **Paper**: Zhang, Zhang, Li, Qiao 2016, *Joint Face Detection and Alignment using Multi-task Cascaded Convolutional
  Networks*, IEEE Signal Processing Letters 23(10). Trained by its authors on WIDER FACE and CelebA.
- **Limits**: very small faces (under 20 px), faces that lie on their side, full profiles and covered faces are often
  missed, and patterns that look like a face are sometimes found. How well it finds people of different skin tones and
  ages was not measured.
"""


def build(role: str, net: Any) -> Any:
    """Write one net as an ONNX model.

    Args:
        role: `pnet`, `rnet` or `onet`.
        net: The facenet-pytorch module with its weights.

    Returns:
        An `onnx.ModelProto` with input `image` and the role's outputs.
    """
    from onnx import TensorProto, helper, numpy_helper

    from training.publish.operators import rewritten

    layers, side, heads = NETS[role]
    weights = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, value: np.ndarray[Any, Any]) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def layer(kind: str, what: Any, source: str, target: str) -> None:
        if kind == "conv":
            names = [constant(f"{what}.{part}", weights[f"{what}.{part}"]) for part in ("weight", "bias")]
            nodes.append(helper.make_node("Conv", [source, *names], [target]))
        elif kind == "dense":
            names = [constant(f"{what}.{part}", weights[f"{what}.{part}"]) for part in ("weight", "bias")]
            nodes.append(helper.make_node("Gemm", [source, *names], [target], transB=1))
        elif kind == "prelu":
            slope = weights[f"{what}.weight"]
            is_dense = what in ("prelu4", "prelu5") and ("dense", what.replace("prelu", "dense")) in layers
            slope = slope if is_dense else slope[:, None, None]
            nodes.append(helper.make_node("PRelu", [source, constant(f"{what}.weight", slope)], [target]))
        elif kind == "pool":
            pool = helper.make_node(
                "MaxPool", [source], [target], kernel_shape=[what, what], strides=[2, 2], ceil_mode=1
            )
            nodes.append(pool)
        else:  # flatten, in the column-first order of the Caffe model
            nodes.append(helper.make_node("Transpose", [source], [f"{target}.turned"], perm=[0, 3, 2, 1]))
            nodes.append(helper.make_node("Flatten", [f"{target}.turned"], [target], axis=1))

    source = "image"
    for number, (kind, what) in enumerate(layers):
        target = f"{number}.{kind}"
        layer(kind, what, source, target)
        source = target
    for kind, what, output in heads:
        layer(kind, what, source, f"{output}.logits" if output == "probability" else output)
        if output == "probability":
            nodes.append(helper.make_node("Softmax", ["probability.logits"], ["probability"], axis=1))
    sides: list[Any] = ["height", "width"] if side is None else [side, side]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, *sides])
    free: list[Any] = ["rows", "columns"] if side is None else []
    sizes = {"probability": 2, "box": 4, "landmarks": 10}
    outputs = [
        helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", sizes[output], *free]) for _, _, output in heads
    ]
    graph = helper.make_graph(nodes, role, [image], outputs, constants)
    opset = [helper.make_opsetid("", _OPSET)]
    return rewritten(helper.make_model(graph, opset_imports=opset, ir_version=_IR, producer_name="imgedit"))


def deviation(role: str, net: Any, path: Path) -> float:
    """Return the largest absolute difference between torch and ONNX Runtime over pictures of several sizes."""
    import torch

    from imgedit.models.runtime import Session

    session = Session(path, device="cpu", threads=1)
    rng = np.random.default_rng(0)
    side = NETS[role][1]
    worst = 0.0
    for n, height, width in ((1, 12, 12), (2, 13, 40), (3, 61, 24), (1, 200, 301)):
        shape = (n, 3, height, width) if side is None else (n, 3, side, side)
        image = rng.uniform(-1, 1, shape).astype(np.float32)
        with torch.no_grad():
            *rest, probability = net(torch.from_numpy(image))
        mine = session.run({"image": image})
        expected = dict(zip(("box", "landmarks"), rest, strict=False)) | {"probability": probability}
        for name, value in mine.items():
            if value.shape != tuple(expected[name].shape):
                raise TrainingError(
                    f"{role}: {name} has shape {value.shape}, torch gives {tuple(expected[name].shape)}"
                )
            worst = max(worst, float(np.abs(value - expected[name].numpy()).max()))
    return worst


def export(folder: Path) -> dict[str, float]:
    """Write the detector's model folder.

    Args:
        folder: Where to; its files are replaced one by one once all graphs agree with torch.

    Returns:
        Role to the largest difference between torch and ONNX Runtime.

    Raises:
        TrainingError: A graph differs from torch by more than `TOLERANCE`.
    """
    from facenet_pytorch.models import mtcnn

    from imgedit.models.manifest import Crop, GraphFile, Manifest, Stage

    version = "facenet-pytorch " + importlib.metadata.version("facenet-pytorch")
    nets = {"pnet": mtcnn.PNet(), "rnet": mtcnn.RNet(), "onet": mtcnn.ONet()}
    folder.mkdir(parents=True, exist_ok=True)
    differences = {}
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".detector-") as temporary:
        for role, net in nets.items():
            path = Path(temporary) / f"{role}.onnx"
            path.write_bytes(build(role, net).SerializeToString())
            differences[role] = deviation(role, net, path)
            if differences[role] > TOLERANCE:
                raise TrainingError(f"{role} differs from torch by {differences[role]:.2g}, more than {TOLERANCE:g}")
        for role in nets:
            (Path(temporary) / f"{role}.onnx").replace(folder / f"{role}.onnx")
    (folder / "README.md").write_text(CARD.format(version=version), encoding="utf-8")
    manifest = Manifest(
        id=ID,
        version="1",
        title="Face detector with five landmarks (MTCNN)",
        method="mtcnn",
        kind="detect",
        graphs={role: GraphFile.of(folder / f"{role}.onnx") for role in nets},
        crop=Crop("none", 0, 0),
        licence="MIT (facenet-pytorch, facenet)",
        data_source=f"weights of {version}, trained by the paper's authors on WIDER FACE and CelebA",
        paper="Zhang et al. 2016, Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks",
        commercial_use=True,
        stages=(Stage("weights of facenet-pytorch", "mtcnn", note=f"exported from {version}, not trained here"),),
        metrics={"largest_difference_from_torch": {role: float(f"{d:.2g}") for role, d in differences.items()}},
    )
    manifest.write(folder)
    return differences


def template(folder: Path, every: int = 9) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int]:
    """Measure the mean landmarks of the largest face in CelebA's aligned pictures.

    Args:
        folder: `img_align_celeba`, 178x218 px.
        every: Take every so-many-th picture by name.

    Returns:
        Mean `(5, 2)`, standard deviation `(5, 2)`, number of faces.
    """
    from imgedit import photo
    from imgedit.vision import faces

    paths = sorted(folder.glob("*.jpg"))[::every]
    found = [faces.detect(photo.read(path).rgb) for path in paths]
    landmarks = np.array([face[0].landmarks for face in found if face], dtype=np.float64)
    if not len(landmarks):
        raise DataError(f"no faces in {folder}; give the folder img_align_celeba")
    return landmarks.mean(axis=0), landmarks.std(axis=0), len(landmarks)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.measure.detector", description="export the bundled detector"
    )
    bundled = Path(__file__).parents[2] / "imgedit" / "bundled" / ID
    parser.add_argument("-o", "--output", type=Path, default=bundled, help="model folder (default: the bundled one)")
    parser.add_argument("--template", type=Path, metavar="FOLDER", help="measure the face template over FOLDER instead")
    options = parser.parse_args(arguments)

    def lines() -> Iterator[str]:
        if options.template:
            mean, deviations, n = template(options.template)
            yield f"mean of {n} faces\n{mean.round(2)}\nstandard deviation\n{deviations.round(1)}"
        else:
            for role, difference in export(options.output).items():
                yield f"{role}: differs from torch by at most {difference:.2g}"

    return printed(lines)


if __name__ == "__main__":
    sys.exit(main())
