"""Soft hair masks of CelebA pictures, drawn once by a face parser and kept in the user's cache folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imgedit.errors import ConfigError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.vision.geometry import chain, cut, invert, window_matrix
from training.data import parsed

PARSE_SIZE = 128
"""Side of the head crop that is parsed, px; less than the parser's own, because only soft masks are needed."""


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
    parser = hair_parser(model)
    return parsed.cached("hair_masks", paths, parser, f"{size} {PARSE_SIZE}", lambda: draw(paths, size, parser))


def hair_parser(model: str) -> Model:
    """Find a parser that knows hair.

    Raises:
        ConfigError: the model has no class `hair`.
        ModelError: the model is unknown or damaged.
    """
    parser = library.find(model)
    if "hair" not in parser.manifest.classes:
        raise ConfigError(f"mask_model {model} finds {', '.join(parser.manifest.classes)}; a class 'hair' is needed")
    return parser


def draw(pictures: Sequence[Path] | Sequence[np.ndarray], size: int, parser: Model) -> np.ndarray:
    """Return the hair as `hair_masks`, of files or frames, drawn anew."""
    hair = parser.manifest.classes.index("hair")
    masks = np.empty((len(pictures), size, size), np.uint8)
    for i, found in enumerate(parsed.probabilities(pictures, parser, PARSE_SIZE, "Drawing hair masks")):
        masks[i] = np.round(_face_window(found[hair], size) * 255.0)
    return masks


def _face_window(probability: np.ndarray, size: int) -> np.ndarray:
    """Cut the face window out of a map of the head window and bring it to `size`."""
    matrix = chain(invert(window_matrix("head", probability.shape[0])), window_matrix("face", size))
    return cut(probability, matrix, size)
