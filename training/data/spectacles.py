"""Frames of glasses by their measures: those that are bundled, and any that may be worn.

A lens is a superellipse `|x / a|^p + |y / b|^p = 1` about its boxed centre, narrower towards the cheek (`taper`) and
leaning towards the nose (`lean`). Lengths are millimetres of a face whose eyes are 63 mm apart; the middle between the
eyes is the origin.

Reference:
    ISO 8624, "Ophthalmic optics, Spectacle frames, Measuring system": the boxed lens, and usual sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats

__all__ = ["Shape", "any_shape", "drawn"]

N_POINTS = 72
N_BAR = 13

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """What a frame is made of; millimetres.

    Attributes:
        half: half of a lens's width and height.
        power: of the superellipse; 2 is an ellipse, more is squarer.
        apart: distance between the lenses.
        drop: how far the middle of a lens lies below the eyes.
        rim: width of the rim at the top and at the bottom; 0 ends it half way.
        bars: height of the end, arch and width of each bar between the lenses.
        temple: height of a temple at the hinge and at the ear.
        colour: RGB in 0..1.
        taper: by which share of its half width a lens is narrower at the bottom.
        lean: by which share of its half width its bottom lies further out.
    """

    half: tuple[float, float]
    power: float
    apart: float
    drop: float
    rim: tuple[float, float]
    bars: tuple[tuple[float, float, float], ...]
    temple: tuple[float, float]
    colour: tuple[float, float, float]
    taper: float = 0.0
    lean: float = 0.0


def any_shape(rng: np.random.Generator) -> Shape:
    """Draw a frame at random: from thin wire to thick plastic, with or without a lower rim or any, of many colours."""
    half = (float(rng.uniform(21.0, 30.0)), float(rng.uniform(13.0, 25.0)))
    wire = rng.random() < 0.55
    top = float(rng.uniform(0.5, 1.8) if wire else rng.uniform(1.8, 7.0))
    bottom = 0.0 if rng.random() < 0.2 else top * float(rng.uniform(0.5, 1.0))
    if rng.random() < 0.06:
        top = bottom = 0.35  # without rims but for the lenses' edges
    thick = max(1.0, top)
    bars = [(float(rng.uniform(-6.5, -1.5)), float(rng.uniform(0.5, 3.5)), thick * float(rng.uniform(0.9, 1.4)))]
    if wire and rng.random() < 0.25:
        bars.append((bars[0][0] - float(rng.uniform(4.0, 9.0)), float(rng.uniform(0.0, 1.0)), 1.5))
    height = thick * float(rng.uniform(1.0, 1.8)) + 0.6
    shares = (0.4, 0.35, 0.25) if wire else (0.76, 0.14, 0.1)  # of dark, middling and light frames
    shade = float(rng.choice([rng.uniform(0.02, 0.14), rng.uniform(0.14, 0.5), rng.uniform(0.5, 0.9)], p=shares))
    tint = rng.uniform(0.95, 1.05, 3)
    if rng.random() < 0.35:
        tint = np.array([1.15, 1.0, 0.7]) if wire else rng.uniform(0.7, 1.3, 3)  # gold, or any
    red, green, blue = (float(v) for v in np.clip(shade * tint, 0.0, 1.0))
    return Shape(
        *(half, float(rng.uniform(2.0, 6.0)), float(rng.uniform(14.0, 23.0)), float(rng.uniform(0.0, 8.0))),
        *((top, bottom), tuple(bars), (height, height * float(rng.uniform(0.6, 1.0))), (red, green, blue)),
        taper=float(rng.uniform(0.0, 0.12)),
        lean=float(rng.uniform(0.0, 0.08)),
    )


def drawn(shape: Shape) -> dict[str, Floats]:
    """Return a frame as `imgedit.render.frames.Frame` has it."""
    angle = np.linspace(0.0, 2.0 * np.pi, N_POINTS, endpoint=False) - np.pi / 2.0  # clockwise as seen, from the top
    unit = np.column_stack([np.cos(angle), np.sin(angle)])
    box = np.sign(unit) * np.abs(unit) ** (2.0 / shape.power)
    x = box[:, 0] * (1.0 - shape.taper * box[:, 1]) + shape.lean * box[:, 1]
    outline = np.column_stack([x * shape.half[0], box[:, 1] * shape.half[1]])
    outline += [shape.apart / 2.0 + shape.half[0], shape.drop]
    down = (box[:, 1] + 1.0) / 2.0
    top, bottom = shape.rim
    rim = top + (bottom - top) * down if bottom > 0 else np.where(down < 0.5, top * _fading(down), 0.0)
    bars = np.zeros((2, N_BAR, 2))
    width = np.zeros(2)
    for i, (y, arch, bar) in enumerate(shape.bars):
        half = 0.9 * _inner_edge(outline, y) + 1.0
        along = np.linspace(-half, half, N_BAR)
        bars[i] = np.column_stack([along, y - arch * (1.0 - (along / half) ** 2)])
        width[i] = bar
    found = {"outline": outline, "rim": rim, "bars": bars, "bar": width, "temple": shape.temple, "colour": shape.colour}
    return {name: np.asarray(value, np.float32) for name, value in found.items()}


def _fading(down: Array) -> Array:
    """Return 1 at the top of a lens, less from its upper third on: the rim runs out."""
    return np.asarray(np.clip((0.62 - down) / 0.3, 0.0, 1.0) ** 0.7)


def _inner_edge(outline: Array, y: float) -> float:
    """Return how far a lens's edge is from the middle at a height: where a bar joins it."""
    near = np.argsort(np.abs(outline[:, 1] - y) + 10.0 * (outline[:, 0] > outline[:, 0].mean()))[:2]
    return float(outline[near, 0].mean())
