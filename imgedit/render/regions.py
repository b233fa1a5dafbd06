"""Where in a photo an edit may act, and how much: parts of a subject by name, and the windows of crops.

A part's coarse map is brought into the photo along the photo's own edges, ends softly at the border of its window, and
is shared with the windows of neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ConfigError
from imgedit.pixels import Floats, Pixels, eight_bit
from imgedit.render import matting
from imgedit.render.guided import carried, refine, work_grid
from imgedit.vision import arms, geometry, parsing
from imgedit.vision.body import MIN_VISIBILITY, Body
from imgedit.vision.geometry import Matrix, Roi
from imgedit.vision.hair import hairline_step
from imgedit.vision.parts import HAIR, PARTS
from imgedit.vision.subject import Subject

__all__ = [
    "ARMS",
    "AROUND",
    "BELOW_HAIRLINE",
    "WHOLE",
    "Region",
    "coverage",
    "find",
    "intersect",
    "ownership",
    "region_of",
    "window",
    "window_weight",
]

BELOW_HAIRLINE = ":below_hairline"
"""Added to a region's name for what of it lies below the hairline."""

AROUND = "around"
"""Name of the region of what moves a head: twice as wide as the parser's window, shared with neighbours."""

WHOLE = "whole"
"""Name of the region that is all of the photo."""

ARMS = "arms"
"""Name of the region of a body's arms: the tubes around those that are seen, without head and hands."""

_MATTE_SIDE = 420  # longest side of the copy on which a matte of hair is found, px
_FOLLOWED = (2, 1e-5)  # radius, px of the copy, and regularization by which it follows the photo's edges

FEATHER = 0.10
"""Width of the ramp from 0 to 1 inside the border of a crop window, as a share of its side."""


@dataclass(frozen=True)
class Region:
    """Where an edit may act, and how much.

    Attributes:
        roi: part of the photo.
        weight: `(h, w)` float32 of that part, 0..1.
    """

    roi: Roi
    weight: Floats

    def around(self, points: NDArray[np.floating[Any]]) -> Region | None:
        """Return the part of this region that points `(n, 2)` or `(n, 3)` of the photo lie in; None where none does."""
        low, high = np.floor(points[:, :2].min(0)).astype(int), np.ceil(points[:, :2].max(0)).astype(int) + 1
        x0, y0 = max(self.roi[0], int(low[0])), max(self.roi[1], int(low[1]))
        x1, y1 = min(self.roi[2], int(high[0])), min(self.roi[3], int(high[1]))
        if x1 <= x0 or y1 <= y0:
            return None
        left, top = x0 - self.roi[0], y0 - self.roi[1]
        return Region((x0, y0, x1, y1), self.weight[top : top + y1 - y0, left : left + x1 - x0])


def find(subject: Subject, name: str) -> Region:
    """Return a region of a subject by its name, found once.

    Args:
        subject: whose region.
        name: a key of `imgedit.vision.parts.PARTS`; with `BELOW_HAIRLINE` only what of it lies there. Or `AROUND`, or
            `WHOLE`; of a body `ARMS` or `WHOLE`.

    Raises:
        ConfigError: there is no such region.
    """
    return subject.cached(("region", name), lambda: _found(subject, name))


def _found(subject: Subject, name: str) -> Region:
    if name == WHOLE:
        height, width = subject.rgb.shape[:2]
        return Region((0, 0, width, height), np.ones((height, width), np.float32))
    if name == AROUND:
        return _around(subject)
    if isinstance(subject.place, Body):
        if name != ARMS:
            raise ConfigError(f"a body has no region {name!r}; it has {ARMS} and {WHOLE}")
        return _arms(subject.rgb, subject.place)
    part = name.removesuffix(BELOW_HAIRLINE)
    if part not in PARTS:
        raise ConfigError(f"unknown region {name!r}; known: {', '.join(PARTS)}")
    crop = subject.networks.parser.crop
    spec = (crop.kind, crop.height, crop.width)
    probability = PARTS[part](subject, below_hairline=name != part)
    others = subject.other_matrices(*spec)
    never = None
    if part == HAIR:
        never = parsing.features(subject.parsed(), subject.networks.parser.classes)
        if name != part:
            never = np.maximum(never, 1.0 - hairline_step(crop.height))
    return region_of(subject.rgb, probability, subject.matrix(*spec), spec[1:], others=others, never=never)


def _around(subject: Subject) -> Region:
    crop = subject.networks.parser.crop
    spec = (crop.kind, crop.height, crop.width)
    # The same pixels show twice as much, around the same middle.
    wider = np.array([[0.5, 0.0, (crop.width - 1) / 4.0], [0.0, 0.5, (crop.height - 1) / 4.0]])
    own = geometry.chain(subject.matrix(*spec), wider)
    others = [geometry.chain(other, wider) for other in subject.other_matrices(*spec)]
    return region_of(subject.rgb, None, own, spec[1:], others=others)


def _arms(rgb: NDArray[np.uint8], body: Body) -> Region:
    """Return the tubes around the arms of a body, without head and hands."""
    shape, tone = (rgb.shape[0], rgb.shape[1]), arms.skin_tone(rgb, body)
    found = [(arm, arms.window(arm)) for arm in arms.arms_of(body) if arm.visibility >= MIN_VISIBILITY]
    rois = [geometry.crop_roi(matrix, arms.SIZE, shape) for _, matrix in found]
    x0, y0, x1, y1 = (
        int(f(values))
        for f, values in zip((min, min, max, max), zip(*(rois or [(0, 0, 0, 0)]), strict=True), strict=True)
    )
    weight = np.zeros((max(0, y1 - y0), max(0, x1 - x0)), np.float32)
    if weight.size:
        for arm, matrix in found:
            place = arms.crop_joints(arm, matrix)
            hole = arms.tube(*place, arms.SIZE).hole
            if tone is not None:
                crop = np.asarray(geometry.cut(rgb, matrix, arms.SIZE, edge=True), np.uint8)
                hole = hole * (1.0 - arms.hand(crop, *place, tone))
            np.maximum(weight, geometry.put_back(hole, matrix, (x0, y0, x1, y1)), out=weight)
        weight *= 1.0 - _head(body, (x0, y0, x1, y1))
    return Region((x0, y0, x1, y1), weight)


def _head(body: Body, roi: Roi) -> Floats:
    """Return a body's head as an ellipse, `(h, w)` of the roi, 0 or 1, as far as its nose is seen."""
    head = np.zeros((roi[3] - roi[1], roi[2] - roi[0]), np.float32)
    if body.sees("nose") >= MIN_VISIBILITY:
        x, y = (round(float(v)) for v in body.point("nose") - roi[:2])
        side = arms.arms_of(body)[0].unit
        cv2.ellipse(head, (x, y), (round(0.3 * side), round(0.38 * side)), 0.0, 0.0, 360.0, 1.0, -1)
    return head


def window(subject: Subject, kind: str, height: int, width: int) -> Region:
    """Return the window of a crop, with its soft border, as a region; arguments as `Subject.matrix`."""
    return subject.cached(
        ("window", kind, height, width),
        lambda: region_of(subject.rgb, None, subject.matrix(kind, height, width), (height, width)),
    )


def coverage(subject: Subject, name: str) -> float:
    """Return the share of the parser's window that a region of the subject takes up, 0..1, as far as the photo goes."""
    crop = subject.networks.parser.crop
    scale = geometry.crop_scale(subject.matrix(crop.kind, crop.height, crop.width))
    return float(find(subject, name).weight.sum()) * scale**2 / (crop.height * crop.width)


def region_of(
    rgb: NDArray[np.uint8],
    probability: Floats | None,
    matrix: Matrix,
    shape: tuple[int, int],
    *,
    others: Sequence[Matrix] = (),
    eps: float = 1e-4,
    never: Floats | None = None,
) -> Region:
    """Bring a parser's map of a crop into the photo as the region of an edit.

    Args:
        rgb: the photo.
        probability: `(h, width)`, 0..1, on the crop and, where h is more than its height, below it; None for the whole
            window.
        matrix: photo to crop.
        shape: height and width of the crop, px.
        others: matrices of the other subjects' crops of this kind, which own what is nearer to them.
        eps: regularization of the guided filter on colours in 0..1.
        never: `(height, width)`, 0..1, how probably each pixel of the crop is nothing that hair's colours may spread
            to. Given for hair, which ends in strands; the edge of anything else is where the photo has one.
    """
    extent = (shape[0] if probability is None else len(probability), shape[1])
    roi = geometry.crop_roi(matrix, extent, (rgb.shape[0], rgb.shape[1]))
    x0, y0, x1, y1 = roi
    if x1 <= x0 or y1 <= y0:
        return Region((0, 0, 0, 0), np.zeros((0, 0), np.float32))
    # The border's ramp and the shares are smooth: find them on a reduced copy.
    h, w, to_photo = work_grid(roi)
    own = geometry.chain(to_photo, matrix)
    area = (0, 0, w, h)
    neighbours = (geometry.chain(to_photo, other) for other in others)
    near = [m for m in neighbours if window_weight(m, shape, area).any()]
    soft = window_weight(own, extent, area)
    if near:
        soft *= ownership([own, *near], 0, shape, area)
    soft = np.asarray(cv2.resize(soft, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR), np.float32)
    if probability is None:
        return Region(roi, soft)
    if never is not None:
        soft *= _hair(rgb[y0:y1, x0:x1], probability, never, roi, matrix)
        return Region(roi, soft)
    coarse = np.clip(geometry.put_back(probability, own, area, edge=True), 0.0, 1.0)
    pixel = 1.0 / geometry.crop_scale(matrix)  # one crop pixel in photo pixels
    matte = refine(np.asarray(coarse, np.float32), rgb[y0:y1, x0:x1], radius=max(2.0, 3.0 * pixel), eps=eps)
    matte *= soft
    return Region(roi, matte)


def _hair(part: Pixels, probability: Floats, never: Floats, roi: Roi, matrix: Matrix) -> Floats:
    """Return how much of each pixel of a part of a photo is hair, `(h, w)`; arguments as `region_of`."""
    h, w, to_photo = work_grid(roi, _MATTE_SIDE)
    own, area = geometry.chain(to_photo, matrix), (0, 0, w, h)
    likely = np.clip(geometry.put_back(probability, own, area, edge=True), 0.0, 1.0)
    small = eight_bit(part if (h, w) == part.shape[:2] else cv2.resize(part, (w, h), interpolation=cv2.INTER_AREA))
    width = never.shape[1] / geometry.crop_scale(own)
    found = matting.matte(small, np.asarray(likely, np.float32), width, geometry.put_back(never, own, area))
    if (h, w) == part.shape[:2]:
        return found
    found = carried(found, small.astype(np.float32) / 255.0, part, *_FOLLOWED)
    return np.clip(found, 0.0, 1.0, out=found)


def window_weight(matrix: Matrix, size: tuple[int, int], roi: Roi, feather: float = FEATHER) -> Floats:
    """Return 1 inside a crop window, falling smoothly to 0 at its border: `(h, w)` of the roi.

    Args:
        matrix: photo to crop.
        size: height and width of the crop, px.
        roi: part of the photo.
        feather: width of the ramp, as a share of the window's width.
    """
    x0, y0, x1, y1 = roi
    h, w = y1 - y0, x1 - x0
    xs, ys = np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32)
    weight = np.ones((h, w), np.float32)
    for row, length in zip(matrix.astype(np.float32), reversed(size), strict=True):
        # 0 at the one border, the crop's length at the other
        position = row[0] * xs[None, :] + row[1] * ys[:, None] + row[2] + 0.5
        ramp = np.clip(np.minimum(position, length - position) / (feather * size[1]), 0.0, 1.0)
        weight *= ramp * ramp * (3.0 - 2.0 * ramp)
    return weight


def ownership(matrices: Sequence[Matrix], index: int, shape: tuple[int, int], roi: Roi) -> Floats:
    """Share of each pixel that belongs to one subject among neighbours, by distance from the windows' centres.

    Args:
        matrices: photo to crop, of every subject.
        index: whose share.
        shape: height and width of the crops, px.
        roi: part of the photo.

    Returns:
        `(h, w)` of the roi; the shares of all subjects add up to 1.
    """
    height, width = shape
    x0, y0, x1, y1 = roi
    xs, ys = np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32)

    def distance(matrix: Matrix) -> Floats:
        m = matrix.astype(np.float32)
        u = (m[0, 0] * xs[None, :] + m[0, 1] * ys[:, None] + m[0, 2] + 0.5) / width - 0.5
        v = (m[1, 0] * xs[None, :] + m[1, 1] * ys[:, None] + m[1, 2] + 0.5) / height - 0.5
        return np.asarray(u * u + v * v, np.float32)

    own = distance(matrices[index])
    total = np.ones_like(own)
    for other, matrix in enumerate(matrices):
        if other != index:
            total += np.exp(np.clip(24.0 * (own - distance(matrix)), -60.0, 60.0))
    return np.asarray(1.0 / total, np.float32)


def intersect(a: Region, b: Region) -> Region:
    """Return the region where both act, their weights multiplied."""
    x0, y0 = max(a.roi[0], b.roi[0]), max(a.roi[1], b.roi[1])
    x1, y1 = max(x0, min(a.roi[2], b.roi[2])), max(y0, min(a.roi[3], b.roi[3]))
    parts = [r.weight[y0 - r.roi[1] : y1 - r.roi[1], x0 - r.roi[0] : x1 - r.roi[0]] for r in (a, b)]
    return Region((x0, y0, x1, y1), parts[0] * parts[1])
