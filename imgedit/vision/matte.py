"""Where the person is and where the ground: a matte of a subject's window."""

from __future__ import annotations

import cv2
import numpy as np

from imgedit.errors import ModelError
from imgedit.models.library import Model
from imgedit.pixels import Floats, to_tensor
from imgedit.vision import geometry
from imgedit.vision.subject import Subject

__all__ = ["person"]


def person(subject: Subject, model: Model, kind: str, height: int, width: int, *, down: int = 0) -> Floats:
    """Return how probably each pixel of a window is a person, `(height, width)`, 0..1; found once.

    The network sees what the photo shows of the window, upright and stretched to its square: where a window goes beyond
    the photo a crop would show mirrored heads.

    Args:
        subject: whose window; any other person in it counts too.
        model: of kind `matte`.
        kind: of the window's crop.
        height: of the window, px.
        width: of the window, px.
        down: rows of the window by which it is moved down.

    Raises:
        ModelError: the model returns something else.
    """
    key = ("person", str(model.folder), kind, height, width, down)
    return subject.cached(key, lambda: _found(subject, model, kind, (height, width), down))


def _found(subject: Subject, model: Model, kind: str, size: tuple[int, int], down: int) -> Floats:
    matrix = geometry.moved_down(subject.matrix(kind, *size), down)
    x0, y0, x1, y1 = geometry.crop_roi(matrix, size, (subject.photo.height, subject.photo.width))
    if x1 <= x0 or y1 <= y0:
        return np.zeros(size, np.float32)
    h, w = model.manifest.crop.height, model.manifest.crop.width
    seen = np.asarray(cv2.resize(subject.rgb[y0:y1, x0:x1], (w, h), interpolation=cv2.INTER_AREA), np.uint8)
    found = subject.sessions.open(model, "matte").run({"image": to_tensor(seen)[None]}, ["probability"])["probability"]
    if found.shape != (1, 1, h, w):
        raise ModelError(f"{model.id} returned a matte of shape {found.shape}, not {(1, 1, h, w)}")
    sx, sy = w / (x1 - x0), h / (y1 - y0)
    to_seen = np.array([[sx, 0.0, sx * (0.5 - x0) - 0.5], [0.0, sy, sy * (0.5 - y0) - 0.5]])
    from_window = geometry.chain(geometry.invert(matrix), to_seen)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    back = cv2.warpAffine(found[0, 0], from_window, size[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(back, np.float32)
