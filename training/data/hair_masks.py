"""Soft hair masks of CelebA pictures, drawn once by a face parser and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import platformdirs
from PIL import Image

from imgedit import library
from imgedit.errors import ConfigError
from imgedit.geometry import FACE, FRAME, HEAD
from imgedit.runtime import Session
from training.progress import watched

PARSE_SIZE = 128
"""Side of the head crop that is parsed, px; less than the parser's own 192, because only soft masks are needed."""


def hair_masks(paths: Sequence[Path], size: int, model: str) -> np.ndarray:
    """Return the hair probability in the `FACE` window of each picture.

    Args:
        paths: CelebA pictures; each shows the whole 178x218 frame, at any stored size.
        size: side of the masks, px.
        model: id or folder of a `parse` model with a class `hair`.

    Returns:
        uint8 `(N, size, size)`, 0..255.

    Raises:
        ConfigError: the model has no class `hair`.
        ModelError: the model is unknown or damaged.
    """
    parser = library.find(model)
    if "hair" not in parser.manifest.classes:
        raise ConfigError(f"mask_model {model} finds {', '.join(parser.manifest.classes)}; a class 'hair' is needed")
    cache = _cache_file(paths, size, parser)
    if cache.is_file():
        return np.asarray(np.load(cache)["masks"])
    session = Session(parser.graph("parse"), device="auto")
    hair = parser.manifest.classes.index("hair")
    masks = np.empty((len(paths), size, size), np.uint8)
    for start in watched(range(0, len(paths), 16), "Drawing hair masks"):
        crops = np.stack([_head_crop(p) for p in paths[start : start + 16]])
        found = session.run({"image": crops})["probability"][:, hair]
        for i, probability in enumerate(found):
            masks[start + i] = np.round(_face_window(probability, size) * 255.0)
    cache.parent.mkdir(parents=True, exist_ok=True)
    partial = cache.with_name(f".{os.getpid()}.npz")
    np.savez_compressed(partial, masks=masks)
    partial.replace(cache)
    return masks


def _cache_file(paths: Sequence[Path], size: int, parser: library.Model) -> Path:
    key = hashlib.sha256(f"{size} {PARSE_SIZE} {parser.manifest.graphs['parse'].sha256}".encode())
    for path in paths:
        key.update(f"{path.parent.name}/{path.name}\n".encode())
    return Path(platformdirs.user_cache_dir("imgedit", appauthor=False)) / "hair_masks" / f"{key.hexdigest()[:24]}.npz"


def _head_crop(path: Path) -> np.ndarray:
    """Cut the `HEAD` window, `(3, PARSE_SIZE, PARSE_SIZE)` in [-1, 1]; what the frame lacks is reflected."""
    frame = np.asarray(Image.open(path).convert("RGB"))
    height, width = frame.shape[:2]
    x0, y0, side = HEAD
    scale = PARSE_SIZE / side
    sx, sy = scale * FRAME[0] / width, scale * FRAME[1] / height
    matrix = np.array([[sx, 0, 0.5 * sx - 0.5 - x0 * scale], [0, sy, 0.5 * sy - 0.5 - y0 * scale]])
    crop = cv2.warpAffine(
        frame, matrix, (PARSE_SIZE, PARSE_SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return crop.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1.0


def _face_window(probability: np.ndarray, size: int) -> np.ndarray:
    """Cut the `FACE` window out of a `HEAD` map and resize it to `size`."""
    scale = probability.shape[0] / HEAD[2]
    zoom = size / (FACE[2] * scale)
    left, top = (FACE[0] - HEAD[0]) * scale, (FACE[1] - HEAD[1]) * scale
    matrix = np.array([[zoom, 0, (0.5 - left) * zoom - 0.5], [0, zoom, (0.5 - top) * zoom - 0.5]])
    return cv2.warpAffine(probability, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
