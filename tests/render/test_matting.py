"""Mattes: how much of each pixel is hair, by the colours beside it and the photo's own edges."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from imgedit.render import matting
from imgedit.render.guided import Guide

SIDE = 160
HAIR, SKIN = np.array([45.0, 32.0, 26.0]), np.array([220.0, 185.0, 165.0])


def strands() -> np.ndarray:
    """Return the true share of hair: solid above, and strands two pixels wide that hang into what is below."""
    share = np.zeros((SIDE, SIDE))
    share[:70] = 1.0
    share[70:95, ::8] = 1.0
    share[70:95, 1::8] = 1.0
    return np.asarray(cv2.GaussianBlur(share, (0, 0), 0.7))


def photo(share: np.ndarray, ground: np.ndarray = SKIN) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0.0, 2.0, (*share.shape, 3))
    mixed = share[..., None] * HAIR + (1.0 - share[..., None]) * ground + noise
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def unsure(edge: int = 82, width: float = 6.0) -> np.ndarray:
    """Return what a parser sees of it: one soft edge."""
    return np.tile(1.0 / (1.0 + np.exp((np.arange(SIDE)[:, None] - edge) / width)), (1, SIDE)).astype(np.float32)


def test_strands_are_told_from_the_skin_between_them() -> None:
    share = strands()
    found = matting.matte(photo(share), unsure(), 400.0)
    assert found.dtype == np.float32
    assert found.min() >= 0.0
    assert found.max() <= 1.0
    band = slice(74, 92)
    assert np.abs(found - share)[band].mean() < 0.5 * np.abs(unsure() - share)[band].mean()
    assert np.corrcoef(found[band].ravel(), share[band].ravel())[0, 1] > 0.8
    assert (found[:50] > 0.99).all()
    assert (found[125:] == 0.0).all()


def test_where_colours_tell_nothing_the_map_is_kept() -> None:
    share = strands()
    found = matting.matte(photo(share, HAIR), unsure(), 400.0)
    assert np.abs(found - unsure())[60:110].max() < 0.25


def test_hair_does_not_spread_to_what_it_never_is() -> None:
    share = strands()
    share[98:104, 40:80] = 1.0  # a brow
    never = np.zeros((SIDE, SIDE), np.float32)
    never[96:106, 36:84] = 1.0
    likely = unsure(90)
    assert matting.matte(photo(share), likely, 400.0)[98:104, 40:80].mean() > 0.1
    assert matting.matte(photo(share), likely, 400.0, never)[98:104, 40:80].mean() < 0.02


def test_nearby_takes_what_is_farther_where_nothing_is_near() -> None:
    values, weight = np.zeros((80, 80), np.float32), np.zeros((80, 80), np.float32)
    values[:10], weight[:10] = 7.0, 1.0
    found = matting.nearby(values, weight, 2.0)
    assert found[5, 40] == pytest.approx(7.0, abs=0.05)
    assert found[22, 40] == pytest.approx(7.0, abs=0.2)


def test_a_map_that_already_follows_the_edges_is_left_as_it_is() -> None:
    share = np.zeros((60, 60), np.float32)
    share[:, 30:] = 1.0
    guide = Guide(np.repeat(share[..., None], 3, axis=2) * 0.8 + 0.1, 3, 1e-4)
    assert np.abs(guide.filtered(share) - share).max() < 0.05
    assert np.abs(guide.filtered(share.T) - share.T).max() > 0.3
