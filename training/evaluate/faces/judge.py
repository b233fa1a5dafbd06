"""Models under test and the faces they are tested on."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgedit.errors import ConfigError, DataError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.pixels import to_tensor
from imgedit.progress import watched
from imgedit.vision import geometry
from training.data import celeba, hair_masks
from training.run import checkpoint


@dataclass(frozen=True)
class Faces:
    """Test faces.

    Attributes:
        frames: `(218, 178, 3)` uint8 RGB each, aligned as CelebA's; smaller sources are enlarged.
        labels: `(N, 40)` bool.
        attributes: the 40 names.
    """

    frames: list[NDArray[np.uint8]]
    labels: NDArray[np.bool_]
    attributes: tuple[str, ...]

    def column(self, attribute: str) -> NDArray[np.bool_]:
        """Return the labels of one attribute."""
        return self.labels[:, self.attributes.index(attribute)]

    def groups(self) -> dict[str, NDArray[np.bool_]]:
        """Return the faces by labelled sex and age; only groups that have a face."""
        young, male = self.column("Young"), self.column("Male")
        groups = {
            "young women": young & ~male,
            "young men": young & male,
            "older women": ~young & ~male,
            "older men": ~young & male,
        }
        return {name: members for name, members in groups.items() if members.any()}


@contextlib.contextmanager
def opened(name: str) -> Iterator[Model]:
    """Yield the model of an id, model folder or run folder; a run is exported for the time of its test."""
    if not is_run(name):
        yield library.find(name)
        return
    from training.publish.export import export

    with tempfile.TemporaryDirectory() as scratch:
        export(Path(name), Path(scratch) / "model")
        yield library.load(Path(scratch) / "model")


def is_run(name: str) -> bool:
    """Tell whether a name is a run folder."""
    return bool(checkpoint.found(Path(name)))


def load_faces(data: str, n: int | None, seed: int, split: str = "test") -> Faces:
    """Load faces of CelebA.

    Args:
        data: `celeba:DIR`.
        n: at most so many, drawn without replacement; None for all.
        seed: of the draw.
        split: `test`, or `valid` to choose by.

    Raises:
        ConfigError: the data set is another one.
        DataError: pictures are missing.
    """
    name, _, folder = data.partition(":")
    if name != "celeba":
        raise ConfigError(f"attributes are measured on CelebA: --data celeba:DIR, got {data!r}")
    table = celeba.load(Path(folder), split, size=16, augment=False)
    index = drawn(len(table), n, seed)
    frames = [_frame(Path(folder), table.names[i]) for i in watched(index.tolist(), "Reading faces")]
    return Faces(frames, np.asarray(table.labels[index], bool), table.attributes)


def drawn(total: int, n: int | None, seed: int) -> NDArray[np.int64]:
    """Return at most `n` different indices below `total`, in order."""
    order = np.random.default_rng(seed).permutation(total)
    return np.sort(order[: total if n is None else n])


class Classifier:
    """A `classify` model on aligned frames; one that looks at the hair alone is shown where the parser finds it.

    Args:
        model: of kind `classify`.
        device: as `imgedit.models.devices.providers`.

    Raises:
        ConfigError: the model does something else.
    """

    def __init__(self, model: Model, device: str = "auto") -> None:
        if model.manifest.kind != "classify":
            raise ConfigError(f"{model.id} is of kind {model.manifest.kind}; the judge must be a classifier")
        self.id = model.id
        self.attributes = model.manifest.attributes
        self.size = model.manifest.crop.width
        self.matrix = geometry.crop_matrix(geometry.FACE_TEMPLATE, model.manifest.crop.kind, self.size)
        self.session = Sessions(device).open(model, "classify")
        self.parser: Model | None = None
        if "mask" in self.session.inputs:
            if "mask" not in model.manifest.parts:
                raise ConfigError(f"{model.id} looks at a mask, and its manifest names no part that finds it")
            self.parser = hair_masks.hair_parser(model.manifest.parts["mask"])

    def probabilities(self, frames: Sequence[NDArray[np.uint8]], batch_size: int = 64) -> NDArray[np.float32]:
        """Return `(N, K)` in the order of `attributes`."""
        parts: list[NDArray[Any]] = []
        for start in range(0, len(frames), batch_size):
            part = frames[start : start + batch_size]
            feeds: dict[str, NDArray[Any]] = {
                "image": to_tensor(np.stack([geometry.cut(f, self.matrix, self.size) for f in part]))
            }
            if self.parser is not None:
                feeds["mask"] = hair_masks.draw(part, self.size, self.parser)[:, None] / np.float32(255.0)
            parts.append(self.session.run(feeds)["probability"])
        return np.concatenate(parts)

    def column(self, attribute: str) -> int:
        """Return the place of an attribute.

        Raises:
            ConfigError: the classifier does not know it.
        """
        if attribute not in self.attributes:
            raise ConfigError(f"the judge {self.id} does not know {attribute}")
        return self.attributes.index(attribute)


def _frame(folder: Path, name: str) -> NDArray[np.uint8]:
    """Read a picture from whichever folder has it; each of them holds the whole frame at some size."""
    for part in celeba.FOLDERS.values():
        path = folder / part / name
        if path.is_file():
            image = np.asarray(Image.open(path).convert("RGB"))
            if image.shape[:2] == geometry.FRAME[::-1]:
                return image
            return np.asarray(cv2.resize(image, geometry.FRAME, interpolation=cv2.INTER_CUBIC), np.uint8)
    raise DataError(f"{name} is in none of the folders of {folder}")
