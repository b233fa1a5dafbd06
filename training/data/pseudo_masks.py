"""CelebA pictures with masks that a trained parser drew: more pictures for the next parser.

Reference: Xie et al. 2020, Self-training with noisy student improves ImageNet classification (arXiv 1911.04252). The
teacher sees the plain picture and its mirror image, the student an augmented one. Pixels of which the teacher is
unsure say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from imgedit.errors import ConfigError, DataError
from imgedit.models import library
from imgedit.vision.geometry import FRAME, HEAD
from imgedit.vision.hair import HAIRLINE
from training.data import celeba, parsed
from training.data.batch import UNKNOWN_CLASS
from training.data.reading import read

UNSURE = UNKNOWN_CLASS
"""In place of a class: nothing is known of the pixel."""
SURE = 0.6
"""Least probability of a class that the student is told."""
SIDE_OF_HEAD = FRAME[0] / HEAD[2]
"""Side of the returned squares in units of the `HEAD` window's: the frame's width, round the same centre."""
KNOWN = ("Wearing_Hat", "Eyeglasses", "Bald")
"""Labels of CelebA that correct what a teacher draws."""
_BROWS = 100  # row of the frame; the eyes are in row 112
_FIRST_ROW = HEAD[1] + (HEAD[2] - FRAME[0]) // 2  # of the frame that the returned squares show
_SAME = 0.85  # correlation of two thumbnails above which they may show one photo
_THUMBNAIL = 24  # side, px


def pseudo_masks(
    folder: Path, model: str, classes: Sequence[str], held_out: Sequence[np.ndarray], held_out_share: float
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return training pictures of CelebA with the masks that a parser finds in them.

    CelebA-HQ was made from CelebA, so that a test picture of the one may be a training picture of the other. Pictures
    that look like one that is held out are left out.

    Args:
        folder: CelebA, as for `celeba.load`; its `img_align_celeba` is used.
        model: id or folder of the parser.
        classes: what it must tell apart.
        held_out: uint8 `(H, W, 3)` RGB squares round the same centre.
        held_out_share: their side in units of the `HEAD` window's.

    Returns:
        uint8 `(N, side, side, 3)` RGB; uint8 `(N, side, side)`, indices into `classes` or `UNSURE`; the files' names.

    Raises:
        ConfigError: the model tells other classes apart.
        DataError: a list or the pictures are missing.
        ModelError: the model is unknown or damaged.
    """
    parser = library.find(model)
    if tuple(parser.manifest.classes) != tuple(classes):
        raise ConfigError(f"the teacher {model} must find {', '.join(classes)}; use a face parser of this project")
    paths = celeba.pictures(folder, "train", ["full"])
    side = parser.manifest.crop.width
    inner = _central(side, SIDE_OF_HEAD)
    if not paths:
        raise DataError(f"no training pictures in {folder / celeba.FOLDERS['full']}")
    n = len(range(side)[inner[0]])
    images, kept = read(paths, (n, n, 3), lambda image: parsed.head_crop(image, side)[inner], "Reading CelebA")
    paths = [paths[i] for i in kept]
    seen = thumbnails([i[_central(len(i), held_out_share / SIDE_OF_HEAD)] for i in images])
    new = (seen @ thumbnails(held_out).T).max(1) < _SAME
    paths, images = [p for p, keep in zip(paths, new, strict=True) if keep], images[new]

    def draw() -> np.ndarray:
        masks = np.empty((len(paths), *images.shape[1:3]), np.uint8)
        for i, found in enumerate(parsed.probabilities(paths, parser, side, "Drawing masks", mirrored=True)):
            probability = found[:, *inner]
            masks[i] = np.where(probability.max(0) < SURE, UNSURE, probability.argmax(0))
        return masks

    masks = parsed.cached("pseudo_masks", paths, parser, f"{side} {SURE}", draw)
    return images, masks, [p.name for p in paths]


def corrected(masks: np.ndarray, known: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Return masks that agree with what is known of the pictures.

    Who wears no hat or glasses has none: such pixels become `UNSURE`. Who wears a hat has one where the teacher sees
    hair above the hairline, and what it calls hair from there to the brows may be either. Who is bald has no hair above
    the hairline: such pixels become what lies nearest.

    Args:
        masks: uint8 `(N, side, side)`, as from `pseudo_masks`.
        known: bool `(N, 3)`: `KNOWN`.
        classes: what the masks tell apart.
    """
    hair, hat, glasses = (list(classes).index(name) for name in ("hair", "hat", "glasses"))
    has_hat, has_glasses, is_bald = known.T
    result = masks.copy()
    result[(masks == hat) & ~has_hat[:, None, None]] = UNSURE
    result[(masks == glasses) & ~has_glasses[:, None, None]] = UNSURE
    hairline, brows = (round((row - _FIRST_ROW) * masks.shape[1] / FRAME[0]) for row in (HAIRLINE, _BROWS))
    doubtful = (masks == hair) & has_hat[:, None, None]
    result[:, :hairline][doubtful[:, :hairline]] = hat
    result[:, hairline:brows][doubtful[:, hairline:brows]] = UNSURE
    for mask in (result[i] for i in np.flatnonzero(is_bald & ~has_hat)):
        wrong = mask == hair
        wrong[hairline:] = False
        mask[wrong] = _nearest(mask, (mask == hair) | (mask == UNSURE))[wrong]
    return result


def _nearest(mask: np.ndarray, unfit: np.ndarray) -> np.ndarray:
    """Return for each pixel the class of the nearest one that is fit; all as they are if none is."""
    if unfit.all():
        return mask
    _, place = cv2.distanceTransformWithLabels(unfit.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    class_of = np.zeros(int(place.max()) + 1, np.uint8)
    class_of[place[~unfit]] = mask[~unfit]
    return np.asarray(class_of[place])


def _central(side: int, share: float) -> tuple[slice, slice]:
    """Rows and columns of the central square that fills a share of a square's side."""
    border = round(side * (1.0 - share) / 2.0)
    return slice(border, side - border), slice(border, side - border)


def thumbnails(images: Sequence[np.ndarray]) -> np.ndarray:
    """Return thumbnails `(N, D)` whose products are correlations."""
    small = [cv2.resize(i, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA).ravel() for i in images]
    flat = np.stack(small).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6))
