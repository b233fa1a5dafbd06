"""Where on the mean face the pixels of a photo lie, beyond the face as well: on neck and hair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats
from imgedit.render.mesh_fields import rasterize
from imgedit.vision import geometry, mesh
from imgedit.vision.mesh import Points

__all__ = ["places", "widened"]


def widened(points: Points, beyond: float) -> Points:
    """Return a mesh with its outline once more, further out.

    Args:
        points: `(n, 3)`.
        beyond: where the second outline lies, in distances of the first from its middle.
    """
    outline = points[list(mesh.OVAL)]
    middle = outline.mean(0)
    return np.concatenate([points, middle + beyond * (outline - middle)])


def places(
    points: Points, to_grid: geometry.Matrix, shape: tuple[int, int], beyond: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return where on the mean face each cell of a grid lies, right and down, `(h, w, 2)`, and where it lies on none.

    Args:
        points: the face's mesh, `(468, 3)`, pixels of the photo.
        to_grid: matrix from the photo to the grid.
        shape: height and width of the grid.
        beyond: as `widened`.
    """
    face, wide = mesh.template(), widened(points, beyond)
    on_grid = np.column_stack([geometry.apply(to_grid, wide[:, :2]), wide[:, 2]])
    triangles = np.concatenate([face.triangles, _ring(len(points))])
    found, inside = rasterize(on_grid, widened(face.points, beyond)[:, :2], triangles, shape)
    return found, ~inside


def _ring(n: int) -> NDArray[np.int64]:
    """Return the triangles `(t, 3)` between the outline of a mesh of n points and the one further out."""
    inner = np.array(mesh.OVAL)
    outer = n + np.arange(len(inner))
    after, beyond = np.roll(inner, -1), np.roll(outer, -1)
    return np.concatenate([np.column_stack([inner, after, outer]), np.column_stack([after, beyond, outer])])
