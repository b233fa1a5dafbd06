"""`sleeve_models`: people in tops and dresses before a white ground, with the length of their sleeves.

`metadata.csv` names pictures of 3 : 4 that were squeezed to squares, and their `sleeve`: long or short (sleeveless ones
are left out). Of the sorted names the last tenth is `test`; of the others every tenth by a hash of the name is `valid`.
Pictures without a person whose arms are seen are left out. The set shows the arms (`arm_masks`), each in its window of
`imgedit.vision.arms`, or the bodies from the shoulders to the hands.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from imgedit.errors import DataError
from imgedit.progress import with_progress
from imgedit.render.guided import refine
from imgedit.text import reason
from imgedit.vision import arms, geometry
from imgedit.vision.arms import Arm
from imgedit.vision.body import Body, Window
from training.data.batch import Batch, to_tensor
from training.data.bodies import bodies
from training.data.grounds import grounds
from training.data.reading import rgb

LONG, SHORT = "long", "short"
SHAPE = (298, 224)
"""Height and width at which the pictures are looked at: 3 : 4 again."""
MASKS = ("upper", "fore", "hole", *(f"{part} {c}" for part in ("skin", "cloth") for c in "rgb"), "person")
"""Masks of an arm: as `imgedit.vision.arms.Tube`; tones of skin and cloth, the same all over; where the person is."""
PLAIN = 0.4
"""Share of the training pictures that keep a ground of one colour."""
_TEST, _VALID = 0.1, 10
_SEEN = 0.6  # probability of elbow and wrist from which an arm is taken
_WHITE = (12.0, 30.0)  # distance from white at which a pixel begins to be no ground, and is none
_BODY_SIDE = 2.5  # side of the window around a body, in shoulder widths


class Arms:
    """Arms in memory.

    Args:
        images: uint8 `(N, h, w, 3)` RGB, windows of arms.
        person: uint8 `(N, h, w)`, how probably each pixel is the person, 0..255.
        joints: `(N, 3, 2)`, shoulders, elbows and wrists, pixels of the windows.
        units: `(N,)`, widths of the shoulders, pixels of the windows.
        tones: `(N, 2, 3)`, colours of skin and cloth, 0..255.
        labels: `(N,)`, 1 for short sleeves, 0 for long ones.
        augment: vary tubes, colours and grounds.
    """

    attributes = (SHORT,)

    def __init__(
        self, images: np.ndarray, person: np.ndarray, joints: np.ndarray, units: np.ndarray, tones: np.ndarray,
        labels: np.ndarray, augment: bool,
    ) -> None:  # fmt: skip
        self.images, self.person, self.joints, self.units, self.tones = images, person, joints, units, tones
        self.labels, self.augment = labels.astype(np.float32), augment
        self.weights: np.ndarray | None = equal_weights(labels) if augment else None

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Return arms at `index`; `mask` as `MASKS`, `partner` the ground as it is everywhere."""
        shape = (self.images.shape[1], self.images.shape[2])
        image, tone = to_tensor(self.images[index]), torch.from_numpy(self.tones[index].astype(np.float32) / 255.0)
        person = torch.from_numpy(self.person[index].astype(np.float32) / np.float32(255.0))[:, None]
        ground = torch.ones_like(image)
        if self.augment:
            gain, shift, tint = _light(len(index), rng)
            colour = tone.transpose(1, 2)[..., None] * 2.0 - 1.0  # (N, 3, 2, 1), as pictures of two pixels
            image, colour = (_lit(x, gain, shift, tint) for x in (image, colour))
            tone = (colour[..., 0].transpose(1, 2) + 1.0) / 2.0
            ground, white = torch.from_numpy(grounds(len(index), shape, rng, PLAIN)), _lit(ground, gain, shift, tint)
            image = (image + (1.0 - person) * (ground - white)).clamp(-1.0, 1.0)  # where both show, white leaves
        tubes = np.stack([self._tube(i, shape, rng) for i in index])
        planes = tone.flatten(1)[:, :, None, None].expand(-1, -1, *shape)
        mask = torch.cat([torch.from_numpy(tubes), planes, person], 1)
        return Batch(image, torch.from_numpy(self.labels[index])[:, None], mask, partner=ground)

    def _tube(self, i: int, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        joints, unit = self.joints[i].astype(np.float64), float(self.units[i])
        if not self.augment:
            return np.stack(arms.tube(joints, unit, shape))
        joints = joints + rng.normal(0.0, 0.02 * unit, joints.shape)
        radius = (float(rng.uniform(0.27, 0.46)), float(rng.uniform(0.17, 0.28)))
        start, end = float(rng.uniform(0.28, 0.42)), float(rng.uniform(0.98, 1.25))
        return np.stack(arms.tube(joints, unit, shape, start=start, end=end, radius=radius))


class Bodies:
    """Bodies from the shoulders to the hands, in memory.

    Args:
        images: uint8 `(N, size, size, 3)` RGB.
        labels: `(N,)`, 1 for short sleeves, 0 for long ones.
        augment: mirror half of them, shift and vary colours.
    """

    attributes = (SHORT,)

    def __init__(self, images: np.ndarray, labels: np.ndarray, augment: bool) -> None:
        self.images, self.labels, self.augment = images, labels.astype(np.float32), augment
        self.weights: np.ndarray | None = equal_weights(labels) if augment else None

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Return the bodies at `index`."""
        image = to_tensor(self.images[index])
        if self.augment:
            flip = torch.from_numpy(rng.random(len(index)) < 0.5)[:, None, None, None]
            image = torch.where(flip, image.flip(3), image)
            image = _lit(image, *_light(len(index), rng))
            down, across = (int(v) for v in rng.integers(-4, 5, 2))
            image = torch.roll(image, (down, across), (2, 3))
        return Batch(image, torch.from_numpy(self.labels[index])[:, None])


def load(
    folder: Path, split: str, *, size: int = 96, arm_masks: bool = False, sleeve_lengths: bool = True
) -> Arms | Bodies:
    """Load one split.

    Args:
        folder: holds `metadata.csv` and the pictures that it names.
        split: `train`, `valid` or `test`.
        size: height of the windows of arms, which are half as wide, or side of the crops of bodies, px.
        arm_masks: show arms with their masks, not bodies.
        sleeve_lengths: must be true; says that the set knows how long sleeves are.

    Raises:
        DataError: there is no such list, or no picture in it shows arms.
    """
    names, lengths = listed(Path(folder), split)
    paths = [Path(folder) / name for name in names]
    found = [
        (path, one, float(length == SHORT))
        for path, one, length in zip(paths, bodies(paths, upright), lengths, strict=True)
        if one is not None
    ]
    pictures = [(path, one, short) for path, one, short in found if len(seen_arms(one)) == 2]
    if not pictures:
        raise DataError(f"no {split} pictures of people with arms in {folder}")
    train = split == "train"
    if not arm_masks:
        crops = [
            geometry.cut(upright(path), body_window(one, size), size)
            for path, one, _ in with_progress(pictures, f"Cutting bodies, {split}")
        ]
        return Bodies(np.stack(crops), np.array([short for _, _, short in pictures]), train)
    rows: list[tuple[Any, ...]] = []
    for path, one, short in with_progress(pictures, f"Cutting arms, {split}"):
        image = upright(path)
        tone, matte = arms.skin_tone(image, one), _person(image, one)
        if tone is None:
            continue
        for arm in seen_arms(one):
            matrix = arms.window(arm, (size, size // 2))
            joints, unit = arms.crop_joints(arm, matrix)
            crop, person = (_cut(x, matrix, size) for x in (image, matte))
            rows.append((crop, person, joints, unit, np.stack([tone, arms.cloth_tone(crop, joints, unit)]), short))
    if not rows:
        raise DataError(f"no {split} pictures of arms in {folder}")
    images, person, joints, units, tones, labels = (np.stack(column) for column in zip(*rows, strict=True))
    return Arms(images, person, joints, units, tones, labels, train)


def listed(folder: Path, split: str) -> tuple[list[str], list[str]]:
    """Return the names of a split's pictures, relative to the folder, and the length of their sleeves.

    Raises:
        DataError: there is no list, it cannot be read, or there is no such split.
    """
    try:
        with (folder / "metadata.csv").open(newline="", encoding="utf-8") as lines:
            rows = sorted((row["file_name"], row["sleeve"]) for row in csv.DictReader(lines))
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise DataError(f"{folder} has no metadata.csv with file_name and sleeve: {reason(error)}") from error
    n = len(rows) - round(_TEST * len(rows))
    is_valid = [zlib.crc32(name.encode()) % _VALID == 0 for name, _ in rows[:n]]
    parts = {
        "train": [row for row, valid in zip(rows[:n], is_valid, strict=True) if not valid],
        "valid": [row for row, valid in zip(rows[:n], is_valid, strict=True) if valid],
        "test": rows[n:],
    }
    if split not in parts:
        raise DataError(f"sleeves has no split {split!r}; it has {', '.join(parts)}")
    chosen = [row for row in parts[split] if row[1] in (LONG, SHORT)]
    return [name for name, _ in chosen], [length for _, length in chosen]


def upright(path: Path) -> np.ndarray:
    """Read a picture of the set in its own proportions, uint8 `(298, 224, 3)` RGB."""
    return np.asarray(cv2.resize(rgb(path), SHAPE[::-1], interpolation=cv2.INTER_CUBIC))


def seen_arms(body: Body) -> list[Arm]:
    """Return the arms of a body that are seen down to the wrist."""
    return [arm for arm in arms.arms_of(body) if arm.visibility >= _SEEN]


def body_window(body: Body, size: int) -> geometry.Matrix:
    """Return the matrix from the photo to the square from a body's shoulders to its hands."""
    joints = np.concatenate([arm.joints for arm in arms.arms_of(body)])
    low, high = joints.min(0), joints.max(0)
    middle, unit = (low + high) / 2.0, arms.arms_of(body)[0].unit
    side = max(_BODY_SIDE * unit, 1.3 * float((high - low).max()))
    return Window(float(middle[0]), float(middle[1]), side).matrix(size)


def equal_weights(labels: np.ndarray) -> np.ndarray:
    """Return how often to draw each picture so that both labels are drawn equally often."""
    share = float(labels.mean())
    return np.where(labels > 0.5, 0.5 / max(share, 1e-6), 0.5 / max(1.0 - share, 1e-6))


def _person(image: np.ndarray, body: Body) -> np.ndarray:
    """Return where the person is, uint8 `(H, W)`: what the network's mask says, and all that is not white."""
    matte = refine(body.matte(np.eye(2, 3), SHAPE), image, radius=4.0, eps=1e-4)
    apart = (255.0 - image.astype(np.float32)).max(2)
    coloured = np.clip((apart - _WHITE[0]) / (_WHITE[1] - _WHITE[0]), 0.0, 1.0)
    return np.rint(np.maximum(matte, coloured) * 255.0).astype(np.uint8)


def _cut(image: np.ndarray, matrix: geometry.Matrix, size: int) -> np.ndarray:
    return np.asarray(geometry.cut(image, matrix, (size, size // 2), edge=True), np.uint8)


def _light(n: int, rng: np.random.Generator) -> Sequence[torch.Tensor]:
    """Draw gains, shifts and saturations of n pictures."""
    ranges = ((0.75, 1.15), (-0.2, 0.05), (0.7, 1.25))
    return [torch.from_numpy(rng.uniform(low, high, (n, 1, 1, 1)).astype(np.float32)) for low, high in ranges]


def _lit(images: torch.Tensor, gain: torch.Tensor, shift: torch.Tensor, tint: torch.Tensor) -> torch.Tensor:
    grey = images.mean(1, keepdim=True)
    return ((grey + (images - grey) * tint) * gain + shift).clamp(-1.0, 1.0)
