"""Light and camera as photos differ in them: for those who are to find their way in any."""

from __future__ import annotations

import cv2
import numpy as np
import torch

__all__ = ["in_other_light", "photometric", "relit"]

_EDGE = 1.0
"""Standard deviation of the soft edge between a person and a ground in another light, px."""


def relit(image: np.ndarray, ground: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Show the ground behind a person in another light: mostly darker, at times brighter or of one colour.

    Dark hair on a dark ground, where a parser has least to go by, is rare in portraits; so it can be had from others.

    Args:
        image: uint8 `(H, W, 3)` RGB.
        ground: bool `(H, W)`.
        rng: draws the light.

    Returns:
        uint8 `(H, W, 3)`; away from the ground's edge the person is as before.
    """
    before = image.astype(np.float32)
    kind = rng.random()
    if kind < 0.55:
        after = before * np.float32(np.exp(rng.uniform(np.log(0.04), np.log(0.6))))
    else:
        colour = np.float32(255.0) if kind < 0.7 else _colour(rng)
        after = before + np.float32(rng.uniform(0.4, 1.0)) * (colour - before)
    alpha = cv2.GaussianBlur(ground.astype(np.float32), (0, 0), _EDGE)[..., None]
    return np.asarray(before + alpha * (after - before), np.float32).round().clip(0.0, 255.0).astype(np.uint8)


def photometric(image: np.ndarray, rng: np.random.Generator, dim: float = 0.0) -> np.ndarray:
    """Change exposure, contrast, white balance and saturation, blur and add noise.

    Args:
        image: uint8 `(S, S, 3)` RGB.
        rng: draws all of it.
        dim: share of the pictures that are underexposed by up to three quarters of their values.
    """
    x = image.astype(np.float32)
    if dim and rng.random() < dim:
        x *= np.float32(np.exp(rng.uniform(np.log(0.25), np.log(0.8))))
    grey = x @ np.array([0.299, 0.587, 0.114], np.float32)
    x = grey[..., None] + (x - grey[..., None]) * np.float32(rng.uniform(0.3, 1.4) if rng.random() < 0.93 else 0.0)
    x *= (1.0 + rng.normal(0.0, 0.07, 3)).astype(np.float32)
    x = (x - 128.0) * np.float32(rng.uniform(0.65, 1.35)) + 128.0 + np.float32(rng.normal(0.0, 22.0))
    if rng.random() < 0.4:
        small = int(image.shape[0] * rng.uniform(0.3, 0.9))
        coarse = cv2.resize(x, (small, small), interpolation=cv2.INTER_AREA)
        x = np.asarray(cv2.resize(coarse, image.shape[:2]), np.float32)
    if rng.random() < 0.3:
        x += rng.normal(0.0, rng.uniform(2.0, 10.0), x.shape).astype(np.float32)
    return np.clip(x, 0.0, 255.0).astype(np.uint8)


def _colour(rng: np.random.Generator) -> np.ndarray:
    """Draw a colour, `(3,)` in 0..255; most are dull."""
    return np.asarray(rng.uniform(0.0, 230.0) + rng.normal(0.0, 25.0, 3), np.float32).clip(0.0, 255.0)


def in_other_light(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Vary brightness, contrast and saturation of each picture `(N, 3, H, W)` in [-1, 1] a little."""
    n = len(images)
    gain, shift, tint = (
        torch.from_numpy(rng.uniform(low, high, (n, 1, 1, 1)).astype(np.float32))
        for low, high in ((0.8, 1.2), (-0.12, 0.12), (0.7, 1.25))
    )
    grey = images.mean(1, keepdim=True)
    return ((grey + (images - grey) * tint) * gain + shift).clamp(-1.0, 1.0)
