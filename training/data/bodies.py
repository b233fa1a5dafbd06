"""Bodies of pictures that show one person each, kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import platformdirs

from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.progress import with_progress
from imgedit.vision import body
from imgedit.vision.body import Body
from training.data.reading import rgb

_FIELDS = ("points", "visibility", "presence", "mask", "window")


def bodies(paths: Sequence[Path], read: Callable[[Path], np.ndarray] = rgb) -> list[Body | None]:
    """Return the body in each picture; None where there is none.

    Args:
        paths: the pictures.
        read: returns a picture, uint8 `(H, W, 3)` RGB, in the shape that the bodies are wanted for.
    """
    model = library.bundled(body.MODEL)
    key = hashlib.sha256(f"both ways {read.__name__} {model.manifest.graphs['body'].sha256}".encode())
    for path in paths:
        key.update(f"{path.parent.name}/{path.name}\n".encode())
    folder = Path(platformdirs.user_cache_dir("imgedit", appauthor=False)) / "bodies"
    cache = folder / f"{key.hexdigest()[:24]}.npz"
    if not cache.is_file():
        found = _found(paths, read, body.BodyReader(model, Sessions("cpu")))
        folder.mkdir(parents=True, exist_ok=True)
        partial = cache.with_name(f".{os.getpid()}.npz")
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]
        partial.replace(cache)
    with np.load(cache) as kept:
        points, visibility, presence, mask, window = (kept[name] for name in _FIELDS)
    return [
        Body(points[i], visibility[i], float(presence[i]), mask[i].astype(np.float32) / np.float32(255.0), window[i])
        if presence[i] > 0
        else None
        for i in range(len(paths))
    ]


def _found(paths: Sequence[Path], read: Callable[[Path], np.ndarray], reader: body.BodyReader) -> dict[str, np.ndarray]:
    n, n_points, side = len(paths), len(body.POINTS), reader.model.manifest.crop.width
    found: dict[str, np.ndarray] = {
        "points": np.zeros((n, n_points, 2)),
        "visibility": np.zeros((n, n_points)),
        "presence": np.zeros(n),
        "mask": np.zeros((n, side, side), np.uint8),
        "window": np.zeros((n, 2, 3)),
    }
    for i, path in enumerate(with_progress(paths, "Finding bodies")):
        image = read(path)
        one = reader(image, [body.whole((image.shape[0], image.shape[1]))])
        if one is not None:
            for name in _FIELDS:
                found[name][i] = np.rint(one.mask * 255.0) if name == "mask" else getattr(one, name)
    return found
