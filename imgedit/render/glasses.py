"""`Glasses`: a frame of glasses, drawn on a face at the photo's own resolution.

What lies behind the face is hidden; rims stand off from the face, so that hair lies behind them, and temples sink into
hair. Rims throw a faint shadow, lenses reflect a little. A black frame before black hair is brown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats, Pixels, kept, pixels_to_lab
from imgedit.render import frames
from imgedit.render.change import DETAIL
from imgedit.render.frames import Frame, Part, Placed
from imgedit.render.guided import work_grid
from imgedit.render.mesh_fields import rasterize
from imgedit.render.regions import Region
from imgedit.vision import geometry, mesh
from imgedit.vision.mesh import Points
from imgedit.vision.subject import Subject

__all__ = ["Drawing", "Glasses", "Look", "draw"]

_BEHIND = (5.0, 8.0)  # mm by which the mesh may lie before a part of the frame that is seen, and one that is hidden
_RIMS_BEHIND = (20.0, 26.0)  # the same of rims: a nose that hides one corner of the far rim looks like a broken frame
_SINKS = (5.0, 22.0)  # mm from its hinge where a temple begins to sink into hair, and where it is beneath
_STRANDS = 2.5  # mm over which hair covers a temple
_EAR_HEIGHT = 35.0  # mm down from there: the height of an ear
_SHADOW_WIDTH, _SHADOW_DOWN = 2.2, 2.6  # softness and shift of a rim's shadow, mm
_USUAL = 75.0  # L* of usual skin
_DARKEST = 40.0  # of 255: in a photo without black a frame is at least so light
_BROWN = np.array([0.21, 0.13, 0.085], np.float32)  # of a dark frame where black could not be seen
_BLACK = 16.0  # L* of hair and ground before which a black rim cannot be seen
_UNSEEN = (0.05, 0.14)  # share of a frame before such ground from which it turns brown, and where it is
_SUPERSAMPLED = 4  # samples a pixel along each side, on frames of up to `_FINE` px
_FINE = 700
_DEPTH_SIDE = 256  # longest side of the map of the face's depth, cells
_SHARPEST = 0.3  # standard deviation of the least blur, px
_LEAST_EDGE = 8.0  # slope (Sobel, 0..255) of an edge that tells of blur
_SOFT = 0.75  # share of a face's own blur that a frame gets; skin has no edges as sharp as a frame's


@dataclass(frozen=True, eq=False)
class Glasses:
    """Glasses on a face.

    Attributes:
        points: the face's mesh, `(468, 3)`, pixels of the photo.
        frame: what is drawn.
        region: name of the region where it may act.
        amount: share of the change, 0..1.
    """

    points: Points
    frame: Frame
    region: str
    amount: float = 1.0
    order: ClassVar[int] = DETAIL

    def scaled(self, strength: float) -> Glasses:
        """Return the same change at a share of its strength: the glasses fade in."""
        return replace(self, amount=self.amount * strength)

    def apply(self, rgb: Pixels, subject: Subject, region: Region, *, own: bool = False) -> Pixels:
        """Draw the glasses on the photo; as `Change.apply`."""
        out = rgb if own else rgb.copy()

        def blur(roi: geometry.Roi) -> float:
            x0, y0, x1, y1 = roi
            return _blur(subject.rgb[y0:y1, x0:x1])

        drawing = draw(
            rgb, self.points, self.frame, region.roi,
            hair=lambda roi: _hair(subject, roi), blur=blur, is_grey=subject.is_grey,
        )  # fmt: skip
        if drawing is None:
            return out
        x0, y0, x1, y1 = drawing.roi
        part = out[y0:y1, x0:x1]
        weight = _cropped(region, drawing.roi) * np.float32(self.amount)
        mixed = part + weight[..., None] * (drawing.picture - part)
        np.copyto(part, kept(mixed, rgb.dtype), where=weight[..., None] > 0)
        return out


@dataclass(frozen=True)
class Look:
    """How light falls on glasses.

    Attributes:
        shadow: depth of a rim's shadow, 0..1.
        lens: share of light that a lens keeps back.
        reflection: share of light that a reflection adds.
        sheen: share of light that the upper edge of a rim throws back.
    """

    shadow: float = 0.30
    lens: float = 0.03
    reflection: float = 0.09
    sheen: float = 0.12


class Drawing(NamedTuple):
    """A part of a photo with glasses.

    Attributes:
        roi: which part.
        picture: `(h, w, 3)`, 0..255.
        frame: how much of each pixel the frame covers, `(h, w)`, 0..1.
    """

    roi: geometry.Roi
    picture: Floats
    frame: Floats


def draw(
    rgb: Pixels,
    points: Points,
    frame: Frame,
    limit: geometry.Roi,
    *,
    hair: Callable[[geometry.Roi], Floats],
    blur: Callable[[geometry.Roi], float],
    is_grey: bool = False,
    look: Look = Look(),
) -> Drawing | None:
    """Draw glasses on a face.

    Args:
        rgb: the photo, `(H, W, 3)`.
        points: the face's mesh, `(468, 3)`, pixels of the photo.
        frame: what is drawn.
        limit: the part of the photo where it may be.
        hair: returns how much of a part is hair, `(h, w)`, 0..1; it lies over the temples where it covers the ear.
        blur: returns how blurred a part is, standard deviation in px; the frame becomes as blurred.
        is_grey: draw without colour.
        look: how light falls on them.

    Returns:
        None where the glasses lie beside the part.
    """
    canvas = _Canvas.around(frames.place(points), frame, points, limit)
    if canvas is None:
        return None
    x0, y0, x1, y1 = canvas.roi
    part = rgb[y0:y1, x0:x1]
    layers = _layers(canvas, frame, hair(canvas.roi), blur(canvas.roi))
    colour = _seen(frame.colour, part, layers.beside, layers.frame)
    picture = _painted(part, layers, _lit(colour, part, _darkest(rgb), is_grey=is_grey), look)
    return Drawing(canvas.roi, picture, layers.frame)


def _seen(colour: Floats, part: Pixels, beside: Floats, frame: Floats) -> Floats:
    """Return a frame's colour `(3,)`, 0..1, or a brown where a dark one would vanish before black hair.

    Args:
        colour: of the frame.
        part: of the photo, 0..255.
        beside: how much of each of its pixels is hair or beside the face, `(h, w)`, 0..1.
        frame: how much of each the frame covers.
    """
    is_black = pixels_to_lab(part)[..., 0] < _BLACK
    share = float((frame * beside * is_black).sum() / max(float(frame.sum()), 1e-6))
    return np.asarray(np.maximum(colour, np.interp(share, _UNSEEN, (0.0, 1.0)) * _BROWN), np.float32)


def _darkest(rgb: Pixels) -> Floats:
    """Return the colour of the darkest hundredth of a photo, `(3,)`, at most `_DARKEST` in each channel."""
    step = max(1, max(rgb.shape[:2]) // _DEPTH_SIDE)
    few = np.ascontiguousarray(rgb[::step, ::step]).reshape(1, -1, 3)
    lightness = pixels_to_lab(few)[0, :, 0]
    shade = few[0, lightness <= np.percentile(lightness, 1.0)].mean(axis=0)
    return np.asarray(shade * min(1.0, _DARKEST / max(float(shade.max()), 1.0)), np.float32)


def _lit(colour: Floats, part: Pixels, dark: Floats, *, is_grey: bool) -> Floats:
    """Return a colour `(3,)` of 0..1 in the light of a part of a photo, 0..255: never darker than `dark`."""
    light = float(np.percentile(pixels_to_lab(part)[..., 0], 80.0))
    lit = np.maximum(255.0 * np.clip(light / _USUAL, 0.35, 1.1) * colour, dark)
    return np.asarray(np.full(3, lit.mean()) if is_grey else lit, np.float32)


class _Canvas:
    """A part of a photo, finely sampled, on which quads are drawn where the face does not hide them."""

    def __init__(self, roi: geometry.Roi, samples: int, placed: Placed, points: Points) -> None:
        self.roi, self.samples, self.placed = roi, samples, placed
        self.surface = _Surface(points, roi)

    @classmethod
    def around(cls, placed: Placed, frame: Frame, points: Points, limit: geometry.Roi) -> _Canvas | None:
        """Return the canvas that holds a frame and its shadow, within a part of the photo; None where it is beside."""
        shown = np.concatenate([part.quads.reshape(-1, 3) for part in frames.parts(frame, placed)])
        corners = placed.photo(shown)[:, :2]
        margin = 8.0 * placed.scale + 2.0
        low, high = np.floor(corners.min(0) - margin).astype(int), np.ceil(corners.max(0) + margin).astype(int)
        x0, y0 = max(limit[0], int(low[0])), max(limit[1], int(low[1]))
        x1, y1 = min(limit[2], int(high[0])), min(limit[3], int(high[1]))
        if x1 <= x0 or y1 <= y0:
            return None
        samples = _SUPERSAMPLED if high[0] - low[0] <= _FINE else _SUPERSAMPLED // 2
        return cls((x0, y0, x1, y1), samples, placed, points)

    def drawn(self, part: Part, *, is_hidden: bool = True, behind: tuple[float, float] = _BEHIND) -> Floats:
        """Draw quads, where several lie the brightest; `(h, w)`, 0..1.

        Args:
            part: what is drawn.
            is_hidden: leave out what lies behind the face.
            behind: mm by which the face may lie before what is seen, and before what is hidden.
        """
        x0, y0, x1, y1 = self.roi
        mask = np.zeros(((y1 - y0) * self.samples, (x1 - x0) * self.samples), np.uint8)
        corners = self.placed.photo(part.quads)
        value = part.value
        if is_hidden:
            before = self.surface.depth(corners[..., :2].mean(1)) - corners[..., 2].mean(1)
            by = -before / self.placed.scale
            value = value * np.clip((behind[1] - by) / (behind[1] - behind[0]), 0.0, 1.0)
        place = np.rint(((corners[..., :2] - (x0, y0) + 0.5) * self.samples - 0.5) * 16.0).astype(np.int32)
        for i in np.argsort(value):
            if value[i] > 0:
                cv2.fillConvexPoly(mask, place[i], float(round(255 * value[i])), lineType=cv2.LINE_8, shift=4)
        size = (x1 - x0, y1 - y0)
        return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255.0)


class _Surface:
    """The face's mesh, `points` `(468, 3)`, as a map of depth over a part of a photo."""

    def __init__(self, points: Points, roi: geometry.Roi) -> None:
        h, w, to_photo = work_grid(roi, _DEPTH_SIDE)
        self._to_cells = geometry.invert(to_photo)
        cells = np.column_stack([geometry.apply(self._to_cells, points[:, :2]), points[:, 2]])
        depth, is_face = rasterize(cells, points[:, 2:], mesh.template().triangles, (h, w))
        self._depth = np.where(is_face, depth[..., 0], np.inf)
        self.is_face = is_face

    def depth(self, places: Points) -> NDArray[np.float64]:
        """Return z of the surface, the nearest to the camera, at places `(n, 2)` of the photo; infinity beside it."""
        x, y = np.rint(geometry.apply(self._to_cells, places)).astype(int).T
        h, w = self._depth.shape
        inside = (x >= 0) & (y >= 0) & (x < w) & (y < h)
        found = self._depth[np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)]
        return np.asarray(np.where(inside, found, np.inf), np.float64)


class _Layers(NamedTuple):
    """Masks `(h, w)`, 0..1.

    Attributes:
        frame: the frame.
        sheen: its bright edges.
        lens: lenses.
        reflection: what they reflect.
        shadow: the frame's shadow on the skin.
        beside: what is no skin: hair, and what lies beside the face.
    """

    frame: Floats
    sheen: Floats
    lens: Floats
    reflection: Floats
    shadow: Floats
    beside: Floats


def _layers(canvas: _Canvas, frame: Frame, hair: Floats, blur: float) -> _Layers:
    placed = canvas.placed
    front, back, *temples = frames.parts(frame, placed)
    rims = canvas.drawn(front, behind=_RIMS_BEHIND)
    body = np.maximum(rims, canvas.drawn(back))
    strands = _soft(hair, _STRANDS * placed.scale)
    for part, ear in zip(temples, placed.ears, strict=True):
        over = 1.0 - strands * _hides(canvas, hair, ear)
        middle = part.quads.mean(axis=1)
        along = np.linalg.norm(middle - middle[0], axis=1)
        sunk = part._replace(value=part.value * np.interp(along, _SINKS, (1.0, 0.0)))
        body = np.maximum(body, np.maximum(canvas.drawn(part) * over, canvas.drawn(sunk)))
    skin = (1.0 - hair) * _on_face(canvas)
    lens = canvas.drawn(frames.lenses(frame, placed)) * skin  # on hair it would be a grey patch
    reflection = canvas.drawn(frames.reflections(frame, placed)) * lens
    pixel = placed.scale
    down = placed.turn[:2, 1] * _SHADOW_DOWN * pixel
    shift = np.array([[1.0, 0.0, down[0]], [0.0, 1.0, down[1]]])
    size = (body.shape[1], body.shape[0])
    lower = np.asarray(cv2.warpAffine(rims, shift, size, borderMode=cv2.BORDER_REPLICATE), np.float32)
    shadow = _soft(lower, max(blur, _SHADOW_WIDTH * pixel)) * skin
    return _Layers(
        _soft(body, blur),
        _soft(canvas.drawn(frames.sheen(frame, placed)), max(blur, 0.35 * pixel)),
        _soft(lens, blur),
        _soft(reflection, max(blur, 2.0 * pixel)),
        np.asarray(shadow, np.float32),
        np.asarray(1.0 - skin, np.float32),
    )


def _soft(mask: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma) if sigma > 0.3 else mask, np.float32)


def _on_face(canvas: _Canvas) -> Floats:
    """Return where the face is, `(h, w)`, 0..1: the ground beside it gets no shadow."""
    x0, y0, x1, y1 = canvas.roi
    found = cv2.resize(canvas.surface.is_face.astype(np.float32), (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
    return _soft(np.asarray(found, np.float32), canvas.placed.scale)


def _hides(canvas: _Canvas, hair: Floats, ear: Points) -> float:
    """Return how much hair lies over temples on one side, 0..1: it does where it covers the ear, not on sideburns."""
    down = np.column_stack([np.full(4, ear[0]), ear[1] + np.linspace(3.0, _EAR_HEIGHT, 4), np.full(4, ear[2])])
    x0, y0, _, _ = canvas.roi
    x, y = np.rint(canvas.placed.photo(down)[:, :2] - (x0, y0)).astype(int).T
    height, width = hair.shape
    found = float(hair[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)].mean())
    return float(np.clip((found - 0.2) / 0.4, 0.0, 1.0))


def _painted(part: Pixels, layers: _Layers, colour: Floats, look: Look) -> Floats:
    """Return the photo's part with the glasses, `(h, w, 3)`, 0..255."""
    seen = part.astype(np.float32)
    bright = np.percentile(seen, 95.0, axis=(0, 1)).astype(np.float32)  # the light, with its tint
    seen *= 1.0 - look.shadow * layers.shadow[..., None]
    seen *= 1.0 - look.lens * layers.lens[..., None]
    seen += look.reflection * layers.reflection[..., None] * (bright - 0.5 * seen)
    frame = colour + look.sheen * bright * layers.sheen[..., None]
    return np.asarray(seen + layers.frame[..., None] * (frame - seen), np.float32)


def _hair(subject: Subject, roi: geometry.Roi) -> Floats:
    """Return how much of a part of the photo is hair, `(h, w)`, 0..1."""
    parser = subject.networks.parser
    crop = parser.crop
    hair = subject.parsed()[parser.classes.index("hair")]
    matrix = subject.matrix(crop.kind, crop.height, crop.width)
    found = geometry.put_back(np.ascontiguousarray(hair), matrix, roi, smooth=True, edge=True)
    return np.asarray(np.clip((found - 0.4) / 0.4, 0.0, 1.0), np.float32)


def _cropped(region: Region, roi: geometry.Roi) -> Floats:
    x0, y0, x1, y1 = roi
    left, top = region.roi[:2]
    return region.weight[y0 - top : y1 - top, x0 - left : x1 - left]


def _blur(rgb: NDArray[np.uint8]) -> float:
    """Return about how blurred a part of a photo is: the standard deviation of a Gaussian, px.

    Reference:
        Zhuo and Sim 2011, "Defocus map estimation from a single image", eq. 4-6: the ratio of gradients at edges
        before and after a known blur.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    again = cv2.GaussianBlur(grey, (0, 0), 1.0)

    def slope(image: Floats) -> Floats:
        return np.hypot(cv2.Sobel(image, cv2.CV_32F, 1, 0), cv2.Sobel(image, cv2.CV_32F, 0, 1))

    before, after = slope(grey), slope(np.asarray(again, np.float32))
    edges = before >= np.percentile(before, 98.0)
    if float(np.median(before[edges])) < _LEAST_EDGE:
        return _SHARPEST
    ratio = float(np.median(before[edges] / np.maximum(after[edges], 1e-3)))
    return float(np.clip(_SOFT / np.sqrt(max(ratio**2 - 1.0, 1e-3)), _SHARPEST, 6.0))
