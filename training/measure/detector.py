"""Export facenet-pytorch's trained MTCNN nets to the bundled detector: `python -m training.measure.detector`.

The nets lie inside the facenet-pytorch wheel. Their graphs (`training.measure.detector_graphs`) are compared with torch
before anything is replaced. `--template FOLDER` instead measures `imgedit.vision.geometry.FACE_TEMPLATE` over CelebA's
aligned pictures.

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
from training.measure.detector_graphs import SIDES, build
from training.measure.script import printed

ID = "mtcnn.facenet"
TOLERANCE = 1e-5  # largest accepted difference between torch and ONNX Runtime, absolute
CARD = """# mtcnn.facenet: face detector

Finds faces, with five landmarks each, in three small networks (MTCNN): P-Net proposes boxes over an image pyramid,
R-Net refines them, O-Net decides and places the landmarks. `imgedit.vision.mtcnn` runs the cascade around them.

| graph | input | outputs |
|---|---|---|
| `pnet.onnx` | `image` (N, 3, H, W), from 12 px | `proposal` (N, 5, h, w): logit of a face, then the box |
| `rnet.onnx` | `image` (N, 3, 24, 24) | `probability` (N, 2): no face, face; `box` (N, 4) |
| `onet.onnx` | `image` (N, 3, 48, 48) | `probability` (N, 2), `box` (N, 4), `landmarks` (N, 10): five x, then five y |

Images are RGB, (value - 127.5) / 128. Boxes are corrections in parts of the box's side, landmarks parts of the box.

- **Source**: the weights inside the {version} wheel of [facenet-pytorch](https://github.com/timesler/facenet-pytorch)
  (Tim Esler), converted there from [facenet](https://github.com/davidsandberg/facenet) (David Sandberg), from the
  authors' Caffe model. Exported by `python -m training.measure.detector`, which writes the graphs in operators that
  are quick on processors and refuses a difference from torch above 1e-5.
- **Licence**: MIT (facenet-pytorch and facenet).
- **Paper**: Zhang, Zhang, Li, Qiao 2016, *Joint Face Detection and Alignment using Multi-task Cascaded Convolutional
  Networks*, IEEE Signal Processing Letters 23(10). Trained by its authors on WIDER FACE and CelebA.
- **Limits**: very small faces (under 20 px), faces that lie on their side, full profiles and covered faces are often
  missed, and patterns that look like a face are sometimes found. How well it finds people of different skin tones and
  ages was not measured.
"""


def deviation(role: str, net: Any, path: Path) -> float:
    """Return the largest absolute difference between torch and ONNX Runtime over pictures of several sizes."""
    import torch

    from imgedit.models.runtime import Session

    session = Session(path, device="cpu", threads=1)
    rng = np.random.default_rng(0)
    side = SIDES[role]
    worst = 0.0
    for n, height, width in ((1, 12, 12), (2, 13, 40), (3, 61, 24), (1, 200, 301)):
        shape = (n, 3, height, width) if side is None else (n, 3, side, side)
        image = rng.uniform(-1, 1, shape).astype(np.float32)
        with torch.no_grad():
            *rest, probability = net(torch.from_numpy(image))
        mine = session.run({"image": image})
        if role == "pnet":
            face = np.exp(-np.logaddexp(0, -mine["proposal"][:, :1]))
            mine = {"probability": np.concatenate([1 - face, face], axis=1), "box": mine["proposal"][:, 1:]}
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
