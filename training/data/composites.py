"""People cut out and put before other grounds, so that a parser sees each hair before many.

In a portrait the ground was chosen to go with the person: dark hair before a dark wall is rare, and where it is found
the few there are get learnt by heart. Hair is cut out softly, by the matte that edits use, and keeps its own colours
where the old ground shone through it.

Reference: Dvornik, Mairal, Schmid 2018, "Modeling visual context is key to augmenting object detection datasets" (cut
and paste for training); Forte and Pitié 2020, "F, B, Alpha Matting" (new grounds behind mattes).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from imgedit.render.matting import blurred, matte, nearby
from training.data.grounds import grounds

__all__ = ["Cutout", "cut_out", "uneven"]

_OPAQUE, _CLEAR = 0.97, 0.03  # shares of the person from which on a pixel tells the colours of person or ground
_OWN_COLOURS, _GROUNDS = 0.008, 0.03  # radii of the neighbours that tell them, shares of the window's width
_SOFT = 1.0  # px, of the edge of a drawn mask
_COMPUTED, _ALIKE = 0.35, 0.35  # shares of the grounds that are computed, and that are as light as the hair
_PLAIN = 0.25  # share of the computed ones that have one colour
_CELLS = (2, 3, 5)  # of the light that makes hair uneven


@dataclass(frozen=True)
class Cutout:
    """A person without ground, and the ground without the person, of one picture.

    Attributes:
        colours: uint8 `(H, W, 3)` RGB, the person's own.
        person: uint8 `(H, W)`, how much of each pixel is the person, 0..255.
        hair: the same of hair.
        ground: uint8 `(H, W, 3)` RGB; behind the person it goes on from its sides.
    """

    colours: np.ndarray
    person: np.ndarray
    hair: np.ndarray
    ground: np.ndarray

    def onto(self, other: Cutout, rng: np.random.Generator) -> np.ndarray:
        """Return the person before a ground: that of another picture of the same size, or a computed one.

        Returns:
            uint8 `(H, W, 3)` RGB.
        """
        if rng.random() < _COMPUTED:
            ground = grounds(1, self.person.shape, rng, _PLAIN)[0].transpose(1, 2, 0) * 127.5 + 127.5
        else:
            ground = other.ground.astype(np.float32)
            ground = ground[:, ::-1] if rng.random() < 0.5 else ground
        hair = self.colours[self.hair > 127]
        if len(hair) and rng.random() < _ALIKE:
            ground = ground * np.float32((hair.mean() + rng.normal(0.0, 10.0)) / max(float(ground.mean()), 8.0))
        share = self.person[..., None].astype(np.float32) / 255.0
        return np.asarray(np.clip(ground + share * (self.colours - ground), 0.0, 255.0)).round().astype(np.uint8)


def cut_out(image: np.ndarray, person: np.ndarray, hair: np.ndarray, width: float) -> Cutout:
    """Part a picture into a person and a ground.

    Args:
        image: uint8 `(H, W, 3)` RGB.
        person: bool `(H, W)`, drawn; hair is part of it.
        hair: bool `(H, W)`, drawn.
        width: of the `HEAD` window, px of the picture.
    """
    rest = cv2.GaussianBlur((person & ~hair).astype(np.float32), (0, 0), _SOFT)
    drawn = cv2.GaussianBlur(hair.astype(np.float32), (0, 0), 2.0 * _SOFT)
    strands = matte(image, np.asarray(drawn, np.float32), width)
    share = np.maximum(strands * (drawn > 0.02), rest)
    share = np.where(cv2.erode(person.astype(np.uint8), np.ones((7, 7))) > 0, np.float32(1.0), share)
    rgb = image.astype(np.float32)
    own = nearby(rgb, (share > _OPAQUE).astype(np.float32), _OWN_COLOURS * width)
    ground = nearby(rgb, (share < _CLEAR).astype(np.float32), _GROUNDS * width)
    colours = np.where((share > _OPAQUE)[..., None], rgb, own)
    ground = np.where((share < _CLEAR)[..., None], rgb, ground)
    parts = (colours, 255.0 * share, 255.0 * strands, ground)
    return Cutout(*(np.clip(part, 0.0, 255.0).round().astype(np.uint8) for part in parts))


def uneven(image: np.ndarray, hair: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make hair darker here and lighter there, as dyed ends, a cap's shade or a lamp do.

    Args:
        image: uint8 `(H, W, 3)` RGB.
        hair: uint8 `(H, W)`, how much of each pixel is hair, 0..255.
        rng: draws the light.

    Returns:
        uint8 `(H, W, 3)`; as before where no hair is.
    """
    height, width = hair.shape
    cells = int(rng.choice(_CELLS))
    field = cv2.resize(rng.normal(0.0, 0.45, (cells, cells)).astype(np.float32), (width, height))
    gain = np.exp(blurred(np.asarray(field, np.float32), 0.02 * width))[..., None]
    share = hair[..., None].astype(np.float32) / 255.0
    rgb = image.astype(np.float32)
    return np.asarray(np.clip(rgb + share * (gain - 1.0) * rgb, 0.0, 255.0)).round().astype(np.uint8)
