"""Face meshes of aligned pictures, which need no detector, kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import platformdirs

from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.progress import with_progress
from imgedit.vision import geometry, mesh
from imgedit.vision.faces import Face
from imgedit.vision.geometry import Matrix
from training.data.reading import rgb

_BOX = np.array([[45.0, 75.0], [134.0, 185.0]])  # of a face in the CelebA frame, as a detector's
_HQ_SIDE = 153.0  # px of the CelebA frame that a CelebA-HQ picture shows, round the middle of the `HEAD` window

Frame = Callable[[tuple[int, int]], Matrix]
"""Height and width of a picture -> the matrix from it to the CelebA frame."""


def frame_of_hq(shape: tuple[int, int]) -> Matrix:
    """Return the matrix to the CelebA frame from a square CelebA-HQ picture of some height and width."""
    scale = _HQ_SIDE / shape[0]
    x0, y0, side = geometry.HEAD
    middle = np.array([x0, y0]) + (side - 1) / 2.0
    return np.column_stack([scale * np.eye(2), middle - scale * (np.array(shape[::-1]) - 1.0) / 2.0])


def meshes(paths: Sequence[Path], frame: Frame = geometry.frame_matrix) -> np.ndarray:
    """Return the meshes of aligned pictures, `(N, 468, 3)` float32, pixels; not a number where there is none.

    Args:
        paths: the pictures.
        frame: where in the CelebA frame they lie.
    """
    model = library.bundled(mesh.MODEL)
    key = hashlib.sha256(f"{frame.__name__} {model.manifest.graphs['mesh'].sha256}".encode())
    for path in paths:
        key.update(f"{path.parent.name}/{path.name}\n".encode())
    folder = Path(platformdirs.user_cache_dir("imgedit", appauthor=False)) / "meshes"
    cache = folder / f"{key.hexdigest()[:24]}.npz"
    if cache.is_file():
        return np.asarray(np.load(cache)["points"])
    reader = mesh.MeshReader(model, Sessions("cpu"))
    points = np.full((len(paths), mesh.N_POINTS, 3), np.nan, np.float32)
    for i, path in enumerate(with_progress(paths, "Finding meshes")):
        image = rgb(path)
        found = reader(image, _face(frame((image.shape[0], image.shape[1]))))
        if found is not None:
            points[i] = found.points
    folder.mkdir(parents=True, exist_ok=True)
    partial = cache.with_name(f".{os.getpid()}.npz")
    np.savez_compressed(partial, points=points)
    partial.replace(cache)
    return points


def _face(to_frame: Matrix) -> Face:
    """Return the face of an aligned picture as a detector would."""
    back = geometry.invert(to_frame)
    box = geometry.apply(back, _BOX).astype(np.float32).ravel()
    return Face(box, geometry.apply(back, geometry.FACE_TEMPLATE).astype(np.float32), 1.0)
