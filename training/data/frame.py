"""Windows of pictures that show the whole CelebA frame, cut as a model's crop is cut out of a photo."""

from __future__ import annotations

import numpy as np

from imgedit.vision.geometry import chain, cut, frame_matrix, window_matrix


def window(image: np.ndarray, size: int, kind: str) -> np.ndarray:
    """Cut one of `geometry.WINDOWS` out of a picture of the whole frame, at whatever size it is stored.

    It is cut as a photo is where a model is used, so that training sees what use shows.

    Args:
        image: uint8 `(H, W, 3)` RGB; all of the 178x218 frame.
        size: side of the crop, px.
        kind: of the window.

    Returns:
        uint8 `(size, size, 3)`.
    """
    return cut(image, chain(frame_matrix(image.shape[:2]), window_matrix(kind, size)), size)
