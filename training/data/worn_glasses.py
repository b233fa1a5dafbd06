"""Eyes with glasses drawn on them, and eyes with real ones: for the remover of glasses.

`worn_glasses:DIR` names a folder that holds `celeba` (torchvision's layout) and `celebamask_hq`, parted as `mouths`
does. Frames of any shape are drawn on full-size faces that wear none, at each photo's own resolution; the faces with
real glasses, of which nobody knows what they hide, are CelebA's by label and CelebA-HQ's by mask. Dark glasses are left
out: what they hide would be invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from imgedit.errors import DataError
from imgedit.progress import with_progress
from imgedit.render.frames import Frame
from imgedit.render.glasses import Look, draw
from imgedit.vision import eyes, geometry
from imgedit.vision.mesh import Points
from training.data import aligned, celeba
from training.data.batch import Batch, to_tensor
from training.data.lighting import in_other_light
from training.data.reading import rgb
from training.data.spectacles import any_shape, drawn

__all__ = ["WornGlasses", "load"]

EACH = 2
"""Frames that are drawn on each face, for training."""
_SEEN = 10.0  # of 255: a pixel that glasses change by so much is theirs; a soft thin rim changes little
_GROWN = 3  # px; a maximum over so many pixels, and then they are blurred by so many
_SPREAD = (0.06, 0.05, 4.0)  # of the window: shift (share of its height), log of its size, and turn in degrees
_GLASSES = 3  # CelebAMask-HQ's class
_MANY = 40  # pixels of it in a mask from which a face wears some
_SPREADS = 2.0  # times: so that a soft frame's mask holds where it has spread to
_GREY, _JPEG = 0.12, 0.4  # shares of pictures without colours, and with a JPEG's faults
_QUALITY = (25, 90)  # of these, least and greatest
_SOFTEST = 3.2  # pictures are reduced by up to so much, and enlarged again: sharp ones become as soft as small ones


class WornGlasses:
    """Windows around eyes, in memory.

    Args:
        bare: uint8 `(N, H, W, 3)` RGB, without glasses.
        worn: as `bare`, the same with glasses drawn on them.
        frames: uint8 `(N, H, W)`, how much of each pixel their frames cover, of 255.
        real: uint8 `(M, H, W, 3)`, other faces with glasses.
        augment: mirror half of them, vary colours and sharpness, make some grey, and give some a JPEG's faults.
    """

    attributes: tuple[str, ...] = ()
    weights: np.ndarray | None = None

    def __init__(self, bare: np.ndarray, worn: np.ndarray, frames: np.ndarray, real: np.ndarray, augment: bool) -> None:
        self.bare, self.worn, self.frames, self.real, self.augment = bare, worn, frames, real, augment

    def __len__(self) -> int:
        return len(self.bare)

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Return bare eyes with drawn and others with real glasses.

        `partner` `(N, 6, H, W)` is first `image` with drawn glasses, then others with real ones; `mask` `(N, 2, H, W)`
        says what the drawn ones change, with shadows and lenses, and where their frames are, 0..1.
        """
        other = rng.integers(0, len(self.real), len(index)) if self.augment else np.asarray(index) % len(self.real)
        bare, worn, real = to_tensor(self.bare[index]), to_tensor(self.worn[index]), to_tensor(self.real[other])
        changed = np.stack([_changed(self.bare[i], self.worn[i]) for i in index])
        mask = torch.from_numpy(np.stack([changed, self.frames[index].astype(np.float32) / 255.0], 1))
        if self.augment:
            both = in_other_light(torch.cat([bare, worn], 3), rng)
            bare, worn = both.chunk(2, 3)
            real = in_other_light(real, rng)
            turned = torch.from_numpy(rng.random(len(index)) < 0.5)
            bare[turned], worn[turned], mask[turned] = (x[turned].flip(3) for x in (bare, worn, mask))
            real[turned] = real[turned].flip(3)
            for i in range(len(index)):
                if rng.random() < 0.6:
                    softness = float(rng.uniform(1.0, _SOFTEST))
                    bare[i], worn[i] = _softer(torch.stack([bare[i], worn[i]]), softness)
                    mask[i, 1:] = (_SPREADS * _softer(mask[i : i + 1, 1:], softness)[0]).clamp(max=1.0)
                if rng.random() < _GREY:
                    bare[i], worn[i] = (
                        picture.mean(0, keepdim=True).expand(3, -1, -1) for picture in (bare[i], worn[i])
                    )
                if rng.random() < _JPEG:
                    quality = int(rng.integers(*_QUALITY))
                    bare[i], worn[i] = (_as_jpeg(picture, quality) for picture in (bare[i], worn[i]))
        return Batch(bare, mask=mask, partner=torch.cat([worn, real], 1))


def load(
    folder: Path, split: str, *, size: int = 96, glasses_masks: bool = True, limit: int | None = None
) -> WornGlasses:
    """Load one split.

    Args:
        folder: holds `celeba` and `celebamask_hq`.
        split: `train`, `valid` or `test`.
        size: height of the crops, px; they are twice as wide.
        glasses_masks: must be true; says that the set has masks of glasses.
        limit: look at so many pictures at most.

    Raises:
        DataError: there are no pictures, or none with or none without glasses among them.
    """
    folder, is_train = Path(folder), split == "train"
    rng = np.random.default_rng(0)
    bare: list[np.ndarray] = []
    worn: list[np.ndarray] = []
    frames: list[np.ndarray] = []
    without, wearing = _parted(folder, split, limit)
    for path, points in with_progress(without, f"Drawing glasses, {split}"):
        image = rgb(path)
        for _ in range(EACH if is_train else 1):
            matrix = _moved(eyes.window(points, (size, 2 * size)), size, rng) if is_train else None
            matrix = eyes.window(points, (size, 2 * size)) if matrix is None else matrix
            for found, picture in zip((bare, worn, frames), (image, *_with_glasses(image, points, rng)), strict=True):
                found.append(geometry.cut(picture, matrix, (size, 2 * size)))
    real = []
    for path, points in with_progress(wearing, f"Cutting eyes with glasses, {split}"):
        image = rgb(path)
        if eyes.lightness_of_lenses(image, points) >= eyes.DARK_LENSES:
            real.append(geometry.cut(image, eyes.window(points, (size, 2 * size)), (size, 2 * size)))
    if not bare or not real:
        raise DataError(
            f"{folder} has {len(without)} {split} pictures without and {len(real)} with glasses; it needs both, "
            "in celeba and celebamask_hq"
        )
    return WornGlasses(np.stack(bare), np.stack(worn), np.stack(frames), np.stack(real), is_train)


def _parted(folder: Path, split: str, limit: int | None) -> tuple[list[tuple[Path, Points]], list[tuple[Path, Points]]]:
    """Return the full-size pictures without glasses, and all with glasses, with their meshes."""
    sources = [(paths[:limit], frame) for paths, frame in aligned.pictures(folder, split)]
    if (folder / "celeba").is_dir():
        sources.append((celeba.pictures(folder / "celeba", split, ["half"])[:limit], geometry.frame_matrix))
    found = aligned.with_meshes(sources)
    wears = _wears(folder, [path for path, _ in found])
    small = celeba.FOLDERS["half"]
    without = [one for one, has in zip(found, wears, strict=True) if not has and one[0].parent.name != small]
    return without, [one for one, has in zip(found, wears, strict=True) if has]


def _wears(folder: Path, paths: Sequence[Path]) -> list[bool]:
    """Tell which of some pictures show glasses."""
    labelled = [path.name for path in paths if path.parent.name in celeba.FOLDERS.values()]
    labels = iter(celeba.labels_of(folder / "celeba", labelled, ["Eyeglasses"])[:, 0].tolist() if labelled else [])
    found = []
    for path in paths:
        if path.parent.name in celeba.FOLDERS.values():
            found.append(bool(next(labels)))
        else:
            with Image.open(path.parent.parent / "masks" / f"{path.stem}.png") as mask:
                found.append(int((np.asarray(mask) == _GLASSES).sum()) >= _MANY)
    return found


def _with_glasses(image: np.ndarray, points: Points, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw glasses of any shape on a face; return it, and where their frame is, of 255."""
    frame = Frame(**drawn(any_shape(rng)))
    look = Look(
        shadow=float(rng.uniform(0.05, 0.5)),
        lens=float(rng.choice([rng.uniform(0.0, 0.08), rng.uniform(0.08, 0.3)], p=[0.8, 0.2])),
        reflection=float(rng.choice([0.0, rng.uniform(0.05, 0.2), rng.uniform(0.2, 0.6)], p=[0.3, 0.4, 0.3])),
        sheen=float(rng.choice([rng.uniform(0.0, 0.4), rng.uniform(0.4, 1.2)])),
    )
    height, width = image.shape[:2]
    sigma = float(rng.uniform(0.25, 0.7)) * width / 178.0
    drawing = draw(
        image, points, frame, (0, 0, width, height),
        hair=lambda roi: np.zeros((roi[3] - roi[1], roi[2] - roi[0]), np.float32), blur=lambda _: sigma, look=look,
    )  # fmt: skip
    where = np.zeros((height, width), np.uint8)
    if drawing is None:
        return image, where
    out = image.copy()
    x0, y0, x1, y1 = drawing.roi
    out[y0:y1, x0:x1] = np.rint(np.clip(drawing.picture, 0.0, 255.0)).astype(np.uint8)
    where[y0:y1, x0:x1] = np.rint(255.0 * np.clip(drawing.frame, 0.0, 1.0)).astype(np.uint8)
    return out, where


def _moved(matrix: geometry.Matrix, size: int, rng: np.random.Generator) -> geometry.Matrix:
    """Move a window a little, as a mesh may be off."""
    shift, spread, turn = _SPREAD
    angle, scale = np.radians(rng.uniform(-turn, turn)), np.exp(rng.uniform(-spread, spread))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    about = np.array([[cos, -sin], [sin, cos]])
    middle = np.array([size - 0.5, (size - 1) / 2.0])
    return geometry.chain(
        matrix, np.column_stack([about, middle - about @ middle + rng.uniform(-shift, shift, 2) * size])
    )


def _changed(bare: np.ndarray, worn: np.ndarray) -> np.ndarray:
    """Return where two pictures differ, grown a little, `(H, W)`, 0..1."""
    difference = np.abs(worn.astype(np.float32) - bare).mean(2)
    seen = np.clip(difference / _SEEN - 0.5, 0.0, 1.0)
    grown = cv2.dilate(seen, np.ones((_GROWN, _GROWN), np.uint8))
    return np.asarray(cv2.blur(grown, (_GROWN, _GROWN)), np.float32)


def _softer(pictures: torch.Tensor, by: float) -> torch.Tensor:
    """Reduce pictures `(N, 3, H, W)` by a factor and enlarge them again."""
    height, width = pictures.shape[2:]
    small = F.interpolate(pictures, (round(height / by), round(width / by)), mode="area")
    return F.interpolate(small, (height, width), mode="bilinear", align_corners=False)


def _as_jpeg(picture: torch.Tensor, quality: int) -> torch.Tensor:
    """Return a picture `(3, H, W)`, [-1, 1], as a JPEG file of a quality shows it."""
    pixels = ((picture.clamp(-1.0, 1.0) + 1.0) * 127.5).round().byte().permute(1, 2, 0).numpy()
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return to_tensor(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[None])[0]
