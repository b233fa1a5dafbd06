"""Windows of a face or a body: which ones a training may show, and in which part of one an edit may act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from imgedit.errors import ConfigError
from imgedit.vision.geometry import FRAME, WINDOWS

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in the aligned frame (`imgedit.vision.geometry.FRAME`), pixels. The eyes are in row 112, the mouth in
row 153 (`FACE_TEMPLATE`)."""
WHOLE: Box = (0, 0, *FRAME)
FEATHER = 12.0
"""Width of a box's soft border, pixels of the frame; it lies inside."""


def check_window(crop: str) -> None:
    """Complain of a window that is not there.

    Raises:
        ConfigError: it is unknown, or reaches beyond the frame.
    """
    width, height = FRAME
    inside = [k for k, (x, y, side) in WINDOWS.items() if 0 <= x <= width - side and 0 <= y <= height - side]
    if crop not in inside:
        raise ConfigError(f"crop={crop!r}; choose one of {', '.join(inside)}")


def data_options(config: Any) -> dict[str, Any]:
    """Return what a method asks a data set for, by its settings `size`, `height`, `attributes`, `parts` and `crop`.

    Faces are cut from the aligned frame; a set of pictures with a height of their own cuts as it does.
    """
    options: dict[str, Any] = {"size": config.size, "attributes": config.attributes, "jitter": False}
    if config.height:
        return {**options, "height": config.height}
    return {**options, "parts": config.parts, "crop": config.crop}


def windows_of(boxes: Sequence[Box], crop: str, size: int) -> tuple[Tensor, Tensor]:
    """Return where each of K edits may change a crop: weights of the rows `(K, size)` and of the columns `(K, size)`.

    The weight of a pixel, 0..1, is the product of its row's and its column's.

    Args:
        boxes: of each edit.
        crop: kind of the crop, of `imgedit.vision.geometry.WINDOWS`.
        size: side of the crop, px.
    """
    x0, y0, side = WINDOWS[crop]
    centres = (torch.arange(size) + 0.5) * side / size
    left, top, right, bottom = torch.tensor(list(boxes), dtype=torch.float32).T[:, :, None]
    return _soft_between(y0 + centres, top, bottom), _soft_between(x0 + centres, left, right)


def _soft_between(place: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Rise from 0 at `low` to 1 within `FEATHER`, and fall again towards `high` (smoothstep)."""
    t = (torch.minimum(place - low, high - place) / FEATHER).clamp(0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
