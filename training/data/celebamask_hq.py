"""CelebAMask-HQ (Lee et al. 2020): aligned faces with semantic masks, in the face parser's wide frame.

A picture of the set covers 153 px of the 240 px `geometry.HEAD` window round the same centre (FFHQ/CelebA-HQ
alignment: half side = 2 eye distances = 76.6 px of the CelebA frame). Training therefore shrinks it at random and
continues picture *and* mask by reflection, so that the parser also learns what lies beyond the set's frame. Pictures of
CelebA, with masks that another parser drew, may stand beside the set's own; and the set's people may stand before other
grounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from imgedit.errors import DataError
from imgedit.progress import with_progress
from imgedit.text import reason
from training.data import celeba, lighting, pseudo_masks
from training.data.batch import Batch, to_tensor
from training.data.composites import Cutout, cut_out, uneven
from training.data.reading import rgb

CLASSES = ("background", "skin", "brows", "eyes", "mouth", "hair", "hat", "glasses", "neck", "cloth")
# The set's 19 classes -> ours. Earrings count as skin, necklaces as neck.
LOOKUP = np.array([0, 1, 1, 7, 3, 3, 2, 2, 1, 1, 4, 4, 4, 5, 6, 1, 8, 8, 9], dtype=np.uint8)
_BACKGROUND, _HAIR = CLASSES.index("background"), CLASSES.index("hair")
RARE = ("Wearing_Hat", "Bald")
"""Heads without hair to be seen at their top; about one in twenty is such."""
MORE_RARE = 4.0
"""How much oftener an unlabelled picture of them is drawn than another."""
HQ_SHARE_OF_HEAD = 153 / 240
"""Side of a CelebA-HQ picture in units of the `HEAD` window's side."""


class CelebAMaskHQ:
    """Pictures and masks in memory; `batch` warps them into a square canvas.

    Args:
        images: N squares uint8 `(side, side, 3)` RGB.
        masks: N squares uint8 `(side, side)`, indices into `CLASSES`, or `pseudo_masks.UNSURE`.
        size: side of the canvas, px.
        augment: random similarity, flip, colour and sharpness; else the whole picture fills the canvas.
        share: smallest and largest share of the canvas side that an augmented picture fills.
        spans: `(N,)` sides of the pictures in units of a CelebA-HQ picture's; None: all are 1.
        weights: `(N,)` sampling weights, or None for shuffled passes.
        relit: share of the augmented pictures whose ground is shown in another light.
        cutouts: the people of the first pictures.
        composed: share of their augmented pictures that are put before another ground; as many have uneven hair.
    """

    attributes: tuple[str, ...] = ()

    def __init__(
        self,
        images: Sequence[np.ndarray],
        masks: Sequence[np.ndarray],
        size: int,
        augment: bool,
        share: tuple[float, float],
        spans: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        relit: float = 0.0,
        cutouts: Sequence[Cutout] = (),
        composed: float = 0.0,
    ) -> None:
        self.images = images
        self.masks = masks
        self.size = size
        self.augment = augment
        self.share = share
        self.spans = np.ones(len(images)) if spans is None else spans
        self.weights = weights
        self.relit = relit
        self.cutouts = cutouts
        self.composed = composed

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Return image `(N, 3, size, size)` and mask `(N, size, size)` int64."""
        images, masks = zip(*(self._one(i, rng) for i in index), strict=True)
        return Batch(to_tensor(np.stack(images)), mask=torch.from_numpy(np.stack(masks)).long())

    def _one(self, i: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        image, mask = self.images[i], self.masks[i]
        composed = False
        if self.augment and i < len(self.cutouts):
            image, composed = self._composed(i, rng)
        share, angle, shift, flip = 1.0, 0.0, np.zeros(2), False
        if self.augment:
            share = float(np.exp(rng.uniform(*np.log(self.share)))) * float(self.spans[i])
            angle = float(rng.normal(0.0, 8.0))
            shift = rng.normal(0.0, 0.06, 2)
            flip = bool(rng.random() < 0.5)
        pose = (self.size, share, angle, shift, flip)
        # warpAffine does not average when it shrinks: bring the picture to its final scale by area first.
        side = min(image.shape[0], round(self.size * share))
        image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        image = _warp(image, _canvas_matrix(side, *pose), self.size, cv2.INTER_LINEAR)
        mask = _warp(mask, _canvas_matrix(mask.shape[0], *pose), self.size, cv2.INTER_NEAREST)
        if self.augment:
            # Without these settings the draws are those of earlier recipes.
            if self.relit and not composed and rng.random() < self.relit:
                image = lighting.relit(image, mask == _BACKGROUND, rng)
            image = lighting.photometric(image, rng, dim=self.relit / 3.0)
        return image, mask

    def _composed(self, i: int, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
        """Return a picture, at times before another ground, and whether it is."""
        image, own = self.images[i], self.cutouts[i]
        composed = bool(rng.random() < self.composed)
        if composed:
            image = own.onto(self.cutouts[int(rng.integers(len(self.cutouts)))], rng)
        if rng.random() < self.composed:
            image = uneven(image, own.hair, rng)
        return image, composed


def load(
    folder: Path,
    split: str,
    *,
    size: int = 192,
    share: tuple[float, float] = (0.5, 1.0),
    augment: bool | None = None,
    unlabelled: str = "",
    teacher: str = "",
    relit: float = 0.0,
    composed: float = 0.0,
) -> CelebAMaskHQ:
    """Load `folder/images/*.jpg` with `folder/masks/*.png`.

    Args:
        folder: the set's folder.
        split: `train` (the first 90 % of the sorted names) or `test` (the last 10 %; `valid` is the same).
        size: side of the canvas, px.
        share: smallest and largest share of the canvas side that an augmented picture fills.
        augment: None augments `train` only.
        unlabelled: folder of CelebA, whose training pictures then are half of all that is drawn; `train` alone.
        teacher: id or folder of the parser that draws their masks (see `pseudo_masks`).
        relit: share of the augmented pictures whose ground is shown in another light (see `lighting.relit`).
        composed: share of the set's own augmented pictures whose people stand before another ground, and share whose
            hair is unevenly lit (see `composites`).

    Raises:
        ConfigError, ModelError: the teacher is no such parser.
        DataError: no pictures, or a mask is missing.
    """
    names = sorted(p.stem for p in (Path(folder) / "images").glob("*.jpg"))
    if not names:
        raise DataError(
            f"no pictures in {Path(folder) / 'images'}; give the CelebAMask-HQ folder with images/ and masks/"
        )
    cut = len(names) - len(names) // 10
    train, test = names[:cut], names[cut:]
    images, masks = _read(folder, train if split == "train" else test)
    augment = split == "train" if augment is None else augment
    cutouts = _cut_out(images, masks) if composed and augment else ()
    if not unlabelled or split != "train":
        return CelebAMaskHQ(images, masks, size, augment, share, relit=relit, cutouts=cutouts, composed=composed)
    held_out, _ = _read(folder, test)
    more, drawn, names = pseudo_masks.pseudo_masks(Path(unlabelled), teacher, CLASSES, held_out, HQ_SHARE_OF_HEAD)
    known = celeba.labels_of(Path(unlabelled), names, pseudo_masks.KNOWN)
    drawn = pseudo_masks.corrected(drawn, known, CLASSES)
    span = pseudo_masks.SIDE_OF_HEAD / HQ_SHARE_OF_HEAD
    counts = (len(images), len(more))
    rare = known[:, [pseudo_masks.KNOWN.index(name) for name in RARE]].any(1)
    chances = np.where(rare, MORE_RARE, 1.0)
    return CelebAMaskHQ(
        [*images, *more],
        [*masks, *drawn],
        size,
        augment,
        share,
        spans=np.repeat([1.0, span], counts),
        weights=np.concatenate([np.full(len(images), 1.0 / len(images)), chances / chances.sum()]),
        relit=relit,
        cutouts=cutouts,
        composed=composed,
    )


def _cut_out(images: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> list[Cutout]:
    """Cut the people out of pictures with masks in our classes; masks that are larger are brought to their size."""
    found = []
    for image, mask in with_progress(list(zip(images, masks, strict=True)), "Cutting people out"):
        fitting = cv2.resize(mask, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        width = image.shape[1] / HQ_SHARE_OF_HEAD
        found.append(cut_out(image, fitting != _BACKGROUND, fitting == _HAIR, width))
    return found


def _read(folder: Path, names: Sequence[str]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the pictures and the masks, in our classes."""
    images, masks = [], []
    for name in names:
        path = Path(folder) / "masks" / f"{name}.png"
        if not path.is_file():
            raise DataError(f"{path} is missing; every picture in images/ needs its mask")
        images.append(rgb(Path(folder) / "images" / f"{name}.jpg"))
        try:
            with Image.open(path) as picture:
                masks.append(LOOKUP[np.asarray(picture)])
        except (OSError, SyntaxError, ValueError, IndexError) as error:
            raise DataError(f"{path} is no mask of CelebAMask-HQ ({reason(error)}); get it again") from error
    return images, masks


def _canvas_matrix(source: int, size: int, share: float, angle: float, shift: np.ndarray, flip: bool) -> np.ndarray:
    """Similarity `(2, 3)` that puts a picture of side `source` on a canvas, filling `share` of its side."""
    scale = size * share / source
    c, s = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    linear = np.array([[c, -s], [s, c]]) @ np.diag([-1.0 if flip else 1.0, 1.0])
    centre = np.full(2, (source - 1) / 2)
    target = (size - 1) / 2 + shift * size
    return np.hstack([linear, (target - linear @ centre)[:, None]])


def _warp(picture: np.ndarray, matrix: np.ndarray, size: int, flags: int) -> np.ndarray:
    """Warp onto a square canvas; beyond its border the picture goes on mirrored."""
    return np.asarray(cv2.warpAffine(picture, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT))
