"""Is it still the same person? Judged by dlib's face recognition network, which this project did not train.

The weights (CC0) lie inside the PyPI package `face_recognition_models`; that package is not imported, because its
`__init__` needs `pkg_resources`, which today's setuptools no longer has.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

NETWORK = "dlib_face_recognition_resnet_model_v1"
SAME_PERSON = 0.6
"""Distance below which dlib's authors take two pictures for the same person."""
CHIP = 150

# Places in dlib's 150 px chip (`get_face_chip_details`, padding 0.25) of the middle between the eyes and its scale
# against the CelebA frame, where the eyes stand level, 39.04 px apart, at (89.6, 112.3): the eyes of dlib's mean
# five-point shape lie at (47.7, 47.1) and (100.3, 47.1).
_SCALE = (100.28 - 47.73) / 39.04
_TO_CHIP = np.array([[_SCALE, 0.0, 74.0 - _SCALE * 89.59], [0.0, _SCALE, 47.1 - _SCALE * 112.26]])


def descriptors(frames: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Describe aligned faces.

    Args:
        frames: pictures `(218, 178, 3)`, RGB, aligned as CelebA's.

    Returns:
        `(N, 128)`; the Euclidean distance of two rows tells how unlike two people are.
    """
    network = _network()
    return np.array([np.array(network.compute_face_descriptor(chip(frame))) for frame in frames]).reshape(-1, 128)


def distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance of each row of `a` to the same row of `b`."""
    return np.asarray(np.linalg.norm(a - b, axis=1))


def chip(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut the chip that dlib's network expects out of a CelebA frame, `(150, 150, 3)`."""
    out = cv2.warpAffine(frame, _TO_CHIP, (CHIP, CHIP), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(out, np.uint8)


def weights() -> Path:
    """Return the file of dlib's weights.

    Raises:
        ModuleNotFoundError: `face_recognition_models` is not installed.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("no face_recognition_models", name="face_recognition_models")
    return Path(next(iter(spec.submodule_search_locations))) / "models" / f"{NETWORK}.dat"


@cache
def _network() -> Any:
    import dlib

    return dlib.face_recognition_model_v1(str(weights()))
