"""The faces that edits and classifiers are measured on: CelebA's whole frames with all their labels.

Judges of hair are measured on those of `utkface_hair` too: frames with a hair colour, sex and age.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ConfigError, DataError
from imgedit.progress import with_progress
from imgedit.vision import geometry
from training.data import celeba, utkface_hair
from training.data.reading import rgb
from training.evaluate.result import TEST
from training.evaluate.subject import sample_indices

DATA = "celeba"
NAMED_HAIR = "utkface_hair"
SPLITS = (TEST, "valid")


@dataclass(frozen=True)
class Faces:
    """Labelled faces.

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


def load_faces(data: str, n: int | None, seed: int, split: str = TEST) -> Faces:
    """Load faces of CelebA.

    Args:
        data: `celeba:DIR`, or `utkface_hair:DIR` for judges of hair.
        n: at most so many, chosen at random without replacement; None for all.
        seed: of the choice.
        split: `test`, or `valid` to choose a model by.

    Raises:
        ConfigError: the data set or the split is another one.
        DataError: pictures are missing.
    """
    name, _, place = data.partition(":")
    if name == NAMED_HAIR and split == TEST:
        return _named_hair(Path(place), n, seed)
    folder = _folder(data)
    if split not in SPLITS:
        raise ConfigError(f"--split is {' or '.join(SPLITS)}, got {split!r}")
    table = celeba.load(folder, split, size=16, augment=False)
    index = sample_indices(len(table), n, seed)
    frames = [_frame(folder, table.names[i]) for i in with_progress(index.tolist(), "Reading faces")]
    return Faces(frames, np.asarray(table.labels[index], bool), table.attributes)


def load_hair(data: str, colour: str, n: int, seed: int, split: str = TEST) -> list[NDArray[np.uint8]]:
    """Load faces whose one label of hair is a colour, `(218, 178, 3)` each; arguments and errors as `load_faces`."""
    folder = _folder(data)
    names = sorted({path.name for path in celeba.pictures(folder, split, tuple(celeba.FOLDERS))})
    labels = celeba.labels_of(folder, names, celeba.HAIR)
    alone = np.flatnonzero(labels[:, celeba.HAIR.index(colour)] & (labels.sum(1) == 1))
    if not len(alone):
        raise DataError(f"no {split} pictures of {colour} alone in {folder}")
    return [_frame(folder, names[i]) for i in alone[sample_indices(len(alone), n, seed)]]


def _folder(data: str) -> Path:
    name, _, folder = data.partition(":")
    if name != DATA:
        raise ConfigError(f"attributes are measured on CelebA: --data celeba:DIR, got {data!r}")
    return Path(folder)


def _named_hair(folder: Path, n: int | None, seed: int) -> Faces:
    """Load faces whose hair colour is named."""
    frames, colours, groups = utkface_hair.read(folder, TEST)
    index = sample_indices(len(frames), n, seed)
    labels = [
        [*(colours[i] == name for name in celeba.HAIR), groups[i].endswith(" men"), groups[i].startswith("young")]
        for i in index
    ]
    return Faces([frames[i] for i in index], np.array(labels, bool), (*celeba.HAIR, "Male", "Young"))


def _frame(folder: Path, name: str) -> NDArray[np.uint8]:
    """Read a picture from whichever folder has it; each of them holds the whole frame at some size."""
    for part in celeba.FOLDERS.values():
        path = folder / part / name
        if path.is_file():
            image = rgb(path)
            if image.shape[:2] == geometry.FRAME[::-1]:
                return image
            return np.asarray(cv2.resize(image, geometry.FRAME, interpolation=cv2.INTER_CUBIC), np.uint8)
    raise DataError(f"{name} is in none of the folders of {folder}")
