"""Networks whose features generated and real pictures are compared by."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imgedit.errors import ConfigError
from imgedit.models import library
from imgedit.models.manifest import GraphFile
from imgedit.models.sessions import Sessions
from imgedit.pixels import to_tensor
from training.evaluate.subject import is_run
from training.method import Features
from training.publish.export import to_onnx
from training.run import checkpoint
from training.run.device import torch_device

CLASSIFIER = "digit_classifier.mnist"
"""Model whose features `lenet` are."""
COMPONENTS = 64
"""Principal components of MNIST's pixels hold nine tenths of their variance."""
INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256 = "6726825d"
"""How the hash of these weights begins, as their name says."""
INCEPTION_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{INCEPTION_FILE}"

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class FeatureNetwork:
    """A fixed feature network.

    Attributes:
        name: `inception` or `lenet`.
        network: which network that is.
        sha256: hash of its weights' file.
        resizer: how pictures are brought to its size.
        extract: uint8 `(N, H, W, C)` -> features `(N, F)`.
        classify: the same -> probability of each class `(N, K)`; None where the network knows no classes.
    """

    name: str
    network: str
    sha256: str
    resizer: str
    extract: Callable[[Pixels], NDArray[Any]]
    classify: Callable[[Pixels], NDArray[Any]] | None = None

    def about(self) -> dict[str, str]:
        """Return what must stand beside every figure."""
        return {"features": self.name, "network": self.network, "sha256": self.sha256, "resizer": self.resizer}


def load(
    name: str | None = None,
    classifier: str | None = None,
    device: str = "auto",
    *,
    inception_weights: Path | None = None,
) -> FeatureNetwork:
    """Load a feature network.

    Args:
        name: `inception` or `lenet`; None: `inception` where its weights are given, else `lenet`.
        classifier: for `lenet`, a run or model of `digit_classifier` instead of the bundled one.
        device: as `imgedit.models.devices.providers`.
        inception_weights: for `inception`, the file of its weights; None: where torch-fidelity keeps it.

    Raises:
        ConfigError: there is no such network, or its weights are not here.
    """
    name = name or ("lenet" if inception_weights is None else "inception")
    if name == "inception":
        return inception(device, inception_weights)
    if name == "lenet":
        if inception_weights is not None:
            raise ConfigError("--inception-weights are for --features inception")
        return lenet(classifier or CLASSIFIER, device)
    raise ConfigError(f"--features is inception or lenet, got {name!r}")


def lenet(classifier: str, device: str = "auto", batch_size: int = 500) -> FeatureNetwork:
    """Return the penultimate layer of a digit classifier.

    Args:
        classifier: a run of `digit_classifier`, or a model whose graph `classify` also returns `features`; both have
            the hash of the graph.
        device: as `imgedit.models.devices.providers`.
        batch_size: pictures at a time.

    Raises:
        ConfigError: it shows no features.
    """
    open_network = _torch_lenet if is_run(classifier) else _onnx_lenet
    name, sha256, size, look = open_network(classifier, device)

    def batched(images: Pixels, which: int) -> NDArray[Any]:
        if images.shape[1:] != (size, size, 1):
            raise ConfigError(f"lenet looks at grey pictures of {size} px, got {images.shape[1:]}; use inception")
        parts = [look(to_tensor(images[i : i + batch_size]))[which] for i in range(0, len(images), batch_size)]
        return np.concatenate(parts)

    return FeatureNetwork(
        "lenet", name, sha256, f"none ({size} px)", lambda images: batched(images, 0), lambda images: batched(images, 1)
    )


Look = Callable[[NDArray[np.float32]], tuple[NDArray[Any], NDArray[Any]]]
"""`(N, 1, H, W)` in [-1, 1] -> features `(N, F)` and probabilities `(N, 10)`."""


def _torch_lenet(run: str, device: str) -> tuple[str, str, int, Look]:
    method = checkpoint.load_method(run, torch_device(device))
    if not isinstance(method, Features):
        raise ConfigError(f"{run} is a run of {method.id}; --classifier is a run of digit_classifier")

    def look(image: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
        tensor = torch.from_numpy(image)
        return method.features(tensor).cpu().numpy(), method.probability(tensor).cpu().numpy()

    # Only a copy goes through the exporter, which moves networks to the CPU.
    sha256 = hashlib.sha256(to_onnx(checkpoint.load_method(run).graphs()["classify"])).hexdigest()
    return Path(run).name, sha256, int(method.config.size), look


def _onnx_lenet(name: str, device: str) -> tuple[str, str, int, Look]:
    model = library.find(name)
    session = Sessions(device).open(model, "classify")
    if "features" not in session.outputs:
        raise ConfigError(f"{model.id} returns no features; give the run folder of a digit_classifier to --classifier")

    def look(image: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
        found = session.run({"image": image})
        return found["features"], found["probability"]

    return model.id, model.manifest.graphs["classify"].sha256, model.manifest.crop.height, look


def inception(device: str = "auto", weights: Path | None = None, batch_size: int = 50) -> FeatureNetwork:
    """Return the pool features of the standard Inception v3, whose weights the user fetches.

    Args:
        device: as `imgedit.models.devices.providers`.
        weights: their file; None: where torch-fidelity keeps it.
        batch_size: pictures at a time.

    Raises:
        ConfigError: torch-fidelity or the weights are missing, or the file is another one.
    """
    kept = Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE
    path = kept if weights is None else weights
    advice = f"fetch {INCEPTION_URL} (91 MB) to {kept}, or name it by --inception-weights, or use --features lenet"
    try:
        from torch_fidelity import feature_extractor_inceptionv3 as _  # noqa: F401 - torchmetrics builds on it
    except ModuleNotFoundError as error:
        raise ConfigError("--features inception needs torch-fidelity: pip install 'imgedit[evaluate]'") from error
    from torchmetrics.image.fid import NoTrainInceptionV3

    if not path.is_file():
        wrong = "" if weights is None else f", and {weights} is no file"
        raise ConfigError(f"--features inception needs its weights{wrong}: {advice}")
    sha256 = GraphFile.of(path).sha256
    if not sha256.startswith(INCEPTION_SHA256):
        raise ConfigError(
            f"{path} does not hold these weights (SHA-256 {sha256[:8]}..., not {INCEPTION_SHA256}...): {advice}"
        )
    torch.load(path, weights_only=True)  # torch-fidelity would also run code that a file holds; this refuses it
    where = torch_device(device)
    network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(path)).to(where)

    @torch.no_grad()
    def extract(images: Pixels) -> NDArray[Any]:
        rgb = np.broadcast_to(images, (*images.shape[:3], 3)).transpose(0, 3, 1, 2)
        parts = [
            network(torch.from_numpy(np.ascontiguousarray(rgb[i : i + batch_size])).to(where)).cpu().numpy()
            for i in range(0, len(rgb), batch_size)
        ]
        return np.concatenate(parts)

    return FeatureNetwork("inception", Path(INCEPTION_FILE).stem, sha256, "bilinear, antialiased, to 299 px", extract)


def principal_components(train: Pixels) -> FeatureNetwork:
    """Return the first principal components of pixels as features: a measure that no network has learned.

    Args:
        train: real pictures `(N, H, W, C)` that the components are found from.
    """
    from sklearn.decomposition import PCA

    flat = _flat(train)
    found = PCA(min(COMPONENTS, *flat.shape), svd_solver="full", random_state=0).fit(flat)
    sha256 = hashlib.sha256(np.ascontiguousarray(found.components_.astype(np.float32)).tobytes()).hexdigest()
    return FeatureNetwork(
        "pixels",
        f"{found.n_components_} principal components",
        sha256,
        "none",
        lambda images: found.transform(_flat(images)),
    )


def _flat(images: Pixels) -> NDArray[np.float64]:
    return images.reshape(len(images), -1) / 255.0
