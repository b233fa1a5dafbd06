"""CelebA (Liu et al. 2015): aligned faces with 40 attributes, cut to a window of the frame (`FACE` if none is named).

Three folders may stand side by side, and each is loaded for what it is: `img_align_celeba` (178x218),
`img_align_celeba_half` (89x109, the same framing) and `img_align_celeba_64` (the 178x218 frame squeezed to a square).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from imgedit.errors import ConfigError, DataError
from training.data import celeba_lists
from training.data.batch import Batch, to_tensor
from training.data.celeba_lists import SPLITS
from training.data.frame import window
from training.data.hair_masks import hair_masks
from training.data.reading import read, say

FOLDERS = {"full": "img_align_celeba", "half": "img_align_celeba_half", "64": "img_align_celeba_64"}
_SUFFIXES = (".jpg", ".jpeg", ".png")
HAIR = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
"""Hair colours; they exclude each other."""


class CelebA:
    """Crops and labels in memory.

    Args:
        images: uint8 `(N, size, size, 3)` RGB.
        labels: uint8 `(N, K)`, 0 or 1.
        names: N file names.
        attributes: K names.
        augment: mirror half of the pictures, and move all by a small random similarity, as the detector's landmarks
            also move the crop.
        weights: `(N,)` sampling weights, or None for shuffled passes.
        masks: uint8 `(N, size, size)` soft masks, 0..255, or None.
        jitter: `augment` does both; else it only mirrors.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        names: Sequence[str],
        attributes: tuple[str, ...],
        augment: bool,
        weights: np.ndarray | None = None,
        masks: np.ndarray | None = None,
        jitter: bool = True,
    ) -> None:
        self.images = images
        self.labels = labels
        self.names = list(names)
        self.attributes = attributes
        self.augment = augment
        self.weights = weights
        self.masks = masks
        self.jitter = jitter

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Return image `(N, 3, size, size)`, labels `(N, K)` and, where loaded, mask `(N, 1, size, size)` in 0..1."""
        image = to_tensor(self.images[index])
        mask = None if self.masks is None else torch.from_numpy(self.masks[index]).float().div_(255.0)[:, None]
        if self.augment and not self.jitter:
            mirrored = torch.from_numpy(rng.random(len(index)) < 0.5)
            image[mirrored] = image[mirrored].flip(3)
            if mask is not None:
                mask[mirrored] = mask[mirrored].flip(3)
        elif self.augment:
            theta = _jitter(len(index), rng)
            both = image if mask is None else torch.cat([image, mask], 1)
            grid = torch.nn.functional.affine_grid(theta, list(both.shape), align_corners=False)
            both = torch.nn.functional.grid_sample(both, grid, padding_mode="reflection", align_corners=False)
            image, mask = both[:, :3], None if mask is None else both[:, 3:]
        return Batch(image, torch.from_numpy(self.labels[index].astype(np.float32)), mask)


def load(
    folder: Path,
    split: str,
    *,
    size: int = 64,
    attributes: Sequence[str] | None = None,
    parts: Sequence[str] = ("full", "half", "64"),
    balance: Sequence[str] = (),
    groups: Sequence[str] = (),
    one_hair_colour: bool = False,
    mask_model: str | None = None,
    crop: str = "face",
    augment: bool | None = None,
    jitter: bool = True,
    limit: int | None = None,
) -> CelebA:
    """Load one split.

    Args:
        folder: the folder with `list_attr_celeba.txt`, `list_eval_partition.txt` and the picture folders.
        split: `train`, `valid` or `test`.
        size: side of the crops, px.
        attributes: names and order of the labels; None gives all 40.
        parts: which picture folders, of `full`, `half`, `64`.
        balance: attributes whose values the sampling brings to equal shares (see `balanced_weights`).
        groups: attributes whose *combinations* the sampling brings to equal shares (see `group_weights`), so that a
            network cannot tell one of them by another; takes the place of `balance`.
        one_hair_colour: keep only faces with exactly one of the four hair colours and no hat.
        mask_model: id or folder of a face parser that draws soft hair masks (see `hair_masks`), or None.
        crop: which window of the frame, of `imgedit.vision.geometry.WINDOWS`; masks are drawn for `face` alone.
        augment: None augments `train` only.
        jitter: what `augment` does, as for `CelebA`.
        limit: at most so many pictures (the first by name).

    Raises:
        ConfigError: masks are asked for in another window than `face`.
        DataError: a list is missing or damaged, every picture folder is missing, too many pictures are broken
            (`training.data.reading`), or an attribute is unknown.
    """
    if mask_model and crop != "face":
        raise ConfigError(f"hair masks are drawn for crop=face, not for crop={crop}")
    folder = Path(folder)
    names, table = celeba_lists.labels(folder)
    wanted = tuple(attributes) if attributes is not None else names
    unknown = [a for a in wanted if a not in names]
    if unknown:
        raise DataError(f"unknown CelebA attribute {unknown[0]!r}; known: {', '.join(names)}")
    paths = pictures(folder, split, parts)
    if unlabelled := [p for p in paths if p.name not in table]:
        say(f"CelebA: left out {len(unlabelled)} {split} pictures without labels, such as {unlabelled[0].name}")
    paths = [p for p in paths if p.name in table]
    if one_hair_colour:
        paths = [p for p in paths if _has_one_hair_colour(table[p.name], names)]
    paths = paths[:limit]
    if not paths:
        raise DataError(f"no {split} pictures in {folder}; expected {' or '.join(FOLDERS[p] for p in parts)} there")
    images, kept = read(paths, (size, size, 3), lambda image: window(image, size, crop), f"Reading CelebA {split}")
    paths = [paths[i] for i in kept]
    masks = hair_masks(paths, size, mask_model) if mask_model else None
    columns = [names.index(a) for a in wanted]
    labels = np.stack([table[p.name] for p in paths])
    weights = None
    if groups:
        weights = group_weights(labels[:, [names.index(a) for a in groups]])
    elif balance:
        weights = balanced_weights(labels[:, [names.index(a) for a in balance]])
    return CelebA(
        images,
        labels[:, columns],
        [p.name for p in paths],
        wanted,
        split == "train" if augment is None else augment,
        weights,
        masks,
        jitter,
    )


def pictures(folder: Path, split: str, parts: Sequence[str]) -> list[Path]:
    """Return the pictures of a split in some of `FOLDERS`.

    Raises:
        DataError: the list of splits is missing or damaged.
    """
    partition = celeba_lists.partition(folder)
    found: list[Path] = []
    for part in parts:
        place = folder / FOLDERS[part]
        inside = sorted(p for p in place.iterdir() if p.suffix.lower() in _SUFFIXES) if place.is_dir() else []
        if strays := [p for p in inside if p.name not in partition]:
            say(f"CelebA: left out {len(strays)} pictures without a split, such as {place.name}/{strays[0].name}")
        found += [p for p in inside if partition.get(p.name) == SPLITS[split]]
    return found


def labels_of(folder: Path, files: Sequence[str], attributes: Sequence[str]) -> np.ndarray:
    """Return the labels of pictures by name, bool `(N, K)`.

    Raises:
        DataError: the list of labels is missing or damaged, or does not hold one of the pictures.
    """
    names, table = celeba_lists.labels(folder)
    missing = [f for f in files if f not in table]
    if missing:
        raise DataError(f"{Path(folder) / celeba_lists.LABELS} has no labels of {missing[0]}")
    columns = [names.index(a) for a in attributes]
    return np.stack([table[f][columns] == 1 for f in files])


def balanced_weights(labels: np.ndarray) -> np.ndarray:
    """Weights `(N,)` that bring rare values forward: the mean over attributes of 1 / share of the own value.

    The weight of one picture is at most 12 times the mean, so no few faces fill every batch.
    """
    share = labels.mean(0)
    inverse = np.where(labels == 1, 1.0 / np.maximum(share, 1e-3), 1.0 / np.maximum(1.0 - share, 1e-3)).mean(1)
    return np.asarray(np.minimum(inverse / inverse.mean(), _MOST))


def group_weights(labels: np.ndarray) -> np.ndarray:
    """Weights `(N,)` under which every combination of labels is drawn equally often: 1 / its number of pictures.

    A picture's weight is at most 12 times the mean, so groups of a few pictures stay rarer than the rest.

    Reference: Idrissi et al. 2022, Simple data balancing achieves competitive worst-group accuracy (arXiv 2110.14503).
    """
    _, group, counts = np.unique(labels, axis=0, return_inverse=True, return_counts=True)
    inverse = 1.0 / counts[group.reshape(-1)]
    return np.asarray(np.minimum(inverse / inverse.mean(), _MOST))


_MOST = 12.0  # times the mean weight


def _has_one_hair_colour(row: np.ndarray, names: tuple[str, ...]) -> bool:
    hat = row[names.index("Wearing_Hat")]
    return int(sum(row[names.index(h)] for h in HAIR)) == 1 and not hat


def _jitter(n: int, rng: np.random.Generator) -> torch.Tensor:
    """Random flips with small rotations (3 degrees), scales (4 %) and shifts (2 %): `(n, 2, 3)` for `affine_grid`."""
    angle = np.radians(rng.normal(0.0, 3.0, n))
    scale = np.exp(rng.normal(0.0, 0.04, n))
    flip = np.where(rng.random(n) < 0.5, -1.0, 1.0)
    shift = rng.normal(0.0, 0.04, (n, 2))
    theta = np.empty((n, 2, 3), np.float32)
    theta[:, 0, 0], theta[:, 0, 1] = flip * scale * np.cos(angle), -scale * np.sin(angle)
    theta[:, 1, 0], theta[:, 1, 1] = flip * scale * np.sin(angle), scale * np.cos(angle)
    theta[:, :, 2] = shift
    return torch.from_numpy(theta)
