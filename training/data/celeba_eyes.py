"""Eyes of CelebA with the attributes of their faces, each cut from its full-size picture along the face's mesh.

`celeba_eyes:DIR` names CelebA's folder (torchvision's layout). The window is that of the remover of glasses
(`imgedit.vision.eyes.window`): it turns with the head, and its middle and its width follow yaw and distance. Faces of
which no mesh is found are left out, and so are dark glasses: nobody's eyes are seen through them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imgedit.errors import DataError
from imgedit.progress import with_progress
from imgedit.vision import eyes, geometry
from training.data import aligned, celeba, celeba_lists
from training.data.celeba import CelebA
from training.data.reading import rgb

__all__ = ["load"]


def load(
    folder: Path,
    split: str,
    *,
    size: int = 128,
    height: int = 64,
    attributes: Sequence[str] = ("Eyeglasses",),
    groups: Sequence[str] = (),
    jitter: bool = True,
    limit: int | None = None,
) -> CelebA:
    """Load one split.

    Args:
        folder: holds `img_align_celeba` and CelebA's lists.
        split: `train`, `valid` or `test`; only `train` is augmented.
        size: width of the crops, px.
        height: of the crops, px.
        attributes: labels, in their order.
        groups: attributes whose combinations are drawn equally often (`celeba.group_weights`); none: `attributes`.
        jitter: what is done beside mirroring, as for `CelebA`.
        limit: look at so many pictures at most.

    Raises:
        DataError: a list is missing or damaged, an attribute is unknown, or there are no eyes.
    """
    folder, known = Path(folder), celeba_lists.labels(folder)[0]
    if unknown := [name for name in (*attributes, *groups) if name not in known]:
        raise DataError(f"unknown CelebA attribute {unknown[0]!r}; known: {', '.join(known)}")
    paths = celeba.pictures(folder, split, ["full"])[:limit]
    crops, names = [], []
    for path, points in with_progress(aligned.with_meshes([(paths, geometry.frame_matrix)]), f"Cutting eyes, {split}"):
        image = rgb(path)
        if eyes.lightness_of_lenses(image, points) >= eyes.DARK_LENSES:
            crops.append(geometry.cut(image, eyes.window(points, (height, size)), (height, size)))
            names.append(path.name)
    if not crops:
        raise DataError(f"no {split} pictures of eyes in {folder}; expected img_align_celeba there")
    labels = celeba.labels_of(folder, names, [*attributes, *(groups or attributes)])
    weights = celeba.group_weights(labels[:, len(attributes) :])
    found = labels[:, : len(attributes)].astype(np.uint8)
    return CelebA(np.stack(crops), found, names, tuple(attributes), split == "train", weights, jitter=jitter)
