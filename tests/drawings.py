"""Faces that are drawn with lines and even colours; the same seed gives the same drawing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

__all__ = ["face"]

SIDE = 512
INK = (20, 20, 20)


def face(seed: int) -> NDArray[np.uint8]:
    """Draw a face, `(512, 512, 3)`: filled, in lines, or in pencil, by turns."""
    rng = np.random.default_rng(seed)

    def between(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    kind = ("filled", "line", "pencil")[seed % 3]
    is_filled = kind == "filled"
    ground: tuple[int, ...] = (255, 255, 255)
    if is_filled and rng.random() >= 0.5:
        ground = tuple(int(v) for v in rng.integers(120, 255, 3))
    image = Image.new("RGB", (SIDE, SIDE), ground)
    draw = ImageDraw.Draw(image)
    cx, cy = 256 + between(-20, 20), 256 + between(-10, 10)
    rx, ry = between(85, 115), between(115, 145)
    skin = tuple(int(v) for v in np.array([255, 220, 190]) * rng.uniform(0.5, 1)) if is_filled else ground
    hair = tuple(int(v) for v in rng.integers(10, 120, 3)) if is_filled else ground
    width = between(2, 5)
    is_long = rng.random() < 0.5
    below = cy + (ry if is_long else 20)
    draw.ellipse((cx - rx - 18, cy - ry - 22, cx + rx + 18, below), fill=hair, outline=INK, width=width)
    if is_long:
        draw.rectangle((cx - rx - 18, cy - 30, cx + rx + 18, cy + ry + 30), fill=hair, outline=INK, width=width)
    draw.ellipse((cx - rx, cy - ry + 25, cx + rx, cy + ry), fill=skin, outline=INK, width=width)
    for side in (-1, 1):
        x, y, height = cx + side * rx * 0.42, cy - ry * 0.08, between(9, 14)
        draw.ellipse((x - 20, y - height, x + 20, y + height), fill="white", outline=INK, width=2)
        draw.ellipse((x - 8, y - 8, x + 8, y + 8), fill=INK)
        draw.arc((x - 28, y - 38, x + 28, y + 10), 200, 340, fill=INK, width=between(3, 6))
    draw.line((cx, cy + 5, cx - 10, cy + 40, cx + 8, cy + 43), fill=INK, width=3)
    lips = (190, 70, 70) if is_filled else ground
    draw.ellipse((cx - 35, cy + 62, cx + 35, cy + 84), fill=lips, outline=INK, width=2)
    draw.line((cx - 35, cy + 73, cx + 35, cy + 73), fill=INK, width=2)
    if kind == "pencil":
        for _ in range(between(60, 160)):
            angle = rng.uniform(-np.pi, 0)
            x, y = cx + (rx + 10) * np.cos(angle), cy - 10 + (ry + 10) * np.sin(angle)
            end = (x + rng.uniform(-12, 12), y + rng.uniform(10, 45))
            draw.line((x, y, *end), fill=(60, 60, 60), width=between(1, 3))
        image = image.filter(ImageFilter.GaussianBlur(1))
    noise = rng.normal(0, between(0, 4), (SIDE, SIDE, 1))
    return np.asarray(np.clip(np.asarray(image) + noise, 0, 255), np.uint8)
