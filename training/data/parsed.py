"""What a face parser finds in the head window of CelebA pictures, kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import platformdirs

from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.progress import with_progress
from imgedit.vision.parsing import class_probabilities
from training.data.batch import to_tensor
from training.data.frame import window
from training.data.reading import rgb

_BATCH = 16


def probabilities(
    pictures: Sequence[Path] | Sequence[np.ndarray], parser: Model, side: int, title: str, mirrored: bool = False
) -> Iterator[np.ndarray]:
    """Yield the parser's class probabilities, float32 `(K, side, side)`, for each picture.

    Args:
        pictures: of CelebA, files or uint8 RGB; each shows the whole 178x218 frame, at any size.
        parser: a `parse` model.
        side: side of the head crop that is parsed, px.
        title: of the progress bar.
        mirrored: take the mean with what is found in the mirrored picture.
    """
    session = Sessions().open(parser, "parse")

    for start in with_progress(range(0, len(pictures), _BATCH), title):
        crops = to_tensor(np.stack([head_crop(p, side) for p in pictures[start : start + _BATCH]])).numpy()
        if mirrored:
            yield from class_probabilities(session, crops)
        else:
            yield from session.run({"image": crops})["probability"]


def head_crop(picture: Path | np.ndarray, side: int) -> np.ndarray:
    """Cut the head window, uint8 `(side, side, 3)`; what the frame lacks is mirrored."""
    frame = picture if isinstance(picture, np.ndarray) else rgb(picture)
    return window(frame, side, "head")


def cached(
    kind: str, paths: Sequence[Path], parser: Model, settings: str, make: Callable[[], np.ndarray]
) -> np.ndarray:
    """Return the masks that lie in the cache folder for these pictures, parser and settings, or make and keep them."""
    key = hashlib.sha256(f"{settings} cut {parser.manifest.graphs['parse'].sha256}".encode())
    for path in paths:
        key.update(f"{path.parent.name}/{path.name}\n".encode())
    folder = Path(platformdirs.user_cache_dir("imgedit", appauthor=False)) / kind
    cache = folder / f"{key.hexdigest()[:24]}.npz"
    if cache.is_file():
        return np.asarray(np.load(cache)["masks"])
    masks = make()
    folder.mkdir(parents=True, exist_ok=True)
    partial = cache.with_name(f".{os.getpid()}.npz")
    np.savez_compressed(partial, masks=masks)
    partial.replace(cache)
    return masks
