"""`sleeve_models`: people in tops and dresses before a white ground, with the length of their sleeves.

`metadata.csv` names pictures of 3 : 4 that were squeezed to squares, and their `sleeve`: long or short (sleeveless ones
are left out), and the `article`: a T-shirt, a sweater. Of the sorted names the last tenth is `test`; of the others
every tenth by a hash of the name is `valid`.
Pictures without a person whose arms are seen are left out. The set shows the arms (`arm_masks`), each in its window of
`imgedit.vision.arms`, or the bodies from the shoulders to the hands.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch

from imgedit.errors import DataError
from imgedit.progress import with_progress
from imgedit.render.guided import refine
from imgedit.text import reason
from imgedit.vision import arms, geometry
from imgedit.vision.arms import Arm
from imgedit.vision.body import Body
from training.data.batch import Batch, to_tensor
from training.data.bodies import bodies
from training.data.grounds import grounds
from training.data.reading import rgb

LONG, SHORT = "long", "short"
ARTICLES = {"tshirt": "Tshirts", "shirt": "Shirts", "sweater": "Sweaters", "top": "Tops", "sweatshirt": "Sweatshirts",
            "jacket": "Jackets", "kurta": "Kurtas"}  # fmt: skip
"""Labels of garments -> the set's word for it."""
CLOTHES = (SHORT, *ARTICLES)
"""All labels."""
SHAPE = (298, 224)
"""Height and width at which the pictures are looked at: 3 : 4 again."""
MASKS = ("upper", "fore", "hole", *(f"{part} {c}" for part in ("skin", "cloth") for c in "rgb"), "person")
"""Masks of an arm: as `imgedit.vision.arms.Tube`; tones of skin and cloth, the same all over; where the person is."""
PLAIN = 0.4
"""Share of the training pictures that keep a ground of one colour."""
_TEST, _VALID = 0.1, 10
_SEEN = 0.6  # probability of elbow and wrist from which an arm is taken
_WHITE = (12.0, 30.0)  # distance from white at which a pixel begins to be no ground, and is none


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
        images: uint8 `(N, h, w, 3)` RGB.
        labels: `(N, K)`, 0 or 1.
        attributes: names of the K labels: `short` (else long), or one of `ARTICLES`.
        augment: mirror half of them.
        jitter: and shift them and vary their colours.
    """

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, attributes: tuple[str, ...], augment: bool, jitter: bool = True
    ) -> None:
        self.images, self.labels, self.attributes = images, labels.astype(np.float32), attributes
        self.augment, self.jitter = augment, jitter
        self.weights: np.ndarray | None = equal_weights(labels[:, 0]) if augment else None

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Return the bodies at `index`."""
        image = to_tensor(self.images[index])
        if self.augment:
            flip = torch.from_numpy(rng.random(len(index)) < 0.5)[:, None, None, None]
            image = torch.where(flip, image.flip(3), image)
        if self.augment and self.jitter:
            image = _lit(image, *_light(len(index), rng))
            down, across = (int(v) for v in rng.integers(-4, 5, 2))
            image = torch.roll(image, (down, across), (2, 3))
        return Batch(image, torch.from_numpy(self.labels[index]))


def load(
    folder: Path,
    split: str,
    *,
    size: int = 96,
    height: int = 0,
    attributes: Sequence[str] = (SHORT,),
    jitter: bool = True,
    arm_masks: bool = False,
    sleeve_lengths: bool = True,
) -> Arms | Bodies:
    """Load one split.

    Args:
        folder: holds `metadata.csv` and the pictures that it names.
        split: `train`, `valid` or `test`.
        size: height of the windows of arms, which are half as wide, or width of the crops of bodies, px.
        height: of the crops of bodies, px; 0: as high as wide.
        attributes: labels of bodies, in their order; those of the first are drawn equally often.
        jitter: what is done to bodies beside mirroring, as for `Bodies`.
        arm_masks: show arms with their masks, not bodies.
        sleeve_lengths: must be true; says that the set knows how long sleeves are.

    Raises:
        DataError: there is no such list, no picture in it shows arms, or there is no such label.
    """
    if unknown := [name for name in attributes if name not in CLOTHES]:
        raise DataError(f"unknown label {unknown[0]!r} of clothes; known: {', '.join(CLOTHES)}")
    listing = listed(Path(folder), split)
    paths = [Path(folder) / row.name for row in listing]
    found = [
        (path, one, row)
        for path, one, row in zip(paths, bodies(paths, upright), listing, strict=True)
        if one is not None and len(seen_arms(one)) == 2
    ]
    if not found:
        raise DataError(f"no {split} pictures of people with arms in {folder}")
    train = split == "train"
    if arm_masks:
        return _arms(found, size, train)
    shape = (height or size, size)
    crops = [
        geometry.cut(upright(path), one.matrix("torso", *shape), shape)
        for path, one, _ in with_progress(found, f"Cutting bodies, {split}")
    ]
    labels = np.array([[row.has(name) for name in attributes] for _, _, row in found])
    return Bodies(np.stack(crops), labels, tuple(attributes), train, jitter)


def _arms(pictures: Sequence[tuple[Path, Body, Row]], size: int, augment: bool) -> Arms:
    """Cut the arms of people.

    Raises:
        DataError: of none the tone of the skin is known.
    """
    rows: list[tuple[Any, ...]] = []
    for path, one, listing in with_progress(pictures, "Cutting arms"):
        image = upright(path)
        tone, matte = arms.skin_tone(image, one), _person(image, one)
        if tone is None:
            continue
        for arm in seen_arms(one):
            matrix = arms.window(arm, (size, size // 2))
            joints, unit = arms.crop_joints(arm, matrix)
            crop, person = (_cut(x, matrix, size) for x in (image, matte))
            rows.append(
                (crop, person, joints, unit, np.stack([tone, arms.cloth_tone(crop, joints, unit)]), listing.has(SHORT))
            )
    if not rows:
        raise DataError("no pictures of arms whose skin is seen")
    images, person, joints, units, tones, labels = (np.stack(column) for column in zip(*rows, strict=True))
    return Arms(images, person, joints, units, tones, labels, augment)


class Row(NamedTuple):
    """What the list says of a picture.

    Attributes:
        name: relative to the folder.
        sleeve: `LONG` or `SHORT`.
        article: which garment, in the set's word.
    """

    name: str
    sleeve: str
    article: str

    def has(self, label: str) -> float:
        """Return whether a label fits, 1 or 0."""
        return float(self.sleeve == SHORT if label == SHORT else self.article == ARTICLES[label])


def listed(folder: Path, split: str) -> list[Row]:
    """Return what the list says of a split's pictures, by name.

    Raises:
        DataError: there is no list, it cannot be read, or there is no such split.
    """
    try:
        with (folder / "metadata.csv").open(newline="", encoding="utf-8") as lines:
            rows = sorted(Row(row["file_name"], row["sleeve"], row["article"]) for row in csv.DictReader(lines))
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise DataError(f"{folder} has no metadata.csv with file_name, sleeve and article: {reason(error)}") from error
    n = len(rows) - round(_TEST * len(rows))
    is_valid = [zlib.crc32(row.name.encode()) % _VALID == 0 for row in rows[:n]]
    parts = {
        "train": [row for row, valid in zip(rows[:n], is_valid, strict=True) if not valid],
        "valid": [row for row, valid in zip(rows[:n], is_valid, strict=True) if valid],
        "test": rows[n:],
    }
    if split not in parts:
        raise DataError(f"sleeves has no split {split!r}; it has {', '.join(parts)}")
    return [row for row in parts[split] if row.sleeve in (LONG, SHORT)]


def upright(path: Path) -> np.ndarray:
    """Read a picture of the set in its own proportions, uint8 `(298, 224, 3)` RGB."""
    return np.asarray(cv2.resize(rgb(path), SHAPE[::-1], interpolation=cv2.INTER_CUBIC))


def seen_arms(body: Body) -> list[Arm]:
    """Return the arms of a body that are seen down to the wrist."""
    return [arm for arm in arms.arms_of(body) if arm.visibility >= _SEEN]


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
